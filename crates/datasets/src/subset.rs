//! Sources that show another one in part or in another way, without a copy of it.

use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

use crate::{
    DataError, HostBatch, Source, Targets,
    keyed::{SampleId, ViewKey},
};

/// The samples of a source with another class for each of its classes.
#[derive(Debug)]
pub struct Relabelled {
    source: Arc<dyn Source>,
    to: Vec<u32>,
    identity: OnceLock<String>,
}

impl Relabelled {
    /// The samples of `source` with the class that `to` has for each one's own.
    pub fn new(source: Arc<dyn Source>, to: Vec<u32>) -> Self {
        Self { source, to, identity: OnceLock::new() }
    }

    fn class(&self, own: i32) -> Result<i32, DataError> {
        let class = usize::try_from(own).ok().and_then(|own| self.to.get(own));
        class.and_then(|class| i32::try_from(*class).ok()).ok_or_else(|| {
            let expected = format!("one of {} classes that have another label", self.to.len());
            DataError::batch("relabelled samples", format!("class {own}"), expected)
        })
    }
}

impl Source for Relabelled {
    fn shards(&self) -> &[Range<SampleId>] {
        self.source.shards()
    }

    fn read(&self, ids: &[SampleId], view: ViewKey, into: &mut HostBatch) -> Result<(), DataError> {
        self.source.read(ids, view, into)?;
        let Targets::Classes(classes) = &mut into.targets else {
            let problem = "targets that are no classes";
            return Err(DataError::batch("relabelled samples", problem, "a class of each sample"));
        };
        for class in classes {
            *class = self.class(*class)?;
        }
        Ok(())
    }

    fn identity(&self) -> &str {
        self.identity
            .get_or_init(|| format!("{}, relabelled to {:?}", self.source.identity(), self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImageSet, ImageShape};

    #[test]
    fn classes_change_and_unknown_ones_are_refused() {
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        let set = Arc::new(ImageSet::new(shape, vec![7, 8, 9], vec![0, 1, 2]));
        let source = Relabelled::new(set.clone(), vec![5, 3]);
        let mut batch = HostBatch::unread(0, 0, vec![1, 0]);
        source.read(&[1, 0], ViewKey::ORIGINAL, &mut batch).unwrap();
        assert_eq!(batch.targets, Targets::Classes(vec![3, 5]));
        let error = source.read(&[2], ViewKey::ORIGINAL, &mut batch).unwrap_err().to_string();
        assert!(error.contains("class 2, expected one of 2 classes"), "{error}");
        assert_ne!(source.identity(), set.identity());
    }
}

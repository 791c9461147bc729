//! A dataset: its splits and its classes.

use std::{path::Path, sync::Arc};

use crate::{FolderSummary, ImageSet, Normalisation, SourceFile};

/// A train split, a test split and what is known of both.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Name in recipes.
    pub name: String,
    /// Class names; a label is an index here.
    pub classes: Vec<String>,
    /// Training images, with those that may be held out of them last.
    pub train: Arc<ImageSet>,
    /// Number of training images that are there, of which [`Take`](crate::folder::Take) may have left some out.
    pub available: usize,
    /// Validation images of their own; `None` where they are held out of the training images.
    pub validation: Option<Arc<ImageSet>>,
    /// Images that only the final evaluation reads.
    pub test: Arc<ImageSet>,
    /// The usual normalisation of this data.
    pub normalisation: Normalisation,
    /// Identity of the bytes: the sha256 of the only file, else of the `sha256  place` lines of all
    /// files in order, with places below the data's folder; for procedural data, of both splits.
    pub sha256: String,
    /// The files read, none for procedural data.
    pub files: Vec<SourceFile>,
    /// Of a folder of images: what was found in it.
    pub summary: Option<FolderSummary>,
}

impl Dataset {
    /// Place of a test image's file below the folder that was read, with `/` between parts; `None` where an image is no
    /// file of its own.
    pub fn test_file(&self, index: usize) -> Option<String> {
        let root = &self.summary.as_ref()?.root;
        let before = self.train.len() + self.validation.as_ref().map_or(0, |own| own.len());
        let path = &self.files.get(before + index)?.path;
        let parts = path.strip_prefix(root).unwrap_or(path).iter();
        Some(parts.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/"))
    }

    /// Images to train on, and validation images: those of their own, else the last `validation` of the training
    /// images.
    ///
    /// # Panics
    /// For more validation images than training images.
    pub fn held_out(&self, validation: usize) -> (ImageSet, Arc<ImageSet>) {
        let all = self.train.as_ref().clone();
        if let Some(own) = &self.validation {
            return (all, own.clone());
        }
        let rest = all.len() - validation;
        let (rest, held_out) = all.split_at(rest);
        (rest, Arc::new(held_out))
    }

    /// Places of the training images' files below the folder that holds all of them, with `/` between parts, in the
    /// order of the images; empty where an image is no file of its own.
    pub fn train_files(&self) -> Vec<String> {
        if self.summary.is_none() {
            return Vec::new();
        }
        let Some(root) = self.files.first().and_then(|file| file.path.parent()) else {
            return Vec::new();
        };
        let holds_all =
            |folder: &&Path| self.files.iter().all(|file| file.path.starts_with(folder));
        let root = root.ancestors().find(holds_all).unwrap_or(root);
        let place = |file: &SourceFile| {
            let place = file.path.strip_prefix(root).unwrap_or(&file.path);
            let parts: Vec<_> = place.iter().map(|part| part.to_string_lossy()).collect();
            parts.join("/")
        };
        self.files.iter().take(self.train.len()).map(place).collect()
    }
}

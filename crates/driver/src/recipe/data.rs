//! What of a recipe needs its data: how it is loaded and split, and the checks against it.

use std::path::PathBuf;

use distill_datasets::{
    Augment, DataError, Dataset, ImageShape, ImageTransform, LoadConfig, Normalisation,
};

use super::{NetworkPlan, Plan, SinglePlan, Validation, table::Table};
use crate::{DriverError, ImagePreprocessing, Stage};

impl Plan {
    /// What to load, from the folder `data`.
    pub fn load_config(&self, data: PathBuf, offline: bool) -> LoadConfig {
        let section = &self.recipe.data;
        LoadConfig {
            name: section.dataset.clone(),
            data,
            offline,
            path: section.path.clone(),
            folder: section.folder(),
        }
    }

    /// From an image file to the bytes of `dataset`.
    pub fn transform(&self, dataset: &Dataset) -> ImageTransform {
        match dataset.summary {
            Some(_) => self.recipe.data.folder().transform,
            None => ImageTransform::squeeze(dataset.train.shape()),
        }
    }

    /// Checks what needs the data: sizes of splits and batches, the networks' input.
    ///
    /// # Errors
    /// [`DriverError`] naming file, field, value and what was expected.
    pub fn check_against(&self, dataset: &Dataset) -> Result<(), DriverError> {
        let (train, _) = self.split_sizes(dataset)?;
        let classes = self.objective().check_classes(dataset.classes.len());
        classes.map_err(|e| DriverError::objective(&self.file, &e))?;
        let classes = dataset.classes.len();
        let kept = self.recipe.cache.as_ref().and_then(|cache| cache.top_k);
        if let Some(kept) = kept.filter(|kept| *kept >= classes) {
            let expected = format!("below the {classes} classes; without it all are kept");
            return Err(DriverError::field(&self.file, "cache.top_k", kept, &expected));
        }
        if let Some(weights) = &self.recipe.data.class_weights {
            let table = Table { name: "data", file: &self.file };
            weights.check_classes(&dataset.classes, table)?;
        }
        let shape = dataset.train.shape();
        let side = shape.height.min(shape.width);
        let refuse_wide = |field: &str, augment: &[Augment]| {
            for one in augment {
                if matches!(one, Augment::PadCrop(padding) if *padding >= side) {
                    let expected = format!("a padding below the image's {side} pixels");
                    return Err(DriverError::field(&self.file, field, one, &expected));
                }
            }
            Ok(())
        };
        refuse_wide("data.augment", &self.recipe.data.augment)?;
        for stage in &self.stages {
            let NetworkPlan::Specialists(all) = &stage.makes else { continue };
            if all.top > classes {
                let field = format!("{}.specialists.top", stage.stage.table());
                let expected = format!("from 1 to the {classes} classes");
                return Err(DriverError::field(&self.file, &field, all.top, &expected));
            }
        }
        for (stage, single) in self.singles() {
            let name = &single.table;
            let refuse =
                |problem: String| DriverError::recipe(&self.file, format!("[{name}] {problem}"));
            let signature = self.preprocessing(single, dataset)?.signature(classes);
            single.architecture.check(&signature).map_err(|e| refuse(e.to_string()))?;
            let Some(training) = single.training() else { continue };
            let clusters = single.specialist().map(|own| own.clusters);
            if let Some(clusters) = clusters.filter(|clusters| *clusters > classes) {
                let field = format!("{name}.specialist.clusters");
                let expected = format!("from 2 to the {classes} classes");
                return Err(DriverError::field(&self.file, &field, clusters, &expected));
            }
            let told_apart = classes + usize::from(single.specialist().is_some());
            let objective = training.objective.built();
            objective.check_classes(told_apart).map_err(|e| refuse(e.to_string()))?;
            let own = training.train.unwrap_or(train);
            if own == 0 || own > train {
                let field = format!("{name}.train");
                let expected = format!("from 1 to the {train} training images");
                return Err(DriverError::field(&self.file, &field, own, &expected));
            }
            let batch = training.optimizer.batch;
            if batch > own {
                let field = format!("{name}: optimizer.batch");
                let expected = format!("at most the {own} training images");
                return Err(DriverError::field(&self.file, &field, batch, &expected));
            }
            refuse_wide(&format!("{name}.augment"), &training.augment)?;
            self.missing(stage, dataset)?;
        }
        Ok(())
    }

    /// Of each class whether a stage is trained without it.
    ///
    /// # Errors
    /// [`DriverError`] for a name that the data has not, and where fewer than two classes are left.
    pub fn missing(&self, stage: Stage, dataset: &Dataset) -> Result<Vec<bool>, DriverError> {
        let without = self.training(stage).map_or(&[][..], |training| &training.without);
        let refuse = |value: &str, expected: &str| {
            let field = format!("{}.without", stage.table());
            DriverError::field(&self.file, &field, value, expected)
        };
        if let Some(unknown) = without.iter().find(|name| !dataset.classes.contains(name)) {
            return Err(refuse(unknown, &format!("one of {}", dataset.classes.join(", "))));
        }
        let missing: Vec<bool> =
            dataset.classes.iter().map(|name| without.contains(name)).collect();
        match missing.iter().filter(|is| !**is).count() {
            2.. => Ok(missing),
            _ => Err(refuse(&without.join(", "), "names that leave two classes at the least")),
        }
    }

    /// Numbers of training and of validation images.
    ///
    /// # Errors
    /// [`DriverError`] where the data has fewer than the recipe asks for.
    pub fn split_sizes(&self, dataset: &Dataset) -> Result<(usize, usize), DriverError> {
        let all = dataset.available;
        let section = &self.recipe.data;
        let own = dataset.validation.as_ref().map(|own| own.len());
        let (validation, held_out) = match (&section.validation, own) {
            (Some(Validation::Images(images)), _) => (*images, *images),
            (_, Some(own)) => (own, 0),
            (_, None) => ((all / 10).max(1), (all / 10).max(1)),
        };
        if validation == 0 || held_out >= all {
            let expected = format!("from 1 to {} of the {all} training images", all - 1);
            return Err(DriverError::field(&self.file, "data.validation", validation, &expected));
        }
        let left = all - held_out;
        let train = section.train.unwrap_or(left);
        if train == 0 || train > left {
            let expected = format!("from 1 to the {left} images that validation leaves");
            return Err(DriverError::field(&self.file, "data.train", train, &expected));
        }
        Ok((train, validation))
    }

    /// Input preprocessing of a stage's network: of its table, or of `[data]`, or of the dataset.
    ///
    /// # Errors
    /// [`DriverError`] for values that do not fit the channels.
    pub fn preprocessing(
        &self,
        stage: &SinglePlan,
        dataset: &Dataset,
    ) -> Result<ImagePreprocessing, DriverError> {
        let section = &self.recipe.data;
        let usual = &dataset.normalisation;
        let first = |own: &Option<Vec<f32>>, common: &Option<Vec<f32>>, usual: &Vec<f32>| {
            own.clone().or_else(|| common.clone()).unwrap_or_else(|| usual.clone())
        };
        let mean = first(&stage.mean, &section.mean, &usual.mean);
        let std = first(&stage.std, &section.std, &usual.std);
        let shape = dataset.train.shape();
        let normalisation =
            Normalisation::new(mean, std, shape.channels).map_err(|error| match error {
                DataError::Setting { field, value, expected } => {
                    let own = if field == "mean" { &stage.mean } else { &stage.std };
                    let table = if own.is_some() { &stage.table } else { "data" };
                    DriverError::field(&self.file, &format!("{table}.{field}"), value, &expected)
                }
                other => other.into(),
            })?;
        let (height, width) = stage.size.map_or((shape.height, shape.width), |side| (side, side));
        Ok(ImagePreprocessing { shape: ImageShape { height, width, ..shape }, normalisation })
    }
}

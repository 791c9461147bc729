//! From what is written to what is run: defaults filled in, every value checked.

use std::{collections::BTreeMap, path::PathBuf};

use distill_datasets::{
    Augment, DATASETS, DataError, Dataset, ImageShape, LoadConfig, Normalisation, unknown,
};
use distill_objective::{Objective, Schedule, TermConfig};

use super::{
    CacheConfig, DataSection, Recipe, Reference, ResolvedNetwork, ResolvedStage, Source,
    StageObjective,
    objective::label_terms,
    order::in_order,
    single::{check_doubled, check_size},
    stages::{networks, student},
};
use crate::{DriverError, ImagePreprocessing, Stage};

/// A recipe whose values are all in range, as far as that shows without its data.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The recipe as written.
    pub recipe: Recipe,
    /// Where it came from, for messages.
    pub file: String,
    /// The objective of the baseline.
    pub baseline: StageObjective,
    /// The student, for the baseline too.
    pub student: ResolvedStage,
    /// All others: the teacher, and those of `[networks]`.
    pub networks: BTreeMap<Stage, ResolvedNetwork>,
    /// All stages, each after those that it learns from.
    pub order: Vec<Stage>,
}

impl Resolved {
    /// Checks everything that can be checked before data is touched.
    ///
    /// # Errors
    /// [`DriverError`] naming file, field, value and what was expected.
    pub fn new(recipe: Recipe, source: &Source) -> Result<Self, DriverError> {
        let file = source.file.clone();
        let name_is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if recipe.name.is_empty()
            || !recipe.name.chars().all(name_is_plain)
            || recipe.name.starts_with('.')
        {
            let expected = "letters, digits, `-`, `_` and `.`, for it names a folder";
            return Err(DriverError::field(&file, "name", &recipe.name, expected));
        }
        if let Some((_, twice)) =
            recipe.seeds.iter().enumerate().find(|(at, seed)| recipe.seeds[..*at].contains(seed))
        {
            return Err(DriverError::field(&file, "seeds", twice, "each seed once"));
        }
        if recipe.log_every == 0 {
            return Err(DriverError::field(&file, "log_every", 0, "at least 1"));
        }
        if recipe.checkpoint_every == Some(0) {
            return Err(DriverError::field(&file, "checkpoint_every", 0, "at least 1"));
        }
        check_data(&recipe.data, &file)?;
        if let Some(Err((field, value, expected))) = recipe.cache.as_ref().map(CacheConfig::check) {
            return Err(DriverError::field(&file, &format!("cache.{field}"), value, expected));
        }
        if recipe.objective.len() > 64 {
            return Err(DriverError::field(
                &file,
                "objective",
                recipe.objective.len(),
                "at most 64 terms",
            ));
        }
        let refuse = |e| DriverError::objective(&file, &e);
        Objective::new(&recipe.objective).map_err(refuse)?;
        let baseline = StageObjective::new(label_terms(&recipe)).map_err(refuse)?;
        let student = student(&recipe, source)?;
        let mut networks = networks(&recipe, source)?;
        for single in [&student].into_iter().chain(networks.values().filter_map(|one| one.single()))
        {
            if !single.peers.is_empty() && single.optimizer.gradient_checkpoints > 0 {
                let field = format!("{}: optimizer.gradient_checkpoints", single.table);
                let value = single.optimizer.gradient_checkpoints;
                return Err(DriverError::field(&file, &field, value, "0 beside `peers`"));
            }
        }
        let order = in_order(&student, &mut networks, &file)?;
        Ok(Self { recipe, file, baseline, student, networks, order })
    }

    /// What a stage trains, or takes as given; none for an ensemble.
    pub fn stage(&self, stage: Stage) -> Option<&ResolvedStage> {
        match (stage, self.networks.get(&stage)) {
            (Stage::Baseline | Stage::Student, _) => Some(&self.student),
            (_, Some(ResolvedNetwork::Single(single))) => Some(single),
            _ => None,
        }
    }

    /// The stages that have weights of their own, in the order of their making, with these.
    pub fn singles(&self) -> impl Iterator<Item = (Stage, &ResolvedStage)> {
        self.order.iter().filter_map(|stage| Some((*stage, self.stage(*stage)?)))
    }

    /// The network that a stage learns from: its objective looks at a teacher.
    pub fn learns_from(&self, stage: Stage) -> Option<Reference> {
        let single = self.stage(stage).filter(|_| stage != Stage::Baseline)?;
        let needs_teacher = single.objective.built().needs_teacher();
        single.from.filter(|_| needs_teacher && single.peers.is_empty())
    }

    /// The objective of the distilled student.
    pub fn objective(&self) -> &Objective {
        self.student.objective.built()
    }

    /// The objective of a stage; none of an ensemble.
    pub fn objective_of(&self, stage: Stage) -> Option<&StageObjective> {
        match stage {
            Stage::Baseline => Some(&self.baseline),
            _ => self.stage(stage).map(|single| &single.objective),
        }
    }

    /// Temperature of the student's soft targets after its last epoch, of the first term that has one; 1 where
    /// none has.
    pub fn temperature(&self) -> f64 {
        // The temperature of a term that compares features is that of another softmax.
        let of_logits = |term: &&TermConfig| term.build().is_ok_and(|term| term.places().is_none());
        let temperature = |term: &TermConfig| {
            let settings = serde_json::to_value(term).ok()?;
            serde_json::from_value::<Schedule>(settings.get("temperature")?.clone()).ok()
        };
        let found = self.recipe.objective.iter().filter(of_logits).find_map(temperature);
        found.map_or(1.0, |schedule| schedule.at(self.student.epochs))
    }

    /// The views that a stage sees, where a cache makes these fewer than its epochs: those of networks that
    /// learn from others, and of those that are compared with one.
    pub fn reused_views(&self, stage: Stage) -> Option<usize> {
        let single = self.stage(stage)?;
        let is_like_student = matches!(stage, Stage::Baseline | Stage::Student)
            || single.paired
            || self.learns_from(stage).is_some();
        let views = self.recipe.cache.as_ref()?.views_of(single.epochs);
        (is_like_student && views < single.epochs).then_some(views)
    }

    /// What to load, from the folder `data`.
    pub fn load_config(&self, data: PathBuf, offline: bool) -> LoadConfig {
        let section = &self.recipe.data;
        let side = section.size.unwrap_or(32);
        let channels = section.channels.unwrap_or(3);
        LoadConfig {
            name: section.dataset.clone(),
            data,
            offline,
            path: section.path.clone(),
            shape: ImageShape { channels, height: side, width: side },
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
        let shape = dataset.train.shape();
        let side = shape.height.min(shape.width);
        let too_wide =
            |one: &&Augment| matches!(one, Augment::PadCrop(padding) if *padding >= side);
        let refuse_wide = |field: &str, augment: &[Augment]| match augment.iter().find(too_wide) {
            Some(wide) => {
                let expected = format!("a padding below the image's {side} pixels");
                Err(DriverError::field(&self.file, field, wide, &expected))
            }
            None => Ok(()),
        };
        refuse_wide("data.augment", &self.recipe.data.augment)?;
        for (stage, network) in &self.networks {
            let ResolvedNetwork::Specialists(all) = network else { continue };
            if all.top > classes {
                let field = format!("{}.specialists.top", stage.table());
                let expected = format!("from 1 to the {classes} classes");
                return Err(DriverError::field(&self.file, &field, all.top, &expected));
            }
        }
        for (stage, single) in self.singles() {
            let name = &single.table;
            let clusters = single.specialist.map(|own| own.clusters);
            if let Some(clusters) = clusters.filter(|clusters| *clusters > classes) {
                let field = format!("{name}.specialist.clusters");
                let expected = format!("from 2 to the {classes} classes");
                return Err(DriverError::field(&self.file, &field, clusters, &expected));
            }
            let refuse = |e| DriverError::recipe(&self.file, format!("[{name}] {e}"));
            let told_apart = classes + usize::from(single.specialist.is_some());
            single.objective.built().check_classes(told_apart).map_err(refuse)?;
            let signature = self.preprocessing(single, dataset)?.signature(classes);
            let check = single.architecture.check(&signature);
            check.map_err(|e| DriverError::recipe(&self.file, format!("[{name}] {e}")))?;
            let own = single.train.unwrap_or(train);
            if own == 0 || own > train {
                let field = format!("{name}.train");
                let expected = format!("from 1 to the {train} training images");
                return Err(DriverError::field(&self.file, &field, own, &expected));
            }
            let batch = single.optimizer.batch;
            if batch > own {
                let field = format!("{name}: optimizer.batch");
                let expected = format!("at most the {own} training images");
                return Err(DriverError::field(&self.file, &field, batch, &expected));
            }
            refuse_wide(&format!("{name}.augment"), &single.augment)?;
            self.missing(stage, dataset)?;
        }
        Ok(())
    }

    /// Of each class whether a stage never sees it.
    ///
    /// # Errors
    /// [`DriverError`] for a name that the data has not, and where fewer than two classes are left.
    pub fn missing(&self, stage: Stage, dataset: &Dataset) -> Result<Vec<bool>, DriverError> {
        let (without, name) = self
            .stage(stage)
            .map_or((&[][..], ""), |single| (&single.without[..], single.table.as_str()));
        let refuse = |value: &str, expected: &str| {
            DriverError::field(&self.file, &format!("{name}.without"), value, expected)
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

    /// Images that train and images that are held out.
    ///
    /// # Errors
    /// [`DriverError`] where the data has fewer than the recipe asks for.
    pub fn split_sizes(&self, dataset: &Dataset) -> Result<(usize, usize), DriverError> {
        let all = dataset.train.len();
        let section = &self.recipe.data;
        let validation = section.validation.unwrap_or(all / 10);
        if validation == 0 || validation >= all {
            let expected = format!("from 1 to {} of the {all} training images", all - 1);
            return Err(DriverError::field(&self.file, "data.validation", validation, &expected));
        }
        let left = all - validation;
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
        stage: &ResolvedStage,
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

fn check_data(data: &DataSection, file: &str) -> Result<(), DriverError> {
    if !DATASETS.iter().any(|info| info.name == data.dataset) {
        let problem = format!("`data.dataset`: {}", unknown(&data.dataset));
        return Err(DriverError::recipe(file, problem));
    }
    check_doubled(&data.augment, "data.augment", file)?;
    let is_folder = data.dataset == "folder";
    let given = [
        ("data.path", data.path.is_some()),
        ("data.size", data.size.is_some()),
        ("data.channels", data.channels.is_some()),
    ];
    if let Some((field, _)) = given.into_iter().find(|(_, given)| *given && !is_folder) {
        let expected = "to be left out: only the dataset `folder` has it";
        return Err(DriverError::field(file, field, "given", expected));
    }
    if is_folder && data.path.is_none() {
        let expected = "the folder with `train` and `test`";
        return Err(DriverError::field(file, "data.path", "missing", expected));
    }
    check_size(data.size, "data.size", file)?;
    if let Some(channels) = data.channels.filter(|channels| ![1, 3].contains(channels)) {
        return Err(DriverError::field(file, "data.channels", channels, "1 or 3"));
    }
    Ok(())
}

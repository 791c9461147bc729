//! From what is written to what is run: defaults filled in, every value checked.

use std::path::PathBuf;

use distill_datasets::{
    Augment, DATASETS, DataError, Dataset, ImageShape, LoadConfig, Normalisation, unknown,
};
use distill_models::Architecture;
use distill_objective::{Objective, TermConfig};

use super::{
    CacheSection, DataSection, OptimizerSection, Recipe, ResolvedOptimizer, ScheduleSection,
    Source, StageSection,
};
use crate::{DriverError, View};

/// A recipe whose values are all in range, as far as that shows without its data.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The recipe as written.
    pub recipe: Recipe,
    /// Where it came from, for messages.
    pub file: String,
    /// The teacher.
    pub teacher: ResolvedStage,
    /// The student, for the baseline too.
    pub student: ResolvedStage,
}

/// A network and its training, whole.
#[derive(Debug, Clone)]
pub struct ResolvedStage {
    /// Name of the network.
    pub model: String,
    /// Its configuration.
    pub architecture: Architecture,
    /// Passes over the data; none where `weights` are loaded.
    pub epochs: usize,
    /// Trained weights to load in place of training.
    pub weights: Option<PathBuf>,
    /// Pixels of a side of its images, where they are not the data's.
    pub size: Option<usize>,
    /// Random views of its training images.
    pub augment: Vec<Augment>,
    /// Its own mean of each channel.
    pub mean: Option<Vec<f32>>,
    /// Its own deviation of each channel.
    pub std: Option<Vec<f32>>,
    /// The optimizer.
    pub optimizer: ResolvedOptimizer,
    /// The schedule.
    pub schedule: ScheduleSection,
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
        if let Some(Err((field, value, expected))) = recipe.cache.as_ref().map(CacheSection::check)
        {
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
        Objective::new(&recipe.objective).map_err(|e| DriverError::objective(&file, &e))?;
        let teacher = stage(&recipe, &recipe.teacher, "teacher", source)?;
        let student = stage(&recipe, &recipe.student, "student", source)?;
        if !recipe.teacher.without.is_empty() {
            let expected = "to be left out: the student is the one that does not see all classes";
            let names = recipe.teacher.without.join(", ");
            return Err(DriverError::field(&file, "teacher.without", names, expected));
        }
        if let Some(weights) = &recipe.student.weights {
            let expected = "to be left out: a student is trained";
            let weights = weights.display();
            return Err(DriverError::field(&file, "student.weights", weights, expected));
        }
        Ok(Self { recipe, file, teacher, student })
    }

    /// The objective of the distilled student.
    pub fn objective(&self) -> Objective {
        Objective::new(&self.recipe.objective).expect("checked when the recipe was resolved")
    }

    /// The views that baseline and student see, where these are fewer than their epochs.
    pub fn reused_views(&self) -> Option<usize> {
        let views = self.recipe.cache.as_ref()?.views_of(self.student.epochs);
        (views < self.student.epochs).then_some(views)
    }

    /// The objective of teacher and baseline: the recipe's cross entropy with weight one, or the
    /// plain one where it has none.
    pub fn label_objective(&self) -> Vec<TermConfig> {
        let of_recipe = self.recipe.objective.iter().find_map(|term| match term {
            TermConfig::CrossEntropy(config) => Some(config.clone()),
            _ => None,
        });
        let mut config = of_recipe.unwrap_or_default();
        config.weight = 1.0.into();
        vec![TermConfig::CrossEntropy(config)]
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
        for (name, stage) in [("teacher", &self.teacher), ("student", &self.student)] {
            let signature = self.view(name, stage, dataset)?.signature(dataset.classes.len());
            let check = stage.architecture.check(&signature);
            check.map_err(|e| DriverError::recipe(&self.file, format!("[{name}] {e}")))?;
            let batch = stage.optimizer.batch;
            if batch > train {
                let field = format!("{name}: optimizer.batch");
                let expected = format!("at most the {train} training images");
                return Err(DriverError::field(&self.file, &field, batch, &expected));
            }
        }
        let shape = dataset.train.shape();
        let side = shape.height.min(shape.width);
        let of_stages = [
            ("teacher.augment", self.recipe.teacher.augment.as_ref()),
            ("student.augment", self.recipe.student.augment.as_ref()),
            ("data.augment", Some(&self.recipe.data.augment)),
        ];
        for (field, augment) in of_stages {
            let too_wide =
                |one: &&Augment| matches!(one, Augment::PadCrop(padding) if *padding >= side);
            if let Some(wide) = augment.and_then(|augment| augment.iter().find(too_wide)) {
                let expected = format!("a padding below the image's {side} pixels");
                return Err(DriverError::field(&self.file, field, wide, &expected));
            }
        }
        self.missing(dataset).map(drop)
    }

    /// Of each class whether baseline and student never see it.
    ///
    /// # Errors
    /// [`DriverError`] for a name that the data has not, and where fewer than two classes are left.
    pub fn missing(&self, dataset: &Dataset) -> Result<Vec<bool>, DriverError> {
        let without = &self.recipe.student.without;
        if let Some(unknown) = without.iter().find(|name| !dataset.classes.contains(name)) {
            let expected = format!("one of {}", dataset.classes.join(", "));
            return Err(DriverError::field(&self.file, "student.without", unknown, &expected));
        }
        let missing: Vec<bool> =
            dataset.classes.iter().map(|name| without.contains(name)).collect();
        let left = missing.iter().filter(|is| !**is).count();
        if left < 2 {
            let expected = "names that leave two classes at the least";
            return Err(DriverError::field(
                &self.file,
                "student.without",
                without.join(", "),
                expected,
            ));
        }
        Ok(missing)
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

    /// How a stage's network sees the images: as its table `name` says, or `[data]`, or the dataset.
    ///
    /// # Errors
    /// [`DriverError`] for values that do not fit the channels.
    pub fn view(
        &self,
        name: &str,
        stage: &ResolvedStage,
        dataset: &Dataset,
    ) -> Result<View, DriverError> {
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
                    let table = if own.is_some() { name } else { "data" };
                    DriverError::field(&self.file, &format!("{table}.{field}"), value, &expected)
                }
                other => other.into(),
            })?;
        let (height, width) = stage.size.map_or((shape.height, shape.width), |side| (side, side));
        Ok(View { shape: ImageShape { height, width, ..shape }, normalisation })
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

fn check_doubled(augment: &[Augment], field: &str, file: &str) -> Result<(), DriverError> {
    match augment.iter().enumerate().find(|(at, one)| augment[..*at].contains(one)) {
        Some((_, doubled)) => Err(DriverError::field(file, field, doubled, "each change once")),
        None => Ok(()),
    }
}

fn check_size(size: Option<usize>, field: &str, file: &str) -> Result<(), DriverError> {
    match size.filter(|size| !(1..=4096).contains(size)) {
        Some(size) => Err(DriverError::field(file, field, size, "from 1 to 4096 pixels")),
        None => Ok(()),
    }
}

fn stage(
    recipe: &Recipe,
    section: &StageSection,
    name: &str,
    source: &Source,
) -> Result<ResolvedStage, DriverError> {
    let file = &source.file;
    let in_table = |e| DriverError::recipe(file, format!("[{name}] {e}"));
    let architecture =
        Architecture::named(&section.model, section.overrides()).map_err(in_table)?;
    architecture.check_fields().map_err(in_table)?;
    let epochs = match (section.epochs, &section.weights) {
        (Some(0), None) => {
            let field = format!("{name}.epochs");
            return Err(DriverError::field(file, &field, 0, "at least 1"));
        }
        // Trained weights win over the epochs that a recipe has for training.
        (_, Some(_)) => 0,
        (Some(epochs), None) if epochs > 1_000_000 => {
            let field = format!("{name}.epochs");
            return Err(DriverError::field(file, &field, epochs, "at most 1000000"));
        }
        (Some(epochs), None) => epochs,
        (None, None) => {
            let problem = format!("`{name}` needs `epochs` or `weights`");
            return Err(DriverError::recipe(file, problem));
        }
    };
    let refused = |table: &str, (field, value, expected): (String, String, &str)| {
        DriverError::field(file, &format!("{name}: {table}.{field}"), value, expected)
    };
    let optimizer: OptimizerSection = section.optimizer.over(&recipe.optimizer);
    let optimizer = optimizer.resolve().map_err(|r| refused("optimizer", r))?;
    let schedule = section.schedule.over(&recipe.schedule);
    if section.weights.is_none() {
        schedule.check(epochs).map_err(|r| refused("schedule", r))?;
    }
    check_size(section.size, &format!("{name}.size"), file)?;
    if let Some(augment) = &section.augment {
        check_doubled(augment, &format!("{name}.augment"), file)?;
    }
    let weights = section.weights.as_ref().map(|path| source.folder.join(path));
    Ok(ResolvedStage {
        model: section.model.clone(),
        architecture,
        epochs,
        weights,
        size: section.size,
        augment: section.augment.clone().unwrap_or_else(|| recipe.data.augment.clone()),
        mean: section.mean.clone(),
        std: section.std.clone(),
        optimizer,
        schedule,
    })
}

//! Recipes: what a run does, as TOML.

mod builtin;
mod checks;
mod class_weights;
mod data;
mod data_section;
mod device;
mod network;
mod network_plan;
mod objective;
mod optimizer;
mod order;
mod plan;
mod reference;
mod rehearsal;
mod resolve;
mod section;
mod sections;
mod settings;
mod several;
mod single;
mod table;
mod training_section;
mod whole;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use distill_objective::TermConfig;
use serde::{Deserialize, Serialize};

pub use builtin::{BUILTIN, Builtin};
pub use class_weights::{ClassWeights, WeightRule};
pub use data_section::{DataSection, Fit, Validation};
pub use network::{EnsembleSection, SpecialistSection, SpecialistsSection, StageSection};
pub use network_plan::{
    EnsemblePlan, GivenWeights, LearnsFrom, NetworkPlan, Origin, SinglePlan, SpecialistPlan,
    SpecialistsPlan, Start, TrainingPlan,
};
pub use objective::StageObjective;
pub use optimizer::OptimizerSection;
pub use plan::{Plan, StagePlan};
pub use reference::Reference;

use crate::{
    DriverError,
    store::unfinished,
    teacher::CacheConfig,
    training::{NonFinite, ScheduleConfig},
};

/// A recipe as it is written. Unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the recipe, also of its run folder.
    pub name: String,
    /// What to expect of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Seed where the command line gives none. Default 42.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Seeds of several runs, each in a folder of its own, which are compared in the end; `seed` does not
    /// count then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<u64>,
    /// Steps between two lines of `metrics.jsonl`. Default 50.
    #[serde(default = "default_log_every")]
    pub log_every: usize,
    /// Training steps between two checkpoints, beside those at the end of an epoch and after five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<usize>,
    /// Reaction to a loss that is NaN or infinite. Default `stop`.
    #[serde(default, skip_serializing_if = "NonFinite::is_default")]
    pub non_finite: NonFinite,
    /// The data.
    pub data: DataSection,
    /// The teacher: `epochs` to train it, `weights` to load it, or an `ensemble` of the networks below.
    pub teacher: StageSection,
    /// The student.
    pub student: StageSection,
    /// Further networks, by name: members of an ensemble, assistants between a large teacher and a small student,
    /// generations, other students of the same teacher. Each is made once those that it learns from are there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, StageSection>,
    /// Optimizer of all stages, unless a stage says otherwise.
    #[serde(default)]
    pub optimizer: OptimizerSection,
    /// Learning rate schedule of all stages, unless a stage says otherwise.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    /// Keeps the teacher's outputs on disk, the teacher cache. Without it the teacher runs in each training step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheConfig>,
    /// Terms of the student's loss.
    pub objective: Vec<TermConfig>,
}

impl Recipe {
    /// The JSON schema of recipes, for editors.
    #[cfg(feature = "schema")]
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }

    /// The recipe in the folder of a run, with everything that was set on the command line.
    ///
    /// # Errors
    /// [`DriverError`] where there is none, or a damaged one.
    pub fn of_run(run: &Path) -> Result<Self, DriverError> {
        let path = run.join("recipe.toml");
        let text = std::fs::read_to_string(&path).map_err(|_| unfinished(run, "recipe.toml"))?;
        toml::from_str(&text).map_err(|e| DriverError::recipe(&path.display().to_string(), e))
    }
}

/// A recipe with the place it came from, for messages and for paths inside it.
#[derive(Debug, Clone)]
pub struct Source {
    /// File, or name of a built-in recipe.
    pub file: String,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
}

/// Reads the recipe `name`: a built-in one, or a file where it ends in `.toml` or holds a `/`.
/// `settings` are `table.field=value` over it.
///
/// # Errors
/// [`DriverError::Recipe`] for an unknown name, unreadable or malformed text, and unknown or
/// doubled fields.
pub fn read(name: &str, settings: &[String]) -> Result<(Recipe, Source), DriverError> {
    let is_file = name.ends_with(".toml") || name.contains(['/', '\\']);
    let (text, source) = if is_file {
        let unreadable = |e: &dyn std::fmt::Display| {
            DriverError::recipe(name, format!("the recipe cannot be read: {e}"))
        };
        let meta = std::fs::metadata(name).map_err(|e| unreadable(&e))?;
        if !meta.is_file() || meta.len() > LARGEST {
            return Err(unreadable(&format!("it is no file of at most {LARGEST} bytes")));
        }
        let text = std::fs::read_to_string(name).map_err(|e| unreadable(&e))?;
        let folder = Path::new(name).parent().unwrap_or(Path::new("")).to_owned();
        (text, Source { file: name.to_owned(), folder })
    } else {
        let recipe = builtin::find(name)?;
        let file = format!("recipe `{name}`");
        (recipe.text.to_owned(), Source { file, folder: PathBuf::new() })
    };
    let text = settings::apply(text, settings, &source.file)?;
    let recipe = toml::from_str(&text).map_err(|e| DriverError::recipe(&source.file, e))?;
    Ok((recipe, source))
}

/// A recipe is written by hand; anything longer is something else.
const LARGEST: u64 = 1 << 20;

fn default_seed() -> u64 {
    42
}

fn default_log_every() -> usize {
    50
}

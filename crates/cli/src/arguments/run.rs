//! A run of a recipe.

use std::path::PathBuf;

use clap::Args;

use super::{DataArguments, DeviceArguments};

#[derive(Debug, Clone, Args)]
pub(crate) struct RunArguments {
    /// Name of a recipe, or a file ending in `.toml`
    #[arg(default_value = "digits")]
    pub(crate) recipe: String,
    /// The run's folder [default: runs/RECIPE-BACKEND-seedN, with several seeds runs/RECIPE-BACKEND]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Seed of weights, order, data augmentation and dropout [default: the recipe's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seed: Option<u64>,
    /// Several seeds: a run each, in the folder `seedN` of the run's folder, and their comparison
    #[arg(long, value_name = "N,N", value_delimiter = ',', conflicts_with = "seed", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seeds: Vec<u64>,
    /// Set a field of the recipe, as often as wanted
    #[arg(long = "set", value_name = "TABLE.FIELD=VALUE")]
    pub(crate) settings: Vec<String>,
    /// What networks compute in while they learn: sets `optimizer.precision`
    #[arg(long, value_name = "NAME", value_parser = ["f32", "tf32", "bf16", "f16"])]
    pub(crate) precision: Option<String>,
    /// Accumulate gradients over so many micro-batches of each batch, one in memory at a time: sets
    /// `optimizer.accumulate`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) accumulate: Option<u32>,
    /// Keep the teacher cache in this folder, and use what is there, also where the recipe has no
    /// `[cache]` [default where it has one: DISTILL_CACHE, then the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Copy finished stages of this run where they were made from the same inputs, as often as wanted
    #[arg(long, value_name = "RUN")]
    pub(crate) reuse: Vec<PathBuf>,
    /// Threads that prepare batches. Results do not depend on it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: u16,
    /// Go on with an interrupted run
    #[arg(long)]
    pub(crate) resume: bool,
    /// Print report.json in place of the table, of several seeds comparison.json
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    #[command(flatten)]
    pub(crate) data: DataArguments,
}

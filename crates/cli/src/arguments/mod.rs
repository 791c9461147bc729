//! The command line, from which help, completions and the man page are made.

mod data;
mod images;
mod network;
mod run;
mod sweep;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use data::{CacheCommand, DataArguments, DataCommand};
pub(crate) use images::{FitArgument, ImageArguments, UnreadableArgument};
pub(crate) use network::{
    EvaluateArguments, ExportArguments, Format, InspectArguments, NetworkArguments,
    PredictArguments,
};
pub(crate) use run::RunArguments;
pub(crate) use sweep::SweepArguments;

/// Knowledge distillation: a large network teaches a small one, and the small one goes to production.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, subcommand_required = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more on standard error; twice for the libraries too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Show no progress: errors, warnings and results alone. The same as `--progress none`
    #[arg(short, long, global = true, conflicts_with = "progress")]
    pub(crate) quiet: bool,
    /// How progress is shown on standard error
    #[arg(long, global = true, value_name = "KIND", default_value = "auto")]
    pub(crate) progress: crate::output::Kind,
    /// Threads that compute on the CPU [default: one a core]. Results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a commented recipe to start from
    ///
    /// It asks nothing and overwrites nothing.
    Init {
        /// The file, ending in `.toml`
        #[arg(default_value = "recipe.toml")]
        file: PathBuf,
        /// Images of your own: a folder with train/CLASS and test/CLASS or val/CLASS, or with CLASS alone
        #[arg(long, value_name = "DIR", conflicts_with = "dataset")]
        path: Option<PathBuf>,
        /// A published dataset: `distill list datasets` [default: drawn numerals]
        #[arg(long, value_name = "NAME")]
        dataset: Option<String>,
    },
    /// Run a recipe: teacher, baseline, distilled student, evaluation, report
    Run(RunArguments),
    /// Check a recipe with its data, write it out with all defaults, and say what time, memory and disk it takes
    ///
    /// Each stage is rehearsed for a few seconds. Takes the options of `run`.
    Check(RunArguments),
    /// Run a recipe over a grid of its fields' values, and see which student is worth its size
    ///
    /// Takes the options of `run`. Stages that points have in common are made once, and the same command goes on
    /// where it was stopped.
    Sweep(SweepArguments),
    /// Evaluate trained weights on the test split of a dataset
    Evaluate(EvaluateArguments),
    /// Compare finished runs: several seeds of a recipe, several recipes on the same test images
    Compare {
        /// Folders of runs
        #[arg(required = true)]
        runs: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Write the comparison as a page too
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Classify images with trained weights
    Predict(PredictArguments),
    /// Say what a network consists of, or a file of weights: layers, parameters, MACs, sizes
    Inspect(InspectArguments),
    /// Write the student of a run, alone, into its folder `export`, and check what was written
    Export(ExportArguments),
    /// Write the report of a finished run again, as report.json and report.html, and print it
    Report {
        /// Folder of a run
        run: PathBuf,
        /// Print report.json in place of the table
        #[arg(long)]
        json: bool,
    },
    /// List, fetch or verify data
    #[command(subcommand)]
    Data(DataCommand),
    /// List, verify or clear the teacher cache
    #[command(subcommand)]
    Cache(CacheCommand),
    /// List what can be named in recipes and on the command line
    List {
        /// What to list
        what: Listed,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON schema of recipes, for editors, or of a command's JSON
    Schema {
        /// What the schema is of
        #[arg(default_value = "recipe")]
        of: Documented,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one for each command into a folder
    Man {
        /// The folder
        folder: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Listed {
    Recipes,
    Models,
    Objectives,
    Datasets,
    Backends,
}

/// What has a JSON schema: recipes, and what a command prints with `--json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Documented {
    /// A recipe, as TOML holds it
    Recipe,
    /// `run` with one seed, `report`, and `report.json`
    Report,
    /// `compare`, `run` with several seeds, and `comparison.json`
    Compare,
    /// `sweep`, and `sweep.json`
    Sweep,
    /// `check`
    Check,
    /// `evaluate`
    Evaluate,
    /// A line of the file that `evaluate --logits` writes
    Logits,
    /// `predict`
    Predict,
    /// `inspect`
    Inspect,
    /// `export`
    Export,
    /// A line of `--progress json`
    Progress,
    ListRecipes,
    ListModels,
    ListObjectives,
    ListDatasets,
    ListBackends,
    DataList,
    DataFetch,
    DataVerify,
    CacheList,
    CacheVerify,
    CacheClear,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArguments {
    /// Backend to run on, one of those compiled in: flex, ndarray, wgpu, vulkan, cuda
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
}

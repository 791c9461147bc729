use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Knowledge distillation: a large network teaches a small one, and the small one goes to production.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, subcommand_required = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more on standard error; twice for the libraries too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Threads that compute on the CPU [default: one a core]. Results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a recipe: teacher, baseline, distilled student, evaluation, report
    Run(RunArguments),
    /// Check a recipe with its data, write it out with all defaults, and say what time, memory and disk it takes
    ///
    /// Each stage is rehearsed for a few seconds. Takes the options of `run`.
    Check(RunArguments),
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
    /// List, verify or clear the teachers' answers that are kept on disk
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
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Listed {
    Recipes,
    Models,
    Objectives,
    Datasets,
    Backends,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Say which datasets lie in the data folder
    List(DataArguments),
    /// Fetch a dataset into the data folder
    Fetch {
        /// Name of the dataset
        dataset: String,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Read a dataset whole and compare its files with the catalogue
    Verify {
        /// Name of the dataset
        dataset: String,
        #[command(flatten)]
        data: DataArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Say which teachers' answers are kept, and their sizes
    List {
        #[command(flatten)]
        cache: CacheArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read answers whole and compare them with their checksums
    Verify {
        /// Names as `cache list` gives them [default: all]
        names: Vec<String>,
        #[command(flatten)]
        cache: CacheArguments,
    },
    /// Remove answers that no run is using
    Clear {
        /// Names as `cache list` gives them
        #[arg(required_unless_present = "all")]
        names: Vec<String>,
        /// Remove all of them
        #[arg(long, conflicts_with = "names")]
        all: bool,
        #[command(flatten)]
        cache: CacheArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CacheArguments {
    /// Folder of the teachers' answers [default: DISTILL_CACHE, then the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    /// Folder where data lies and is fetched to [default: DISTILL_DATA, then the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Fetch nothing
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeviceArguments {
    /// Backend to run on, one of those compiled in: flex, ndarray, wgpu, vulkan, cuda
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Name of a recipe, or a file ending in `.toml`
    #[arg(default_value = "digits")]
    pub(crate) recipe: String,
    /// The run's folder [default: runs/RECIPE-BACKEND-seedN, with several seeds runs/RECIPE-BACKEND]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Seed of weights, order, views and dropout [default: the recipe's]
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
    /// Go through each batch in so many parts, one in memory at a time, and sum up their gradients: sets
    /// `optimizer.accumulate`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) accumulate: Option<u32>,
    /// Keep the teacher's answers in this folder, and use those that are there, also where the recipe has no
    /// `[cache]` [default where it has one: DISTILL_CACHE, then the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
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

#[derive(Debug, Args)]
pub(crate) struct NetworkArguments {
    /// Name of the network, where no `model.json` lies beside the weights
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Set a field of that network, as in a recipe: `norm=batch`, `shortcut=b`
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    pub(crate) settings: Vec<String>,
    /// Mean of each channel that the network was trained with, for pixels in [0, 1]
    #[arg(
        long,
        value_name = "R,G,B",
        value_delimiter = ',',
        allow_hyphen_values = true,
        requires = "std"
    )]
    pub(crate) mean: Option<Vec<f32>>,
    /// Deviation of each channel
    #[arg(long, value_name = "R,G,B", value_delimiter = ',', requires = "mean")]
    pub(crate) std: Option<Vec<f32>>,
    /// Pixels of a side of the images that the network takes
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) size: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArguments {
    /// Weights: `.bpk`, safetensors, PyTorch (`.pt`, `.pth`, `.th`) or ONNX
    pub(crate) weights: PathBuf,
    #[command(flatten)]
    pub(crate) network: NetworkArguments,
    /// Dataset whose test split is read [default: the one of `model.json`]
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// For the dataset `folder`: where it is
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Read only the first so many test images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Write the label and the logits of each image to a file, a line of JSON each
    #[arg(long, value_name = "FILE")]
    pub(crate) logits: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    #[command(flatten)]
    pub(crate) data: DataArguments,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArguments {
    /// Weights: `.bpk`, safetensors, PyTorch (`.pt`, `.pth`, `.th`) or ONNX
    pub(crate) weights: PathBuf,
    /// Images, PNG or JPEG, of any size
    #[arg(required = true)]
    pub(crate) images: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) network: NetworkArguments,
    /// Names of the classes in the order of the logits, where no `model.json` lies beside the weights
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) classes: Vec<String>,
    /// How many classes to name for each image
    #[arg(long, value_name = "K", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) top: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// Name of a network, or a file of weights
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) network: NetworkArguments,
    /// Number of classes [default: the literature's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) classes: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Folder of a run
    pub(crate) run: PathBuf,
    /// Files to write
    #[arg(long, value_name = "KINDS", value_delimiter = ',', default_values = ["bpk", "safetensors", "onnx"])]
    pub(crate) formats: Vec<Format>,
    /// Write weights as 16-bit floats: half the size
    #[arg(long)]
    pub(crate) half: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Bpk,
    Safetensors,
    Onnx,
}

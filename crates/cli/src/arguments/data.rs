//! Data and the teacher cache.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Say which datasets lie in the data folder
    List {
        #[command(flatten)]
        data: DataArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch a dataset into the data folder
    Fetch {
        /// Name of the dataset
        dataset: String,
        #[command(flatten)]
        data: DataArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read a dataset whole and compare its files with the catalogue
    Verify {
        /// Name of the dataset
        dataset: String,
        #[command(flatten)]
        data: DataArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// List the cached teacher outputs, and their sizes
    List {
        #[command(flatten)]
        cache: CacheArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read cached outputs whole and compare them with their checksums
    Verify {
        /// Names as `cache list` gives them [default: all]
        names: Vec<String>,
        #[command(flatten)]
        cache: CacheArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove cached outputs that no run is using
    Clear {
        /// Names as `cache list` gives them
        #[arg(required_unless_present = "all")]
        names: Vec<String>,
        /// Remove all of them
        #[arg(long, conflicts_with = "names")]
        all: bool,
        #[command(flatten)]
        cache: CacheArguments,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CacheArguments {
    /// Folder of the teacher cache [default: DISTILL_CACHE, then the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DataArguments {
    /// Folder where data lies and is fetched to [default: DISTILL_DATA, then the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Fetch nothing
    #[arg(long)]
    pub(crate) offline: bool,
}

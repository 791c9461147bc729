//! A grid of runs.

use clap::Args;

use super::RunArguments;

#[derive(Debug, Args)]
pub(crate) struct SweepArguments {
    /// A field and its values, as often as wanted; all combinations are run. Commas within brackets and quotes part
    /// no values
    #[arg(long, value_name = "TABLE.FIELD=VALUE,VALUE", required = true)]
    pub(crate) over: Vec<String>,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

//! A grid of runs.

use clap::Args;

use super::RunArguments;

#[derive(Debug, Args)]
#[command(mut_arg("out", |arg| arg.help("The sweep's folder, with a run in each POINT/seedN [default: runs/RECIPE-BACKEND-sweep]")))]
#[command(mut_arg("seeds", |arg| arg.help("Several seeds: a run each for every point")))]
#[command(mut_arg("json", |arg| arg.help("Print sweep.json in place of the table")))]
#[command(mut_arg("resume", |arg| arg.hide(true)))]
pub(crate) struct SweepArguments {
    /// A field and its values, as often as wanted; all combinations are run. Commas within brackets and quotes part
    /// no values
    #[arg(long, value_name = "TABLE.FIELD=VALUE,VALUE", required = true)]
    pub(crate) over: Vec<String>,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

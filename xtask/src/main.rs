//! Developer tasks, called as `cargo xtask TASK`. Depends on no crate of this workspace, so that it
//! builds in seconds.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool prints")]

mod backends;
mod bench;
mod book;
mod cargo;
mod ci;
mod distill;
mod golden;
mod gpu;
mod interop;
mod objectives;
mod peer;
mod python;
mod side;
mod tidy;

use clap::{Parser, Subcommand};

/// Developer tasks of the distillation toolkit
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build `distill` in release mode and run a recipe: everything that `distill run` takes
    #[command(disable_help_flag = true)]
    Distill {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The same over a grid of the recipe's fields: everything that `distill sweep` takes
    #[command(disable_help_flag = true)]
    Sweep {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Every check that a change must pass, the cheapest first
    Ci,
    /// Run the tests of the CPU kernels under the address sanitizer (slow, Linux on x86-64)
    Sanitize,
    /// Run one suite on several backends and print how far each is off
    Backends(backends::Suite),
    /// Everything that is measured on a machine with a GPU: the suite, images a second beside PyTorch, the
    /// tutorial's recipe (hours)
    Gpu(gpu::Gpu),
    /// Run the criterion benches, or those whose name holds FILTER
    Bench {
        filter: Option<String>,
        /// Compare with another program doing the same work, in alternation: `pytorch`, from a virtual
        /// environment in the target folder (downloads gigabytes once)
        #[arg(long, value_parser = ["pytorch"])]
        peer: Option<String>,
        #[command(flatten)]
        rounds: peer::Rounds,
    },
    /// Write the golden files again with the scripts that stand beside them (PyTorch from a virtual
    /// environment in the target folder: downloads gigabytes once)
    Golden,
    /// Train the student of `digits` with each objective and print the table of docs/results/objectives.md
    Objectives {
        /// Seeds 1 to N
        #[arg(long, default_value_t = 3)]
        seeds: u64,
        /// Only these terms, and soft targets, whose time they are compared with
        terms: Vec<String>,
    },
    /// Compare with PyTorch, onnxruntime and TensorBoard, from a virtual environment in the target folder (downloads
    /// gigabytes once)
    Interop,
    /// Check the book's links and run the commands in it, shortened; with mdbook installed, build it into target/book
    Book(book::Book),
    /// Build the API documentation, with warnings as errors
    Docs,
    /// Check the rules of the house: who may know whom, one golden file a term, lengths of files
    Tidy,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Distill { arguments } => distill::run("run", &arguments),
        Task::Sweep { arguments } => distill::run("sweep", &arguments),
        Task::Ci => ci::run(),
        Task::Sanitize => ci::sanitize(),
        Task::Backends(suite) => backends::run(&suite),
        Task::Gpu(arguments) => gpu::run(&arguments),
        Task::Bench { filter, peer: Some(_), rounds } => peer::run(filter.as_deref(), &rounds),
        Task::Bench { filter, .. } => bench::run(filter.as_deref()),
        Task::Golden => golden::run(),
        Task::Objectives { seeds, terms } => objectives::run(seeds, &terms),
        Task::Interop => interop::run(),
        Task::Book(book) => book::run(&book),
        Task::Docs => ci::docs(),
        Task::Tidy => tidy::run(),
    }
}

//! All that is measured on a machine with a GPU, in one call.

use crate::{backends, distill, peer};

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Gpu {
    /// Backend of the GPU: cuda, vulkan or wgpu
    #[arg(default_value = "cuda")]
    backend: String,
    /// Leave out the recipe `labml-cifar10`, which takes the longest
    #[arg(long)]
    without_recipe: bool,
    /// What the recipe's runs are given: `--data DIR`, `--offline`
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// The suite with its table, images a second beside PyTorch, then the tutorial's recipe at full length with both norms
/// and three seeds of the students.
pub(crate) fn run(gpu: &Gpu) -> anyhow::Result<()> {
    let backend = &gpu.backend;
    backends::run(&backends::Suite {
        backends: vec!["flex".to_owned(), backend.clone()],
        all: true,
        families: false,
        parts: None,
        write: true,
    })?;
    let rounds = peer::Rounds { rounds: 5, seconds: 2.0, threads: 0, backend: backend.clone() };
    peer::run(None, &rounds)?;
    if gpu.without_recipe {
        return Ok(());
    }
    for norm in ["running", "batch"] {
        let out = format!("runs/labml-cifar10-{backend}-{norm}");
        let norms = ["teacher", "student"].map(|stage| format!("{stage}.norm={norm}"));
        let [teacher, student] = norms.each_ref().map(String::as_str);
        let fixed = ["labml-cifar10", "--backend", backend, "--set", teacher, "--set", student];
        let call = |more: &[&str]| {
            let words = fixed.iter().chain(more).map(|word| (*word).to_owned());
            distill::call(&words.chain(gpu.arguments.clone()).collect::<Vec<_>>())
        };
        // One teacher, which the students of all seeds learn from.
        let (first, all) = (format!("{out}/teacher"), format!("{out}/seeds"));
        call(&["--seed", "1", "--out", &first, "--resume"])?;
        let weights = std::path::absolute(format!("{first}/teacher/last.bpk"))?;
        let weights = format!("teacher.weights={}", weights.display());
        let given = ["--set", &weights, "--set", "teacher.epochs=0"];
        call(&[&["--seeds", "1,2,3", "--out", &all, "--resume"][..], &given].concat())?;
    }
    Ok(())
}

//! What other programs say of our files and we of theirs: PyTorch, onnxruntime and TensorBoard from a virtual
//! environment of the target folder. It downloads gigabytes once, so it is no part of `ci`.

use std::{fs, process::Command};

use crate::{cargo, distill, python};

const PACKAGES: [&str; 9] = [
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "pillow",
    "onnx",
    "onnxruntime",
    "safetensors",
    "tensorboard",
];

/// Students that are exported and read elsewhere.
const STUDENTS: [&str; 2] = ["vgg-small", "resnet20"];

/// Networks that together have every operation.
const NETWORKS: [&str; 7] = [
    "vgg-small",
    "resnet20",
    "wrn-16-2",
    "mobilenet-v2-half",
    "shufflenet-v1",
    "shufflenet-v2",
    "mlp-800",
];

pub(crate) fn run() -> anyhow::Result<()> {
    let folder = cargo::target_folder()?.join("interop");
    let python = python::environment(&folder, &PACKAGES)?;
    let script = |place: &str| cargo::root().join(place);

    let reference = script("crates/models/tests/pytorch/reference.py");
    cargo::run(Command::new(&python).arg(reference).arg("--check"))?;

    cargo::run(cargo::cargo().args(distill::build_arguments("flex")))?;
    let binary = cargo::target_folder()?.join("release/distill");
    let schema = folder.join("recipe.schema.json");
    fs::write(&schema, Command::new(&binary).arg("schema").output()?.stdout)?;
    let mut check = Command::new(&python);
    check.arg(script("xtask/interop/schema.py")).arg(&schema);
    for recipe in fs::read_dir(script("crates/driver/recipes"))? {
        check.arg(recipe?.path());
    }
    cargo::run(&mut check)?;

    let files = folder.join("opsets");
    let mut write = cargo::cargo();
    write.args(["run", "--release", "-p", "distill-models", "--features", "onnx"]);
    write.args(["--example", "onnx_files", "--"]).arg(&files).args(NETWORKS);
    cargo::run(&mut write)?;
    let opsets = script("xtask/interop/opsets.py");
    cargo::run(Command::new(&python).arg(opsets).arg(&files))?;

    let export = script("xtask/interop/export.py");
    cargo::run(Command::new(&python).arg(&export).arg("make").arg(&folder))?;
    for model in STUDENTS {
        let out = folder.join(model);
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        let mut train = Command::new(&binary);
        train.arg("run").arg(script("xtask/interop/recipe.toml")).arg("--data").arg(&folder);
        train.arg("--out").arg(&out).arg("--set").arg(format!("student.model={model}"));
        cargo::run(&mut train)?;
        let mut evaluate = Command::new(&binary);
        evaluate.arg("evaluate").arg(out.join("export/student.bpk")).arg("--data").arg(&folder);
        evaluate.args(["--path", "images", "--logits"]).arg(folder.join(format!("{model}.jsonl")));
        cargo::run(&mut evaluate)?;
        cargo::run(Command::new(&python).arg(&export).arg("check").arg(&folder).arg(model))?;
        cargo::run(Command::new(&python).arg(script("xtask/interop/events.py")).arg(&out))?;
    }
    Ok(())
}

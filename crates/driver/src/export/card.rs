//! The card of an exported network: for programs `model.json`, for people `README.md`.

use std::{fmt::Write, path::Path};

use distill_datasets::ImageShape;
use distill_models::{onnx::OnnxForm, weights::Precision};
use distill_objective::{Objective, TermConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ExportFormat;
use crate::{
    DriverError, Stage, TestReport,
    records::{DatasetRecord, ModelCard, RunRecord, StageRecord, TestRecord},
    store::read_json,
};

/// `model.json` of an export: the network's [`ModelCard`] and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportCard {
    /// Enough to use the weights.
    #[serde(flatten)]
    pub model: ModelCard,
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
    /// Type of the weights in the files.
    pub precision: Precision,
    /// Of an export with an ONNX file: its operator set and batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onnx: Option<OnnxForm>,
}

/// Where a network comes from, as its own stage says: the run may have been begun anew since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Which network of the run; the student in exports of earlier versions.
    #[serde(default = "student")]
    pub stage: String,
    /// Name of the recipe.
    pub recipe: String,
    /// Seed of the run.
    pub seed: u64,
    /// What was minimised; `given weights` where nothing was.
    pub objective: String,
    /// The data it was trained on.
    pub data: DatasetRecord,
    /// What the test split says; none before the final evaluation.
    pub test: Option<TestReport>,
    /// sha256 of the weights in the run's folder.
    pub weights_sha256: String,
    /// Version of this toolkit.
    pub version: String,
}

impl Origin {
    /// Of a network in a run's folder; `None` without one.
    ///
    /// # Errors
    /// [`DriverError::Folder`] where the network was made from other data than the run names now.
    pub(super) fn of(run: &Path, of: Stage) -> Result<Option<Self>, DriverError> {
        let folder = of.folder(run);
        let record: Option<RunRecord> = read_json(&run.join("run.json"))?;
        let stage: Option<StageRecord> = read_json(&folder.join("stage.json"))?;
        let (Some(record), Some(stage)) = (record, stage) else { return Ok(None) };
        let inputs = &stage.inputs;
        let terms: Option<Vec<TermConfig>> =
            serde_json::from_value(inputs["objective"].clone()).ok();
        let objective = terms.and_then(|terms| Objective::new(&terms).ok());
        let (seed, objective) = match (inputs["seed"].as_u64(), objective) {
            (Some(seed), Some(objective)) => (seed, objective.formula()),
            _ if of == Stage::Student => return Ok(None),
            // Weights that were given, or that another stage's training left.
            (seed, _) => (seed.unwrap_or(record.seed), "given weights".to_owned()),
        };
        let is_other = |field: &str, own: Value| ![&own, &Value::Null].contains(&&inputs[field]);
        if is_other("dataset", record.dataset.sha256.as_str().into())
            || is_other("train", record.dataset.train.into())
        {
            return Err(DriverError::Folder {
                path: run.to_owned(),
                problem: format!(
                    "its {} was trained on other data than `run.json` names",
                    of.name()
                ),
                hint: "finish the run that was begun since, with `--resume`".to_owned(),
            });
        }
        let mut data = record.dataset;
        if let Some(own) = inputs["own_train"].as_u64() {
            data.train = own as usize;
        }
        let test: Option<TestRecord> = read_json(&folder.join("test.json"))?;
        let test = test.filter(|test| test.of.first() == Some(&stage.fingerprint));
        Ok(Some(Self {
            stage: of.name().to_owned(),
            recipe: record.recipe,
            seed,
            objective,
            data,
            test: test.map(|test| TestReport { last: test.last, selected: test.selected }),
            weights_sha256: stage.selected_sha256,
            version: record.version,
        }))
    }
}

impl Origin {
    /// The network in words, up to the recipe's name.
    fn what(&self) -> String {
        match Stage::named(&self.stage) {
            Stage::Student => "A student, distilled with".to_owned(),
            Stage::Baseline => {
                "A baseline, the student's network trained on labels alone, of".to_owned()
            }
            Stage::Teacher => "A teacher of".to_owned(),
            Stage::Network(name) => format!("The network `{name}` of"),
        }
    }
}

fn student() -> String {
    Stage::Student.name().to_owned()
}

impl ExportCard {
    pub(super) fn new(
        mut model: ModelCard,
        origin: Origin,
        precision: Precision,
        onnx: Option<OnnxForm>,
    ) -> Self {
        model.transform = Some(model.transform());
        Self { model, origin, precision, onnx }
    }

    /// The card for people.
    pub(super) fn readme(&self) -> String {
        let ModelCard { model, classes, mean, std, dataset, .. } = &self.model;
        let ImageShape { channels: c, height: h, width: w } = self.model.shape();
        let mut text = format!(
            "# {model}, trained on {dataset}\n\n\
             {} the recipe `{}` (seed {}): {}.\n\n\
             - Images: {}.\n\
             - Input: `[batch, {c}, {h}, {w}]`, pixels as fractions in [0, 1], then `(x - mean) / std`\n\
             \x20 with mean {mean:?} and std {std:?}.\n\
             - Output: logits `[batch, {}]` of {}.\n\
             - Data: {} training images, {} held out, sha256 `{}`.\n",
            self.origin.what(),
            self.origin.recipe,
            self.origin.seed,
            self.origin.objective,
            self.model.transform(),
            classes.len(),
            shown(classes),
            self.origin.data.train,
            self.origin.data.validation,
            self.origin.data.sha256,
        );
        if let Some(TestReport { selected, .. }) = &self.origin.test {
            let _ = writeln!(
                text,
                "- Test split, {} images: top-1 {:.2} %, NLL {:.4} nats, ECE {:.4}.",
                selected.count,
                100.0 * selected.top1,
                selected.nll,
                selected.ece
            );
        }
        text +=
            "\n| file | bytes | largest difference of a logit when read back |\n|---|---|---|\n";
        for (name, file) in &self.model.files {
            let _ =
                writeln!(text, "| `{name}` | {} | {:.1e} |", file.bytes, file.largest_difference);
        }
        if let Some(name) = self.model.files.keys().next() {
            let _ = writeln!(text, "\n```\ndistill predict {name} IMAGE...\n```");
        }
        if let Some(OnnxForm { opset, batch }) = self.onnx {
            let batch = batch.map_or("any number of".to_owned(), |batch| batch.to_string());
            let file = ExportFormat::Onnx.file_of(Stage::named(&self.origin.stage));
            let _ = writeln!(text, "\n`{file}`: opset {opset}, {batch} images in a batch.");
        }
        for (format, usage) in [(ExportFormat::Safetensors, TORCH), (ExportFormat::Onnx, ONNX)] {
            let file = format.file_of(Stage::named(&self.origin.stage));
            if self.model.files.contains_key(&file) {
                text += &usage.replace(format.file(), &file);
            }
        }
        text
    }
}

const TORCH: &str = "
```python
from safetensors.torch import load_file
network.load_state_dict(load_file(\"student.safetensors\"))  # a module with these layers
network.eval()
```
";

/// From an image file to logits, in Python: run by a test.
const ONNX: &str = concat!("\n```python\n", include_str!("example.py"), "```\n");

fn shown(classes: &[String]) -> String {
    match classes {
        [first, .., last] if classes.len() > 20 => {
            format!("{} classes, {first} to {last}", classes.len())
        }
        _ => classes.join(", "),
    }
}

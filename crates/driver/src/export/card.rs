//! The card of an exported student: for programs `model.json`, for people `README.md`.

use std::{fmt::Write, path::Path};

use distill_datasets::ImageShape;
use distill_models::{onnx::OnnxForm, weights::Precision};
use distill_objective::{Objective, TermConfig};
use serde::{Deserialize, Serialize};

use super::ExportFormat;
use crate::{
    DriverError, Stage, TestReport,
    records::{DatasetRecord, ModelCard, RunRecord, StageRecord, TestRecord},
    store::read_json,
};

/// `export/model.json`: the student's [`ModelCard`] and where it comes from.
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

/// Where a student comes from, as its own stage says: the run may have been begun anew since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the recipe.
    pub recipe: String,
    /// Seed of the run.
    pub seed: u64,
    /// What was minimised.
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
    /// Of the student in a run's folder; none where there is none.
    ///
    /// # Errors
    /// [`DriverError::Folder`] where the student was made from other data than the run names now.
    pub(super) fn of(run: &Path) -> Result<Option<Self>, DriverError> {
        let folder = run.join(Stage::Student.name());
        let record: Option<RunRecord> = read_json(&run.join("run.json"))?;
        let stage: Option<StageRecord> = read_json(&folder.join("stage.json"))?;
        let (Some(record), Some(stage)) = (record, stage) else { return Ok(None) };
        let inputs = &stage.inputs;
        let terms: Option<Vec<TermConfig>> =
            serde_json::from_value(inputs["objective"].clone()).ok();
        let objective = terms.and_then(|terms| Objective::new(&terms).ok());
        let (Some(seed), Some(objective)) = (inputs["seed"].as_u64(), objective) else {
            return Ok(None);
        };
        if inputs["dataset"] != record.dataset.sha256 || inputs["train"] != record.dataset.train {
            return Err(DriverError::Folder {
                path: run.to_owned(),
                problem: "its student was trained on other data than `run.json` names".to_owned(),
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
            recipe: record.recipe,
            seed,
            objective: objective.formula(),
            data,
            test: test.map(|test| TestReport { last: test.last, selected: test.selected }),
            weights_sha256: stage.selected_sha256,
            version: record.version,
        }))
    }
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
             A student, distilled with the recipe `{}` (seed {}): {}.\n\n\
             - Images: {}.\n\
             - Input: `[batch, {c}, {h}, {w}]`, pixels as fractions in [0, 1], then `(x - mean) / std`\n\
             \x20 with mean {mean:?} and std {std:?}.\n\
             - Output: logits `[batch, {}]` of {}.\n\
             - Data: {} training images, {} held out, sha256 `{}`.\n",
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
            let file = ExportFormat::Onnx.file();
            let _ = writeln!(text, "\n`{file}`: opset {opset}, {batch} images in a batch.");
        }
        for (format, usage) in [(ExportFormat::Safetensors, TORCH), (ExportFormat::Onnx, ONNX)] {
            if self.model.files.contains_key(format.file()) {
                text += usage;
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

//! The card of an exported student: for programs `model.json`, for people `README.md`.

use std::fmt::Write;

use distill_models::weights::Precision;
use serde::{Deserialize, Serialize};

use super::ExportFormat;
use crate::{
    ModelCard, TestReport,
    run_folder::{DatasetRecord, RunRecord},
    stage::TestRecord,
};

/// `export/model.json`: the student's [`ModelCard`] and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportCard {
    /// Enough to use the weights.
    #[serde(flatten)]
    pub model: ModelCard,
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
    /// Type of the weights in the files.
    pub precision: Precision,
    /// Version of this toolkit.
    pub version: String,
}

impl ExportCard {
    pub(super) fn new(
        model: ModelCard,
        run: RunRecord,
        test: Option<TestRecord>,
        precision: Precision,
    ) -> Self {
        Self {
            model,
            recipe: run.recipe,
            seed: run.seed,
            objective: run.formula,
            data: run.dataset,
            test: test.map(|test| TestReport { last: test.last, selected: test.selected }),
            precision,
            version: run.version,
        }
    }

    /// The card for people.
    pub(super) fn readme(&self) -> String {
        let ModelCard { model, signature, classes, mean, std, dataset, .. } = &self.model;
        let [c, h, w] = [signature.channels, signature.height, signature.width];
        let mut text = format!(
            "# {model}, trained on {dataset}\n\n\
             A student, distilled with the recipe `{}` (seed {}): {}.\n\n\
             - Input: `[batch, {c}, {h}, {w}]`, pixels as fractions in [0, 1], then `(x - mean) / std`\n\
             \x20 with mean {mean:?} and std {std:?}.\n\
             - Output: logits `[batch, {}]` of {}.\n\
             - Data: {} training images, {} held out, sha256 `{}`.\n",
            self.recipe,
            self.seed,
            self.objective,
            signature.classes,
            shown(classes),
            self.data.train,
            self.data.validation,
            self.data.sha256,
        );
        if let Some(TestReport { selected, .. }) = &self.test {
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
        text += "\n```\ndistill predict student.bpk IMAGE...\n```\n";
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

const ONNX: &str = "
```python
import onnxruntime
session = onnxruntime.InferenceSession(\"student.onnx\")
logits = session.run([\"logits\"], {\"image\": images})[0]
```
";

fn shown(classes: &[String]) -> String {
    match classes {
        [first, .., last] if classes.len() > 20 => {
            format!("{} classes, {first} to {last}", classes.len())
        }
        _ => classes.join(", "),
    }
}

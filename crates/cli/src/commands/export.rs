//! `distill export`: a network of a finished run as files for other programs.

use distill_driver::{
    Better, DriverError, ExportConfig, ExportFormat, Stage, better_than, export_folder,
    export_stage,
};
use distill_models::{onnx::OnnxForm, weights::Precision};
use schemars::JsonSchema;
use serde::Serialize;

use super::{SCHEMA, print_json};
use crate::{
    arguments::{ExportArguments, Format},
    output::{Table, note, prose, result, thousands},
};

/// `export`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Exported {
    /// Version of this layout: 1.
    schema: u32,
    /// The folder that was written.
    folder: String,
    /// Which network of the run.
    stage: Stage,
    /// Name of its architecture.
    model: String,
    /// Files of its weights; `model.json` and `README.md` lie beside them.
    files: Vec<File>,
    /// The run's best network, where it has fewer errors than this one and no more parameters.
    better: Option<Better>,
}

/// A file of weights.
#[derive(Debug, Serialize, JsonSchema)]
struct File {
    /// Its name in the folder.
    name: String,
    /// Its size.
    bytes: u64,
    /// sha256 of its bytes, in hexadecimal.
    sha256: String,
    /// Largest difference of a logit from the network's when the file was read back.
    largest_difference: f64,
}

pub(crate) fn execute(arguments: &ExportArguments) -> anyhow::Result<()> {
    let (_, device) = distill_backends::choose(arguments.device.backend.as_deref())?;
    let formats = arguments.formats.iter().map(|format| match format {
        Format::Bpk => ExportFormat::Bpk,
        Format::Safetensors => ExportFormat::Safetensors,
        Format::Onnx => ExportFormat::Onnx,
    });
    let precision = if arguments.half { Precision::Half } else { Precision::Single };
    let mut onnx = OnnxForm::default();
    onnx.opset = arguments.opset.unwrap_or(onnx.opset);
    onnx.batch = arguments.batch.and_then(|batch| batch.0);
    let config = ExportConfig { formats: formats.collect(), precision, onnx };
    let is_of_onnx = arguments.opset.is_some() || arguments.batch.is_some();
    if is_of_onnx && !config.formats.contains(&ExportFormat::Onnx) {
        let problem = "without `onnx`, expected it among them for `--opset` and `--batch`";
        let (file, problem) = ("--formats".to_owned(), problem.to_owned());
        return Err(DriverError::Recipe { file, problem }.into());
    }
    onnx.check().map_err(DriverError::from)?;
    let (run, stage) = (&arguments.run, Stage::named(&arguments.stage));
    let card = export_stage(run, stage, &config, &device)?;
    let asked = config.formats.contains(&ExportFormat::Onnx);
    if asked && !card.model.files.contains_key(&ExportFormat::Onnx.file_of(stage)) {
        note(
            "no ONNX: this network's norms use the statistics of the batch, which no inference runtime \
             does; train it with `norm = \"running\"`",
        );
    }
    let files = card.model.files.into_iter().map(|(name, file)| File {
        name,
        bytes: file.bytes,
        sha256: file.sha256,
        largest_difference: file.largest_difference,
    });
    let exported = Exported {
        schema: SCHEMA,
        folder: export_folder(run, stage).display().to_string(),
        stage,
        model: card.model.model,
        files: files.collect(),
        better: better_than(run, stage)?,
    };
    match arguments.json {
        true => print_json(&exported)?,
        false => print(&exported),
    }
    Ok(())
}

fn print(exported: &Exported) {
    let header = ["file", "bytes", "largest difference of a logit"];
    let mut table = Table::new(header).numbers_from(1);
    for file in &exported.files {
        let difference = format!("{:.1e}", file.largest_difference);
        table.row([file.name.clone(), thousands(file.bytes), difference]);
    }
    result(table);
    result(&exported.folder);
    if let Some(Better { stage, top1, other_top1 }) = exported.better {
        let (better, own) = (stage.name(), exported.stage.name());
        let which = match stage {
            Stage::Network(_) => format!("`{better}`"),
            _ => format!("The {better}"),
        };
        prose(&format!(
            "{which} is the better network: {:.2} % of the test images after the last epoch, {own} {:.2} %. \
             `--stage {better}` exports it.",
            100.0 * top1,
            100.0 * other_top1,
        ));
    }
}

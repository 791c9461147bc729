//! `distill export`: the student of a finished run as files for other programs.

use distill_driver::{DriverError, ExportConfig, ExportFormat, export};
use distill_models::{onnx::OnnxForm, weights::Precision};

use crate::{
    arguments::{ExportArguments, Format},
    output::{note, plain_table, result, right_align_from, thousands},
};

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
    let card = export(&arguments.run, &config, &device)?;
    let asked = config.formats.contains(&ExportFormat::Onnx);
    if asked && !card.model.files.contains_key(ExportFormat::Onnx.file()) {
        note(
            "no ONNX: this network's norms use the statistics of the batch, which no inference runtime \
             does; train it with `norm = \"running\"`",
        );
    }
    let mut table = plain_table(&["file", "bytes", "largest difference of a logit"]);
    for (name, file) in &card.model.files {
        let difference = format!("{:.1e}", file.largest_difference);
        table.add_row([name.clone(), thousands(file.bytes), difference]);
    }
    right_align_from(&mut table, 1);
    result(table);
    result(arguments.run.join("export").display());
    Ok(())
}

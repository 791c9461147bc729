//! One pass over a data loader, batch by batch.

use burn::tensor::Device;
use distill_datasets::{DataError, Input, Loader, Part};

use super::metric::{Metric, Rows};

/// Adds everything that `loader` gives to the metrics; a batch's logits at a time are in memory.
///
/// `forward` gives the rows of logits of a batch's input.
///
/// # Errors
/// The first error of `loader` or `forward`.
pub fn evaluate<E: From<DataError>>(
    loader: &Loader,
    device: &Device,
    forward: impl FnMut(Input) -> Result<Vec<f32>, E>,
    metrics: &mut [&mut dyn Metric],
) -> Result<(), E> {
    each_batch(loader, device, forward, |logits, labels| {
        let classes = logits.len() / labels.len().max(1);
        let rows = Rows::new(logits, classes, labels, None);
        for metric in metrics.iter_mut() {
            metric.update(&rows);
        }
    })
}

/// Refuses classes that a network has no logits for: a source is anybody's.
pub(crate) fn check_classes(labels: &[i32], classes: usize) -> Result<(), DataError> {
    let is_known = |label: i32| usize::try_from(label).is_ok_and(|label| label < classes);
    match labels.iter().find(|label| !is_known(**label)) {
        None => Ok(()),
        Some(label) => Err(DataError::Batch {
            place: "targets".to_owned(),
            problem: format!("class {label}"),
            expected: format!("classes from 0 to below the network's {classes}"),
        }),
    }
}

/// Hands the logits and labels of each batch to `see`.
pub(super) fn each_batch<E: From<DataError>>(
    loader: &Loader,
    device: &Device,
    mut forward: impl FnMut(Input) -> Result<Vec<f32>, E>,
    mut see: impl FnMut(&[f32], &[i32]),
) -> Result<(), E> {
    for batch in loader.epoch(1, 0, Part::whole())? {
        let batch = batch?;
        let labels = batch.classes()?.to_vec();
        let logits = forward(batch.to_device(device)?.input)?;
        check_classes(&labels, logits.len() / labels.len().max(1))?;
        see(&logits, &labels);
    }
    Ok(())
}

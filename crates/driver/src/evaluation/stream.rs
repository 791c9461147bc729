//! One pass over a data loader, batch by batch.

use burn::tensor::Device;
use distill_collective::{Collective, CollectiveError};
use distill_datasets::{DataError, Input, Loader, Part};

use super::metric::{Metric, Rows};

/// Adds everything that `loader` gives to the metrics; a batch's logits at a time are in memory. Each process of
/// `collective` reads its part of the batches, and all of them get the same values.
///
/// `forward` gives the rows of logits of a batch's input.
///
/// # Errors
/// The first error of `loader`, `forward` or `collective`.
pub fn evaluate<E: From<DataError> + From<CollectiveError>>(
    loader: &Loader,
    device: &Device,
    forward: impl FnMut(Input) -> Result<Vec<f32>, E>,
    metrics: &mut [&mut dyn Metric],
    collective: &dyn Collective,
) -> Result<(), E> {
    let part = Part { rank: collective.rank(), world: collective.world() };
    each_batch(loader, device, part, forward, |logits, labels| {
        let classes = logits.len() / labels.len().max(1);
        let rows = Rows::new(logits, classes, labels, None);
        for metric in metrics.iter_mut() {
            metric.update(&rows);
        }
    })?;
    for metric in metrics {
        collective.sum(metric.sums())?;
    }
    Ok(())
}

/// Refuses classes that a network has no logits for: a source is anybody's.
pub(crate) fn check_classes(labels: &[i32], classes: usize) -> Result<(), DataError> {
    for label in labels {
        if !usize::try_from(*label).is_ok_and(|label| label < classes) {
            return Err(DataError::Batch {
                place: "targets".to_owned(),
                problem: format!("class {label}"),
                expected: format!("classes from 0 to below the network's {classes}"),
            });
        }
    }
    Ok(())
}

/// Hands the logits and labels of each batch to `see`.
pub(super) fn each_batch<E: From<DataError>>(
    loader: &Loader,
    device: &Device,
    part: Part,
    mut forward: impl FnMut(Input) -> Result<Vec<f32>, E>,
    mut see: impl FnMut(&[f32], &[i32]),
) -> Result<(), E> {
    for batch in loader.epoch(1, 0, part)? {
        let batch = batch?;
        let labels = batch.classes()?.to_vec();
        let logits = forward(batch.to_device(device)?.input)?;
        check_classes(&labels, logits.len() / labels.len().max(1))?;
        see(&logits, &labels);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Barrier, Mutex},
        thread,
    };

    use distill_collective::Solo;
    use distill_datasets::{ImageSet, ImageShape};

    use super::*;
    use crate::{
        DriverError,
        evaluation::metrics::{CalibrationError, NegativeLogLikelihood, TopK},
    };

    /// Two threads in place of processes.
    #[derive(Debug, Clone)]
    struct Pair {
        rank: usize,
        given: Arc<[Mutex<Vec<f64>>; 2]>,
        together: Arc<Barrier>,
    }

    impl Collective for Pair {
        fn rank(&self) -> usize {
            self.rank
        }

        fn world(&self) -> usize {
            2
        }

        fn sum(&self, values: &mut [f64]) -> Result<(), CollectiveError> {
            *self.given[self.rank].lock().expect("no panic") = values.to_vec();
            self.together.wait();
            let [first, second] =
                [0, 1].map(|rank| self.given[rank].lock().expect("no panic").clone());
            self.together.wait();
            for (value, (a, b)) in values.iter_mut().zip(first.into_iter().zip(second)) {
                *value = a + b;
            }
            Ok(())
        }
    }

    /// Three figures of 37 images of a pixel each, whose logits are that pixel and its complement.
    fn figures(collective: &dyn Collective) -> [f64; 3] {
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        let pixels = (0..37).map(|at| (at * 53 % 256) as u8).collect();
        let labels = (0..37).map(|at| u32::from(at % 3 == 0)).collect();
        let set = ImageSet::new(shape, pixels, labels);
        let loader = Loader::in_order(Arc::new(set), 8);
        let (mut top1, mut nll) = (TopK::new(1), NegativeLogLikelihood::default());
        let mut calibration = CalibrationError::default();
        let metrics: &mut [&mut dyn Metric] = &mut [&mut top1, &mut nll, &mut calibration];
        evaluate(&loader, &Device::flex(), forward, metrics, collective).expect("a set in memory");
        [top1.value(), nll.value(), calibration.value()]
    }

    fn forward(input: Input) -> Result<Vec<f32>, DriverError> {
        let Input::Images(images) = input else { unreachable!("a set of images") };
        Ok(images.into_data().iter::<f32>().flat_map(|x| [x, 1.0 - x]).collect())
    }

    #[test]
    fn two_processes_get_the_figures_of_one() {
        let alone = figures(&Solo);
        let (given, together) = (Arc::default(), Arc::new(Barrier::new(2)));
        let pair = [0, 1].map(|rank| Pair {
            rank,
            given: Arc::clone(&given),
            together: Arc::clone(&together),
        });
        let threads = pair.map(|one| thread::spawn(move || figures(&one)));
        let [first, second] = threads.map(|thread| thread.join().expect("no panic"));
        assert_eq!(first, second, "the same bits in each process");
        assert_eq!(first[0], alone[0]);
        for (two, one) in first.into_iter().zip(alone) {
            assert!((two - one).abs() < 1e-12, "{two} and {one}");
        }
    }
}

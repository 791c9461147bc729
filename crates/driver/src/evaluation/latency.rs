//! How long a network takes for one image.

use std::time::{Duration, Instant};

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Forward passes that are not counted: memory and kernels are found in them.
const WARM_UP: usize = 3;
/// Forward passes that are timed, unless they take longer than [`PATIENCE`].
const REPEATS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(2);

/// Seconds from a sample on the device to its output in memory, one sample at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Latency {
    /// Half of the passes were faster.
    pub median: f64,
    /// A quarter of the passes was faster.
    pub low: f64,
    /// A quarter of the passes was slower.
    pub high: f64,
    /// Passes that were timed.
    pub repeats: usize,
}

impl Latency {
    /// Times `forward`, the forward pass of one sample, with all the threads that this process has.
    ///
    /// # Errors
    /// The first error of `forward`.
    pub fn of<E>(forward: impl Fn() -> Result<Tensor<2>, E>) -> Result<Self, E> {
        for _ in 0..WARM_UP {
            seconds_of(&forward)?;
        }
        let started = Instant::now();
        let mut seconds = vec![seconds_of(&forward)?];
        while seconds.len() < REPEATS && started.elapsed() < PATIENCE {
            seconds.push(seconds_of(&forward)?);
        }
        Ok(Self::over(seconds))
    }

    fn over(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        let at = |share: f64| seconds[((seconds.len() - 1) as f64 * share).round() as usize];
        Self { median: at(0.5), low: at(0.25), high: at(0.75), repeats: seconds.len() }
    }
}

/// Seconds of one forward pass, its output read back.
fn seconds_of<E>(forward: impl Fn() -> Result<Tensor<2>, E>) -> Result<f64, E> {
    let started = Instant::now();
    drop(forward()?.into_data());
    Ok(started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_those_of_the_sorted_times() {
        let latency = Latency::over(vec![5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!(latency, Latency { median: 3.0, low: 2.0, high: 4.0, repeats: 5 });
        let once = Latency::over(vec![0.5]);
        assert_eq!((once.low, once.median, once.high), (0.5, 0.5, 0.5));
    }
}

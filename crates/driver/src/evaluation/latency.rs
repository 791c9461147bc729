//! How long a network takes for one image.

use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Forward passes that are not counted: memory and kernels are found in them.
const WARM_UP: usize = 3;
/// Forward passes that are timed, unless they take longer than [`PATIENCE`].
const REPEATS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(2);

/// Seconds from an image on the device to its logits in memory, one image at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
    /// Times `forward`, from images `[1, channels, height, width]` to logits, on an image
    /// `[channels, height, width]`, with all the threads that this process has.
    pub fn of(
        forward: impl Fn(Tensor<4>) -> Tensor<2>,
        image: [usize; 3],
        device: &Device,
    ) -> Self {
        let [channels, height, width] = image;
        let image = Tensor::<4>::zeros([1, channels, height, width], device);
        let pass = || {
            let started = Instant::now();
            drop(forward(image.clone()).into_data());
            started.elapsed().as_secs_f64()
        };
        for _ in 0..WARM_UP {
            pass();
        }
        let started = Instant::now();
        let mut seconds = vec![pass()];
        while seconds.len() < REPEATS && started.elapsed() < PATIENCE {
            seconds.push(pass());
        }
        Self::over(seconds)
    }

    fn over(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        let at = |share: f64| seconds[((seconds.len() - 1) as f64 * share).round() as usize];
        Self { median: at(0.5), low: at(0.25), high: at(0.75), repeats: seconds.len() }
    }
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

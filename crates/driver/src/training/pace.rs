//! Throughput of a training, and when to report and to save.

use std::time::{Duration, Instant};

use super::progress::Progress;

/// Interval between two checkpoints at the most, whatever the recipe says.
pub(super) const CHECKPOINT_EVERY: Duration = Duration::from_secs(300);
/// Steps of a process before its throughput counts: a GPU compiles kernels and tries which are the fastest.
const WARM_UP: usize = 5;
/// Interval between two reports to the observer at the most.
const REPORT_EVERY: Duration = Duration::from_millis(1000);

/// Clock of this process.
pub(super) struct Pace {
    started: Instant,
    images: u64,
    reported: Instant,
    /// Steps of this process.
    steps: usize,
}

impl Pace {
    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self { started: now, images: 0, reported: now, steps: 0 }
    }

    /// Counts a step, before its time is known. Whether the device has to finish first, because the time of the
    /// steps so far is about to be set apart.
    pub(super) fn count(&mut self, images: u64) -> bool {
        self.images += images;
        self.steps += 1;
        self.steps == WARM_UP
    }

    /// Adds the time of the step that was counted.
    pub(super) fn add_time(&mut self, images: u64, seconds: f64, progress: &mut Progress) {
        progress.seconds += seconds;
        if self.steps <= WARM_UP {
            progress.warm_up.images += images;
            progress.warm_up.seconds += seconds;
        }
        if self.steps == WARM_UP {
            (self.started, self.images) = (Instant::now(), 0);
        }
    }

    /// Whether the observer waits for a report.
    pub(super) fn is_report_due(&self) -> bool {
        self.reported.elapsed() >= REPORT_EVERY
    }

    pub(super) fn reported(&mut self) {
        self.reported = Instant::now();
    }

    /// Throughput in images/s since the warm-up.
    pub(super) fn images_per_second(&self) -> f64 {
        self.images as f64 / self.started.elapsed().as_secs_f64()
    }
}

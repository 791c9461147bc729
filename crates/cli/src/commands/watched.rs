//! A run that is watched: on the screen, and in the files that TensorBoard reads.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use distill_driver::{DriverError, Event, Observer, Report};
use distill_report::TensorBoard;

use crate::output::Progress;

/// Pauses between two looks at the metrics, and after an epoch, of which short ones may be many.
const BOARD_EVERY: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(1)];

pub(crate) struct Watched {
    pub(crate) progress: Progress,
    board: TensorBoard,
    looked: Instant,
    is_broken: bool,
}

impl Watched {
    pub(crate) fn new(run: &Path) -> Self {
        let board = TensorBoard::new(run);
        Self { progress: Progress::new(), board, looked: Instant::now(), is_broken: false }
    }

    /// Writes what is for other tools once all is known.
    pub(crate) fn finish(&mut self, run: &Path, report: &Report) -> Result<(), DriverError> {
        let done = self.board.finish(report);
        self.check(done);
        distill_report::write_csv(run)?;
        let page = distill_report::write(run)?;
        self.progress.line(&format!("report: {}", page.display()));
        Ok(())
    }

    /// Events that cannot be written are no reason to lose a run.
    fn check(&mut self, result: Result<(), DriverError>) {
        if let Err(error) = result
            && !std::mem::replace(&mut self.is_broken, true)
        {
            tracing::warn!("no more events for TensorBoard: {error}");
        }
    }
}

impl Observer for Watched {
    fn on(&mut self, event: Event<'_>) {
        let pause = BOARD_EVERY[usize::from(matches!(event, Event::Epoch { .. }))];
        self.progress.on(event);
        if !self.is_broken && self.looked.elapsed() >= pause {
            let done = self.board.update();
            self.check(done);
            self.looked = Instant::now();
        }
    }
}

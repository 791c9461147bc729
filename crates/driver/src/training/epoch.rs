//! One epoch: its steps, reports, lines, checkpoints and interruption.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use super::{
    Context,
    epoch_end::end_epoch,
    pace::{CHECKPOINT_EVERY, Pace},
    progress::Progress,
    setup::Setup,
    state::State,
    step::step,
};
use crate::{DriverError, Event};

/// Runs what is left of the epoch at hand.
pub(super) fn run_epoch(
    setup: &Setup<'_>,
    state: &mut State,
    pace: &mut Pace,
    context: &mut Context<'_>,
) -> Result<(), DriverError> {
    let train = setup.data.train;
    let steps = train.batches();
    let mut before = Instant::now();
    // Where only the end of the epoch is left to do, it is the rate of the step before.
    let mut learning_rate =
        setup.learning_rate(setup.steps_done(&state.progress).saturating_sub(1));
    let Progress { epoch, step: done, .. } = state.progress;
    let mut batches = train.epoch(epoch as u64, done as u64, context.part())?;
    let mut waited = Duration::ZERO;
    while let Some(batch) = batches.next() {
        let batch = batch?;
        let images = batch.len() as u64;
        state.progress.waiting_seconds += (batches.waited() - waited).as_secs_f64();
        waited = batches.waited();
        learning_rate = setup.learning_rate(setup.steps_done(&state.progress));
        step(setup, state, batch, learning_rate, context)?;
        state.progress.step += 1;
        state.progress.images += images;
        let warmed_up = pace.count(images);

        let done = state.progress.step == steps;
        let at_line = setup.steps_done(&state.progress).is_multiple_of(setup.config.log_every);
        if at_line || done || pace.is_report_due() {
            state.collect(setup, context)?;
            pace.reported();
            context.observer.on(steps_event(setup, &state.progress, pace, context));
        }
        if at_line {
            state.write_line(setup, learning_rate)?;
        }
        if warmed_up {
            // What the device has still to do belongs to the warm-up.
            state.collect(setup, context)?;
        }
        pace.add_time(images, before.elapsed().as_secs_f64(), &mut state.progress);
        before = Instant::now();
        if !done {
            let interrupted = context.interrupt.load(Ordering::Relaxed);
            if interrupted || is_checkpoint_due(setup, state) {
                state.save(setup, context)?;
                before = Instant::now();
            }
            if interrupted {
                return Err(DriverError::Interrupted { stage: context.stage.name() });
            }
        }
    }
    end_epoch(setup, state, learning_rate, context)?;
    let is_over = setup.is_over(&state.progress);
    match context.interrupt.load(Ordering::Relaxed) && !is_over {
        true => Err(DriverError::Interrupted { stage: context.stage.name() }),
        false => Ok(()),
    }
}

fn is_checkpoint_due(setup: &Setup<'_>, state: &State) -> bool {
    let every = setup.config.checkpoint_every;
    every.is_some_and(|steps| state.progress.step.is_multiple_of(steps))
        || state.saved.elapsed() >= CHECKPOINT_EVERY
}

fn steps_event(
    setup: &Setup<'_>,
    progress: &Progress,
    pace: &Pace,
    context: &Context<'_>,
) -> Event<'static> {
    let images_per_second = pace.images_per_second();
    let (train, epochs) = (setup.data.train, setup.config.epochs);
    let left = (epochs * train.samples()) as f64 - progress.images as f64;
    Event::Steps {
        stage: context.stage,
        epoch: progress.epoch,
        epochs,
        step: progress.step,
        steps: train.batches(),
        loss: progress.epoch_sums.loss / progress.epoch_sums.images,
        images_per_second,
        seconds_left: left / images_per_second,
    }
}

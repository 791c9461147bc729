//! The training loop of one stage.

mod epoch_end;
mod gradients;
mod loss_scale;
mod pass;
mod peers;
mod resume;
mod shares;
mod step;
mod sums;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use burn::{module::Module, optim::ModuleOptimizer, tensor::Device};
use distill_datasets::Loader;
use distill_models::weights::{self, Precision};
use distill_objective::{Negatives, Objective};

pub(crate) use loss_scale::LossScale;
pub(crate) use pass::features;
pub(crate) use peers::peer_file;
use step::Pending;
pub(crate) use sums::Sums;

use crate::{
    Answers, DriverError, Event, Learner, Observer, Stage, View,
    checkpoint::{self, Best, Progress, WarmUp},
    files::write_atomic,
    metrics::{Line, METRICS, MetricsFile, StepsRecord},
    recipe::{Compute, NonFinite, ResolvedStage, Weights},
};

/// A run that takes hours is never further than this from its last checkpoint.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(300);
/// Steps of a process before its rate is taken: a GPU compiles kernels and tries which are the fastest.
const WARM_UP: usize = 5;
/// How often losses are read back for the observer at the least.
const REPORT_EVERY: Duration = Duration::from_millis(1000);

/// Everything that a stage's training needs beside the network.
pub struct Training<'a> {
    /// Which stage it is.
    pub stage: Stage,
    /// Epochs, optimizer and schedule.
    pub config: &'a ResolvedStage,
    /// Epochs whose weights are kept, each in a file of its own.
    pub keep: &'a BTreeSet<usize>,
    /// What is minimised.
    pub objective: &'a Objective,
    /// Who teaches; needed where the objective says so.
    pub teacher: Option<&'a Answers>,
    /// Draws samples of other classes, where the objective contrasts samples.
    pub negatives: Option<&'a Negatives>,
    /// Batches to learn from.
    pub train: &'a Loader,
    /// Batches that select the epoch.
    pub validation: &'a Loader,
    /// How the network sees the images of both.
    pub view: &'a View,
    /// Seed of the random numbers that the device draws.
    pub seed: u64,
    /// Steps between two lines of `metrics.jsonl`.
    pub log_every: usize,
    /// Steps between two checkpoints, where it says so.
    pub checkpoint_every: Option<usize>,
    /// What happens where a loss is no number.
    pub non_finite: NonFinite,
    /// Where to train, without autodiff.
    pub device: &'a Device,
    /// The stage's folder: checkpoints, `metrics.jsonl`, `last.bpk`, `selected.bpk`.
    pub folder: &'a Path,
    /// Identity of everything that the result depends on.
    pub fingerprint: &'a str,
    /// Set from outside to stop after the step at hand, with everything saved.
    pub interrupt: &'a AtomicBool,
}

/// What training gave.
#[derive(Debug)]
pub struct Trained {
    /// Seconds spent in training steps.
    pub seconds: f64,
    /// Images trained on in a second, without the first steps of each process, where there are others.
    pub images_per_second: f64,
    /// Seconds of training steps that went by waiting for batches.
    pub waiting_seconds: f64,
    /// Seconds in which the teacher computed; none where its answers were kept.
    pub teacher_seconds: f64,
    /// Batches left out, for their loss or gradient was no number.
    pub skipped: u64,
    /// The epoch whose weights are in `selected.bpk`.
    pub best: Best,
    /// The same of each peer, `peer-1-selected.bpk` and so on.
    pub peers_best: Vec<Best>,
    /// sha256 of the weights after each epoch that is kept.
    pub kept_sha256: BTreeMap<usize, String>,
}

impl Training<'_> {
    /// Trains a network, and what learns beside it, from its checkpoint, or from the start where there is
    /// none.
    ///
    /// Leaves `last.bpk` with the weights after the last epoch and `selected.bpk` with those of the
    /// epoch with the best validation accuracy; of equal ones, the lower NLL, then the earlier.
    ///
    /// # Errors
    /// [`DriverError::Interrupted`], [`DriverError::NonFinite`], and failures of files.
    pub fn run(
        &self,
        learner: Learner,
        observer: &mut dyn Observer,
    ) -> Result<Trained, DriverError> {
        let (learner, optimizer, mut progress) = self.start_or_resume(learner, observer)?;
        let metrics = self.folder.join(METRICS);
        let there = std::fs::metadata(&metrics).map_or(0, |meta| meta.len());
        if there < progress.metrics_bytes {
            let (path, expected) = (metrics.display(), progress.metrics_bytes);
            observer.on(Event::Note(format!(
                "warning: {path}: {there} bytes, expected {expected}; lines that were there are lost"
            )));
        }
        if self.config.optimizer.precision == Compute::F16 {
            progress.loss_scale.get_or_insert_default();
        }
        let mut state = State {
            learner: learner.train(),
            optimizer,
            metrics: MetricsFile::open(&metrics, progress.metrics_bytes)?,
            pending: Vec::new(),
            saved: Instant::now(),
            teacher_seconds: progress.teacher_seconds,
        };
        let now = Instant::now();
        let mut pace = Pace { started: now, images: 0, reported: now, steps: 0 };
        while progress.epoch <= self.config.epochs {
            self.epoch(&mut state, &mut progress, &mut pace, observer)?;
        }
        let peers = state.learner.peers.iter().enumerate();
        let peers = peers.map(|(at, peer)| (peer_file(at, Weights::Last), peer));
        for (name, network) in peers.chain([(Weights::Last.file(), &state.learner.network)]) {
            let path = self.folder.join(name);
            write_atomic(&path, &weights::to_bytes(network, Precision::Single, &path)?)?;
        }
        let best = progress.best.expect("a stage has at least one epoch");
        Ok(Trained {
            seconds: progress.seconds,
            images_per_second: progress.images_per_second(),
            waiting_seconds: progress.waiting_seconds,
            teacher_seconds: progress.teacher_seconds,
            skipped: progress.skipped,
            best,
            kept_sha256: progress.kept_sha256,
            peers_best: progress.peers_best.iter().map(|(best, _)| *best).collect(),
        })
    }

    fn epoch(
        &self,
        state: &mut State,
        progress: &mut Progress,
        pace: &mut Pace,
        observer: &mut dyn Observer,
    ) -> Result<(), DriverError> {
        let steps = self.train.batches();
        let mut before = Instant::now();
        // Where only the end of the epoch is left to do, it is the rate of the step before.
        let mut learning_rate = self.learning_rate(self.stage_step(progress).saturating_sub(1));
        let mut batches = self.train.epoch(progress.epoch as u64, progress.step);
        let mut waited = Duration::ZERO;
        while let Some(batch) = batches.next() {
            let images = batch.len();
            progress.waiting_seconds += (batches.waited() - waited).as_secs_f64();
            waited = batches.waited();
            learning_rate = self.learning_rate(self.stage_step(progress));
            self.step(state, progress, batch, learning_rate, observer)?;
            progress.step += 1;
            progress.images += images as u64;
            pace.images += images as u64;

            let at_line = self.stage_step(progress).is_multiple_of(self.log_every);
            if at_line || progress.step == steps || pace.reported.elapsed() >= REPORT_EVERY {
                self.collect(state, progress)?;
                pace.reported = Instant::now();
                observer.on(self.steps_event(progress, pace, steps));
            }
            if at_line {
                self.write_line(state, progress, learning_rate)?;
            }
            pace.steps += 1;
            if pace.steps == WARM_UP {
                // What the device has still to do belongs to these steps.
                self.collect(state, progress)?;
            }
            let seconds = before.elapsed().as_secs_f64();
            before = Instant::now();
            progress.seconds += seconds;
            if pace.steps <= WARM_UP {
                progress.warm_up.images += images as u64;
                progress.warm_up.seconds += seconds;
            }
            if pace.steps == WARM_UP {
                (pace.started, pace.images) = (before, 0);
            }
            if progress.step < steps {
                let interrupted = self.interrupt.load(Ordering::Relaxed);
                let due = self.checkpoint_every.is_some_and(|n| progress.step.is_multiple_of(n));
                if interrupted || due || state.saved.elapsed() >= CHECKPOINT_EVERY {
                    self.save(state, progress)?;
                    before = Instant::now();
                }
                if interrupted {
                    return Err(DriverError::Interrupted { stage: self.stage.name() });
                }
            }
        }
        self.end_epoch(state, progress, learning_rate, observer)?;
        if self.interrupt.load(Ordering::Relaxed) && progress.epoch <= self.config.epochs {
            return Err(DriverError::Interrupted { stage: self.stage.name() });
        }
        Ok(())
    }

    fn write_line(
        &self,
        state: &mut State,
        progress: &mut Progress,
        learning_rate: f64,
    ) -> Result<(), DriverError> {
        let sums = std::mem::take(&mut progress.line_sums);
        if sums.images == 0.0 {
            // All of these batches were left out.
            return Ok(());
        }
        state.metrics.append(&Line::Steps(StepsRecord {
            epoch: progress.epoch,
            step: self.stage_step(progress),
            learning_rate,
            loss: sums.loss / sums.images,
            terms: self.term_means(&sums),
        }))
    }

    fn save(&self, state: &mut State, progress: &mut Progress) -> Result<(), DriverError> {
        self.collect(state, progress)?;
        self.check_weights(&state.learner, progress)?;
        progress.metrics_bytes = state.metrics.synced_length()?;
        let teacher = self.teacher.map_or(0.0, Answers::seconds);
        progress.teacher_seconds = state.teacher_seconds + teacher;
        checkpoint::save(self.folder, &state.learner, &state.optimizer, progress)?;
        state.saved = Instant::now();
        Ok(())
    }

    /// Steps of the stage that are done.
    fn stage_step(&self, progress: &Progress) -> usize {
        (progress.epoch - 1) * self.train.batches() + progress.step
    }

    /// Learning rate of a step of the stage, from 0.
    fn learning_rate(&self, step: usize) -> f64 {
        let per_epoch = self.train.batches();
        let factor = self.config.schedule.factor_at(step, per_epoch, self.config.epochs);
        self.config.optimizer.learning_rate * factor
    }

    fn term_means(&self, sums: &Sums) -> BTreeMap<String, f64> {
        let terms = self.objective.names().into_iter().zip(&sums.terms);
        let counted = terms.filter(|(_, sum)| sum.images > 0.0);
        counted.map(|(name, sum)| (name.to_owned(), sum.value / sum.images)).collect()
    }

    fn steps_event(&self, progress: &Progress, pace: &Pace, steps: usize) -> Event<'static> {
        let images_per_second = pace.images as f64 / pace.started.elapsed().as_secs_f64();
        let epochs = self.config.epochs;
        let left = (epochs * self.train.samples()) as f64 - progress.images as f64;
        Event::Steps {
            stage: self.stage,
            epoch: progress.epoch,
            epochs,
            step: progress.step,
            steps,
            loss: progress.epoch_sums.loss / progress.epoch_sums.images,
            images_per_second,
            seconds_left: left / images_per_second,
        }
    }
}

struct State {
    learner: Learner,
    optimizer: ModuleOptimizer,
    metrics: MetricsFile,
    /// Steps not yet read back.
    pending: Vec<Pending>,
    saved: Instant,
    /// Those of earlier processes.
    teacher_seconds: f64,
}

struct Pace {
    started: Instant,
    images: u64,
    reported: Instant,
    /// Of this process.
    steps: usize,
}

impl Progress {
    fn images_per_second(&self) -> f64 {
        let WarmUp { images, seconds } = self.warm_up;
        match self.images > images {
            true => (self.images - images) as f64 / (self.seconds - seconds),
            false => self.images as f64 / self.seconds,
        }
    }
}

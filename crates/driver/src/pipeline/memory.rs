//! Whether the memory is enough, before any work is done.

use std::iter::successors;

use distill_datasets::ImageSet;
use distill_models::Graph;

use super::{EVALUATION_BATCH, Pipeline};
use crate::{
    DriverError, Event, Observer, Stage,
    memory::{StageMemory, StageNetworks, free},
    recipe::{Reference, ResolvedNetwork},
};

/// A process with its code and buffers, where it computes in the same memory.
const PROCESS: u64 = 100 << 20;
/// An estimate may be off by so much before a run is refused for it.
const MARGIN: f64 = 1.25;

impl Pipeline<'_> {
    /// Says what the stages that are still to be made take at the most, and refuses what cannot be there. Gives the
    /// estimate in bytes; none where nothing is to be trained.
    pub(super) fn check_memory(
        &self,
        observer: &mut dyn Observer,
    ) -> Result<Option<u64>, DriverError> {
        let is_there = |stage: &Stage| self.folder(*stage).join("stage.json").exists();
        let trained = self.config.recipe.singles().filter(|(stage, single)| {
            single.epochs > 0 && single.lead.is_none() && !is_there(stage)
        });
        let mut most: Option<(Stage, u64)> = None;
        for (stage, single) in trained {
            let total = self.takes(stage, single.optimizer.accumulate)?;
            if most.is_none_or(|(_, most)| total > most) {
                most = Some((stage, total));
            }
        }
        let Some((stage, needs)) = most else { return Ok(None) };
        let free = free(&self.config.backend);
        let optimizer = &self.settings(stage).optimizer;
        let (name, batch) = (stage.name(), optimizer.batch);
        let left = free.map_or(String::new(), |free| format!(", {} are free", gigabytes(free)));
        let needed = gigabytes(needs);
        observer
            .on(Event::Note(format!("memory: {name} takes about {needed} at batch {batch}{left}")));
        let Some(free) = free.filter(|free| needs as f64 > *free as f64 * MARGIN) else {
            return Ok(Some(needs));
        };
        let mut fits = None;
        let halved = |parts: &usize| Some(2 * parts).filter(|parts| *parts <= batch);
        for parts in successors(halved(&optimizer.accumulate), halved) {
            if self.takes(stage, parts)? <= free {
                fits = Some(parts);
                break;
            }
        }
        Err(DriverError::Memory {
            stage: name,
            needs,
            free,
            batch: batch.div_ceil(optimizer.accumulate),
            fits: fits.map(|parts| (batch.div_ceil(parts), parts)),
        })
    }

    /// Bytes of a stage whose batches go through in so many parts.
    fn takes(&self, stage: Stage, parts: usize) -> Result<u64, DriverError> {
        let graph = |stage: Stage| -> Result<Graph, DriverError> {
            Ok(self.settings(stage).architecture.graph(&self.signature(stage))?)
        };
        let teaching = self.config.recipe.learns_from(stage).map_or_else(Vec::new, |reference| {
            match self.config.recipe.networks.get(&reference.stage) {
                Some(ResolvedNetwork::Single(_)) | None => vec![reference],
                Some(several) => several.needs(),
            }
        });
        let learning = [stage].into_iter().chain(self.peers(stage).iter().copied()).map(graph);
        let learning = learning.collect::<Result<Vec<_>, _>>()?;
        let teaching = teaching.iter().map(|Reference { stage, .. }| graph(*stage));
        let teaching = teaching.collect::<Result<Vec<_>, _>>()?;
        let optimizer = &self.settings(stage).optimizer;
        let on_host = matches!(self.config.backend.as_str(), "flex" | "ndarray");
        let networks = StageNetworks {
            learning: learning.iter().collect(),
            teaching: teaching.iter().collect(),
            fused: self.config.backend == "flex" && optimizer.precision.is_single(),
        };
        let batch = optimizer.batch.div_ceil(parts);
        let evaluated = EVALUATION_BATCH.min(self.test.samples().max(self.validation.samples()));
        let held = StageMemory::of(&networks, optimizer, batch, evaluated).total();
        let bytes = |set: &ImageSet| (set.len() * set.shape().bytes()) as u64;
        // The training images lie there as they were loaded, and parted.
        let data = 2 * bytes(&self.dataset.train) + bytes(&self.dataset.test);
        Ok(if on_host { held + data + PROCESS } else { held })
    }
}

/// For a person.
pub(crate) fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

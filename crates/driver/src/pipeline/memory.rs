//! Whether the memory is enough, before any work is done.

use std::{collections::BTreeSet, iter::successors};

use distill_models::Graph;

use super::{EVALUATION_BATCH, Pipeline};
use crate::{
    DriverError, Event, Observer, Stage,
    error::gigabytes,
    memory::{StageMemory, StageNetworks, on_host},
    recipe::{NetworkPlan, Reference},
};

/// An estimate may be off by so much before a run is refused for it.
const MARGIN: f64 = 1.25;

/// Says what the stages take that `is_due` says are made, and refuses what cannot be there. Gives the estimate in
/// bytes; `None` if nothing is to be trained.
pub(super) fn check_memory(
    pipeline: &Pipeline<'_>,
    is_due: impl Fn(Stage) -> bool,
    observer: &mut dyn Observer,
) -> Result<Option<u64>, DriverError> {
    let mut stages = Vec::new();
    for (stage, training) in pipeline.config.recipe.trained() {
        if is_due(stage) {
            stages.push((stage, stage_memory(pipeline, stage, training.optimizer.accumulate)?));
        }
    }
    let Some((stage, _)) = stages.iter().max_by_key(|(_, memory)| memory.on_device()) else {
        return Ok(None);
    };
    let optimizer = &pipeline.training(*stage).optimizer;
    let batch = optimizer.batch;
    let all: Vec<StageMemory> = stages.iter().map(|(_, memory)| *memory).collect();
    let needs = takes(pipeline, &all);
    let free = pipeline.config.capabilities.free_memory.and_then(|ask| ask());
    let left = free.map_or(String::new(), |free| format!(", {} are free", gigabytes(free)));
    observer.on(Event::Note(format!("memory: the run takes about {}{left}", gigabytes(needs))));
    let Some(free) = free.filter(|free| needs as f64 > *free as f64 * MARGIN) else {
        return Ok(Some(needs));
    };
    let mut fits = None;
    let halved = |parts: &usize| Some(2 * parts).filter(|parts| *parts <= batch);
    for parts in successors(halved(&optimizer.accumulate), halved) {
        if takes(pipeline, &[stage_memory(pipeline, *stage, parts)?]) <= free {
            fits = Some((batch.div_ceil(parts), parts));
            break;
        }
    }
    let (stage, batch) = (stage.name(), batch.div_ceil(optimizer.accumulate));
    Err(DriverError::Memory { stage, needs, free, batch, fits })
}

fn takes(pipeline: &Pipeline<'_>, stages: &[StageMemory]) -> u64 {
    if pipeline.config.capabilities.host_memory {
        return on_host(stages, pipeline.task.bytes());
    }
    stages.iter().map(StageMemory::on_device).max().unwrap_or(0)
}

/// A stage whose batches go through in so many parts.
fn stage_memory(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    parts: usize,
) -> Result<StageMemory, DriverError> {
    let graph = |stage: Stage| -> Result<Graph, DriverError> {
        Ok(pipeline.network(stage).architecture.graph(&pipeline.signature(stage))?)
    };
    let teaching =
        pipeline.config.recipe.learns_from(stage).map_or_else(Vec::new, |reference| match pipeline
            .config
            .recipe
            .makes(reference.stage)
        {
            Some(NetworkPlan::Single(_)) | None => vec![reference],
            Some(several) => several.needs(),
        });
    let learning = [stage].into_iter().chain(pipeline.peers(stage).iter().copied()).map(graph);
    let learning = learning.collect::<Result<Vec<_>, _>>()?;
    let teaching = teaching.iter().map(|Reference { stage, .. }| graph(*stage));
    let teaching = teaching.collect::<Result<Vec<_>, _>>()?;
    let optimizer = &pipeline.training(stage).optimizer;
    let networks = StageNetworks {
        learning: learning.iter().collect(),
        teaching: teaching.iter().collect(),
        fused: pipeline.config.capabilities.fused_norm && optimizer.precision.is_single(),
    };
    let batch = optimizer.batch.div_ceil(parts);
    let evaluated = evaluated([pipeline.validation.samples(), pipeline.test.samples()]);
    Ok(StageMemory::of(&networks, optimizer, batch, evaluated))
}

/// Images of one batch of each size: what was freed for one size is kept beside the values of another.
fn evaluated(sets: [usize; 2]) -> usize {
    let mut sizes = BTreeSet::new();
    for images in sets {
        sizes.extend([images.min(EVALUATION_BATCH), images % EVALUATION_BATCH]);
    }
    sizes.into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_one_size_count_once() {
        assert_eq!(evaluated([1000, 5000]), 500);
        assert_eq!(evaluated([450, 1500]), 950);
        assert_eq!(evaluated([200, 200]), 200);
        assert_eq!(evaluated([600, 1234]), 500 + 100 + 234);
    }
}

//! Networks that learn together: one stage trains them all, and each then has a stage of its own.

use std::{fs, path::Path};

use serde_json::Value;

use super::Pipeline;
use crate::{
    DriverError, Stage,
    records::{PeerRecord, StageRecord},
    store::{Weights, fingerprint, hash_file, peer_file, write_atomic},
    training::Trained,
};

/// What training left of each peer.
pub(super) fn peer_records(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    trained: &Trained,
) -> Result<Vec<PeerRecord>, DriverError> {
    let folder = pipeline.folder(stage);
    let hash = |at, weights| hash_file(&folder.join(peer_file(at, weights)));
    let mut records = Vec::new();
    for (at, selected) in trained.peers_best.iter().copied().enumerate() {
        records.push(PeerRecord {
            selected,
            selected_sha256: hash(at, Weights::Selected)?,
            last_sha256: hash(at, Weights::Last)?,
        });
    }
    Ok(records)
}

/// Takes a peer's weights out of the folder of the stage that trained it.
pub(super) fn take_peer(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    lead: Stage,
    inputs: &Value,
    folder: &Path,
) -> Result<StageRecord, DriverError> {
    let (at, config) = (place(pipeline, stage, lead), pipeline.network(stage));
    let trained = pipeline.record(lead)?;
    let Some(peer) = trained.peers.get(at).cloned() else {
        return Err(DriverError::Folder {
            path: pipeline.folder(lead),
            problem: format!("its record does not name the peer `{}`", stage.name()),
            hint: "delete this stage's folder, or name another run's folder with `--out`"
                .to_owned(),
        });
    };
    let mut bytes = 0;
    for weights in [Weights::Last, Weights::Selected] {
        let from = pipeline.folder(lead).join(peer_file(at, weights));
        let content = fs::read(&from).map_err(DriverError::io(&from))?;
        bytes = content.len() as u64;
        write_atomic(&folder.join(weights.file()), &content)?;
    }
    let cost = config.architecture.cost(&pipeline.signature(stage))?;
    Ok(StageRecord {
        model: config.model.clone(),
        bytes,
        epochs: trained.epochs,
        planned_epochs: trained.planned_epochs,
        // All of them learn in the same steps.
        seconds: trained.seconds,
        images_per_second: trained.images_per_second,
        selected: Some(peer.selected),
        selected_sha256: peer.selected_sha256,
        last_sha256: peer.last_sha256,
        ..StageRecord::untrained(fingerprint(inputs), inputs.clone(), cost)
    })
}

/// Place of a peer among those of its lead.
pub(super) fn place(pipeline: &Pipeline<'_>, stage: Stage, lead: Stage) -> usize {
    let place = pipeline.peers(lead).iter().position(|peer| *peer == stage);
    place.expect("a peer is one of its lead's")
}

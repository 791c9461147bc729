//! The classes of a specialist: a cluster of those that its generalist confuses.

use super::{Pipeline, ensemble::teacher_identity, evaluate::predict, specialists::OwnClasses};
use crate::{DriverError, Observer, Stage, cluster::clusters, recipe::SpecialistPlan};

/// Clusters the classes by the generalist's predictions of the validation images.
pub(super) fn own_classes(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    of: SpecialistPlan,
    observer: &mut dyn Observer,
) -> Result<OwnClasses, DriverError> {
    let found = clusters(&predict(pipeline, of.of, &pipeline.validation, observer)?, of.clusters);
    let own: Vec<bool> = found.iter().map(|cluster| cluster + 1 == of.cluster).collect();
    let names = pipeline.task.classes().iter().zip(&own).filter(|(_, own)| **own);
    let labels = pipeline.task.labels(stage);
    let ours = labels.iter().filter(|label| own[**label as usize]).count();
    let others = labels.len() - ours;
    if ours == 0 || others == 0 {
        let table = &pipeline.network(stage).table;
        let problem = format!(
            "`{table}.specialist.cluster` is `{}`, expected a cluster with training images in and outside of it: of \
             {} images {ours} are in it\n\
             hint: ask for fewer `clusters`, or train the generalist better",
            of.cluster,
            labels.len()
        );
        return Err(DriverError::recipe(&pipeline.config.recipe.file, problem));
    }
    Ok(OwnClasses {
        generalist: teacher_identity(pipeline, of.of)?,
        names: names.map(|(name, _)| name.clone()).collect(),
        dustbin_shift: (others as f64 / others.min(ours) as f64).ln(),
        own,
    })
}

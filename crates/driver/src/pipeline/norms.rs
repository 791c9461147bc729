//! Batch norms that would see one value per channel in training, refused before any.

use distill_models::Graph;
use distill_objective::Objective;

use super::Pipeline;
use crate::{
    DriverError, Stage,
    recipe::{Origin, TrainingPlan},
    training::{OneSample, norm_of_one_place, norm_of_one_value},
};

/// Checks the networks of all stages that train one, with their peers and connectors. How many samples a specialist
/// has shows when its generalist is there; what is known of its batches is checked.
pub(super) fn check_norms(pipeline: &Pipeline<'_>) -> Result<(), DriverError> {
    let recipe = &pipeline.config.recipe;
    for (stage, single) in recipe.singles() {
        let lead = match single.origin {
            Origin::Trained(_) => stage,
            Origin::Peer(lead) => lead,
            Origin::Pretrained(_) => continue,
        };
        let training = pipeline.training(lead);
        let Some(one) = one_sample(pipeline, lead, training) else { continue };
        let graph = single.architecture.graph(&pipeline.signature(stage))?;
        let norm = match norm_of_one_place(&graph) {
            Some(norm) => format!("the batch norm `{norm}` of `{}`", single.model),
            None => match connector_of_one_place(pipeline, stage, &graph)? {
                Some(term) => format!("the batch norm of the term `{term}`"),
                None => continue,
            },
        };
        let [field, expected, way_out] = one.words();
        let value = match one {
            OneSample::Parts => training.optimizer.accumulate,
            OneSample::Batch | OneSample::LastBatch => training.optimizer.batch,
        };
        let field = format!("{}: optimizer.{field}", lead.table());
        let expected = format!(
            "{expected}: {norm} has maps of 1x1 and would see one value per channel, which has no variance\n\
             hint: {way_out}"
        );
        return Err(DriverError::field(&recipe.file, &field, value, &expected));
    }
    Ok(())
}

fn one_sample(pipeline: &Pipeline<'_>, stage: Stage, training: &TrainingPlan) -> Option<OneSample> {
    let (batch, parts) = (training.optimizer.batch, training.optimizer.accumulate);
    let samples = match pipeline.is_specialist(stage) {
        true => batch,
        false => pipeline.task.labels(stage).len(),
    };
    OneSample::of(samples, batch, parts)
}

/// The term whose connector normalises maps of one place.
fn connector_of_one_place(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    graph: &Graph,
) -> Result<Option<&'static str>, DriverError> {
    let recipe = &pipeline.config.recipe;
    let teacher = recipe.learns_from(stage);
    let Some((teacher, of)) = teacher.and_then(|of| Some((recipe.single(of.stage)?, of))) else {
        return Ok(None);
    };
    let teacher = teacher.architecture.graph(&pipeline.signature(of.stage))?;
    for term in &pipeline.training(stage).objective.terms {
        let refuse = |error| DriverError::objective(&recipe.file, &error);
        let mut objective = Objective::new(std::slice::from_ref(term)).map_err(refuse)?;
        if !objective.needs_features() {
            continue;
        }
        let device = &pipeline.config.device;
        if let Some(term) = norm_of_one_value(&mut objective, [graph, &teacher], device)? {
            return Ok(Some(term));
        }
    }
    Ok(None)
}

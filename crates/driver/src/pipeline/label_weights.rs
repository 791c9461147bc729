//! Class weights that leave a network without labels to learn from, refused before any work.

use super::Pipeline;
use crate::DriverError;

/// Checks that some training image of each network that is trained has a class of a weight above 0.
pub(super) fn check_label_weights(pipeline: &Pipeline<'_>) -> Result<(), DriverError> {
    let recipe = &pipeline.config.recipe;
    for (stage, training) in recipe.trained() {
        let Some(weights) = training.objective.class_weights() else { continue };
        let labels = pipeline.task.labels(stage);
        let numbers = weights.numbers(pipeline.task.classes(), labels);
        if labels.iter().all(|label| numbers[*label as usize] as f32 == 0.0) {
            let value = format!("0 for every class that `{}` is trained on", stage.name());
            let expected = "a weight above 0 for one of them, or its cross entropy is always 0";
            return Err(DriverError::field(&recipe.file, "data.class_weights", value, expected));
        }
    }
    Ok(())
}

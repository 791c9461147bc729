//! One network with weights of its own: defaults filled in, every value checked.

use std::collections::BTreeSet;

use distill_models::Architecture;
use distill_objective::TermConfig;

use super::{
    GivenWeights, LearnsFrom, Origin, Recipe, Reference, SinglePlan, Source, SpecialistPlan,
    SpecialistSection, StageObjective, Start, TrainingPlan,
    checks::{check_doubled, check_size},
    objective::label_terms,
    section::{ModelSection, PretrainedSection, TrainedSection},
    table::Table,
    training_section::{GivenSection, TrainingSection},
};
use crate::{DriverError, Stage, training::EarlyStopping};

/// The student.
///
/// # Errors
/// [`DriverError`] for values that are out of range.
pub(super) fn student(
    section: &TrainedSection,
    recipe: &Recipe,
    table: Table<'_>,
    source: &Source,
) -> Result<SinglePlan, DriverError> {
    let mut training = training(&section.training, recipe.objective.clone(), recipe, table)?;
    training.init = given(section.training.init.as_ref(), source);
    training.start = Start::Student;
    training.without.clone_from(&section.without);
    let objective = training.objective.built();
    training.learns_from = match &section.learns_from {
        LearnsFrom::Peers(peers) if objective.needs_features() => {
            let peers: Vec<&str> = peers.iter().map(|peer| peer.name()).collect();
            let expected = "an objective that compares logits alone";
            return Err(table.refuse("peers", peers.join(", "), expected));
        }
        LearnsFrom::Peers(peers) => LearnsFrom::Peers(peers.clone()),
        from if objective.needs_teacher() => LearnsFrom::Teacher(reference_teacher(from)),
        _ => LearnsFrom::Labels,
    };
    check_peers(&training, table)?;
    check_size(section.model.size, table)?;
    model(&section.model, Origin::Trained(Box::new(training)), table)
}

/// The teacher that a student is compared with: the one of `from`, or `[teacher]`.
pub(super) fn reference_teacher(learns_from: &LearnsFrom) -> Reference {
    match learns_from {
        LearnsFrom::Teacher(teacher) => *teacher,
        LearnsFrom::Labels | LearnsFrom::Peers(_) => Reference::selected(Stage::Teacher),
    }
}

/// The student's network trained on labels alone.
pub(super) fn baseline(student: &SinglePlan, objective: StageObjective) -> SinglePlan {
    let mut baseline = student.clone();
    if let Origin::Trained(training) = &mut baseline.origin {
        training.learns_from = LearnsFrom::Labels;
        training.objective = objective;
    }
    baseline
}

/// A network that is trained, no student.
///
/// # Errors
/// [`DriverError`] for values that are out of range, and for an objective that does not fit what it learns from.
pub(super) fn trained(
    section: &TrainedSection,
    student: Option<&SinglePlan>,
    recipe: &Recipe,
    table: Table<'_>,
    source: &Source,
) -> Result<SinglePlan, DriverError> {
    let terms = match (&section.training.objective, &section.learns_from) {
        (Some(terms), _) => terms.clone(),
        (None, LearnsFrom::Labels) => label_terms(recipe),
        (None, LearnsFrom::Teacher(_) | LearnsFrom::Peers(_)) => recipe.objective.clone(),
    };
    let mut training = training(&section.training, terms, recipe, table)?;
    training.init = given(section.training.init.as_ref(), source);
    if section.paired {
        training.start = Start::Student;
        // What starts as the student does starts from the same file.
        let alike = student.filter(|student| student.model == section.model.model);
        training.init = training.init.or_else(|| alike?.given().cloned());
    }
    training.without.clone_from(&section.without);
    training.learns_from.clone_from(&section.learns_from);
    let (name, objective) = (table.name, training.objective.built());
    match &section.learns_from {
        LearnsFrom::Peers(_) if objective.needs_features() => {
            return Err(table.problem(format!(
                "`{name}.objective` compares features, expected logits alone: it has `peers`"
            )));
        }
        LearnsFrom::Labels if objective.needs_teacher() => {
            return Err(table.problem(format!(
                "`{name}.objective` has terms that look at a teacher, expected `{name}.from` to name it"
            )));
        }
        LearnsFrom::Teacher(from) if !objective.needs_teacher() => {
            let expected = "to be left out, or an objective that looks at a teacher";
            return Err(table.refuse("from", from, expected));
        }
        _ => {}
    }
    check_peers(&training, table)?;
    check_size(section.model.size, table)?;
    model(&section.model, Origin::Trained(Box::new(training)), table)
}

/// A network with trained weights from a file.
///
/// # Errors
/// [`DriverError`] for values that are out of range.
pub(super) fn pretrained(
    section: &PretrainedSection,
    recipe: &Recipe,
    table: Table<'_>,
    source: &Source,
) -> Result<SinglePlan, DriverError> {
    let optimizer = section.optimizer.over(&recipe.optimizer);
    optimizer.resolve().map_err(|refusal| table.refuse_inherited("optimizer", refusal))?;
    check_doubled(section.augment.as_deref().unwrap_or_default(), table)?;
    check_size(section.model.size, table)?;
    let given = given(Some(&section.given), source).expect("a file");
    model(&section.model, Origin::Pretrained(given), table)
}

/// A network that is trained in the stage of its lead, where all is checked but its model.
///
/// # Errors
/// [`DriverError`] for a model that there is not.
pub(super) fn peer(
    lead: Stage,
    section: &ModelSection,
    table: Table<'_>,
) -> Result<SinglePlan, DriverError> {
    model(section, Origin::Peer(lead), table)
}

/// A network that starts as its generalist and learns to tell some classes apart.
///
/// # Errors
/// [`DriverError`] for values that are out of range, and for an objective that looks at a teacher.
pub(super) fn specialist(
    own: &SpecialistSection,
    section: &TrainingSection,
    (of, generalist): (Reference, &SinglePlan),
    recipe: &Recipe,
    table: Table<'_>,
) -> Result<SinglePlan, DriverError> {
    if own.clusters < 2 {
        return Err(table.refuse("specialist.clusters", own.clusters, "from 2 to the classes"));
    }
    if !(1..=own.clusters).contains(&own.cluster) {
        let expected = format!("from 1 to the {} of `clusters`", own.clusters);
        return Err(table.refuse("specialist.cluster", own.cluster, &expected));
    }
    let terms = section.objective.clone().unwrap_or_else(|| label_terms(recipe));
    let mut training = training(section, terms, recipe, table)?;
    if training.objective.built().needs_teacher() {
        let name = table.name;
        return Err(
            table.problem(format!("`{name}.objective` looks at a teacher, expected labels alone"))
        );
    }
    let SpecialistSection { cluster, clusters, .. } = *own;
    training.start = Start::Generalist(SpecialistPlan { of, cluster, clusters });
    Ok(SinglePlan {
        table: table.name.to_owned(),
        model: generalist.model.clone(),
        architecture: generalist.architecture.clone(),
        size: None,
        mean: None,
        std: None,
        origin: Origin::Trained(Box::new(training)),
    })
}

/// The file that a recipe names beside itself.
fn given(section: Option<&GivenSection>, source: &Source) -> Option<GivenWeights> {
    let GivenSection { weights, key, classes } = section?;
    let file = source.folder.join(weights);
    Some(GivenWeights { file, key: key.clone(), classes: classes.clone() })
}

fn model(
    section: &ModelSection,
    origin: Origin,
    table: Table<'_>,
) -> Result<SinglePlan, DriverError> {
    let architecture = Architecture::named(&section.model, section.overrides.clone())
        .map_err(|e| table.wrong(e))?;
    architecture.check_fields().map_err(|e| table.wrong(e))?;
    Ok(SinglePlan {
        table: table.name.to_owned(),
        model: section.model.clone(),
        architecture,
        size: section.size,
        mean: section.mean.clone(),
        std: section.std.clone(),
        origin,
    })
}

/// Training from weights of its own, on labels of all classes.
fn training(
    section: &TrainingSection,
    terms: Vec<TermConfig>,
    recipe: &Recipe,
    table: Table<'_>,
) -> Result<TrainingPlan, DriverError> {
    let objective = StageObjective::new(terms, recipe.data.class_weights.as_ref());
    let objective = objective.map_err(|e| table.wrong(e))?;
    let epochs = section.epochs;
    if epochs == 0 {
        return Err(table.refuse("epochs", epochs, "at least 1"));
    }
    if epochs > 1_000_000 {
        return Err(table.refuse("epochs", epochs, "at most 1000000"));
    }
    let optimizer = section.optimizer.over(&recipe.optimizer);
    let optimizer = optimizer.resolve();
    let optimizer = optimizer.map_err(|refusal| table.refuse_inherited("optimizer", refusal))?;
    let schedule = section.schedule.over(&recipe.schedule);
    schedule.check(epochs).map_err(|refusal| table.refuse_inherited("schedule", refusal))?;
    check_doubled(section.augment.as_deref().unwrap_or_default(), table)?;
    Ok(TrainingPlan {
        epochs,
        start: Start::Own,
        init: None,
        freeze_epochs: section.freeze_epochs,
        early_stopping: early_stopping(section, table)?,
        learns_from: LearnsFrom::Labels,
        objective,
        keep: BTreeSet::new(),
        train: section.train,
        without: Vec::new(),
        augment: section.augment.clone().unwrap_or_else(|| recipe.data.augment.clone()),
        optimizer,
        schedule,
    })
}

/// When a training stops before its last epoch.
fn early_stopping(
    section: &TrainingSection,
    table: Table<'_>,
) -> Result<Option<EarlyStopping>, DriverError> {
    let Some(patience) = section.patience else {
        let expected = "to be left out: it counts beside `patience`";
        let refuse = |min_delta: f64| table.refuse("min_delta", min_delta, expected);
        return section.min_delta.map_or(Ok(None), |min_delta| Err(refuse(min_delta)));
    };
    let stopping = EarlyStopping { patience, min_delta: section.min_delta.unwrap_or(0.0) };
    let checked = stopping.check();
    checked.map_err(|(field, value, expected)| table.refuse(&field, value, expected))?;
    Ok(Some(stopping))
}

fn check_peers(training: &TrainingPlan, table: Table<'_>) -> Result<(), DriverError> {
    let checkpoints = training.optimizer.gradient_checkpoints;
    if training.peers().is_empty() || checkpoints == 0 {
        return Ok(());
    }
    let field = format!("{}: optimizer.gradient_checkpoints", table.name);
    Err(DriverError::field(table.file, &field, checkpoints, "0 beside `peers`"))
}

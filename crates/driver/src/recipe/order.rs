//! The order in which the networks of a recipe are made, and whether each finds what it learns from.

use std::collections::{BTreeMap, BTreeSet};

use super::{NetworkPlan, Origin, Reference};
use crate::{DriverError, Stage, store::Weights};

/// The order of the stages, with each reference checked and the weights that it names marked to be kept.
/// Baseline and student are compared with `teacher`.
pub(super) fn in_order(
    teacher: Reference,
    networks: &mut BTreeMap<Stage, NetworkPlan>,
    file: &str,
) -> Result<Vec<Stage>, DriverError> {
    let mut keep: Vec<(Stage, usize)> = Vec::new();
    for (field, reference, is_member) in references(teacher, networks) {
        let refuse = |expected: &str| DriverError::field(file, &field, reference, expected);
        let epochs =
            epochs(reference, is_member, networks).map_err(|expected| refuse(&expected))?;
        match (reference.weights, reference.stage) {
            (Weights::Last | Weights::Selected, _) => {}
            (Weights::After(epoch), _) if !(1..=epochs).contains(&epoch) => {
                return Err(refuse(&format!("an epoch from 1 to its {epochs}")));
            }
            (Weights::After(_), stage) if stops_early(networks.get(&stage)) => {
                return Err(refuse("no epoch: with `patience` a training may stop before it"));
            }
            (Weights::After(_), Stage::Baseline | Stage::Student) => {
                return Err(refuse("no epoch: those of baseline and student are not kept"));
            }
            (Weights::After(epoch), stage) => keep.push((stage, epoch)),
        }
    }
    for (stage, epoch) in keep {
        if let Some(NetworkPlan::Single(single)) = networks.get_mut(&stage)
            && let Origin::Trained(training) = &mut single.origin
        {
            training.keep.insert(epoch);
        }
    }
    order(networks).map_err(|circle| {
        let names: Vec<&str> = circle.into_iter().map(Stage::name).collect();
        let expected = "networks that do not learn from themselves";
        DriverError::field(file, "networks", names.join(" <- "), expected)
    })
}

fn stops_early(network: Option<&NetworkPlan>) -> bool {
    let training = network.and_then(|network| network.single()?.training());
    training.is_some_and(|training| training.early_stopping.is_some())
}

/// What each network refers to: the field that says so, and whether the network is one of several that it names.
fn references(
    teacher: Reference,
    networks: &BTreeMap<Stage, NetworkPlan>,
) -> Vec<(String, Reference, bool)> {
    let mut all = Vec::new();
    for (stage, network) in networks {
        let (field, is_member, needs) = match network {
            // The student refers to the teacher that it is compared with, and the baseline does in its name.
            _ if matches!(stage, Stage::Baseline | Stage::Student) => continue,
            NetworkPlan::Ensemble(_) => ("ensemble.members", true, network.needs()),
            // That the members are specialists was seen when the table was read.
            NetworkPlan::Specialists(all) => ("specialists.generalist", true, vec![all.generalist]),
            NetworkPlan::Single(single) if single.specialist().is_some() => {
                ("specialist.of", true, network.needs())
            }
            NetworkPlan::Single(_) => ("from", false, network.needs()),
        };
        let field = format!("{}.{field}", stage.table());
        all.extend(needs.into_iter().map(|reference| (field.clone(), reference, is_member)));
    }
    all.push(("student.from".to_owned(), teacher, false));
    all
}

/// The epochs of a network that can be referred to; what was expected where it cannot be.
fn epochs(
    reference: Reference,
    is_member: bool,
    networks: &BTreeMap<Stage, NetworkPlan>,
) -> Result<usize, String> {
    match networks.get(&reference.stage) {
        None => {
            let known: BTreeSet<&str> = networks.keys().copied().map(Stage::name).collect();
            let known: Vec<&str> = known.into_iter().collect();
            Err(format!("a network of this recipe, one of {}", known.join(", ")))
        }
        Some(NetworkPlan::Single(single)) if single.specialist().is_some() => {
            Err("a network that knows all classes, and no specialist".to_owned())
        }
        Some(NetworkPlan::Single(single)) => {
            Ok(single.training().map_or(0, |training| training.epochs))
        }
        Some(_) if is_member => Err(
            "one network: an ensemble, or a generalist with specialists, is no member of another"
                .to_owned(),
        ),
        Some(_) => Ok(0),
    }
}

/// The stages in the order of their making: each after those that it needs, teacher, baseline and student as
/// early as can be. A circle is the error.
fn order(networks: &BTreeMap<Stage, NetworkPlan>) -> Result<Vec<Stage>, Vec<Stage>> {
    let mut done = Vec::new();
    for stage in Stage::ALL.into_iter().chain(networks.keys().copied()) {
        visit(stage, networks, &mut Vec::new(), &mut done)?;
    }
    Ok(done)
}

fn visit(
    stage: Stage,
    networks: &BTreeMap<Stage, NetworkPlan>,
    waiting: &mut Vec<Stage>,
    done: &mut Vec<Stage>,
) -> Result<(), Vec<Stage>> {
    if done.contains(&stage) {
        return Ok(());
    }
    if let Some(at) = waiting.iter().position(|other| *other == stage) {
        return Err([&waiting[at..], &[stage]].concat());
    }
    waiting.push(stage);
    let needs = match networks.get(&stage) {
        // Whatever it learns from, it is compared with the teacher.
        _ if stage == Stage::Student => vec![Reference::selected(Stage::Teacher)],
        Some(network) => network.needs(),
        None => Vec::new(),
    };
    for reference in needs {
        visit(reference.stage, networks, waiting, done)?;
    }
    waiting.pop();
    done.push(stage);
    Ok(())
}

#[cfg(test)]
mod tests {
    use distill_objective::Average;

    use super::*;
    use crate::recipe::EnsemblePlan;

    #[test]
    fn what_is_needed_comes_first_and_circles_are_found() {
        let ensemble = |members: &[&str]| {
            let members = members.iter().map(|name| Reference::parse(name).unwrap()).collect();
            let average = Average::Arithmetic;
            let ensemble = EnsemblePlan { members, shares: Vec::new(), average, temperature: 1.0 };
            NetworkPlan::Ensemble(ensemble)
        };
        let names = |stages: Vec<Stage>| stages.into_iter().map(Stage::name).collect::<Vec<_>>();
        let mut networks = BTreeMap::from([
            (Stage::named("a"), ensemble(&["c"])),
            (Stage::named("b"), ensemble(&["student"])),
            (Stage::named("c"), ensemble(&[])),
            (Stage::Teacher, ensemble(&["a"])),
        ]);
        let made = names(order(&networks).unwrap());
        assert_eq!(made, ["c", "a", "teacher", "baseline", "student", "b"]);
        networks.insert(Stage::named("c"), ensemble(&["a"]));
        assert_eq!(names(order(&networks).unwrap_err()), ["a", "c", "a"]);
    }
}

//! The order in which the networks of a recipe are made, and whether each finds what it learns from.

use std::collections::{BTreeMap, BTreeSet};

use super::{Reference, ResolvedNetwork, ResolvedStage};
use crate::{DriverError, Stage, store::Weights};

/// The order of the stages, with each reference checked and the weights that it names marked to be kept.
pub(super) fn in_order(
    student: &ResolvedStage,
    networks: &mut BTreeMap<Stage, ResolvedNetwork>,
    file: &str,
) -> Result<Vec<Stage>, DriverError> {
    let mut keep: Vec<(Stage, usize, String)> = Vec::new();
    let references = networks.iter().flat_map(|(stage, network)| {
        let is_specialist =
            matches!(network, ResolvedNetwork::Single(single) if single.specialist.is_some());
        let (is_member, field) = match network {
            ResolvedNetwork::Ensemble(_) => (true, "ensemble.members"),
            ResolvedNetwork::Specialists(_) => (true, "specialists.generalist"),
            ResolvedNetwork::Single(_) if is_specialist => (true, "specialist.of"),
            ResolvedNetwork::Single(_) => (false, "from"),
        };
        let field = format!("{}.{field}", stage.table());
        let needs = match network {
            // That the members are specialists was seen when the table was read.
            ResolvedNetwork::Specialists(all) => vec![all.generalist],
            _ => network.needs(),
        };
        needs.into_iter().map(move |reference| (field.clone(), reference, is_member))
    });
    let own = student.from.map(|reference| ("student.from".to_owned(), reference, false));
    for (field, reference, is_member) in references.chain(own) {
        let refuse = |expected: &str| Err(DriverError::field(file, &field, reference, expected));
        let epochs = match (reference.stage, networks.get(&reference.stage)) {
            (Stage::Baseline | Stage::Student, _) => student.epochs,
            (_, None) => {
                let known = Stage::ALL.into_iter().chain(networks.keys().copied());
                let known: BTreeSet<&str> = known.map(Stage::name).collect();
                let known: Vec<&str> = known.into_iter().collect();
                return refuse(&format!("a network of this recipe, one of {}", known.join(", ")));
            }
            (_, Some(ResolvedNetwork::Single(single))) if single.specialist.is_some() => {
                return refuse("a network that knows all classes, and no specialist");
            }
            (_, Some(ResolvedNetwork::Single(single))) if single.lead.is_some() => 0,
            (_, Some(ResolvedNetwork::Single(single))) => single.epochs,
            (_, Some(_)) if is_member => {
                return refuse(
                    "one network, for several that answer as one are no member of others",
                );
            }
            (_, Some(_)) => 0,
        };
        match reference.weights {
            Weights::After(epoch) if !(1..=epochs).contains(&epoch) => {
                return refuse(&format!("an epoch from 1 to its {epochs}"));
            }
            Weights::After(epoch) => keep.push((reference.stage, epoch, field)),
            Weights::Last | Weights::Selected => {}
        }
    }
    for (stage, epoch, field) in keep {
        match networks.get_mut(&stage) {
            Some(ResolvedNetwork::Single(single)) => single.keep.insert(epoch),
            _ => {
                let name = Reference { stage, weights: Weights::After(epoch) };
                let expected = "no epoch: those of baseline and student are not kept";
                return Err(DriverError::field(file, &field, name, expected));
            }
        };
    }
    order(networks).map_err(|circle| {
        let names: Vec<&str> = circle.into_iter().map(Stage::name).collect();
        let expected = "networks that do not learn from themselves";
        DriverError::field(file, "networks", names.join(" <- "), expected)
    })
}

/// The stages in the order of their making: each after those that it needs, teacher, baseline and student as
/// early as can be. A circle is the error.
fn order(networks: &BTreeMap<Stage, ResolvedNetwork>) -> Result<Vec<Stage>, Vec<Stage>> {
    let mut done = Vec::new();
    for stage in Stage::ALL.into_iter().chain(networks.keys().copied()) {
        visit(stage, networks, &mut Vec::new(), &mut done)?;
    }
    Ok(done)
}

fn visit(
    stage: Stage,
    networks: &BTreeMap<Stage, ResolvedNetwork>,
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
        Some(network) => network.needs(),
        None if stage == Stage::Student => vec![Reference::selected(Stage::Teacher)],
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
    use crate::recipe::ResolvedEnsemble;

    #[test]
    fn what_is_needed_comes_first_and_circles_are_found() {
        let ensemble = |members: &[&str]| {
            let members = members.iter().map(|name| Reference::parse(name).unwrap()).collect();
            let average = Average::Arithmetic;
            let ensemble =
                ResolvedEnsemble { members, shares: Vec::new(), average, temperature: 1.0 };
            ResolvedNetwork::Ensemble(ensemble)
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

//! Networks whose outputs are combined: every value checked.

use super::{
    EnsemblePlan, EnsembleSection, Reference, SpecialistsPlan, SpecialistsSection,
    section::NetworkSection, sections::Sections, table::Table,
};
use crate::{DriverError, Stage};

/// An ensemble.
///
/// # Errors
/// [`DriverError`] for members, shares and temperatures that no ensemble can have.
pub(super) fn ensemble(
    section: &EnsembleSection,
    table: Table<'_>,
) -> Result<EnsemblePlan, DriverError> {
    let refuse = |field: &str, value: String, expected: &str| {
        Err(table.refuse(&format!("ensemble.{field}"), value, expected))
    };
    if section.members.len() < 2 {
        return refuse("members", section.members.join(", "), "two networks at the least");
    }
    let mut members = Vec::new();
    for name in &section.members {
        match Reference::parse(name).filter(|member| !members.contains(member)) {
            Some(member) => members.push(member),
            None => {
                return refuse(
                    "members",
                    name.clone(),
                    "`NAME`, `NAME@EPOCH` or `NAME@last`, each once",
                );
            }
        }
    }
    let shares = section.shares.clone().unwrap_or_else(|| vec![1.0; members.len()]);
    if shares.len() != members.len() {
        let expected = format!("a number for each of the {} members", members.len());
        return refuse("shares", format!("{shares:?}"), &expected);
    }
    let sum: f64 = shares.iter().sum();
    if !sum.is_finite() || !shares.iter().all(|share| *share > 0.0) {
        return refuse("shares", format!("{shares:?}"), "finite numbers above 0");
    }
    let temperature = section.temperature.unwrap_or(1.0);
    if !temperature.is_finite() || temperature <= 0.0 {
        return refuse("temperature", temperature.to_string(), "a finite number above 0");
    }
    let shares = shares.into_iter().map(|share| share / sum).collect();
    Ok(EnsemblePlan { members, shares, average: section.average, temperature })
}

/// A generalist and its specialists as one.
///
/// # Errors
/// [`DriverError`] for members that are no specialists of this generalist.
pub(super) fn specialists(
    section: &SpecialistsSection,
    sections: &Sections,
    table: Table<'_>,
) -> Result<SpecialistsPlan, DriverError> {
    let refuse = |field: &str, value: &dyn ToString, expected: &str| {
        Err(table.refuse(&format!("specialists.{field}"), value.to_string(), expected))
    };
    let generalist = table.reference("specialists.generalist", &section.generalist)?;
    let mut members = Vec::new();
    for name in &section.members {
        let member = Stage::named(name);
        let knows_it = match sections.others.get(&member) {
            Some(NetworkSection::Specialist(own, _)) => own.of == section.generalist,
            _ => false,
        };
        if !knows_it || members.contains(&member) {
            let expected =
                "names of networks with a `specialist` table `of` the generalist, each once";
            return refuse("members", name, expected);
        }
        members.push(member);
    }
    if members.is_empty() {
        return refuse("members", &"[]", "one specialist at the least");
    }
    if section.top == 0 {
        return refuse("top", &0, "at least 1");
    }
    Ok(SpecialistsPlan { generalist, members, top: section.top })
}

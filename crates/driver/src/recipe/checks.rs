//! Checks of a recipe that need neither its networks nor its data.

use distill_datasets::Augment;

use super::{Recipe, table::Table};
use crate::{DriverError, teacher::CacheConfig};

/// Checks all but the tables of networks and the optimizer and schedule that these inherit.
///
/// # Errors
/// [`DriverError`] naming file, field, value and what was expected.
pub(super) fn check_recipe(recipe: &Recipe, file: &str) -> Result<(), DriverError> {
    if recipe.name.is_empty()
        || !recipe.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        || recipe.name.starts_with('.')
    {
        let expected = "letters, digits, `-`, `_` and `.`, for it names a folder";
        return Err(DriverError::field(file, "name", &recipe.name, expected));
    }
    if let Some((_, twice)) =
        recipe.seeds.iter().enumerate().find(|(at, seed)| recipe.seeds[..*at].contains(seed))
    {
        return Err(DriverError::field(file, "seeds", twice, "each seed once"));
    }
    if recipe.log_every == 0 {
        return Err(DriverError::field(file, "log_every", 0, "at least 1"));
    }
    if recipe.checkpoint_every == Some(0) {
        return Err(DriverError::field(file, "checkpoint_every", 0, "at least 1"));
    }
    recipe.data.check(file)?;
    if let Some(Err((field, value, expected))) = recipe.cache.as_ref().map(CacheConfig::check) {
        return Err(DriverError::field(file, &format!("cache.{field}"), value, expected));
    }
    let terms = recipe.objective.len();
    if terms > 64 {
        return Err(DriverError::field(file, "objective", terms, "at most 64 terms"));
    }
    Ok(())
}

/// Refuses a change of images that is there twice.
pub(super) fn check_doubled(augment: &[Augment], table: Table<'_>) -> Result<(), DriverError> {
    match augment.iter().enumerate().find(|(at, one)| augment[..*at].contains(one)) {
        Some((_, doubled)) => Err(table.refuse("augment", doubled, "each change once")),
        None => Ok(()),
    }
}

/// Refuses an image size that is out of range.
pub(super) fn check_size(size: Option<usize>, table: Table<'_>) -> Result<(), DriverError> {
    match size.filter(|size| !(1..=4096).contains(size)) {
        Some(size) => Err(table.refuse("size", size, "from 1 to 4096 pixels")),
        None => Ok(()),
    }
}

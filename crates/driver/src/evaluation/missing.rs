//! Classes that a student never saw: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 3.

use serde::{Deserialize, Serialize};

use super::{metric::likeliest, predictions::Predictions};

/// What the test split says of a network that never saw some classes, after the last epoch: as trained, and
/// with one number added to the logits of these classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MissingClasses {
    /// Names of the classes that it never saw.
    pub classes: Vec<String>,
    /// Their test images.
    pub images: usize,
    /// As trained: what the shift 0 gives.
    pub trained: Shifted,
    /// The shift that is best on the validation images.
    pub by_validation: Shifted,
    /// The shift that is best on the test images themselves, as the paper chose it: a bound, no result.
    pub by_test: Shifted,
}

/// Test errors with a shift.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shifted {
    /// Added to the logits of the classes that were never seen; in softmax the same as taking it from the others.
    pub shift: f64,
    /// Test images whose likeliest class is wrong.
    pub errors: usize,
    /// Those of them that are of the classes never seen.
    pub errors_of_missing: usize,
}

impl MissingClasses {
    /// Chooses the shifts and counts. `missing` says of each class whether it was never seen.
    pub fn of(
        names: &[String],
        missing: &[bool],
        validation: &Predictions,
        test: &Predictions,
    ) -> Self {
        let classes = names.iter().zip(missing).filter(|(_, is)| **is);
        Self {
            classes: classes.map(|(name, _)| name.clone()).collect(),
            images: test.labels().iter().filter(|label| missing[**label as usize]).count(),
            trained: shifted(test, missing, 0.0),
            by_validation: shifted(test, missing, best_shift(validation, missing)),
            by_test: shifted(test, missing, best_shift(test, missing)),
        }
    }
}

fn shifted(predictions: &Predictions, missing: &[bool], shift: f64) -> Shifted {
    let (mut errors, mut errors_of_missing) = (0, 0);
    for (row, label) in predictions.rows().zip(predictions.labels()) {
        let moved = row.iter().zip(missing).map(|(z, is)| if *is { z + shift as f32 } else { *z });
        let moved: Vec<f32> = moved.collect();
        if likeliest(&moved) != *label as usize {
            errors += 1;
            errors_of_missing += usize::from(missing[*label as usize]);
        }
    }
    Shifted { shift, errors, errors_of_missing }
}

/// The shift with the fewest errors. The predicted class of an image changes once, where the best class never seen
/// comes to be above the best one seen, so that all shifts between two such places are alike: of the best stretch
/// it is the middle, of equal ones the nearest to 0.
fn best_shift(predictions: &Predictions, missing: &[bool]) -> f64 {
    let mut places: Vec<(f64, i64)> = Vec::new();
    for (row, label) in predictions.rows().zip(predictions.labels()) {
        let best = |of_missing: bool| {
            let classes = (0..row.len()).filter(|class| missing[*class] == of_missing);
            classes.max_by(|a, b| row[*a].total_cmp(&row[*b]).then(b.cmp(a)))
        };
        let (Some(seen), Some(unseen)) = (best(false), best(true)) else { continue };
        let label = *label as usize;
        let change = i64::from(unseen == label) - i64::from(seen == label);
        places.push((f64::from(row[seen]) - f64::from(row[unseen]), change));
    }
    places.retain(|(place, change)| place.is_finite() && *change != 0);
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut gained, mut best, mut shift) = (0, i64::MIN, 0.0_f64);
    for at in 0..=places.len() {
        let low = at.checked_sub(1).map(|before| places[before].0);
        let high = places.get(at).map(|(place, _)| *place);
        let middle = match (low, high) {
            (Some(low), Some(high)) => f64::midpoint(low, high),
            (Some(low), None) => low + 1.0,
            (None, Some(high)) => high - 1.0,
            (None, None) => 0.0,
        };
        if gained > best || (gained == best && middle.abs() < shift.abs()) {
            (best, shift) = (gained, middle);
        }
        gained += places.get(at).map_or(0, |(_, change)| *change);
    }
    shift
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes, the last one never seen.
    const MISSING: [bool; 3] = [false, false, true];

    fn predictions(rows: &[([f32; 3], i32)]) -> Predictions {
        let logits = rows.iter().flat_map(|(row, _)| *row).collect();
        Predictions::from_logits(logits, rows.iter().map(|(_, label)| *label).collect(), 3)
    }

    #[test]
    fn the_shift_is_where_most_are_right() {
        // The unseen class needs 2 and 3 to win its own images, and would take another's at 5.
        let found = predictions(&[
            ([4.0, 0.0, 2.0], 2),
            ([0.0, 4.0, 1.0], 2),
            ([6.0, 0.0, 1.0], 0),
            ([0.0, 9.0, 1.0], 1),
        ]);
        assert_eq!(best_shift(&found, &MISSING), 4.0);
        let names = ["a", "b", "c"].map(str::to_owned);
        let missing = MissingClasses::of(&names, &MISSING, &found, &found);
        assert_eq!((missing.classes, missing.images), (vec!["c".to_owned()], 2));
        assert_eq!(missing.trained, Shifted { shift: 0.0, errors: 2, errors_of_missing: 2 });
        assert_eq!(missing.by_test, Shifted { shift: 4.0, errors: 0, errors_of_missing: 0 });
    }

    #[test]
    fn what_is_right_already_is_not_shifted_away() {
        // Any shift below 3 keeps the one image right; the stretch around 0 has no lower end.
        let found = predictions(&[([4.0, 0.0, 1.0], 0)]);
        let shift = best_shift(&found, &MISSING);
        assert!(shift < 3.0, "{shift}");
        assert_eq!(shifted(&found, &MISSING, shift).errors, 0);
        assert_eq!(best_shift(&predictions(&[([4.0, 0.0, 1.0], 1)]), &MISSING), 0.0);
    }
}

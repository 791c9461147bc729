//! Learning rate schedules.

use serde::{Deserialize, Serialize};

use super::Refusal;

/// Shapes of the learning rate over a stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// The same throughout.
    #[default]
    Constant,
    /// Times `factor` after each of `milestones`.
    Step,
    /// Half a cosine from the learning rate down to zero: Loshchilov and Hutter 2016,
    /// arXiv:1608.03983, without restarts.
    Cosine,
}

/// Schedule fields of a recipe.
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `kind` | `constant` | `constant`, `step`, `cosine` |
/// | `warmup` | 0 | epochs of linear growth from zero, `[0, epochs]` |
/// | `milestones` | none | epochs after which `step` multiplies, ascending |
/// | `factor` | 0.1 | `(0, 1]`, for `step` |
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the table above says it all")]
pub struct ScheduleConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ScheduleKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milestones: Option<Vec<usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
}

impl ScheduleConfig {
    pub(crate) fn over(&self, base: &Self) -> Self {
        Self {
            kind: self.kind.or(base.kind),
            warmup: self.warmup.or(base.warmup),
            milestones: self.milestones.clone().or_else(|| base.milestones.clone()),
            factor: self.factor.or(base.factor),
        }
    }

    pub(crate) fn check(&self, epochs: usize) -> Result<(), Refusal> {
        let refuse =
            |field: &str, value: String, expected| Err((field.to_owned(), value, expected));
        let warmup = self.warmup.unwrap_or(0.0);
        if !(0.0..=epochs as f64).contains(&warmup) {
            return refuse("warmup", warmup.to_string(), "epochs from 0 to the stage's");
        }
        let factor = self.factor.unwrap_or(0.1);
        if !(factor > 0.0 && factor <= 1.0) {
            return refuse("factor", factor.to_string(), "a number in (0, 1]");
        }
        let milestones = self.milestones.clone().unwrap_or_default();
        let ascending = milestones.windows(2).all(|pair| pair[0] < pair[1]);
        if milestones.first() == Some(&0) || !ascending {
            return refuse("milestones", format!("{milestones:?}"), "ascending epochs from 1");
        }
        let is_step = self.kind == Some(ScheduleKind::Step);
        if !is_step && (!milestones.is_empty() || self.factor.is_some()) {
            let (field, value) = match milestones.is_empty() {
                true => ("factor", factor.to_string()),
                false => ("milestones", format!("{milestones:?}")),
            };
            return refuse(field, value, "to be left out: only the kind `step` has it");
        }
        if is_step && milestones.is_empty() {
            return refuse("milestones", "[]".to_owned(), "at least one epoch for `step`");
        }
        Ok(())
    }

    /// Factor on the learning rate for `step` (from 0) of a stage of `epochs` of `per_epoch` steps.
    pub fn factor_at(&self, step: usize, per_epoch: usize, epochs: usize) -> f64 {
        let warmup = self.warmup.unwrap_or(0.0) * per_epoch as f64;
        let warm = if (step as f64) < warmup { (step as f64 + 1.0) / warmup.max(1.0) } else { 1.0 };
        let shape = match self.kind.unwrap_or_default() {
            ScheduleKind::Constant => 1.0,
            ScheduleKind::Step => {
                let done = step / per_epoch.max(1);
                let passed = self.milestones.iter().flatten().filter(|epoch| done >= **epoch);
                self.factor.unwrap_or(0.1).powi(passed.count() as i32)
            }
            ScheduleKind::Cosine => {
                let length = (per_epoch * epochs) as f64 - warmup;
                let done = ((step as f64 - warmup) / length.max(1.0)).clamp(0.0, 1.0);
                0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
        };
        shape * warm.min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(schedule: &ScheduleConfig) -> Vec<f64> {
        (0..8).map(|step| schedule.factor_at(step, 2, 4)).collect()
    }

    #[test]
    fn each_shape_has_its_values() {
        let constant = ScheduleConfig { warmup: Some(1.5), ..Default::default() };
        assert_eq!(factors(&constant)[..4], [1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0]);

        let step = ScheduleConfig {
            kind: Some(ScheduleKind::Step),
            milestones: Some(vec![1, 3]),
            ..Default::default()
        };
        for (found, expected) in
            factors(&step).iter().zip([1.0, 1.0, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01])
        {
            assert!((found - expected).abs() < 1e-12, "{found}");
        }

        let cosine = ScheduleConfig { kind: Some(ScheduleKind::Cosine), ..Default::default() };
        let found = factors(&cosine);
        assert_eq!(found[0], 1.0);
        assert!((found[4] - 0.5).abs() < 1e-12);
        assert!(found[7] > 0.0 && found.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let refused = |schedule: ScheduleConfig| schedule.check(4).unwrap_err().0;
        let base = ScheduleConfig::default;
        assert_eq!(refused(ScheduleConfig { warmup: Some(5.0), ..base() }), "warmup");
        assert_eq!(refused(ScheduleConfig { warmup: Some(f64::NAN), ..base() }), "warmup");
        assert_eq!(refused(ScheduleConfig { factor: Some(0.0), ..base() }), "factor");
        assert_eq!(
            refused(ScheduleConfig { milestones: Some(vec![2, 2]), ..base() }),
            "milestones"
        );
        assert_eq!(
            refused(ScheduleConfig { kind: Some(ScheduleKind::Step), ..base() }),
            "milestones"
        );
    }
}

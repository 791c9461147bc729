//! A number over the epochs of a training: constant, grown into, or there for some epochs only.

use std::{fmt, ops::RangeInclusive};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{ConfigError, formula};

/// A number over the epochs of a training, written as a number or as a table:
///
/// ```toml
/// weight = 0.9                                  # constant
/// weight = { from = 0, to = 1, epochs = 20 }    # min(epoch / 20, 1), as DKD and ReviewKD warm up
/// weight = { to = 100, last = 5 }               # a stage: in epochs 1 to 5 alone
/// temperature = { from = 8, to = 2, epochs = 30 }
/// ```
///
/// | Name | Default | Meaning |
/// |---|---|---|
/// | `to` | | the value after the change |
/// | `from` | `to` | the value before it, which no epoch has: the change is linear and begins in the first one |
/// | `epochs` | 1 | epochs that the change takes, at least 1 |
/// | `first`, `last` | all | epochs, from 1, outside of which a weight is 0; no temperature has them |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    to: f64,
    from: f64,
    epochs: usize,
    first: usize,
    last: usize,
}

impl Schedule {
    /// The same value in every epoch.
    pub const fn constant(value: f64) -> Self {
        Self { to: value, from: value, epochs: 1, first: 1, last: usize::MAX }
    }

    /// From `from` to `to` in equal steps, one an epoch, over so many epochs.
    #[must_use]
    pub const fn ramp(from: f64, to: f64, epochs: usize) -> Self {
        Self { to, from, epochs, ..Self::constant(to) }
    }

    /// The same, in these epochs alone.
    #[must_use]
    pub const fn within(self, epochs: RangeInclusive<usize>) -> Self {
        Self { first: *epochs.start(), last: *epochs.end(), ..self }
    }

    /// Its value in an epoch, from 1.
    pub fn at(&self, epoch: usize) -> f64 {
        if !(self.first..=self.last).contains(&epoch) {
            return 0.0;
        }
        let done = (epoch + 1 - self.first) as f64 / self.epochs as f64;
        if done >= 1.0 { self.to } else { self.from + (self.to - self.from) * done }
    }

    /// Whether it is 0 in every epoch.
    pub fn is_zero(&self) -> bool {
        self.to == 0.0 && (self.from == 0.0 || self.epochs == 1)
    }

    fn is_constant(&self) -> bool {
        *self == Self::constant(self.to)
    }

    fn has_stage(&self) -> bool {
        (self.first, self.last) != (1, usize::MAX)
    }

    pub(crate) fn check_weight(&self) -> Result<(), ConfigError> {
        self.check("weight", 0.0..=1e9, "a number from 0 to 1e9")
    }

    /// Beyond these temperatures T² or the softened logits leave the range of single precision.
    pub(crate) fn check_temperature(&self) -> Result<(), ConfigError> {
        self.check("temperature", 1e-4..=1e6, "a number above 0, from 0.0001 to 1000000")?;
        match self.has_stage() {
            true => Err(ConfigError::new("temperature", "first or last", "a value in every epoch")),
            false => Ok(()),
        }
    }

    fn check(
        &self,
        field: &str,
        range: RangeInclusive<f64>,
        expected: &'static str,
    ) -> Result<(), ConfigError> {
        if let Some(value) = [self.to, self.from].into_iter().find(|value| !range.contains(value)) {
            return Err(ConfigError::new(field, value, expected));
        }
        if self.epochs == 0 {
            return Err(ConfigError::new(&format!("{field}.epochs"), 0, "at least 1"));
        }
        if self.first == 0 || self.first > self.last {
            let stage = format!("{}..{}", self.first, self.last);
            return Err(ConfigError::new(field, stage, "`first` from 1 to `last`"));
        }
        Ok(())
    }

    /// `0.90`, `(0.00→1.00 over 20 epochs)`, `100.00[1..5]`; a temperature has no needless decimals.
    pub(crate) fn formula(&self, number: impl Fn(f64) -> String) -> String {
        let mut text = number(self.to);
        if self.from != self.to {
            text = format!("({}→{text} over {} epochs)", number(self.from), self.epochs);
        }
        if self.has_stage() {
            let last = if self.last == usize::MAX { String::new() } else { self.last.to_string() };
            text = format!("{text}[{}..{last}]", self.first);
        }
        text
    }

    pub(crate) fn weight_formula(&self) -> String {
        self.formula(formula::weight)
    }
}

impl From<f64> for Schedule {
    fn from(value: f64) -> Self {
        Self::constant(value)
    }
}

/// The table of a schedule that is no plain number.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Table {
    /// The value before the change, which no epoch has. Default `to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<f64>,
    /// The value after the change.
    to: f64,
    /// Epochs that the change takes. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    epochs: Option<usize>,
    /// First epoch in which a weight is not 0, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<usize>,
    /// Last epoch in which a weight is not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<usize>,
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Schedule {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Schedule".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let table = generator.subschema_for::<Table>();
        schemars::json_schema!({
            "description": "A number, the same in every epoch, or a change over the epochs",
            "anyOf": [{ "type": "number" }, table],
        })
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { to, from, epochs, first, last } = *self;
        if self.is_constant() {
            return to.serialize(serializer);
        }
        let changes = from != to;
        let table = Table {
            from: changes.then_some(from),
            to,
            epochs: changes.then_some(epochs),
            first: (first != 1).then_some(first),
            last: (last != usize::MAX).then_some(last),
        };
        table.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Schedule;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number, or a table of `from`, `to`, `epochs`, `first` and `last`")
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Schedule, E> {
        Ok(Schedule::constant(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Schedule, E> {
        Ok(Schedule::constant(value as f64))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Schedule, E> {
        Ok(Schedule::constant(value as f64))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Schedule, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        if table.from.is_some() != table.epochs.is_some() {
            return Err(de::Error::custom("`from` and `epochs` belong together, expected both"));
        }
        let mut schedule = Schedule::constant(table.to);
        schedule.from = table.from.unwrap_or(table.to);
        schedule.epochs = table.epochs.unwrap_or(1);
        schedule.first = table.first.unwrap_or(1);
        schedule.last = table.last.unwrap_or(usize::MAX);
        Ok(schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        weight: Schedule,
    }

    fn read(text: &str) -> Schedule {
        toml::from_str::<Holder>(&format!("weight = {text}")).expect("a schedule").weight
    }

    #[test]
    fn values_over_the_epochs() {
        let warm = read("{ from = 0, to = 1, epochs = 20 }");
        assert_eq!([1, 10, 20, 100].map(|epoch| warm.at(epoch)), [0.05, 0.5, 1.0, 1.0]);
        let stage = read("{ to = 100, last = 5 }");
        assert_eq!([1, 5, 6].map(|epoch| stage.at(epoch)), [100.0, 100.0, 0.0]);
        let later = read("{ from = 0, to = 1, epochs = 2, first = 6 }");
        assert_eq!([5, 6, 7, 8].map(|epoch| later.at(epoch)), [0.0, 0.5, 1.0, 1.0]);
        assert_eq!(read("3").at(7), 3.0);
        assert!(read("0").is_zero() && !warm.is_zero());
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in
            ["0.5", "{ from = 0.0, to = 1.0, epochs = 20 }", "{ to = 2.0, first = 2, last = 9 }"]
        {
            let holder = Holder { weight: read(text) };
            let again: Holder = toml::from_str(&toml::to_string(&holder).unwrap()).unwrap();
            assert_eq!(again, holder, "{text}");
        }
        let wrong = ["\"much\"", "{ from = 1 }", "{ to = 1, until = 3 }", "{ to = 1, from = 0 }"];
        for text in wrong {
            assert!(toml::from_str::<Holder>(&format!("weight = {text}")).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for text in ["-1", "{ from = -1, to = 1, epochs = 2 }", "{ from = 1, to = 2, epochs = 0 }"]
        {
            assert!(read(text).check_weight().is_err(), "{text}");
        }
        assert!(read("{ to = 1, first = 0 }").check_weight().is_err());
        assert!(read("{ to = 1, first = 4, last = 3 }").check_weight().is_err());
        assert!(read("{ to = 4, last = 3 }").check_temperature().is_err());
        assert!(read("{ from = 8, to = 2, epochs = 9 }").check_temperature().is_ok());
    }
}

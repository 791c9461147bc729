//! `--set table.field=value` over a recipe's text.

use toml::{Table, Value};

use crate::DriverError;

/// The recipe's text with all `settings` applied; the text itself where there are none.
pub(super) fn apply(text: String, settings: &[String], file: &str) -> Result<String, DriverError> {
    if settings.is_empty() {
        return Ok(text);
    }
    let table: Table = toml::from_str(&text).map_err(|e| DriverError::recipe(file, e))?;
    let mut root = Value::Table(table);
    for setting in settings {
        let refuse = |expected: &str| {
            DriverError::recipe(file, format!("`--set {setting}`, expected {expected}"))
        };
        let Some((path, value)) = setting.split_once('=') else {
            return Err(refuse("`table.field=value`"));
        };
        *place(&mut root, path.trim()).map_err(|problem| refuse(&problem))? = parse(value.trim());
    }
    Ok(toml::to_string(&root).expect("a table serialises"))
}

/// TOML where it is TOML, otherwise the text itself, so that strings need no quotes.
fn parse(value: &str) -> Value {
    let table: Result<Table, _> = toml::from_str(&format!("value = {value}"));
    table
        .ok()
        .and_then(|mut t| t.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_owned()))
}

fn place<'a>(root: &'a mut Value, path: &str) -> Result<&'a mut Value, String> {
    if path.split('.').count() > 8 {
        return Err("at most 8 names with dots between them".to_owned());
    }
    let mut at = root;
    for key in path.split('.') {
        if key.is_empty() {
            return Err("`table.field=value`".to_owned());
        }
        at = match at {
            Value::Table(table) => table.entry(key).or_insert_with(|| Value::Table(Table::new())),
            Value::Array(list) => {
                let len = list.len();
                let item = key.parse().ok().and_then(|index: usize| list.get_mut(index));
                item.ok_or_else(|| format!("an index below {len} in place of `{key}`"))?
            }
            _ => return Err(format!("a table before `.{key}`")),
        };
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"x\"\n[student]\nepochs = 2\n[[objective]]\nweight = 1.0\n";

    fn set(settings: &[&str]) -> Result<Table, String> {
        let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
        let text = apply(TEXT.to_owned(), &settings, "x.toml").map_err(|e| e.to_string())?;
        Ok(toml::from_str(&text).unwrap())
    }

    #[test]
    fn values_of_every_kind_reach_their_place() {
        let table = set(&[
            "student.epochs=7",
            "objective.0.weight=0.5",
            "student.model=vgg-small",
            "data.augment=[\"flip\"]",
        ])
        .unwrap();
        assert_eq!(table["student"]["epochs"].as_integer(), Some(7));
        assert_eq!(table["objective"][0]["weight"].as_float(), Some(0.5));
        assert_eq!(table["student"]["model"].as_str(), Some("vgg-small"));
        assert_eq!(table["data"]["augment"][0].as_str(), Some("flip"));
    }

    #[test]
    fn what_has_no_place_is_refused_with_the_setting() {
        for (setting, expected) in [
            ("epochs", "`--set epochs`, expected `table.field=value`"),
            ("objective.3.weight=1", "an index below 1"),
            ("student.epochs.x=1", "a table before `.x`"),
            ("a.a.a.a.a.a.a.a.a=1", "at most 8 names"),
            (".epochs=1", "`table.field=value`"),
        ] {
            let error = set(&[setting]).unwrap_err();
            assert!(error.contains(expected), "{error}, expected {expected}");
        }
    }
}

//! As much of JSON Schema (draft 2020-12) as the recipes' schema is written in; what it does not know stops the test.
//! `cargo xtask interop` asks Python's `jsonschema` too.

use serde_json::{Map, Value};

/// What is wrong with a value; none where it is as the schema says.
pub(crate) fn fault(schema: &Value, value: &Value) -> Option<String> {
    of(schema, schema.as_object().unwrap(), value)
}

fn of(root: &Value, schema: &Map<String, Value>, value: &Value) -> Option<String> {
    schema.iter().find_map(|(keyword, rule)| {
        let good = match keyword.as_str() {
            "$defs" | "$schema" | "title" | "description" | "default" | "format" => true,
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                return of(root, root["$defs"][name].as_object().unwrap(), value);
            }
            "type" => names(rule).iter().any(|name| is(value, name)),
            "const" => rule == value,
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "minItems" => {
                value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap())
            }
            "maxItems" => {
                value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap())
            }
            "items" => {
                let mut items = value.as_array().into_iter().flatten();
                return items.find_map(|item| of(root, rule.as_object()?, item));
            }
            "required" => names(rule).iter().all(|name| value.get(name).is_some()),
            "properties" => {
                let fields = rule.as_object().unwrap().iter();
                let mut fields =
                    fields.filter_map(|(name, rule)| Some((name, rule, value.get(name)?)));
                return fields.find_map(|(name, rule, value)| {
                    Some(format!("{name}: {}", of(root, rule.as_object()?, value)?))
                });
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let fields = value.as_object().into_iter().flatten();
                let mut others =
                    fields.filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
                match rule {
                    Value::Bool(allowed) => *allowed || others.next().is_none(),
                    rule => {
                        return others.find_map(|(_, value)| of(root, rule.as_object()?, value));
                    }
                }
            }
            "anyOf" => matching(root, rule, value) > 0,
            "oneOf" => matching(root, rule, value) == 1,
            unknown => panic!("`{unknown}` is not known to this validator"),
        };
        (!good).then(|| format!("{value} is against `{keyword}`: {rule}"))
    })
}

fn matching(root: &Value, rules: &Value, value: &Value) -> usize {
    let rules = rules.as_array().unwrap().iter();
    rules.filter(|rule| of(root, rule.as_object().unwrap(), value).is_none()).count()
}

fn names(rule: &Value) -> Vec<&str> {
    match rule {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        name => name.as_str().into_iter().collect(),
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        unknown => panic!("`{unknown}` is no type of JSON"),
    }
}

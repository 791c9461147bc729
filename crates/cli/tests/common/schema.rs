//! JSON against its schema, and what a schema of a command's output has to say.

use serde_json::Value;

/// What is wrong with a value; `None` for one that is as the schema says.
pub(crate) fn fault(schema: &Value, value: &Value) -> Option<String> {
    let validator = jsonschema::draft202012::new(schema).unwrap();
    let faults: Vec<String> = validator
        .iter_errors(value)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    (!faults.is_empty()).then(|| faults.join("\n"))
}

//! `distill list`: models, datasets, recipes and objectives by name.

use distill_backends::BACKENDS;
use distill_datasets::DATASETS;
use distill_driver::recipe::BUILTIN;
use distill_models::MODELS;
use distill_objective::TERMS;
use serde_json::{Map, Value};

use super::print_json;
use crate::{
    arguments::Listed,
    output::{plain_table, result, thousands},
};

pub(crate) fn execute(what: Listed, json: bool) {
    let (header, rows) = rows(what);
    if json {
        let object = |row: &Vec<String>| {
            let fields = header.iter().zip(row);
            fields.map(|(k, v)| ((*k).to_owned(), Value::from(v.as_str()))).collect::<Map<_, _>>()
        };
        print_json(&rows.iter().map(object).collect::<Vec<_>>());
        return;
    }
    let mut table = plain_table(&header);
    table.add_rows(rows);
    result(table);
}

fn rows(what: Listed) -> (Vec<&'static str>, Vec<Vec<String>>) {
    match what {
        Listed::Recipes => {
            let row = |recipe: &distill_driver::recipe::Builtin| {
                let table: toml::Table = toml::from_str(recipe.text).unwrap_or_default();
                let description = table.get("description").and_then(toml::Value::as_str);
                vec![recipe.name.to_owned(), description.unwrap_or_default().to_owned()]
            };
            (vec!["recipe", "description"], BUILTIN.iter().map(row).collect())
        }
        Listed::Models => {
            let row = |model: &distill_models::ModelInfo| {
                let cost = model.architecture().cost(&model.signature);
                let cost = cost.expect("a named network fits its own images");
                let numbers = [thousands(cost.parameters), thousands(cost.macs)];
                let name = vec![model.name.to_owned(), model.signature.to_string()];
                [name, numbers.into(), vec![model.description.to_owned()]].concat()
            };
            let header = vec!["model", "images to classes", "parameters", "MACs", "description"];
            (header, MODELS.iter().map(row).collect())
        }
        Listed::Objectives => {
            let row = |term: &distill_objective::TermInfo| {
                [term.name, term.formula, term.needs, term.source].map(str::to_owned).to_vec()
            };
            (vec!["term", "formula", "needs", "source"], TERMS.iter().map(row).collect())
        }
        Listed::Datasets => {
            let row = |set: &distill_datasets::DatasetInfo| {
                [set.name, set.content].map(str::to_owned).to_vec()
            };
            (vec!["dataset", "content"], DATASETS.iter().map(row).collect())
        }
        Listed::Backends => {
            let row = |backend: &distill_backends::Backend| {
                let compiled = if backend.device.is_some() { "yes" } else { "no" };
                [backend.name, compiled, backend.description].map(str::to_owned).to_vec()
            };
            (vec!["backend", "compiled in", "description"], BACKENDS.iter().map(row).collect())
        }
    }
}

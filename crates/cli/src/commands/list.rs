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
        let objects = rows.iter().map(|row| {
            let fields = header.iter().zip(row);
            fields.map(|(k, v)| ((*k).to_owned(), Value::from(v.as_str()))).collect::<Map<_, _>>()
        });
        print_json(&objects.collect::<Vec<_>>());
        return;
    }
    let mut table = plain_table(&header);
    table.add_rows(rows);
    result(table);
}

fn rows(what: Listed) -> (Vec<&'static str>, Vec<Vec<String>>) {
    match what {
        Listed::Recipes => {
            let rows = BUILTIN.iter().map(|recipe| {
                let table: toml::Table = toml::from_str(recipe.text).unwrap_or_default();
                let description = table.get("description").and_then(toml::Value::as_str);
                vec![recipe.name.to_owned(), description.unwrap_or_default().to_owned()]
            });
            (vec!["recipe", "description"], rows.collect())
        }
        Listed::Models => {
            let rows = MODELS.iter().map(|model| {
                let cost = model.architecture().cost(&model.signature);
                let cost = cost.expect("a named network fits its own images");
                let numbers = [thousands(cost.parameters), thousands(cost.macs)];
                let name = vec![model.name.to_owned(), model.signature.to_string()];
                [name, numbers.into(), vec![model.description.to_owned()]].concat()
            });
            let header = vec!["model", "images to classes", "parameters", "MACs", "description"];
            (header, rows.collect())
        }
        Listed::Objectives => {
            let rows = TERMS.iter().map(|term| {
                [term.name, term.formula, term.needs, term.source].map(str::to_owned).to_vec()
            });
            (vec!["term", "formula", "needs", "source"], rows.collect())
        }
        Listed::Datasets => {
            let rows = DATASETS.iter().map(|set| vec![set.name.to_owned(), set.content.to_owned()]);
            (vec!["dataset", "content"], rows.collect())
        }
        Listed::Backends => {
            let rows = BACKENDS.iter().map(|backend| {
                let compiled = if backend.device.is_some() { "yes" } else { "no" };
                [backend.name, compiled, backend.description].map(str::to_owned).to_vec()
            });
            (vec!["backend", "compiled in", "description"], rows.collect())
        }
    }
}

//! `distill list`: models, datasets, recipes and objectives by name.

use distill_backends::BACKENDS;
use distill_datasets::{DATASETS, catalogue};
use distill_driver::recipe::BUILTIN;
use distill_models::MODELS;
use distill_objective::TERMS;
use schemars::JsonSchema;
use serde::Serialize;

use super::{SCHEMA, data::Download, print_json};
use crate::{
    arguments::Listed,
    output::{Table, result, thousands},
};

/// `list recipes`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Recipes {
    /// Version of this layout: 1.
    schema: u32,
    /// Every recipe of this program.
    recipes: Vec<Recipe>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Recipe {
    /// Name of the recipe for `run`.
    name: &'static str,
    /// What to expect of it.
    description: String,
}

/// `list models`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Models {
    /// Version of this layout: 1.
    schema: u32,
    /// Every network of this program.
    models: Vec<Model>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Model {
    /// Name in recipes.
    name: &'static str,
    /// Shape of an image, `[channels, height, width]`, that the counts below are for.
    input: [usize; 3],
    /// Number of classes that the counts below are for.
    classes: usize,
    /// Trainable numbers.
    parameters: u64,
    /// Multiply-accumulates for one image.
    macs: u64,
    /// What it is, in words.
    description: &'static str,
}

/// `list objectives`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Objectives {
    /// Version of this layout: 1.
    schema: u32,
    /// Every term of an objective.
    objectives: Vec<Term>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Term {
    /// `term` in recipes.
    name: &'static str,
    /// Loss as a formula.
    formula: &'static str,
    /// What it needs beside the student's logits.
    needs: &'static str,
    /// Where it comes from.
    source: &'static str,
}

/// `list datasets`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Datasets {
    /// Version of this layout: 1.
    schema: u32,
    /// Every dataset that recipes can name.
    datasets: Vec<Dataset>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Dataset {
    /// Name in recipes.
    name: &'static str,
    /// Images, classes and size, in words.
    content: &'static str,
    /// What is fetched; null for drawn images and folders.
    download: Option<Download>,
}

/// `list backends`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Backends {
    /// Version of this layout: 1.
    schema: u32,
    /// Every backend, whether this program has it or not.
    backends: Vec<Backend>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Backend {
    /// Name for `--backend`.
    name: &'static str,
    /// Whether this program has it.
    compiled_in: bool,
    /// What it is.
    description: &'static str,
}

pub(crate) fn execute(what: Listed, json: bool) -> anyhow::Result<()> {
    match what {
        Listed::Recipes => {
            let list = Recipes { schema: SCHEMA, recipes: recipes() };
            if json {
                return print_json(&list);
            }
            let rows = list.recipes.into_iter().map(|of| [of.name.to_owned(), of.description]);
            print(["recipe", "description"], rows);
        }
        Listed::Models => {
            let list = Models { schema: SCHEMA, models: models() };
            match json {
                true => return print_json(&list),
                false => print_models(&list.models),
            }
        }
        Listed::Objectives => {
            let list = Objectives { schema: SCHEMA, objectives: objectives() };
            if json {
                return print_json(&list);
            }
            let rows = list.objectives.iter().map(|of| [of.name, of.formula, of.needs, of.source]);
            print(["term", "formula", "needs", "source"], rows);
        }
        Listed::Datasets => {
            let list = Datasets { schema: SCHEMA, datasets: datasets() };
            if json {
                return print_json(&list);
            }
            print(["dataset", "content"], list.datasets.iter().map(|of| [of.name, of.content]));
        }
        Listed::Backends => {
            let list = Backends { schema: SCHEMA, backends: backends() };
            if json {
                return print_json(&list);
            }
            let yes = |is| if is { "yes" } else { "no" };
            let rows =
                list.backends.iter().map(|of| [of.name, yes(of.compiled_in), of.description]);
            print(["backend", "compiled in", "description"], rows);
        }
    }
    Ok(())
}

fn recipes() -> Vec<Recipe> {
    let recipes = BUILTIN.iter().map(|recipe| {
        let table: toml::Table = toml::from_str(recipe.text).unwrap_or_default();
        let description = table.get("description").and_then(toml::Value::as_str);
        Recipe { name: recipe.name, description: description.unwrap_or_default().to_owned() }
    });
    recipes.collect()
}

fn models() -> Vec<Model> {
    let models = MODELS.iter().map(|model| {
        let cost = model.architecture().cost(&model.signature);
        let cost = cost.expect("a named network fits its own images");
        Model {
            name: model.name,
            input: model.signature.image().expect("named networks take images"),
            classes: model.signature.classes().expect("named networks are classifiers"),
            parameters: cost.parameters,
            macs: cost.macs,
            description: model.description,
        }
    });
    models.collect()
}

fn objectives() -> Vec<Term> {
    let terms = TERMS.iter().map(|term| Term {
        name: term.name,
        formula: term.formula,
        needs: term.needs,
        source: term.source,
    });
    terms.collect()
}

fn datasets() -> Vec<Dataset> {
    let datasets = DATASETS.iter().map(|set| Dataset {
        name: set.name,
        content: set.content,
        download: catalogue::entry(set.name).map(Download::of),
    });
    datasets.collect()
}

fn backends() -> Vec<Backend> {
    let backends = BACKENDS.iter().map(|backend| Backend {
        name: backend.name,
        compiled_in: backend.device.is_some(),
        description: backend.description,
    });
    backends.collect()
}

fn print<T: Into<String>, const N: usize>(header: [&str; N], rows: impl Iterator<Item = [T; N]>) {
    let mut table = Table::new(header);
    rows.for_each(|row| table.row(row));
    result(table);
}

fn print_models(models: &[Model]) {
    let header = ["model", "images to classes", "parameters", "MACs", "description"];
    let mut table = Table::new(header).numbers_from(2).text(4);
    for model in models {
        let [channels, height, width] = model.input;
        table.row([
            model.name.to_owned(),
            format!("{channels}x{height}x{width} to {}", model.classes),
            thousands(model.parameters),
            thousands(model.macs),
            model.description.to_owned(),
        ]);
    }
    result(table);
}

//! The JSON of every command against the schema that the program prints of it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/schema.rs"]
mod schema;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use common::{TINY, distill, stderr, stdout};
use serde_json::Value;

#[test]
fn every_command_writes_what_its_schema_says() {
    let mut place = Place::new();
    let recipe = place.path("recipe.toml");
    let (run, runs, sweep) = (place.path("run"), place.path("runs"), place.path("sweep"));
    let cache = ["--cache", &place.path("cache")];

    let tiny = &TINY.map(|one| if one == "--seed=3" { "--quiet" } else { one });
    let json = |command: &[&str], more: &[&str]| [command, tiny, more].concat().join("\n");
    place.check("check", &json(&["check", "digits", "--json"], &[]));
    place.check("check", &format!("check\n{recipe}\n--json\n--quiet\n--data\n."));
    let said = place.check(
        "report",
        &format!("run\n{recipe}\n--json\n--quiet\n--data\n.\n--out\n{run}\n{}", cache.join("\n")),
    );
    assert_eq!(said["models"]["student"]["classes"][1]["name"], "b");
    assert_eq!(place.check("report", &format!("report\n{run}\n--json\n--quiet")), said);
    let seeds = json(&["run", "digits", "--json", "--seeds=1,2"], &["--out", &runs]);
    let compared = place.check("compare", &seeds);
    assert_eq!(compared["groups"][0]["seeds"], serde_json::json!([1, 2]));
    let runs = ["seed1", "seed2"].map(|seed| format!("{runs}/{seed}"));
    assert_eq!(place.check("compare", &format!("compare\n{}\n--json", runs.join("\n"))), compared);
    place.check("compare", &format!("compare\n{}\n--json", runs[0]));
    let grid =
        json(&["sweep", "digits", "--json"], &["--over=student.epochs=1,2", "--out", &sweep]);
    assert_eq!(place.check("sweep", &grid)["points"].as_array().unwrap().len(), 2);

    let weights = format!("{run}/export/student.onnx");
    let logits = place.path("logits.jsonl");
    let images = place.path("images");
    let said = place.check(
        "evaluate",
        &format!(
            "evaluate\n{weights}\n--path\n{images}\n--unreadable\nskip\n--json\n--logits\n{logits}"
        ),
    );
    assert_eq!(said["classes"][1]["name"], "b");
    let lines = place.check_lines("logits", &fs::read_to_string(&logits).unwrap());
    assert_eq!(lines.len(), 6);
    place.files_are_those_of_their_logits(&lines, &weights);
    place.check(
        "evaluate",
        &format!("evaluate\n{}/export/student.bpk\n--limit\n9\n--json", runs[0]),
    );
    let said =
        place.check("predict", &format!("predict\n{weights}\n{images}/test/b\n--json\n--top\n2"));
    assert_eq!(said[0]["classes"].as_array().unwrap().len(), 2);

    let said = place.check("inspect", "inspect\nvgg-small\n--json");
    assert_eq!(said["input"], serde_json::json!([3, 32, 32]));
    place.check("inspect", &format!("inspect\n{run}/export/student.bpk\n--json"));
    let nested =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/pytorch/files/nested.th");
    place.check("inspect", &format!("inspect\n{}\n--json", nested.display()));
    let said = place.check("export", &format!("export\n{run}\n--json"));
    assert_eq!((&said["stage"], said["files"].as_array().unwrap().len()), (&"student".into(), 3));

    let said = place.check("export", &format!("export\n{run}\n--stage=teacher\n--json"));
    assert_eq!(said["files"][0]["name"], "teacher.bpk");

    for list in ["recipes", "models", "objectives", "datasets", "backends"] {
        let said = place.check(&format!("list-{list}"), &format!("list\n{list}\n--json"));
        assert!(!said[list].as_array().unwrap().is_empty());
    }
    let said = place.check("data-list", &format!("data\nlist\n--json\n--data\n{images}"));
    assert_eq!(said["datasets"][1]["there"], false);
    place.check("data-fetch", "data\nfetch\ndigits\n--json");
    place.check("data-verify", "data\nverify\ndigits\n--json");
    let cache = cache.join("\n");
    let said = place.check("cache-list", &format!("cache\nlist\n--json\n{cache}"));
    let outputs = &said["entries"][0]["outputs"];
    assert_eq!((&outputs["teacher"], &outputs["images"]), (&"vgg-small".into(), &16.into()));
    assert!(outputs["seed"].is_u64() && outputs["batch"] == 8, "{outputs}");
    place.check("cache-verify", &format!("cache\nverify\n--json\n{cache}"));
    let said = place.check("cache-clear", &format!("cache\nclear\n--all\n--json\n{cache}"));
    assert!(said["bytes"].as_u64().unwrap() > 0);

    let events =
        distill(&["run", &recipe, "--progress=json", "--data", ".", "--out", &place.path("again")]);
    let lines = place.check_lines("progress", &stderr(&events));
    assert!(lines.iter().any(|line| line["event"] == "epoch"));
    let error = stderr(&distill(&["run", "digit", "--progress=json"]));
    assert_eq!(place.check_lines("progress", &error)[0]["event"], "error");

    place.everything_was_checked();
}

#[test]
fn schemas_name_and_describe_every_field() {
    let printed =
        |of: &str| -> Value { serde_json::from_str(&stdout(&distill(&["schema", of]))).unwrap() };
    let recipe = printed("recipe");
    for of in documented().iter().filter(|of| *of != "recipe") {
        let mut schema = printed(of);
        // `check` writes the recipe, which has a page of its own.
        if let Some(Value::Object(parts)) = schema.get_mut("$defs") {
            parts.retain(|name, _| name != "Recipe" && recipe["$defs"].get(name).is_none());
        }
        let version = [
            "/properties/schema",
            "/anyOf/0",
            "/oneOf/0/properties/schema",
            "/$defs/Prediction/properties/schema",
        ];
        assert!(version.iter().any(|place| schema.pointer(place).is_some()), "{of}");
        properties(&schema, &mut |name, property| {
            let words =
                name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            assert!(words, "{of}: `{name}` is not in snake case");
            let described = property.get("description").is_some() || property.get("$ref").is_some();
            assert!(
                described || name == "event" || name == "data",
                "{of}: `{name}` is not described"
            );
        });
    }
}

/// Calls `see` for each field of each object of a schema.
fn properties(schema: &Value, see: &mut dyn FnMut(&str, &Value)) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get("properties") {
                assert_eq!(fields.get("additionalProperties"), Some(&false.into()), "{schema}");
                properties.iter().for_each(|(name, property)| see(name, property));
            }
            fields.values().for_each(|value| properties(value, see));
        }
        Value::Array(items) => items.iter().for_each(|item| properties(item, see)),
        _ => {}
    }
}

/// What has a schema, as `distill schema --help` says.
fn documented() -> BTreeSet<String> {
    let error = stderr(&distill(&["schema", "nothing"]));
    let names = error.split_once("[possible values: ").unwrap().1.split_once(']').unwrap().0;
    names.split(", ").map(|name| name.trim().to_owned()).collect()
}

/// A folder with a recipe and its images, and what was checked.
struct Place {
    folder: tempfile::TempDir,
    checked: BTreeSet<String>,
    commands: BTreeSet<String>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (split, count) in [("train", 10), ("test", 3)] {
            for (class, red) in [("a", 60), ("b", 160)] {
                let folder = folder.path().join("images").join(split).join(class);
                fs::create_dir_all(&folder).unwrap();
                for index in 0..count {
                    let colour = image::Rgb([red, 25 * index, 90]);
                    image::RgbImage::from_pixel(8, 8 + u32::from(index), colour)
                        .save(folder.join(format!("{index}.png")))
                        .unwrap();
                }
                fs::write(folder.join("notes.txt"), "no image").unwrap();
            }
        }
        fs::write(folder.path().join("images/test/a/broken.png"), "no image").unwrap();
        let images = folder.path().join("images");
        let recipe = format!(
            "name = \"photos\"\nlog_every = 1\n[data]\ndataset = \"folder\"\npath = {images:?}\nsize = 8\n\
             unreadable = \"skip\"\nvalidation = 4\n\
             [teacher]\nmodel = \"vgg-small\"\nblocks = [[4], [4]]\nepochs = 1\n\
             [student]\nmodel = \"vgg-small\"\nblocks = [[2], [2]]\nepochs = 1\n\
             [optimizer]\nbatch = 8\n[[objective]]\nterm = \"cross-entropy\"\n[[objective]]\nterm = \"soft-targets\"\n"
        );
        fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
        Self { folder, checked: BTreeSet::new(), commands: BTreeSet::new() }
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    /// Runs a command, an argument a line, and compares its JSON with the schema.
    fn check(&mut self, of: &str, command: &str) -> Value {
        let arguments: Vec<&str> = command.lines().collect();
        let output = distill(&arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
        // A list has the version in each of its entries.
        assert_eq!(value.get(0).unwrap_or(&value)["schema"], 1, "{arguments:?}");
        self.fits(of, &value);
        self.commands.insert(arguments[0].to_owned());
        if ["data", "cache"].contains(&arguments[0]) {
            self.commands.insert(arguments[..2].join(" "));
        }
        value
    }

    fn check_lines(&mut self, of: &str, text: &str) -> Vec<Value> {
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.iter().for_each(|line| self.fits(of, line));
        lines
    }

    fn fits(&mut self, of: &str, value: &Value) {
        let schema: Value = serde_json::from_str(&stdout(&distill(&["schema", of]))).unwrap();
        assert_eq!(schema::fault(&schema, value), None, "{of}: {value:#}");
        self.checked.insert(of.to_owned());
    }

    /// Each line of logits says of its file what `predict` says of it.
    fn files_are_those_of_their_logits(&self, lines: &[Value], weights: &str) {
        for (at, line) in lines.iter().enumerate() {
            let file = line["file"].as_str().unwrap();
            assert_eq!(line["index"], at);
            assert_eq!(file.starts_with("test/b/"), line["label"] == 1, "{file}");
            let image = self.path(&format!("images/{file}"));
            let said = stdout(&distill(&["predict", weights, &image, "--json", "--top=1"]));
            let said: Value = serde_json::from_str(&said).unwrap();
            let said = said[0]["classes"][0]["probability"].as_f64().unwrap();
            let logits: Vec<f64> =
                line["logits"].as_array().unwrap().iter().map(|z| z.as_f64().unwrap()).collect();
            let gap = (logits[0] - logits[1]).abs();
            assert!((1.0 / (1.0 + (-gap).exp()) - said).abs() < 1e-5, "{file}: {logits:?}, {said}");
        }
        let files: BTreeSet<&str> =
            lines.iter().map(|line| line["file"].as_str().unwrap()).collect();
        assert_eq!(files.len(), lines.len());
    }

    /// Every schema was needed, and every command that has `--json` was run.
    fn everything_was_checked(mut self) {
        self.checked.insert("recipe".to_owned());
        assert_eq!(self.checked, documented());
        let mut with_json = BTreeSet::new();
        for command in subcommands(&[]) {
            let own = subcommands(&[&command]);
            for path in own.iter().map(|sub| format!("{command} {sub}")).chain([command.clone()]) {
                let help = [path.split(' ').collect::<Vec<_>>(), vec!["--help"]].concat();
                if stdout(&distill(&help)).contains("--json") {
                    with_json.insert(path);
                }
            }
        }
        assert!(with_json.len() > 15, "{with_json:?}");
        let missing: Vec<&String> = with_json.difference(&self.commands).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

/// Names of the commands below a command, from its help.
fn subcommands(of: &[&str]) -> Vec<String> {
    let help = stdout(&distill(&[of, &["--help"]].concat()));
    let Some((_, list)) = help.split_once("Commands:\n") else { return Vec::new() };
    let names = list.lines().take_while(|line| !line.is_empty());
    let names = names.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

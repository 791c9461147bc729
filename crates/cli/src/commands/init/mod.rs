//! `distill init`: a recipe to start from.

use std::{
    fs::File,
    io::{ErrorKind, Write},
    path::Path,
};

use anyhow::Context;
use distill_driver::DriverError;

use crate::output;

const TEMPLATE: &str = include_str!("recipe.toml");

pub(crate) fn execute(file: &Path, images: Option<&Path>) -> anyhow::Result<()> {
    let refuse =
        |problem: String| DriverError::Recipe { file: file.display().to_string(), problem };
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    let Some(stem) = stem.filter(|_| is_toml) else {
        let problem = "a recipe's file ends in `.toml`, expected a name such as `recipe.toml`";
        return Err(refuse(problem.to_owned()).into());
    };
    let text = match images {
        None => text(&stem, None),
        Some(images) => {
            if let Some(missing) = ["train", "test"].iter().find(|name| !images.join(name).is_dir())
            {
                let problem = format!(
                    "{} has no folder `{missing}`, expected the images of each class in train/CLASS and test/CLASS",
                    images.display()
                );
                return Err(refuse(problem).into());
            }
            let images = std::path::absolute(images).context("the current folder is gone")?;
            text(&stem, images.to_str())
        }
    };
    match File::create_new(file) {
        Ok(mut created) => created
            .write_all(text.as_bytes())
            .map_err(|source| DriverError::Io { path: file.to_owned(), source })?,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            let problem = "it is there already\nhint: name another file, or remove this one";
            return Err(refuse(problem.to_owned()).into());
        }
        Err(source) => return Err(DriverError::Io { path: file.to_owned(), source }.into()),
    }
    let file = file.display();
    output::note(&format!(
        "written: {file}\n`distill check {file}` says what it takes, `distill run {file}` runs it"
    ));
    Ok(())
}

/// The template under a name, with images of one's own or with those that are drawn.
fn text(name: &str, images: Option<&str>) -> String {
    let data = match images {
        None => include_str!("data-digits.toml").to_owned(),
        Some(path) => include_str!("data-folder.toml").replace("\"PATH\"", &quoted(path)),
    };
    TEMPLATE.replace("\"NAME\"", &quoted(&safe(name))).replace("# DATA\n", &data)
}

/// Letters that a recipe's name may have.
fn safe(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c), "-")
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use distill_driver::recipe::{Plan, Recipe, Source};

    use super::*;

    #[test]
    fn the_template_reads_as_it_is_and_with_each_field_that_it_names() {
        for images in [None, Some("/photos \"of\" mine")] {
            let text = text("my first.try", images);
            let recipe = resolved(&text);
            assert_eq!(recipe.name, "my-first-try");
            assert_eq!(recipe.data.path.as_deref(), images.map(Path::new));
            let lines: Vec<&str> = text.lines().collect();
            let fields: Vec<usize> = (0..lines.len()).filter(|at| names(lines[*at])).collect();
            assert!(fields.len() >= 8, "the template names its optional fields");
            for at in fields {
                let mut lines = lines.clone();
                lines[at] = &lines[at][2..];
                assert_ne!(resolved(&lines.join("\n")), recipe, "{} changes something", lines[at]);
            }
        }
    }

    /// Whether the comment names a field with a value.
    fn names(comment: &str) -> bool {
        let comment = comment.strip_prefix("# ").and_then(|rest| rest.split_once(" = "));
        comment.is_some_and(|(field, _)| {
            !field.is_empty() && field.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        })
    }

    fn resolved(text: &str) -> Recipe {
        let recipe: Recipe = toml::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let source = Source { file: "recipe.toml".to_owned(), folder: "".into() };
        Plan::new(recipe, &source).unwrap_or_else(|e| panic!("{e}\n{text}")).recipe
    }
}

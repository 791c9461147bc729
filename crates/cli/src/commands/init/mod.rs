//! `distill init`: a recipe to start from.

use std::{
    fs::File,
    io::{ErrorKind, Write},
    path::Path,
};

use anyhow::Context;
use distill_datasets::{DATASETS, FolderConfig, ImageShape, folder::check_folder, unknown};
use distill_driver::DriverError;

use crate::output;

const TEMPLATE: &str = include_str!("recipe.toml");

pub(crate) fn execute(
    file: &Path,
    images: Option<&Path>,
    dataset: Option<&str>,
) -> anyhow::Result<()> {
    let refuse =
        |problem: String| DriverError::Recipe { file: file.display().to_string(), problem };
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    let Some(stem) = stem.filter(|_| is_toml) else {
        let problem = "a recipe's file ends in `.toml`, expected a name such as `recipe.toml`";
        return Err(refuse(problem.to_owned()).into());
    };
    let data = match (images, dataset) {
        (None, None) => include_str!("data-digits.toml").to_owned(),
        (None, Some("folder")) => {
            return Err(refuse(
                "`--dataset folder` needs `--path`, expected the folder".to_owned(),
            )
            .into());
        }
        (None, Some(name)) if !DATASETS.iter().any(|info| info.name == name) => {
            return Err(DriverError::from(unknown(name)).into());
        }
        (None, Some(name)) => {
            include_str!("data-published.toml").replace("\"DATASET\"", &quoted(name))
        }
        (Some(images), _) => of_folder(images)?,
    };
    let text = text(&stem, &data);
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

/// The table `[data]` for images of one's own.
fn of_folder(images: &Path) -> anyhow::Result<String> {
    let shape = ImageShape { channels: 3, height: 32, width: 32 };
    let mut config = FolderConfig::new(shape);
    let mut found = check_folder(images, &config);
    let mut split = "";
    // Class folders alone become two splits.
    if found.is_err() {
        config.split = Some(0.2);
        if check_folder(images, &config).is_ok() {
            found = Ok(());
            split = "# A fifth of the images of each class becomes the test split.\nsplit = 0.2\n";
        }
    }
    found.map_err(DriverError::from)?;
    let images = std::path::absolute(images).context("the current folder is gone")?;
    let path = quoted(&images.to_string_lossy());
    let data = include_str!("data-folder.toml").replace("\"PATH\"", &path);
    Ok(data.replace("# SPLIT\n", split))
}

/// The template under a name, with this table of data.
fn text(name: &str, data: &str) -> String {
    TEMPLATE.replace("\"NAME\"", &quoted(&safe(name))).replace("# DATA\n", data)
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
        let folder = include_str!("data-folder.toml").replace("# SPLIT\n", "");
        for data in [
            include_str!("data-digits.toml").to_owned(),
            include_str!("data-published.toml").replace("\"DATASET\"", &quoted("cifar10")),
            folder.replace("\"PATH\"", &quoted("/photos \"of\" mine")),
        ] {
            let text = text("my first.try", &data);
            let recipe = resolved(&text);
            assert_eq!(recipe.name, "my-first-try");
            let path = (recipe.data.dataset == "folder").then_some("/photos \"of\" mine");
            assert_eq!(recipe.data.path.as_deref(), path.map(Path::new));
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

//! `distill schema`, `completions` and `man`: what editors, shells and `man` know of this program.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use distill_driver::{DriverError, recipe::Recipe};

use super::print_json;
use crate::{arguments::Arguments, output};

pub(crate) fn schema() {
    print_json(&Recipe::schema());
}

pub(crate) fn completions(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "distill", &mut script);
    output::result(String::from_utf8_lossy(&script).trim_end());
}

/// The page of the program, or a page a command in a folder.
pub(crate) fn man(folder: Option<&Path>) -> anyhow::Result<()> {
    let command = Arguments::command().name("distill");
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        output::result(String::from_utf8_lossy(&page).trim_end());
        return Ok(());
    };
    let failed = |source| DriverError::Io { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(command, folder).map_err(failed)?;
    output::note(&format!("written: {}", folder.join("distill.1").display()));
    Ok(())
}

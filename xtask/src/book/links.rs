//! Links between pages, and to headings in them.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, ensure};

use super::Chapter;

/// Every relative link leads to a file that is there, every anchor to a heading, and no link of the book out of it:
/// what lies outside is not where the built book lies. Pages of `folder` are named from there.
pub(super) fn check(root: &Path, folder: &str, pages: &[Chapter]) -> anyhow::Result<usize> {
    let home = root.join(folder);
    let mut count = 0;
    for page in pages {
        let path = home.join(&page.name);
        let beside = path.parent().context("a page lies in a folder")?;
        let place = |at: usize| Path::new(folder).join(format!("{}:{at}", page.name));
        for (at, file) in included(&page.text) {
            let is_there = beside.join(file).is_file();
            ensure!(is_there, "{}: `{file}` is not there to be included", place(at).display());
        }
        for (at, line) in prose(&page.text) {
            for link in of_line(line) {
                if link.contains("://") || link.starts_with("mailto:") {
                    continue;
                }
                let place = format!("{}: the link `{link}`", place(at).display());
                let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
                let target = if file.is_empty() { path.clone() } else { beside.join(file) };
                ensure!(target.exists(), "{place} leads nowhere");
                let is_within = target.canonicalize()?.starts_with(home.canonicalize()?);
                ensure!(is_within, "{place} leads out of `{folder}`");
                if !anchor.is_empty() {
                    let text = fs::read_to_string(&target).with_context(|| place.clone())?;
                    let is_heading = anchors(&text).contains(anchor);
                    ensure!(is_heading, "{place} names no heading of that page");
                }
                count += 1;
            }
        }
    }
    Ok(count)
}

/// What the links of a line of Markdown point to.
pub(super) fn of_line(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("](") {
        rest = &rest[at + 2..];
        let Some(end) = rest.find(')') else { break };
        found.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    found
}

/// Files that mdBook puts into a page; where one is not there it goes on without.
fn included(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate();
    lines
        .filter_map(|(at, line)| {
            Some((at + 1, line.trim().strip_prefix("{{#include ")?.strip_suffix("}}")?))
        })
        .collect()
}

/// Lines outside of fenced blocks, numbered from 1.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push((at + 1, line));
        }
    }
    lines
}

/// The anchors that mdBook and GitHub give to headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).into_iter().filter(|(_, line)| line.starts_with('#'));
    let anchors = headings.map(|(_, line)| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    });
    anchors.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_anchors_are_found() {
        assert_eq!(
            of_line("see [a](b.md#c-d), ![x](y.png) and [z](https://z)"),
            ["b.md#c-d", "y.png", "https://z"]
        );
        let text = "# One, two: three\n```\n# no heading\n```\n## What `it` is\n";
        let anchors: Vec<String> = anchors(text).into_iter().collect();
        assert_eq!(anchors, ["one-two-three", "what-it-is"]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_told_with_its_place() {
        let error = |text: &str| {
            let page = Chapter { name: "page.md".to_owned(), text: text.to_owned() };
            check(crate::cargo::root(), "docs", &[page]).unwrap_err().to_string()
        };
        assert_eq!(
            error("fine\n\n[x](not-there-at-all.md)\n"),
            "docs/page.md:3: the link `not-there-at-all.md` leads nowhere"
        );
        assert!(error("[x](README.md#nothing)").ends_with("names no heading of that page"));
        assert!(error("[x](../Cargo.toml)").ends_with("leads out of `docs`"));
        assert_eq!(
            error("\n{{#include not-there.rs}}\n"),
            "docs/page.md:2: `not-there.rs` is not there to be included"
        );
    }
}

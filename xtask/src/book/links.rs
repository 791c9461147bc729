//! Links between pages, and to headings in them.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, ensure};

use super::Chapter;

/// Every relative link leads to a file that is there, every anchor to a heading.
pub(super) fn check(docs: &Path, chapters: &[Chapter]) -> anyhow::Result<()> {
    let mut count = 0;
    for chapter in chapters {
        let folder = docs.join(&chapter.name);
        let folder = folder.parent().context("a page lies in a folder")?;
        for (at, file) in included(&chapter.text) {
            let place = format!("docs/{}:{at}", chapter.name);
            ensure!(folder.join(file).is_file(), "{place}: `{file}` is not there to be included");
        }
        for (at, line) in prose(&chapter.text) {
            for link in of_line(line) {
                if link.contains("://") || link.starts_with("mailto:") {
                    continue;
                }
                let place = format!("docs/{}:{at}: the link `{link}`", chapter.name);
                let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
                let path =
                    if file.is_empty() { docs.join(&chapter.name) } else { folder.join(file) };
                ensure!(path.exists(), "{place} leads nowhere");
                if !anchor.is_empty() {
                    let text = fs::read_to_string(&path).with_context(|| place.clone())?;
                    ensure!(
                        anchors(&text).contains(anchor),
                        "{place} names no heading of that page"
                    );
                }
                count += 1;
            }
        }
    }
    println!("book: {} pages, {count} links", chapters.len());
    Ok(())
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
    let anchor = |(_, line): (usize, &str)| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
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
        let docs = std::env::temp_dir();
        let chapter = |text: &str| Chapter { name: "page.md".to_owned(), text: text.to_owned() };
        let error = check(&docs, &[chapter("fine\n\n[x](not-there-at-all.md)\n")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "docs/page.md:3: the link `not-there-at-all.md` leads nowhere"
        );
        let error = check(&docs, &[chapter("\n{{#include not-there.rs}}\n")]).unwrap_err();
        assert_eq!(error.to_string(), "docs/page.md:2: `not-there.rs` is not there to be included");
    }
}

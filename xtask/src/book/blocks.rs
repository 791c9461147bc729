//! Fenced blocks of a page, and what is done with each.

use anyhow::{Context, bail, ensure};

/// A fenced block.
pub(super) struct Block {
    /// On which it begins.
    pub(super) line: usize,
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// What is done with a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `text`, `json`, `rust` and others, or no word: shown and not run.
    Shown,
    /// `toml,NAME.toml`: written to that file, which the commands below read.
    File(String),
    /// `sh`: commands that succeed.
    Run,
    /// `sh,fails`: commands that end with 1 or 2 and say what the `text` block below it says.
    Fails(String),
}

impl Block {
    pub(super) fn is_run(&self) -> bool {
        matches!(self.kind, Kind::Run | Kind::Fails(_))
    }
}

/// The blocks of a page, in order. A fence that is marked with a word of no meaning here is an error: nobody would
/// notice that its commands are not run.
pub(super) fn of(text: &str) -> anyhow::Result<Vec<Block>> {
    let mut found: Vec<(String, Block)> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let line = at + 1;
        let block: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```").collect();
        let kind = match info.split(',').collect::<Vec<_>>()[..] {
            ["sh"] => Kind::Run,
            ["sh", "fails"] => Kind::Fails(String::new()),
            ["toml", name] if name.ends_with(".toml") => Kind::File(name.to_owned()),
            ["" | "text" | "toml" | "json" | "rust" | "python"] | ["rust", "ignore"] => Kind::Shown,
            _ => bail!(
                "line {line}: a block is marked `{info}`, expected `sh`, `sh,fails`, `toml,FILE.toml`, or what is \
                 only shown: `text`, `toml`, `json`, `rust`, `python`"
            ),
        };
        let text = block.join("\n") + "\n";
        ensure!(kind == Kind::Shown || text.trim() != "", "line {line}: the block is empty");
        found.push((info.to_owned(), Block { line, kind, text }));
    }
    for at in 0..found.len() {
        if matches!(found[at].1.kind, Kind::Fails(_)) {
            let next = found.get(at + 1).filter(|(info, _)| info == "text");
            let said = next.with_context(|| {
                format!("line {}: no ```text with what these commands say", found[at].1.line)
            })?;
            found[at].1.kind = Kind::Fails(said.1.text.clone());
        }
    }
    Ok(found.into_iter().map(|(_, block)| block).collect())
}

/// The first line of `expected` that is not within what was `said`; spaces and line breaks are alike, and `...`
/// stands for anything.
pub(super) fn missing<'e>(expected: &'e str, said: &str) -> Option<&'e str> {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = plain(said);
    expected.lines().find(|line| {
        let mut rest = said.as_str();
        !line.split("...").map(plain).all(|part| match rest.find(&part) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_has_its_kind() {
        let text = "a\n```sh\nx\ny\n```\n```toml,a.toml\nb = 1\n```\n```sh,fails\nz\n```\nsays\n```text\nno\n```\n";
        let blocks = of(text).unwrap();
        let kinds: Vec<_> = blocks.iter().map(|b| (b.line, &b.kind, b.text.as_str())).collect();
        let (file, fails) = (Kind::File("a.toml".to_owned()), Kind::Fails("no\n".to_owned()));
        assert_eq!(
            kinds,
            [
                (2, &Kind::Run, "x\ny\n"),
                (6, &file, "b = 1\n"),
                (9, &fails, "z\n"),
                (13, &Kind::Shown, "no\n")
            ]
        );
    }

    #[test]
    fn what_would_not_be_run_unnoticed_is_refused() {
        let error = |text: &str| of(text).err().unwrap().to_string();
        assert!(error("```bash\nx\n```\n").contains("line 1: a block is marked `bash`"));
        assert!(error("\n```sh\n```\n").contains("line 2: the block is empty"));
        assert!(error("```sh,fails\nx\n```\n```toml\n```\n").contains("no ```text"));
        assert_eq!(of("  ```sh\n  x\n  ```\n").unwrap()[0].kind, Kind::Run, "in a list");
    }

    #[test]
    fn what_is_quoted_was_said() {
        let said = "error: a is\n   1, expected 2\nhint: set 2\n";
        assert_eq!(missing("a is 1, expected 2\nhint: set 2", said), None);
        assert_eq!(missing("a is ..., expected 2", said), None);
        assert_eq!(missing("a is 1\nexpected 3", said), Some("expected 3"));
        assert_eq!(missing("expected ... a is", said), Some("expected ... a is"), "in order");
    }
}

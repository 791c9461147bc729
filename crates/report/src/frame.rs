//! What every page has: a head that loads nothing, a title, links to its sections.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Nothing is loaded and nothing runs, whatever names of classes and recipes say.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// A page.
pub(crate) struct Frame<'a> {
    /// What kind of page it is.
    pub(crate) kind: &'a str,
    pub(crate) title: &'a str,
    /// A line below the title.
    pub(crate) subtitle: Markup,
    /// Name in links, and in words, of each section.
    pub(crate) sections: &'a [(&'a str, &'a str)],
    pub(crate) main: Markup,
    /// What figures are those of, a file's name.
    pub(crate) source: &'a str,
}

impl Frame<'_> {
    pub(crate) fn html(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    title { (self.title) ": " (self.kind.to_lowercase()) }
                    style { (PreEscaped(include_str!("style.css"))) }
                }
                body {
                    header {
                        p.over { (self.kind) }
                        h1 { (self.title) }
                        p { (self.subtitle) }
                        nav aria-label="Sections" { ul { @for (id, name) in self.sections {
                            li { a href={ "#" (id) } { (name) } }
                        } } }
                    }
                    main { (self.main) }
                    footer { p {
                        "Written by distill " (env!("CARGO_PKG_VERSION")) ". The figures are those of "
                        code { (self.source) } "."
                    } }
                }
            }
        }
    }
}

//! Circles of modules that mention one another, among the modules of one folder.

use std::collections::BTreeMap;

use petgraph::{algo::tarjan_scc, graphmap::DiGraphMap};

use super::modules::{Mention, Modules};

/// Modules of one folder that mention one another.
#[derive(Debug)]
pub(super) struct Circle {
    /// `crate::FOLDER: NAME, NAME`.
    pub(super) modules: String,
    /// A line for each mention.
    pub(super) mentions: Vec<String>,
}

/// Every circle of a crate. A module and what lies in its folder are one another's parts: what a parent says of its
/// children is no circle.
pub(super) fn circles(modules: &Modules) -> Vec<Circle> {
    let mentions = modules.mentions();
    let mut folders: BTreeMap<&[String], Vec<Arrow<'_>>> = BTreeMap::new();
    for mention in &mentions {
        let same = mention.from.iter().zip(&mention.to).take_while(|(a, b)| a == b).count();
        if let (Some(from), Some(to)) = (mention.from.get(same), mention.to.get(same)) {
            folders.entry(&mention.from[..same]).or_default().push(Arrow { from, to, mention });
        }
    }
    folders.iter().flat_map(|(folder, arrows)| circles_of(folder, arrows)).collect()
}

/// A module of a folder that mentions another one of the same folder.
#[derive(Debug)]
struct Arrow<'a> {
    from: &'a str,
    to: &'a str,
    mention: &'a Mention,
}

fn circles_of(folder: &[String], arrows: &[Arrow<'_>]) -> Vec<Circle> {
    let graph = DiGraphMap::<&str, ()>::from_edges(arrows.iter().map(|a| (a.from, a.to)));
    let mut found = Vec::new();
    for circle in tarjan_scc(&graph).into_iter().filter(|circle| circle.len() > 1) {
        let mut lines: Vec<String> = Vec::new();
        for Arrow { from, to, mention } in arrows {
            if circle.contains(from) && circle.contains(to) {
                let place = mention.from.join("::");
                lines.push(format!("  {from} -> {to}: `{}` in {place}", mention.path));
            }
        }
        lines.sort();
        lines.dedup();
        let folder = [&["crate".to_owned()], folder].concat().join("::");
        let mut names = circle.clone();
        names.sort_unstable();
        let modules = format!("{folder}: {}", names.join(", "));
        found.push(Circle { modules, mentions: lines });
    }
    found
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn crate_of(folder: &Path, files: &[(&str, &str)]) -> Modules {
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("it has a folder")).expect("it is made");
            fs::write(path, text).expect("it is written");
        }
        Modules::read(&folder.join("lib.rs")).expect("it is a crate")
    }

    #[test]
    fn a_circle_is_found_through_a_re_export_and_a_macro() {
        let folder = tempfile::tempdir().expect("a folder");
        let modules = crate_of(
            folder.path(),
            &[
                ("lib.rs", "//! Root.\nmod a;\nmod b;\nmod c;\npub use a::A;"),
                ("a.rs", "//! A.\npub struct A; fn f() { vec![crate::b::g()]; }"),
                ("b/mod.rs", "//! B.\nmod deep;\npub fn g() {}"),
                ("b/deep.rs", "use crate::{A, c::C};"),
                ("c.rs", "//! C.\npub struct C;\n#[cfg(test)]\nmod tests { use crate::b::g; }"),
            ],
        );
        let found = circles(&modules);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].modules, "crate: a, b");
        let mentions = ["  a -> b: `crate::b::g` in a", "  b -> a: `crate::A` in b::deep"];
        assert_eq!(found[0].mentions, mentions);
        let without: Vec<_> = modules.iter().filter(|module| !module.has_docs).collect();
        assert_eq!(without.len(), 1);
        assert!(without[0].file.ends_with("b/deep.rs"));
    }

    #[test]
    fn a_parent_and_its_children_are_no_circle() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = [
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod one;\nmod two;\npub use one::One;\npub struct Whole(One);"),
            ("a/one.rs", "use super::Whole;\npub struct One;"),
            ("a/two.rs", "use super::One;"),
        ];
        let modules = crate_of(folder.path(), &files);
        assert!(circles(&modules).is_empty());
    }
}

//! The modules of one crate: their files, their docs, and the names of the crate that each one mentions.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Item, ItemUse, UseTree, visit::Visit};

/// The modules of a crate, by their paths; the crate's root has the empty one.
#[derive(Debug, Default)]
pub(super) struct Modules(BTreeMap<Vec<String>, Module>);

/// A module with a file of its own.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) file: PathBuf,
    pub(super) has_docs: bool,
    /// Names that `use` brings in, and the paths behind them.
    imports: BTreeMap<String, Vec<String>>,
    /// Paths that begin with `crate`, `super` or `self`, tests aside.
    mentions: BTreeSet<Vec<String>>,
}

/// A name of one module that another one mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) from: Vec<String>,
    pub(super) to: Vec<String>,
    /// As it is written.
    pub(super) path: String,
}

impl Modules {
    /// Reads a crate from its root file, `lib.rs` or `main.rs`.
    ///
    /// # Errors
    /// A file that is missing or is no Rust.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut modules = Self::default();
        let folder = root.parent().unwrap_or(Path::new("."));
        modules.add(root, folder, Vec::new())?;
        Ok(modules)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Module> {
        self.0.values()
    }

    /// Every mention of another module of the crate; re-exports are followed to where a name is defined.
    pub(super) fn mentions(&self) -> Vec<Mention> {
        let mut mentions = Vec::new();
        for (from, module) in &self.0 {
            for written in &module.mentions {
                let to = self.resolve(from, written, 0);
                if to != *from {
                    mentions.push(Mention { from: from.clone(), to, path: written.join("::") });
                }
            }
        }
        mentions
    }

    fn add(&mut self, file: &Path, children: &Path, path: Vec<String>) -> anyhow::Result<()> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let syntax = syn::parse_file(&text).with_context(|| file.display().to_string())?;
        let mut scan = Scan::default();
        scan.visit_file(&syntax);
        let module = Module {
            file: file.to_owned(),
            has_docs: syntax.attrs.iter().any(|attribute| attribute.path().is_ident("doc")),
            imports: scan.imports,
            mentions: scan.mentions,
        };
        self.0.insert(path.clone(), module);
        for item in &syntax.items {
            let Item::Mod(child) = item else { continue };
            if child.content.is_some() || is_test(&child.attrs) {
                continue;
            }
            let name = child.ident.to_string();
            let flat = children.join(format!("{name}.rs"));
            let own = children.join(&name);
            let file = if flat.is_file() { flat } else { own.join("mod.rs") };
            let path = [path.clone(), vec![name]].concat();
            self.add(&file, &own, path)?;
        }
        Ok(())
    }

    /// The module that defines what `written` in the module `from` leads to.
    fn resolve(&self, from: &[String], written: &[String], depth: usize) -> Vec<String> {
        let mut at = from.to_vec();
        for (place, name) in written.iter().enumerate() {
            match name.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => {
                    at.pop();
                }
                _ => {
                    let child = [at.clone(), vec![name.clone()]].concat();
                    if self.0.contains_key(&child) {
                        at = child;
                        continue;
                    }
                    let import = self.0.get(&at).and_then(|module| module.imports.get(name));
                    return match import {
                        // Deeper than this it is a circle of re-exports.
                        Some(import) if depth < 8 => {
                            let whole = [import.as_slice(), &written[place + 1..]].concat();
                            self.resolve(&at, &whole, depth + 1)
                        }
                        _ => at,
                    };
                }
            }
        }
        at
    }
}

/// What a file mentions.
#[derive(Debug, Default)]
struct Scan {
    imports: BTreeMap<String, Vec<String>>,
    mentions: BTreeSet<Vec<String>>,
}

impl Scan {
    fn mention(&mut self, path: Vec<String>) {
        if path.len() > 1 && matches!(path[0].as_str(), "crate" | "super" | "self") {
            self.mentions.insert(path);
        }
    }

    fn use_tree(&mut self, tree: &UseTree, prefix: Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                let prefix = [prefix, vec![path.ident.to_string()]].concat();
                self.use_tree(&path.tree, prefix);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, prefix.clone());
                }
            }
            UseTree::Name(name) => self.import(name.ident.to_string(), prefix, &name.ident),
            UseTree::Rename(rename) => {
                self.import(rename.rename.to_string(), prefix, &rename.ident);
            }
            UseTree::Glob(_) => self.mention(prefix),
        }
    }

    fn import(&mut self, name: String, prefix: Vec<String>, ident: &syn::Ident) {
        let (path, name) = match (ident == "self", prefix.last()) {
            (true, Some(last)) => (prefix.clone(), last.clone()),
            _ => ([prefix, vec![ident.to_string()]].concat(), name),
        };
        self.mention(path.clone());
        self.imports.insert(name, path);
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Ident(name) if colons == 2 && !path.is_empty() => {
                    path.push(name.to_string());
                    colons = 0;
                }
                other => {
                    self.mention(std::mem::take(&mut path));
                    colons = 0;
                    match other {
                        TokenTree::Ident(name) => path.push(name.to_string()),
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        _ => {}
                    }
                }
            }
        }
        self.mention(path);
    }
}

impl<'ast> Visit<'ast> for Scan {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.use_tree(&item.tree, Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.mention(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

//! Finding a network's names among a file's.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use super::{
    fit::{Fit, Reshaped, Source, head, is_of_head, is_wrapper, renamed},
    hints::hint,
    tensor::Contents,
};
use crate::{Graph, ModelError, state::Entry};

/// Where each entry's numbers come from, in the order of the entries.
///
/// Of several places that hold the network `key` says which is meant: a part of the names in front of its own.
pub(super) fn find(
    contents: &Contents,
    graph: &Graph,
    key: Option<&str>,
    path: &Path,
) -> Result<Vec<Source>, ModelError> {
    let entries = graph.entries();
    let places = places(contents, graph, &entries);
    let fit = best(contents, graph, &entries, &places, key, path)?;
    if fit.is_whole() {
        return Ok(fit.sources.into_iter().flatten().collect());
    }
    Err(mismatch(fit, graph, contents, path))
}

/// As [`find`], for all but the last layer: that has a source where the file's fits, and its names are given where
/// not. What else the file has is another network's last layers.
pub(super) fn find_body(
    contents: &Contents,
    graph: &Graph,
    key: Option<&str>,
    with_head: bool,
    path: &Path,
) -> Result<(Vec<Option<Source>>, Vec<String>), ModelError> {
    let entries = graph.entries();
    let places = places(contents, graph, &entries);
    if let (None, [(first, votes), (second, others), ..]) = (key, &places[..])
        && votes == others
    {
        let (first, second) = (list(&[*first]), list(&[*second]));
        let problem = format!("this network's weights under {first} and {second}");
        let all: Vec<&str> = places.iter().map(|(prefix, _)| *prefix).collect();
        return Err(ModelError::weights(path, problem, format!("them once\n{}", choice(&all))));
    }
    let mut fit = best(contents, graph, &entries, &places, key, path)?;
    let head = head(graph);
    let reshaped: Vec<String> = fit.shapes.iter().map(|shape| shape.name.clone()).collect();
    let differ = fit.missing.iter().chain(&reshaped);
    if differ.clone().any(|name| !is_of_head(head, name)) || fit.sources.iter().all(Option::is_none)
    {
        return Err(mismatch(fit, graph, contents, path));
    }
    // Half of a last layer is none.
    let keeps = !with_head || differ.count() > 0;
    let mut kept = Vec::new();
    for (entry, source) in entries.into_iter().zip(&mut fit.sources) {
        if keeps && is_of_head(head, &entry.name) {
            *source = None;
            kept.push(entry.name);
        }
    }
    Ok((fit.sources, kept))
}

/// The fit of the place that is meant: the one that is whole, else the one with most names.
fn best(
    contents: &Contents,
    graph: &Graph,
    entries: &[Entry],
    places: &[Place<'_>],
    key: Option<&str>,
    path: &Path,
) -> Result<Fit, ModelError> {
    let chosen = match key {
        None => places.to_vec(),
        Some(key) => chosen(places, key, path)?,
    };
    let fits: Vec<(&str, Fit)> = chosen
        .iter()
        .map(|(prefix, _)| (*prefix, Fit::of(graph, entries, &contents.tensors, prefix)))
        .collect();
    let mut whole: Vec<&str> =
        fits.iter().filter(|(_, fit)| fit.is_whole()).map(|(prefix, _)| *prefix).collect();
    whole.sort_unstable();
    if let Some((last, others)) = whole.split_last()
        && !others.is_empty()
    {
        let (others, last) = (list(others), list(&[*last]));
        let problem = format!("this network's weights under {others} and {last}");
        return Err(ModelError::weights(path, problem, format!("them once\n{}", choice(&whole))));
    }
    // None whole: the place with most of the names, which are told in the order of the votes.
    let at = fits.iter().position(|(_, fit)| fit.is_whole()).unwrap_or(0);
    let fit = match fits.into_iter().nth(at) {
        Some((_, fit)) => fit,
        None => Fit::of(graph, entries, &contents.tensors, ""),
    };
    for key in fit.sources.iter().flatten() {
        if let Source::Key(key) = key
            && !contents.tensors[key].is_floats()
        {
            let problem = format!("`{key}` is of type {}", contents.tensors[key].kind);
            let hint = contents.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            let expected = format!("floating point numbers{hint}");
            return Err(ModelError::weights(path, problem, expected));
        }
    }
    Ok(fit)
}

/// The error with all names where the weights are not the network's.
fn mismatch(fit: Fit, graph: &Graph, contents: &Contents, path: &Path) -> ModelError {
    let hint = hint(&fit, graph, contents.hint);
    let Fit { missing, unused, shapes, .. } = fit;
    let shapes = shapes.into_iter().map(|Reshaped { name, held, expected }| {
        format!("{name} is {held:?}, expected {expected:?}")
    });
    let shapes = shapes.collect();
    ModelError::Mismatch { path: path.to_owned(), missing, unused, shapes, hint }
}

/// A prefix and how many of the network's names stand below it.
type Place<'a> = (&'a str, usize);

/// Names in front of which a prefix can end.
const DEPTH: usize = 16;

/// What stands in front of the network's names, most names first; of equal ones the shortest, then the first in the
/// alphabet. A place with less than half as many names as the best one is none.
fn places<'a>(contents: &'a Contents, graph: &Graph, entries: &[Entry]) -> Vec<Place<'a>> {
    let names: HashSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for key in contents.tensors.keys() {
        // Every place where a name could begin: at the start, and behind each dot.
        let starts = std::iter::once(0).chain(key.match_indices('.').map(|(dot, _)| dot + 1));
        for start in starts.take(DEPTH) {
            let (prefix, rest) = key.split_at(start);
            let begins_with_wrapper = rest.split('.').next().is_some_and(is_wrapper);
            if !begins_with_wrapper && names.contains(renamed(rest, &graph.aliases).as_str()) {
                *votes.entry(prefix).or_default() += 1;
            }
        }
    }
    let most = votes.values().copied().max().unwrap_or(0);
    let mut places: Vec<Place<'_>> =
        votes.into_iter().filter(|(_, votes)| 2 * votes >= most).collect();
    places.sort_by_key(|(prefix, votes)| (usize::MAX - votes, prefix.len(), *prefix));
    places
}

/// The places that a key names: one that is the key itself, else those that begin with it, else those that have it
/// somewhere.
fn chosen<'a>(places: &[Place<'a>], key: &str, path: &Path) -> Result<Vec<Place<'a>>, ModelError> {
    let wanted: Vec<&str> = key.split('.').filter(|part| !part.is_empty()).collect();
    let ranks: Vec<Option<Rank>> =
        places.iter().map(|(prefix, _)| Rank::of(prefix, &wanted)).collect();
    if let Some(best) = ranks.iter().flatten().min() {
        let ranked = places.iter().zip(&ranks).filter(|(_, rank)| rank.as_ref() == Some(best));
        return Ok(ranked.map(|(place, _)| *place).collect());
    }
    let all: Vec<&str> = places.iter().map(|(prefix, _)| *prefix).collect();
    let problem = format!("none of this network's weights under the key `{key}`");
    let expected = match all[..] {
        [] => "a file with weights of this network".to_owned(),
        _ => format!("one of {}", list(&all)),
    };
    Err(ModelError::weights(path, problem, expected))
}

/// How well a key names a place, best first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Whole,
    Beginning,
    Part,
}

impl Rank {
    /// With or without the names of wrappers.
    fn of(prefix: &str, wanted: &[&str]) -> Option<Self> {
        let parts: Vec<&str> = prefix.split('.').filter(|part| !part.is_empty()).collect();
        let bare: Vec<&str> = parts.iter().copied().filter(|part| !is_wrapper(part)).collect();
        let ranks = [parts, bare].into_iter().filter_map(|parts| match wanted {
            wanted if parts == wanted => Some(Self::Whole),
            [] => None,
            wanted if parts.starts_with(wanted) => Some(Self::Beginning),
            wanted => parts.windows(wanted.len()).any(|part| part == wanted).then_some(Self::Part),
        });
        ranks.min()
    }
}

/// How to say which of several places is meant.
fn choice(places: &[&str]) -> String {
    let parts = places.last().unwrap_or(&"").split('.');
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty() && !is_wrapper(part)).collect();
    let key = if parts.is_empty() { ".".to_owned() } else { parts.join(".") };
    format!(
        "hint: choose one, for example with `--weights-key {key}`, or in a recipe with \
         `weights_key = \"{key}\"` beside `weights`"
    )
}

fn list(places: &[&str]) -> String {
    let shown: Vec<String> = places
        .iter()
        .map(|prefix| match *prefix {
            "" => "the top level, `.`".to_owned(),
            prefix => format!("`{prefix}`"),
        })
        .collect();
    shown.join(", ")
}

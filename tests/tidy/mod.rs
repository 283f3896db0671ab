//! The rules that the code keeps for itself. Each fence counts something in the sources; what is
//! above its limit today stands in a list of exceptions with its figure, and the list can only
//! shrink: a figure that grows fails, and so does an exception that is not needed any more.

mod documents;
mod edges;
mod facts;
mod imports;
mod prose;
mod shapes;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use facts::Facts;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below `path` with this extension, in order.
fn files(path: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(next) = open.pop() {
        if next.is_dir() {
            open.extend(fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()));
        } else if next.extension().is_some_and(|found| found == extension) {
            found.push(next);
        }
    }
    found.sort();
    found
}

/// The files of the library without those of unit tests.
fn sources() -> &'static [Facts] {
    static SOURCES: OnceLock<Vec<Facts>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let directory = root().join("src");
        let paths = files(&directory, "rs");
        let paths = paths
            .iter()
            .filter(|path| !path.ends_with("tests.rs") && **path != directory.join("main.rs"));
        let facts = |path: &PathBuf| {
            let name = path.strip_prefix(&directory).unwrap().to_str().unwrap();
            Facts::of(&name.replace('\\', "/"), &fs::read_to_string(path).unwrap())
        };
        paths.map(facts).collect()
    })
}

/// What is wrong with these counts: those above `limit` that no exception allows, or not as many,
/// and exceptions that are not needed any more.
fn complaints<'n>(
    counts: impl IntoIterator<Item = (&'n str, usize)>,
    limit: usize,
    exceptions: &[(&str, usize)],
) -> Vec<String> {
    let mut most = BTreeMap::new();
    for (name, count) in counts {
        let known: &mut usize = most.entry(name).or_default();
        *known = count.max(*known);
    }
    let counts = most;
    let allowed: BTreeMap<&str, usize> = exceptions.iter().copied().collect();
    assert_eq!(allowed.len(), exceptions.len(), "an exception stands twice");
    let above = counts.iter().filter_map(|(name, count)| {
        let most = allowed.get(name).copied().unwrap_or(limit).max(limit);
        (*count > most).then(|| format!("{name}: {count}, at most {most}"))
    });
    let idle = exceptions.iter().filter_map(|(name, _)| {
        let count = counts.get(name).copied().unwrap_or_default();
        (count <= limit).then(|| format!("{name}: {count}, its exception can be struck out"))
    });
    above.chain(idle).collect()
}

/// Fails with all complaints, a line each.
#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn a_list_of_exceptions_can_only_shrink() {
    let counts = || [("a", 5), ("b", 8), ("b", 1), ("c", 9)];
    assert!(complaints(counts(), 5, &[("b", 8), ("c", 20)]).is_empty());
    assert_eq!(complaints(counts(), 5, &[("c", 9)]), ["b: 8, at most 5"]);
    assert_eq!(complaints(counts(), 5, &[("b", 7), ("c", 9)]), ["b: 8, at most 7"]);
    let idle = complaints(counts(), 5, &[("a", 7), ("b", 8), ("c", 9), ("d", 6)]);
    let expected =
        ["a: 5, its exception can be struck out", "d: 0, its exception can be struck out"];
    assert_eq!(idle, expected);
}

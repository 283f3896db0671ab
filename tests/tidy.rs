//! The rules that the code keeps for itself: who may use whom, and documents that the code writes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dms_proxy::mapping::{Mapping, MappingOptions, markdown_table};

/// Modules of the crate that a module may use, itself left out.
const EDGES: &[(&str, &[&str])] = &[
    ("mapping", &[]),
    ("encoding", &[]),
    ("wire", &[]),
    ("files", &[]),
    ("auth", &["files", "wire"]),
    ("stream", &[]),
    ("tls", &["files"]),
    ("target", &["stream", "tls"]),
    ("value", &["encoding"]),
    ("statement", &["encoding", "mapping", "value"]),
    ("ledger", &[]),
    // Of `close_out` a session uses the SQL texts.
    ("session", &["close", "encoding", "ledger", "mapping", "statement", "value", "wire"]),
    ("close_out", &["login", "stream", "target", "tls"]),
    ("connection", &["session", "stream", "wire"]),
    ("dms", &["mapping"]),
    ("config", &["dms", "mapping", "session", "target", "tls", "value"]),
    ("login", &["auth", "config", "stream", "target", "tls", "wire"]),
];

/// Modules that know nothing of IO.
const WITHOUT_IO: &[&str] =
    &["dms", "ledger", "mapping", "encoding", "wire", "value", "statement", "session"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sources(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}

/// The code of a module without its tests.
fn code(module: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let directory = root().join("src").join(module);
    sources(&directory, &mut files);
    sources(&directory.with_extension("rs"), &mut files);
    files.retain(|file| file.exists() && !file.ends_with("tests.rs"));
    assert!(!files.is_empty(), "no module {module}");
    let without_tests = |text: String| {
        text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
    };
    files
        .into_iter()
        .map(|file| (file.clone(), without_tests(fs::read_to_string(file).unwrap())))
        .collect()
}

#[test]
fn modules_use_only_what_the_map_allows() {
    for (module, allowed) in EDGES {
        for (file, text) in code(module) {
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for part in line.split("crate::").skip(1) {
                    let used = part.split(|c: char| !c.is_ascii_lowercase()).next().unwrap();
                    let fine = used == *module || allowed.contains(&used) || used.is_empty();
                    assert!(fine, "{}: {module} uses {used}: {line}", file.display());
                }
            }
        }
    }
}

#[test]
fn the_pure_modules_do_no_io() {
    for module in WITHOUT_IO {
        for (file, text) in code(module) {
            for word in ["tokio", "std::net", "std::fs", "std::time::Instant", "SystemTime"] {
                assert!(!text.contains(word), "{} mentions {word}", file.display());
            }
        }
    }
}

#[test]
fn the_table_in_readme_is_the_one_in_force() {
    const BEGIN: &str = "<!-- mapping table: begin -->\n";
    const END: &str = "<!-- mapping table: end -->";
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the begin of the table");
    let (_, after) = rest.split_once(END).expect("the end of the table");
    let table = markdown_table(&Mapping::new(MappingOptions::default()).unwrap());
    let expected = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
        fs::write(&path, expected).unwrap();
    } else {
        assert!(readme == expected, "README's table is old: UPDATE_GOLDENFILES=1 cargo test tidy");
    }
}

/// Literals of Rust and of SQL with the shape of a SQLSTATE: five digits and capital letters, a
/// digit first.
fn sqlstates(text: &str) -> Vec<&str> {
    let is_one = |part: &&str| {
        part.len() == 5
            && part.starts_with(|c: char| c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
    };
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split(['"', '\'']).filter(is_one)).collect()
}

#[test]
fn every_sqlstate_is_explained() {
    let page = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut found = BTreeSet::new();
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let text = fs::read_to_string(file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for sqlstate in sqlstates(code) {
            assert!(page.contains(&format!("`{sqlstate}`")), "{}: {sqlstate}", file.display());
            found.insert(sqlstate.to_owned());
        }
    }
    // And the page explains nothing that is not raised any more.
    for explained in page.split('`').filter(|part| sqlstates(&format!("\"{part}\"")).len() == 1) {
        assert!(found.contains(explained), "{explained} is nowhere in src");
    }
    assert!(found.len() > 10, "{found:?}");
}

//! Documents that the code writes or answers for.

use std::collections::BTreeSet;
use std::fs;

use dms_proxy::mapping::{Mapping, MappingOptions, SOURCES, markdown_table};

use super::{files, root, sources};

/// `docs/types.md`, from the tables in force.
fn types_page() -> String {
    let mut page = include_str!("types_head.md").to_owned();
    for source in SOURCES {
        let options = MappingOptions { source: (*source).to_owned(), ..MappingOptions::default() };
        let table = markdown_table(&Mapping::new(options).unwrap());
        page.push_str(&format!("\n## {source}\n\n{table}"));
    }
    page
}

#[test]
fn the_page_of_types_is_the_one_in_force() {
    let path = root().join("docs/types.md");
    let expected = types_page();
    if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    assert!(page == expected, "docs/types.md is old: UPDATE_GOLDENFILES=1 cargo test tidy");
}

/// What stands behind `event = ` in each line that a text logs; `None` where it is not the first field.
fn events(text: &str) -> Vec<Option<&str>> {
    let mut found = Vec::new();
    for level in ["info", "warn", "error", "debug"] {
        for call in text.split(&format!("tracing::{level}!(")).skip(1) {
            let event = call.trim_start().strip_prefix("event = \"");
            found.push(event.and_then(|rest| rest.split('"').next()));
        }
    }
    found
}

#[test]
fn every_line_of_the_log_has_an_event_that_is_explained() {
    let page = fs::read_to_string(root().join("docs/operate.md")).unwrap();
    let (_, page) = page.split_once("## The log").unwrap();
    let mut count = 0;
    for facts in sources() {
        for event in events(&facts.text) {
            let event = event.unwrap_or_else(|| panic!("{}: a line without an event", facts.path));
            assert!(page.contains(&format!("`{event}`")), "{}: {event}", facts.path);
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
    assert_eq!(
        events("tracing::warn!(\n  event = \"a\",\n b); tracing::info!(b)"),
        [None, Some("a")]
    );
}

/// Literals of Rust and of SQL with the shape of a SQLSTATE: five digits and capital letters, a
/// digit first.
fn sqlstates(text: &str) -> Vec<&str> {
    let is_one = |part: &&str| {
        // The first OID of objects that users make.
        *part != "16384"
            && part.len() == 5
            && part.starts_with(|c: char| c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
    };
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split(['"', '\'']).filter(is_one)).collect()
}

#[test]
fn every_sqlstate_is_explained() {
    let page = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let mut found = BTreeSet::new();
    let sql = files(&root().join("src"), "sql").into_iter();
    let sql = sql.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap()));
    let code = sources().iter().map(|facts| (facts.path.clone(), facts.text.clone()));
    for (path, text) in code.chain(sql) {
        for sqlstate in sqlstates(&text) {
            assert!(page.contains(&format!("`{sqlstate}`")), "{path}: {sqlstate}");
            found.insert(sqlstate.to_owned());
        }
    }
    // And the page explains nothing that is not raised any more.
    for explained in page.split('`').filter(|part| sqlstates(&format!("\"{part}\"")).len() == 1) {
        assert!(found.contains(explained), "{explained} is nowhere in src");
    }
    assert!(found.len() > 10, "{found:?}");
}

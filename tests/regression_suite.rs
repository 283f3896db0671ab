//! The dry run over the SQL files of PostgreSQL's own regression suite: whatever they contain, only
//! the spans that it names change, and with DMS's type names those are JSON columns alone.

use std::fs;

use dms_proxy::cli::{Input, RewriteFormat, RewriteOptions, rewrite};
use dms_proxy::config::Config;
use dms_proxy::policy::Policy;
use serde_json::Value;

use crate::support::setup_directory;

/// The dry run over one text: what it says, as JSON.
fn dry_run(name: &str, sql: &[u8], policy: &Policy) -> Value {
    let input = Input { name: name.to_owned(), reader: Box::new(sql) };
    let options = RewriteOptions { format: RewriteFormat::Json, ..RewriteOptions::default() };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let code = rewrite(policy, options, [input], &mut stdout, &mut stderr).unwrap();
    assert_eq!(code, 0, "{name}: {}", stderr.escape_ascii());
    serde_json::from_slice(&stdout).unwrap()
}

#[test]
fn only_json_columns_change() {
    let policy = Config::default().policy().unwrap();
    let (mut files, mut changes) = (0, 0);
    for entry in fs::read_dir(setup_directory().join("regress")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        let sql = fs::read(&path).unwrap();
        let said = dry_run(&name, &sql, &policy);
        let file = &said["files"][0];
        let rewritten: Vec<u8> = match file["encoding"].as_str().unwrap() {
            "UTF8" => file["sql"].as_str().unwrap().into(),
            _ => file["sql"].as_str().unwrap().chars().map(|c| c as u8).collect(),
        };
        // The changes taken back give the text that was.
        let (mut original, mut at) = (Vec::new(), 0);
        for change in said["changes"].as_array().unwrap() {
            let text = |key: &str| change[key].as_str().unwrap().to_owned();
            // Constants for tables that the script has created are respelled as in a session.
            let respelled = ["type-converted", "nul"].contains(&text("rule").as_str());
            assert!(respelled || text("before").eq_ignore_ascii_case("json"), "{change}");
            let start = usize::try_from(change["offset"].as_u64().unwrap()).unwrap();
            let kept = start - original.len();
            original.extend_from_slice(&rewritten[at..at + kept]);
            original.extend_from_slice(text("before").as_bytes());
            at += kept + text("after").len();
            changes += 1;
        }
        original.extend_from_slice(&rewritten[at..]);
        assert!(original == sql, "{name} changed elsewhere");
        files += 1;
    }
    assert!(files > 150 && changes > 5, "{files} files, {changes} changes");
}

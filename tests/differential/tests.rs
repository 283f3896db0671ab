//! All cases, and as many random sequences as there is time for.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::arena::{Arena, Outcome};
use super::report::report;
use super::sequence::{Sequence, configuration};

use crate::support::Proxy;

/// How long a reply may take before the tests have failed.
const TIMEOUT: Duration = Duration::from_secs(20);

#[test]
fn the_same_as_without_a_proxy() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/cases");
    let mut files: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut failures = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let sequence = Sequence::parse(&fs::read_to_string(&file).unwrap());
        let sequence = sequence.unwrap_or_else(|error| panic!("{name}: {error}"));
        let proxy = Proxy::start(configuration(&sequence.policies).unwrap(), &[]);
        match Arena::new(&proxy).compare(&sequence, TIMEOUT) {
            Outcome::Same => {}
            Outcome::Different(difference) => failures.push(report(&name, &sequence, &difference)),
            Outcome::ServerFailed(why) => failures.push(format!("{name}: {why}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

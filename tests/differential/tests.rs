//! All cases, and as many random sequences as there is time for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::arena::{Arena, Outcome};
use super::generate::generate;
use super::report::report;
use super::runner::{Job, run};
use super::sequence::{POLICIES, Sequence};
use super::server::start_proxy;

const BINARY: &str = env!("CARGO_BIN_EXE_dms-proxy");

/// How long a reply may take before a test has failed.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The sequences of each configuration: these seeds, or what a share of this time is enough for.
const SEEDS: std::ops::Range<u64> = 1..401;
const SECONDS: u64 = 60;

#[test]
fn cases_are_answered_as_without_a_proxy() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/cases");
    let mut files: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut arenas = BTreeMap::new();
    let mut failures = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let sequence = Sequence::parse(&fs::read_to_string(&file).unwrap());
        let sequence = sequence.unwrap_or_else(|error| panic!("{name}: {error}"));
        let (_proxy, arena) = arenas.entry(sequence.policies.clone()).or_insert_with(|| {
            let proxy = start_proxy(BINARY, &sequence.policies);
            let arena = Arena::new(&proxy);
            (proxy, arena)
        });
        match arena.compare(&sequence, TIMEOUT) {
            Outcome::Same => {}
            Outcome::Different(difference) => failures.push(report(&name, &sequence, &difference)),
            Outcome::ServerFailed(why) => failures.push(format!("{name}: {why}")),
        }
    }
    assert!(failures.is_empty(), "{} cases differ\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn random_sequences_are_answered_as_without_a_proxy() {
    let reports = Mutex::new(Vec::new());
    for (name, _) in POLICIES {
        let share = Duration::from_secs(SECONDS) / u32::try_from(POLICIES.len()).unwrap();
        let job = Job {
            policies: name.to_owned(),
            seeds: SEEDS,
            until: Some(Instant::now() + share),
            workers: 2,
            timeout: TIMEOUT,
            findings: 3,
            each: 1,
            without: Vec::new(),
        };
        let summary = run(&job, &start_proxy(BINARY, name), |finding| {
            let heading = format!("seed {}", finding.seed);
            let text = report(&heading, &finding.sequence, &finding.difference);
            reports.lock().unwrap().push(text);
        });
        assert!(summary.played > summary.server_failed.len(), "{:?}", summary.server_failed);
    }
    let reports = reports.into_inner().unwrap();
    assert!(reports.is_empty(), "{}", reports.join("\n"));
}

#[test]
fn a_sequence_is_read_as_it_was_written() {
    for seed in 0..300 {
        let sequence = generate(seed, "short", &[]);
        assert_eq!(Sequence::parse(&sequence.to_string()), Ok(sequence));
    }
}

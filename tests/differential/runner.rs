//! Many sequences, several at a time, before one proxy.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::arena::{Arena, Difference, Outcome};
use super::generate::generate;
use super::minimise::minimise;
use super::sequence::Sequence;
use crate::support::Proxy;

/// What is played, and when that ends.
#[derive(Clone)]
pub struct Job {
    pub policies: String,
    pub seeds: Range<u64>,
    /// No sequence begins later.
    pub until: Option<Instant>,
    /// Sequences at a time.
    pub workers: usize,
    /// How long a reply may take.
    pub timeout: Duration,
    /// So many differences are enough.
    pub findings: usize,
    /// So many differences of each sort are made shorter and told.
    pub each: usize,
    /// What sequences do not have; see [`super::generate::PARTS`].
    pub without: Vec<String>,
}

/// A sequence that is not answered the same, made shorter.
pub struct Finding {
    pub seed: u64,
    pub sequence: Sequence,
    pub difference: Difference,
}

/// What has come of it.
#[derive(Default)]
pub struct Summary {
    pub played: usize,
    /// Differences by their sort.
    pub sorts: BTreeMap<String, usize>,
    /// Why the server itself had no answer, with the seed.
    pub server_failed: Vec<(u64, String)>,
}

impl Summary {
    pub fn differences(&self) -> usize {
        self.sorts.values().sum()
    }
}

/// Plays the sequences; each finding is told at once.
pub fn run(job: &Job, proxy: &Proxy, tell: impl Fn(&Finding) + Sync) -> Summary {
    let (next, summary) = (AtomicU64::new(job.seeds.start), Mutex::<Summary>::default());
    let work = || {
        let mut arena = Arena::new(proxy);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let over = job.until.is_some_and(|until| Instant::now() > until);
            let enough = summary.lock().unwrap().differences() >= job.findings;
            if over || enough || !job.seeds.contains(&seed) {
                return;
            }
            let sequence = generate(seed, &job.policies, &job.without);
            let mut outcome = arena.compare(&sequence, job.timeout);
            if matches!(outcome, Outcome::ServerFailed(_)) {
                // It may have been the sequence of another worker.
                outcome = arena.compare(&sequence, job.timeout);
            }
            summary.lock().unwrap().played += 1;
            match outcome {
                Outcome::Same => {}
                Outcome::ServerFailed(why) => {
                    summary.lock().unwrap().server_failed.push((seed, why))
                }
                Outcome::Different(first) => {
                    let count = count(&mut summary.lock().unwrap(), &first);
                    if count <= job.each {
                        let (sequence, difference) = minimise(&mut arena, &sequence, &first);
                        tell(&Finding { seed, sequence, difference });
                    }
                }
            }
        }
    };
    thread::scope(|scope| (0..job.workers).for_each(|_| drop(scope.spawn(work))));
    summary.into_inner().unwrap()
}

/// How many differences of this sort there are, with this one.
fn count(summary: &mut Summary, difference: &Difference) -> usize {
    let count = summary.sorts.entry(difference.sort()).or_default();
    *count += 1;
    *count
}

//! The fuzzer as a command.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::arena::{Arena, Outcome};
use super::generate::generate;
use super::minimise::minimise;
use super::report::report;
use super::sequence::{POLICIES, Sequence, configuration};
use crate::support::{Cluster, Proxy};

const USAGE: &str = "\
usage: cargo test --test differential -- run [OPTIONS]
       cargo test --test differential -- replay [--via BINARY] [--policies NAME] FILE...

  --seeds A..B       the sequences of these seeds (default 0..1000)
  --seconds N        end after so long
  --via BINARY       another proxy than the one of this tree
  --policies NAMES   default, short, pipeline, park, values, relay, or all (default: default)
  --workers N        sequences at a time (default 3)
  --timeout SECONDS  how long a reply may take (default 5)
  --findings N       end after so many differences (default 20)
  --each N           show so many differences of a sort, which looks alike at first (default 2)
  --without own-name leave out names that the proxy may use itself
  --write DIRECTORY  also write each difference to a file there
  --print SEED       print the sequence of a seed, and end

Exit status: 0 nothing differs, 1 something does, 2 wrong usage.";

struct Options {
    seeds: Range<u64>,
    seconds: Option<u64>,
    via: String,
    policies: Vec<String>,
    workers: usize,
    timeout: Duration,
    findings: usize,
    each: usize,
    own_names: bool,
    write: Option<PathBuf>,
    print: Option<u64>,
    files: Vec<PathBuf>,
}

/// Runs the command.
pub fn main(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let command = arguments.next();
    let run = match command.as_deref() {
        Some("run") => run,
        Some("replay") => replay,
        // `cargo test` passes names of tests, of which there are none here.
        _ => return ExitCode::SUCCESS,
    };
    match options(arguments) {
        Ok(options) => run(&options),
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        seeds: 0..1000,
        seconds: None,
        via: env!("CARGO_BIN_EXE_dms-proxy").to_owned(),
        policies: Vec::new(),
        workers: 3,
        timeout: Duration::from_secs(5),
        findings: 20,
        each: 2,
        own_names: true,
        write: None,
        print: None,
        files: Vec::new(),
    };
    while let Some(argument) = arguments.next() {
        if !argument.starts_with("--") {
            options.files.push(argument.into());
            continue;
        }
        if argument == "--help" {
            return Err("Compares random sequences, directly and through the proxy.".to_owned());
        }
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{argument}: {value:?} is not a number"));
        match argument.as_str() {
            "--seeds" => {
                let (from, to) = value.split_once("..").ok_or("--seeds is A..B")?;
                let number = |text: &str| text.parse().map_err(|_| format!("seed {text:?}"));
                options.seeds = number(from)?..number(to)?;
            }
            "--seconds" => options.seconds = Some(number()?),
            "--via" => options.via = value,
            "--policies" if value == "all" => {
                options.policies = POLICIES.iter().map(|(name, _)| (*name).to_owned()).collect();
            }
            "--policies" => options.policies = value.split(',').map(str::to_owned).collect(),
            "--workers" => options.workers = usize::try_from(number()?).unwrap(),
            "--timeout" => options.timeout = Duration::from_secs(number()?),
            "--findings" => options.findings = usize::try_from(number()?).unwrap(),
            "--each" => options.each = usize::try_from(number()?).unwrap(),
            "--without" if value == "own-name" => options.own_names = false,
            "--write" => options.write = Some(value.into()),
            "--print" => options.print = Some(number()?),
            _ => return Err(format!("{argument} is not an option")),
        }
    }
    match options.policies.iter().find(|name| configuration(name).is_none()) {
        Some(name) => Err(format!("no policies {name:?}")),
        None => Ok(options),
    }
}

/// A proxy of any binary in front of the shared server.
fn start_proxy(via: &str, policies: &str) -> Proxy {
    let target = Cluster::shared().embedded().tcp_address().unwrap();
    let target = format!("postgres://{target}");
    let program = [via, "serve", "--listen", "127.0.0.1:0", "--target", &target];
    let text = configuration(policies).unwrap_or_default();
    Proxy::start_program(text, &program).unwrap_or_else(|log| panic!("no proxy:\n{log}"))
}

fn replay(options: &Options) -> ExitCode {
    let mut differ = 0;
    for file in &options.files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut sequence = Sequence::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Some(policies) = options.policies.first() {
            sequence.policies.clone_from(policies);
        }
        let proxy = start_proxy(&options.via, &sequence.policies);
        match Arena::new(&proxy).compare(&sequence, options.timeout) {
            Outcome::Same => println!("same       {name}"),
            Outcome::Different(difference) => {
                differ += 1;
                println!("DIFFERENT  {name}\n{}", report("", &sequence, &difference));
            }
            Outcome::ServerFailed(why) => println!("no result  {name}: {why}"),
        }
    }
    ExitCode::from(u8::from(differ > 0))
}

/// What all workers know.
struct Run<'a> {
    options: &'a Options,
    policies: &'a str,
    next: AtomicU64,
    end: Option<Instant>,
    played: AtomicUsize,
    found: AtomicUsize,
    server_failed: AtomicUsize,
    /// How many there were of each sort of difference.
    sorts: Mutex<BTreeMap<String, usize>>,
    /// Reports come one after the other.
    output: Mutex<()>,
}

fn run(options: &Options) -> ExitCode {
    if let Some(seed) = options.print {
        print!("{}", generate(seed, POLICIES[0].0, options.own_names));
        return ExitCode::SUCCESS;
    }
    let default = [POLICIES[0].0.to_owned()];
    let policies = if options.policies.is_empty() { &default[..] } else { &options.policies };
    let mut found = 0;
    for name in policies {
        let share = options.seconds.map(|seconds| {
            let share = seconds as f64 / policies.len() as f64;
            Instant::now() + Duration::from_secs_f64(share)
        });
        let proxy = start_proxy(&options.via, name);
        let run = Run {
            options,
            policies: name,
            next: AtomicU64::new(options.seeds.start),
            end: share,
            played: AtomicUsize::new(0),
            found: AtomicUsize::new(0),
            server_failed: AtomicUsize::new(0),
            sorts: Mutex::default(),
            output: Mutex::new(()),
        };
        let begin = Instant::now();
        thread::scope(|scope| {
            (0..options.workers).for_each(|_| drop(scope.spawn(|| work(&run, &proxy))));
        });
        let (played, differ) = (run.played.into_inner(), run.found.into_inner());
        println!(
            "policies {name}: {played} sequences in {:.1} s, {differ} differ, {} times the server failed",
            begin.elapsed().as_secs_f64(),
            run.server_failed.into_inner(),
        );
        for (sort, count) in run.sorts.into_inner().unwrap() {
            println!("{count:>6}  {sort}");
        }
        found += differ;
    }
    ExitCode::from(u8::from(found > 0))
}

fn work(run: &Run<'_>, proxy: &Proxy) {
    let mut arena = Arena::new(proxy);
    loop {
        let seed = run.next.fetch_add(1, Ordering::Relaxed);
        let over = run.end.is_some_and(|end| Instant::now() > end);
        if over
            || !run.options.seeds.contains(&seed)
            || run.found.load(Ordering::Relaxed) >= run.options.findings
        {
            return;
        }
        let sequence = generate(seed, run.policies, run.options.own_names);
        run.played.fetch_add(1, Ordering::Relaxed);
        match arena.compare(&sequence, run.options.timeout) {
            Outcome::Same => {}
            Outcome::ServerFailed(why) => {
                run.server_failed.fetch_add(1, Ordering::Relaxed);
                eprintln!("seed {seed}: {why}");
            }
            Outcome::Different(first) => {
                let count = {
                    let mut sorts = run.sorts.lock().unwrap();
                    let count = sorts.entry(first.sort()).or_default();
                    *count += 1;
                    *count
                };
                run.found.fetch_add(1, Ordering::Relaxed);
                if count > run.options.each {
                    continue;
                }
                let (shorter, difference) = minimise(&mut arena, &sequence, &first);
                let heading = format!("seed {seed}, policies {}", run.policies);
                let text = report(&heading, &shorter, &difference);
                let _one_at_a_time = run.output.lock();
                println!("{text}");
                if let Some(directory) = &run.options.write {
                    let file = directory.join(format!("{}-{seed}.txt", run.policies));
                    fs::write(file, text).unwrap();
                }
            }
        }
    }
}

//! The fuzzer as a command.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::differential::arena::{Arena, Outcome};
use crate::differential::generate::{PARTS, generate};
use crate::differential::report::report;
use crate::differential::runner::{self, Finding, Job};
use crate::differential::sequence::{POLICIES, Sequence, configuration};
use crate::differential::server::start_proxy;

const USAGE: &str = "\
usage: cargo test --test differential -- run [OPTIONS]
       cargo test --test differential -- replay [--via BINARY] [--policies NAME] [--times N] FILE...

  --seeds A..B       the sequences of these seeds (default 0..1000)
  --seconds N        end after so long
  --via BINARY       another proxy than the one of this tree
  --policies NAMES   default, short, pipeline, park, values, relay, aside, or all (default: all)
  --workers N        sequences at a time (default 3)
  --timeout SECONDS  how long a reply may take (default 5)
  --findings N       end after so many differences (default 20)
  --each N           show so many differences of a sort, which looks alike at first (default 2)
  --without PARTS    own-name, query-inside, copy-sync, disturbance: leave these out of sequences
  --write DIRECTORY  also write each difference to a file there
  --times N          replay a file so often, until it differs (default 1)
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
    without: Vec<String>,
    write: Option<PathBuf>,
    print: Option<u64>,
    times: usize,
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
        without: Vec::new(),
        write: None,
        print: None,
        times: 1,
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
                options.policies = all_policies();
            }
            "--policies" => options.policies = value.split(',').map(str::to_owned).collect(),
            "--workers" => options.workers = usize::try_from(number()?).unwrap(),
            "--timeout" => options.timeout = Duration::from_secs(number()?),
            "--findings" => options.findings = usize::try_from(number()?).unwrap(),
            "--each" => options.each = usize::try_from(number()?).unwrap(),
            "--without" => {
                options.without = value.split(',').map(str::to_owned).collect();
                if options.without.iter().any(|part| !PARTS.contains(&&**part)) {
                    return Err(format!("--without {value:?}: not among {PARTS:?}"));
                }
            }
            "--write" => options.write = Some(value.into()),
            "--times" => options.times = usize::try_from(number()?).unwrap(),
            "--print" => options.print = Some(number()?),
            _ => return Err(format!("{argument} is not an option")),
        }
    }
    match options.policies.iter().find(|name| configuration(name).is_none()) {
        Some(name) => Err(format!("no policies {name:?}")),
        None => Ok(options),
    }
}

fn all_policies() -> Vec<String> {
    POLICIES.iter().map(|(name, _)| (*name).to_owned()).collect()
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
        let mut arena = Arena::new(&proxy);
        let mut outcomes = (0..options.times).map(|_| arena.compare(&sequence, options.timeout));
        match outcomes.find(|outcome| !matches!(outcome, Outcome::Same)).unwrap_or(Outcome::Same) {
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

fn run(options: &Options) -> ExitCode {
    let all = all_policies();
    let policies = if options.policies.is_empty() { &all } else { &options.policies };
    if let (Some(seed), Some(name)) = (options.print, policies.first()) {
        print!("{}", generate(seed, name, &options.without));
        return ExitCode::SUCCESS;
    }
    let mut found = 0;
    for name in policies {
        let begin = Instant::now();
        let share = |seconds| Duration::from_secs(seconds) / u32::try_from(policies.len()).unwrap();
        let job = Job {
            policies: name.clone(),
            seeds: options.seeds.clone(),
            until: options.seconds.map(|seconds| begin + share(seconds)),
            workers: options.workers,
            timeout: options.timeout,
            findings: options.findings,
            each: options.each,
            without: options.without.clone(),
        };
        let output = Mutex::new(());
        let proxy = start_proxy(&options.via, name);
        let summary = runner::run(&job, &proxy, |finding| {
            let _one_at_a_time = output.lock();
            tell(options, finding);
        });
        println!(
            "policies {name}: {} sequences in {:.1} s, {} differ, {} times the server failed",
            summary.played,
            begin.elapsed().as_secs_f64(),
            summary.differences(),
            summary.server_failed.len(),
        );
        for (sort, count) in &summary.sorts {
            println!("{count:>6}  {sort}");
        }
        for (seed, why) in &summary.server_failed {
            println!("seed {seed}: {why}");
        }
        found += summary.differences();
    }
    ExitCode::from(u8::from(found > 0))
}

fn tell(options: &Options, Finding { seed, sequence, difference }: &Finding) {
    let heading = format!("seed {seed}, policies {}", sequence.policies);
    let text = report(&heading, sequence, difference);
    println!("{text}");
    if let Some(directory) = &options.write {
        fs::write(directory.join(format!("{}-{seed}.txt", sequence.policies)), text).unwrap();
    }
}

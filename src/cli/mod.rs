//! The commands: arguments in, exit code out. Everything that prints for a person lives here.

mod check;
mod close_out;
mod demo;
mod diff;
mod finish;
mod fk;
mod login;
mod rewrite;
mod serve;
mod types;

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use rewrite::{Input, RewriteFormat, RewriteOptions, rewrite};
pub use types::{TypesFormat, types};

use crate::config::{Config, SourceName, Url};
use crate::mapping::Mapping;
use close_out::TargetArguments;

/// The exit code of a wrong configuration or a wrong call.
const EXIT_USAGE: u8 = 2;

/// Load into PostgreSQL the way AWS DMS would, with any tool.
///
/// Point a migration tool at the proxy instead of at its PostgreSQL target. The proxy rewrites the
/// types in incoming DDL by the DMS type table, turns U+0000 in row values into a space, silences
/// foreign keys for the load, and forwards everything else byte for byte.
#[derive(Debug, Parser)]
#[command(name = "dms-proxy", version, max_term_width = 100)]
#[command(after_help = "Without a command the proxy is served. Try `dms-proxy demo` first.")]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy (also the default)
    ///
    /// Clients connect to the listening address with their usual user, password and database; each
    /// gets its own connection to the target. SIGTERM and SIGINT stop taking clients and let
    /// running sessions end.
    #[command(after_help = "Example:\n  \
        dms-proxy serve --listen 127.0.0.1:6432 --target postgresql://db.example.com:5432\n  \
        psql -h 127.0.0.1 -p 6432 -U app mydb")]
    Serve(ServeArguments),
    /// See a small migration on a throw-away PostgreSQL, directly and through the proxy
    ///
    /// Starts a private server from the PostgreSQL binaries of this machine, creates a table with
    /// every DMS type, loads a child table before its parent and rows with U+0000, reads everything
    /// back and compares it. Exit code 0 only if all of it came out as it should.
    Demo(DemoArguments),
    /// Show what the proxy would make of SQL scripts; needs no server
    ///
    /// Reads files, or the standard input, and writes the rewritten SQL to the standard output,
    /// byte-identical outside the changed types. Scripts of psql and dumps of pg_dump are fine:
    /// rows behind COPY and backslash commands pass through. Exit code 1 if a type cannot be
    /// mapped, 2 if the call is wrong or a file cannot be read.
    #[command(after_help = "Example:\n  dms-proxy rewrite --explain schema.sql > mapped.sql")]
    Rewrite(RewriteArguments),
    /// Print the type mapping in force
    Types(TypesArguments),
    /// Look at a target before a load: what is missing, and the SQL that mends it
    ///
    /// Logs in to the target as the role that will load, and changes nothing. Exit code 0 if a load
    /// can start, 1 if something must be mended, 2 if the target cannot be asked.
    #[command(after_help = "Example:\n  \
        dms-proxy check --target postgresql://app@db.example.com/mydb --schema sales")]
    Check(CheckArguments),
    /// Park foreign keys before a load and restore them after it
    ///
    /// Exit code 0 if all is well, 1 if orphans were found or something is left to do, 2 on an
    /// error.
    #[command(subcommand)]
    Fk(FkCommand),
    /// End a load: foreign keys back, orphans found, sequences moved on, tables analyzed, a report
    ///
    /// Can be run again at any time; what is done stays done. A foreign key without orphans is
    /// left as it is, or made valid if it was parked; one with orphans stays as it is and is
    /// reported. Exit code 0 if nothing is left to do, 1 if something is, 2 on an error.
    #[command(after_help = "Example:\n  \
        dms-proxy finish --target postgresql://app@db.example.com/mydb > close-out.txt")]
    Finish(FinishArguments),
}

#[derive(Debug, Args)]
struct CheckArguments {
    #[command(flatten)]
    target: TargetArguments,
}

#[derive(Debug, Subcommand)]
enum FkCommand {
    /// Show what is parked; exit code 1 if anything is
    Status(FkArguments),
    /// Write foreign keys to a journal on the target and drop them
    ///
    /// Needs the owner of the tables, no superuser. All or nothing: the journal is
    /// dms_proxy.fk_journal, and a crash at any point leaves it true.
    Park(FkArguments),
    /// Put parked foreign keys back as they were, and validate them
    Restore(FkArguments),
    /// Count rows without a parent, foreign key by foreign key; changes nothing
    Validate {
        #[command(flatten)]
        arguments: FkArguments,
        /// Foreign keys that are looked at at a time
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
        jobs: u16,
    },
}

#[derive(Debug, Args)]
struct FkArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Only foreign keys from or to these tables, as [SCHEMA.]TABLE, written as in SQL
    #[arg(long, value_name = "T", num_args = 1..)]
    table: Vec<String>,
}

#[derive(Debug, Args)]
struct FinishArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Only these tables, as [SCHEMA.]TABLE, written as in SQL
    #[arg(long, value_name = "T", num_args = 1..)]
    table: Vec<String>,
    /// Foreign keys and tables that are worked on at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Look at everything and report it, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Drop and add again also foreign keys that have no orphans, so that the target validates
    /// them; locks their tables for a moment
    #[arg(long, conflicts_with = "dry_run")]
    revalidate: bool,
}

#[derive(Debug, Args)]
struct DemoArguments {
    /// Leave server and proxy running and say how to connect
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, Args)]
struct RewriteArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Say on the standard error where each change is, and count the changes by rule
    #[arg(long)]
    explain: bool,
    /// What is written to the standard output
    #[arg(long, value_enum, default_value_t = RewriteFormat::Text)]
    format: RewriteFormat,
    /// Write a unified diff instead of the SQL; the same as --format diff
    #[arg(long, conflicts_with = "format")]
    diff: bool,
    /// SQL scripts; the standard input if there are none, or for "-"
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct TypesArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// How the table is written
    #[arg(long, value_enum, default_value_t = TypesFormat::Text)]
    format: TypesFormat,
}

#[derive(Debug, Args)]
struct ServeArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Where clients connect; port 0 takes a free one
    #[arg(long, value_name = "ADDR", env = "DMS_PROXY_LISTEN")]
    listen: Option<std::net::SocketAddr>,
    /// What is loaded into: a libpq URI, or "embedded" for a throw-away server
    #[arg(long, value_name = "URL", env = "DMS_PROXY_TARGET")]
    target: Option<Url>,
    /// Keep the data of the embedded target in this directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ConfigArguments {
    /// The configuration file; ./proxy.toml if there is one
    #[arg(long, value_name = "FILE", env = "DMS_PROXY_CONFIG")]
    config: Option<PathBuf>,
    /// The dialect of the incoming type names
    #[arg(long, value_name = "NAME", env = "DMS_PROXY_SOURCE")]
    source: Option<SourceName>,
}

impl ConfigArguments {
    /// The file, with the flags on top. A person has been told what is wrong when there is none.
    fn load(&self) -> Result<Config, ExitCode> {
        let config = self.read().map_err(|error| {
            say(&format!("dms-proxy: {error}"));
            ExitCode::from(EXIT_USAGE)
        })?;
        for warning in &config.warnings {
            say(&format!("dms-proxy: warning: {warning}"));
        }
        Ok(config)
    }

    /// The file, with the flags on top, or what is wrong with them.
    fn read(&self) -> Result<Config, String> {
        let mut config = Config::load(self.config.as_deref()).map_err(|error| error.to_string())?;
        if let Some(source) = &self.source {
            config.mapping.source = source.clone();
            // A mapping that fits the file's source need not fit this one.
            config.mapping().map_err(|error| format!("--source {}: {error}", source.0))?;
        }
        Ok(config)
    }

    /// The mapping that the configuration asks for.
    fn mapping(&self) -> Result<Mapping, ExitCode> {
        self.load()?.mapping().map_err(|error| {
            say(&format!("dms-proxy: {error}"));
            ExitCode::from(EXIT_USAGE)
        })
    }
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        match self.command {
            None => serve::run(&self.serve),
            Some(Command::Serve(arguments)) => serve::run(&arguments),
            Some(Command::Demo(arguments)) => demo::run(&arguments),
            Some(Command::Rewrite(arguments)) => arguments.run(),
            Some(Command::Types(arguments)) => arguments.run(),
            Some(Command::Check(arguments)) => check::run(&arguments),
            Some(Command::Fk(command)) => fk::run(&command),
            Some(Command::Finish(arguments)) => finish::run(&arguments),
        }
    }
}

impl RewriteArguments {
    fn run(&self) -> ExitCode {
        let mapping = match self.config.mapping() {
            Ok(mapping) => mapping,
            Err(code) => return code,
        };
        // All files are opened before anything is written: a wrong name is a wrong call.
        let inputs = if self.files.is_empty() {
            Ok(vec![standard_input()])
        } else {
            self.files.iter().map(open).collect::<Result<Vec<_>, _>>()
        };
        let inputs = match inputs {
            Ok(inputs) => inputs,
            Err(message) => {
                say(&format!("dms-proxy: {message}"));
                return ExitCode::from(EXIT_USAGE);
            }
        };
        let options = RewriteOptions {
            explain: self.explain,
            format: if self.diff { RewriteFormat::Diff } else { self.format },
            color: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            progress: io::stderr().is_terminal(),
        };
        let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
        exit_code(rewrite(&mapping, options, inputs, &mut stdout, &mut stderr))
    }
}

impl TypesArguments {
    fn run(&self) -> ExitCode {
        match self.config.mapping() {
            Ok(mapping) => exit_code(types(&mapping, self.format, &mut io::stdout().lock())),
            Err(code) => code,
        }
    }
}

fn standard_input() -> Input<'static> {
    Input { name: "stdin".into(), reader: Box::new(io::stdin()) }
}

fn open(path: &PathBuf) -> Result<Input<'static>, String> {
    if path.as_os_str() == "-" {
        return Ok(standard_input());
    }
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => Ok(Input { name, reader: Box::new(file) }),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// The exit code of a command that only reads and writes. A reader that has had enough, such as
/// `head`, is no failure.
fn exit_code(outcome: io::Result<u8>) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("dms-proxy: {error}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Tells a person something, on stderr.
fn say(text: &str) {
    use std::io::Write as _;
    // Nobody is left to be told that stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

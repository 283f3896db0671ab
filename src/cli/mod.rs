//! The commands: arguments in, exit code out. Everything that prints for a person lives here.

mod admin_client;
mod admin_side;
mod arguments;
mod check;
mod clean;
mod close_out;
mod columns;
mod config;
mod demo;
mod diff;
mod document;
mod dry_run;
mod finish;
mod finish_report;
mod fk;
mod init;
mod init_target;
mod ledger;
mod login;
mod look;
mod manual;
mod progress;
mod rejects;
mod reload;
mod rewrite;
mod rewrite_report;
mod script_lines;
mod script_reader;
mod serve;
mod settings;
mod signals;
mod status;
mod systemd;
mod top;
mod types;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use rewrite::{Input, RewriteFormat, RewriteOptions, rewrite};
pub use types::{TypesFormat, types};

use self::arguments::OrEmpty;
use self::check::CheckArguments;
use self::clean::CleanArguments;
use self::config::ConfigCommand;
use self::demo::DemoArguments;
use self::finish::FinishArguments;
use self::fk::FkCommand;
use self::init::InitArguments;
use self::ledger::LedgerArguments;
use self::manual::{CompletionsArguments, ManArguments};
use self::rejects::RejectsCommand;
use self::rewrite::RewriteArguments;
use self::serve::ServeArguments;
use self::status::StatusArguments;
use self::top::TopArguments;
use self::types::TypesArguments;
use crate::colour::{self, Colour};
use crate::config::{Config, SourceName};
use crate::policy::Policy;
use crate::target::{without_os_errors, without_passwords};

/// The exit code of a wrong configuration or a wrong call.
const EXIT_USAGE: u8 = 2;

/// `--quiet`: only errors are said on stderr.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Load into PostgreSQL the way AWS DMS would, with any tool.
///
/// Point a migration tool at the proxy instead of at its PostgreSQL target. The proxy rewrites the
/// types in incoming DDL by the DMS type table, turns U+0000 in row values into a space, silences
/// foreign keys for the load, and forwards everything else byte for byte.
#[derive(Debug, Parser)]
#[command(name = "dms-proxy", version, max_term_width = 100)]
#[command(after_help = "Without a command the proxy is served. Try `dms-proxy demo` first.")]
pub struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArguments,
    /// Whether outputs have colours: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true
    )]
    color: Colour,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true)]
    quiet: bool,
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
    /// byte-identical outside the changed types. A script is read as the client program of its
    /// source reads it (psql, sqlcmd, isql, SQL*Plus, mysql, db2), byte order marks and UTF-16
    /// included; lines for that program and rows behind COPY pass through. Exit code 1 if a type
    /// cannot be mapped, 2 if the call is wrong or a file cannot be read.
    #[command(after_help = "Example:\n  dms-proxy rewrite --explain schema.sql > mapped.sql")]
    Rewrite(RewriteArguments),
    /// Print the type mapping in force
    Types(TypesArguments),
    /// Look at a target before a load: what is missing, and the SQL that mends it
    ///
    /// Logs in to the target as the role that will load, and changes nothing. What is MISSING comes with the SQL that
    /// mends it, or, where none can, with what to load into in its place. Exit code 0 if a load
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
    /// Look at rows that were set aside, load them again, or give them up; take suspended tables up again
    ///
    /// They are in dms_proxy.rejected_rows on the target: see errors.data_error_policy. Exit code 1 if rows wait
    /// (list) or are still refused (retry), 2 on an error.
    #[command(subcommand)]
    Rejects(RejectsCommand),
    /// Make schema dms_proxy on a target, as its administrator
    ///
    /// Makes the tables of changes (dms_proxy.rewrites), of rows that were set aside (dms_proxy.rejected_rows) and of
    /// suspended tables (dms_proxy.suspended_tables), and the functions by which sessions add to them, owned by the role
    /// that logs in, a superuser or the role that loads; nobody else may write there, and the roles may read which tables
    /// are suspended. Can be run again. Exit code 2 if something of it belongs to another role.
    #[command(after_help = "Example:\n  \
        dms-proxy init-target --target postgresql://postgres@db.example.com/mydb --role app\n  \
        dms-proxy init-target --print --role app | psql -U postgres mydb")]
    InitTarget(init_target::InitTargetArguments),
    /// Write a first proxy.toml, after a look at the target
    ///
    /// Never over a file that is there. With --target the target is asked what a load needs, as check does,
    /// and what it says stands in the file. Exit code 2 if nothing was written.
    #[command(after_help = "Example:\n  \
        dms-proxy init --tool pgloader --target postgresql://app@db.example.com/mydb")]
    Init(InitArguments),
    /// Ask a running proxy how it is
    ///
    /// Reads its operator's side, which needs admin.address. Exit code 0 if it is ready for clients, 1 if it is
    /// not, with the reasons, 2 if it cannot be asked.
    #[command(after_help = "Example:\n  dms-proxy status --format json")]
    Status(StatusArguments),
    /// Watch the tables of a running proxy; q ends it
    ///
    /// Reads its operator's side, which needs admin.address. Where the output is no terminal, it is printed
    /// once. Exit code 2 if the proxy cannot be asked.
    #[command(after_help = "Example:\n  dms-proxy top --admin http://127.0.0.1:9632")]
    Top(TopArguments),
    /// Show what was changed on the way, as the target has it noted
    ///
    /// Reads dms_proxy.rewrites of the database: every table, column and rule with a count, the first and the
    /// last time; JSON has the samples, too. Exit code 2 if it cannot be read.
    #[command(after_help = "Example:\n  \
        dms-proxy ledger --target postgresql://app@db.example.com/mydb --schema sales")]
    Ledger(LedgerArguments),
    /// Remove what the proxy has left on a target: schema dms_proxy
    ///
    /// Save the report of finish first. Exit code 1, and nothing is removed, while foreign keys are parked,
    /// rows wait that were set aside, or something in the schema is not the proxy's; 2 on an error.
    #[command(after_help = "Example:\n  \
        dms-proxy clean --target postgresql://app@db.example.com/mydb --dry-run")]
    Clean(CleanArguments),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print completions for a shell
    #[command(
        after_help = "Example:\n  dms-proxy completions bash > /etc/bash_completion.d/dms-proxy"
    )]
    Completions(CompletionsArguments),
    /// Print the manual, or write its pages into a directory
    Man(ManArguments),
}

#[derive(Debug, Args)]
struct ConfigArguments {
    /// The configuration file; ./proxy.toml if there is one
    #[arg(long, short, value_name = "FILE", env = "DMS_PROXY_CONFIG", hide_env_values = true, value_parser = arguments::file())]
    config: Option<OrEmpty<PathBuf>>,
    /// The dialect of the incoming type names
    #[arg(long, value_name = "NAME", env = "DMS_PROXY_SOURCE", hide_env_values = true, value_parser = OrEmpty::source)]
    source: Option<OrEmpty<SourceName>>,
}

impl ConfigArguments {
    /// The file, with the flags on top. A person has been told what is wrong when there is none.
    fn load(&self) -> Result<Config, ExitCode> {
        let config = self.read().map_err(|error| {
            say(&format!("dms-proxy: {error}"));
            ExitCode::from(EXIT_USAGE)
        })?;
        for warning in &config.warnings {
            warn(warning);
        }
        Ok(config)
    }

    /// The file that is named.
    fn file(&self) -> Option<&Path> {
        self.config.as_ref().and_then(|file| file.0.as_deref())
    }

    /// Names another one.
    fn set_file(&mut self, file: Option<PathBuf>) {
        self.config = Some(OrEmpty(file));
    }

    /// The file, with the flags on top, or what is wrong with them.
    fn read(&self) -> Result<Config, String> {
        let mut config = Config::load(self.file()).map_err(|error| error.to_string())?;
        if let Some(OrEmpty(Some(source))) = &self.source {
            config.mapping.source = source.clone();
            // A mapping that fits the file's source need not fit this one.
            config.mapping().map_err(|error| format!("--source {}: {error}", source.0))?;
        }
        Ok(config)
    }

    /// What the configuration asks of sessions.
    fn policy(&self) -> Result<Policy, ExitCode> {
        self.load()?.policy().map_err(|error| {
            say(&format!("dms-proxy: {error}"));
            ExitCode::from(EXIT_USAGE)
        })
    }
}

/// Runs the command that this process was called with.
pub fn run_command_line() -> ExitCode {
    match command_line() {
        Ok(arguments) => arguments.run(),
        Err(error) => {
            use std::io::Write as _;
            // What is wrong is quoted, and may be a URL with a password in the wrong place.
            let text = error.render();
            let code = ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(EXIT_USAGE));
            // If the output is closed, there is nowhere to report it.
            let _ = match error.use_stderr() {
                true => write!(io::stderr(), "{}", shown(&text, colour::is_wanted(&io::stderr()))),
                false => write!(io::stdout(), "{}", shown(&text, colour::is_wanted(&io::stdout()))),
            };
            code
        }
    }
}

/// The arguments of this process. One of the server's in front of a command would mean nothing to it.
fn command_line() -> Result<CommandLine, clap::Error> {
    let mut command = CommandLine::command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    if let Some((name, _)) = matches.subcommand() {
        let is_given = |argument: &&clap::Arg| {
            let source = matches.value_source(argument.get_id().as_str());
            !argument.is_global_set() && source == Some(ValueSource::CommandLine)
        };
        let given = command.get_arguments().find(is_given).and_then(clap::Arg::get_long);
        if let Some(long) = given {
            let text = format!(
                "--{long} stands in front of `{name}`: put it behind, `{name} --{long} ...`"
            );
            return Err(command.error(ErrorKind::ArgumentConflict, text));
        }
    }
    CommandLine::from_arg_matches(&matches)
}

fn shown(text: &clap::builder::StyledStr, styled: bool) -> String {
    let text = if styled { text.ansi().to_string() } else { text.to_string() };
    without_passwords(&text)
}

impl CommandLine {
    /// Runs the command.
    fn run(self) -> ExitCode {
        self.color.decide();
        QUIET.store(self.quiet, Ordering::Relaxed);
        match self.command {
            None => serve::run(&self.serve),
            Some(Command::Serve(arguments)) => serve::run(&arguments),
            Some(Command::Demo(arguments)) => demo::run(&arguments),
            Some(Command::Rewrite(arguments)) => arguments.run(),
            Some(Command::Types(arguments)) => arguments.run(),
            Some(Command::Check(arguments)) => check::run(&arguments),
            Some(Command::Fk(command)) => fk::run(&command),
            Some(Command::Finish(arguments)) => finish::run(&arguments),
            Some(Command::Rejects(command)) => rejects::run(&command),
            Some(Command::InitTarget(arguments)) => init_target::run(&arguments),
            Some(Command::Init(arguments)) => init::run(&arguments),
            Some(Command::Status(arguments)) => status::run(&arguments),
            Some(Command::Top(arguments)) => top::run(&arguments),
            Some(Command::Ledger(arguments)) => ledger::run(&arguments),
            Some(Command::Clean(arguments)) => clean::run(&arguments),
            Some(Command::Config(command)) => config::run(command),
            Some(Command::Completions(arguments)) => manual::completions(&arguments),
            Some(Command::Man(arguments)) => manual::man(&arguments),
        }
    }
}

/// The exit code of a command that only reads and writes. A reader that has had enough, such as
/// `head`, is not a failure.
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

/// Tells a person something, on stderr; a name that is a URL in the wrong place has no password.
fn say(text: &str) {
    use std::io::Write as _;
    // If stderr is closed, there is nowhere to report it.
    let text = without_os_errors(&without_passwords(text));
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Warns a person, on stderr, unless they want to hear of errors only.
fn warn(text: &str) {
    if !is_quiet() {
        say(&format!("dms-proxy: warning: {text}"));
    }
}

/// Whether only errors are said.
fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

//! What `check`, `fk` and `finish` have in common: where the target is, which tables they are about,
//! and how they print.

use std::future::Future;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::{self, OrEmpty, TargetArgument};
use super::{EXIT_USAGE, exit_code, login, say, warn};
use crate::close_out::{CloseOutError, Connection, Scope, Target, interrupt};
use crate::config::Config;
use crate::mapping::NameRules;

/// The exit code when something is left to do.
pub(super) const EXIT_OPEN: u8 = 1;

/// The exit code of a command that SIGINT has ended, as shells give it.
const EXIT_INTERRUPTED: u8 = 130;

/// How a result is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ReportFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

#[derive(Debug, Args)]
pub(super) struct TargetArguments<F = ReportFormat>
where
    F: ValueEnum + Clone + Default + Send + Sync + 'static,
{
    /// The configuration file; ./proxy.toml if there is one
    #[arg(long, short, value_name = "FILE", env = "DMS_PROXY_CONFIG", hide_env_values = true, value_parser = arguments::file())]
    config: Option<OrEmpty<PathBuf>>,
    /// The target, with the user to log in as: postgresql://USER@HOST:PORT/DATABASE
    ///
    /// The password may come from PGPASSWORD or the password file. A socket's directory is written
    /// as %2Frun%2Fpostgresql in place of the host.
    #[arg(long, value_name = "URL", env = "DMS_PROXY_TARGET", hide_env_values = true)]
    target: Option<TargetArgument>,
    /// What is written to the standard output
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: F,
    /// Only these schemas, written as in SQL: "Sales" needs its quotes [default: all]
    #[arg(long, value_name = "S", num_args = 1..)]
    schema: Vec<String>,
}

/// Says what is wrong, and gives the exit code for it.
fn refused(message: String) -> ExitCode {
    say(&format!("dms-proxy: {message}"));
    ExitCode::from(EXIT_USAGE)
}

impl<F: ValueEnum + Clone + Default + Send + Sync + 'static> TargetArguments<F> {
    /// The rules about names of the configuration, or none. A person has been told what is wrong with them.
    pub(super) fn names(&self) -> Result<NameRules, ExitCode> {
        let file = self.config.as_ref().and_then(|file| file.0.as_deref());
        let config = Config::load(file).map_err(|error| refused(error.to_string()))?;
        config.names().map_err(|error| refused(error.to_string()))
    }

    /// Where to log in and what the command is about. A person has been told what is wrong when
    /// there is none.
    pub(super) fn resolve(&self, tables: &[String]) -> Result<(Target, Scope), ExitCode> {
        let file = self.config.as_ref().and_then(|file| file.0.as_deref());
        let mut config = Config::load(file).map_err(|error| refused(error.to_string()))?;
        let url = self.target.as_ref().map(TargetArgument::url).transpose().map_err(refused)?;
        if let Some(url) = url.flatten() {
            config.target.url = url;
        }
        let url = &config.target.url;
        let mut target = login::target(url, config.target.connect_timeout()).map_err(refused)?;
        let of_url = url.warnings.iter().map(|warning| format!("target URL: {warning}"));
        for warning in of_url.chain(login::variables_without_effect()) {
            warn(&warning);
        }
        target.lock_timeout_seconds = config.fk.lock_timeout.0;
        target.pooler = config.target.pooler;
        Ok((target, Scope::parse(&self.schema, tables).map_err(refused)?))
    }
}

/// Runs a command to its end: its output and its exit code, or an error for a person.
pub(super) fn run<T: AsRef<[u8]>>(
    command: impl Future<Output = Result<(T, u8), CloseOutError>>,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    match runtime.block_on(command) {
        Ok((output, code)) => exit_code(io::stdout().write_all(output.as_ref()).map(|()| code)),
        Err(error) => failed(&error.to_string()),
    }
}

/// The same for a command that changes things or takes long. At SIGINT its queries are cancelled, what was done
/// is printed, and the exit code is [`EXIT_INTERRUPTED`].
pub(super) fn run_until_interrupted(
    format: ReportFormat,
    command: impl Future<Output = Result<(String, u8), CloseOutError>>,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    let outcome = runtime.block_on(async {
        let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        tokio::select! {
            outcome = command => return outcome.map_err(|error| error.to_string()),
            _ = interrupts.recv() => {}
        }
        let done = tokio::select! {
            done = interrupt() => done,
            _ = interrupts.recv() => Vec::new(),
        };
        say("dms-proxy: interrupted");
        let output = match format {
            ReportFormat::Json => json(&serde_json::json!({
                "schema_version": 1, "proxy_version": env!("CARGO_PKG_VERSION"),
                "verdict": "interrupted", "interrupted": true, "done": done,
            })),
            ReportFormat::Text => Ok(interrupted_text(&done)),
        };
        Ok((output.map_err(|error| error.to_string())?, EXIT_INTERRUPTED))
    });
    match outcome {
        Ok((output, code)) => exit_code(io::stdout().write_all(output.as_bytes()).map(|()| code)),
        Err(error) => failed(&error),
    }
}

/// Says why the counts of orphans are not on the target.
pub(super) fn not_kept(why: &str) {
    warn(&format!("what was counted is not noted in dms_proxy.close_out: {}", plain(why)));
}

fn interrupted_text(done: &[String]) -> String {
    let mut text =
        "INTERRUPTED: what was done stays done, and the command can be run again\n".to_owned();
    if done.is_empty() {
        text.push_str("  nothing was changed\n");
    }
    done.iter().for_each(|done| line(&mut text, &format!("  {done}")));
    text
}

fn failed(why: &str) -> ExitCode {
    say(&format!("dms-proxy: {}", plain(why)));
    ExitCode::from(EXIT_USAGE)
}

/// So many sessions on the target; at least one.
pub(super) async fn sessions(target: &Target, jobs: u16) -> Result<Vec<Connection>, CloseOutError> {
    let mut sessions = Vec::new();
    for _ in 0..jobs.max(1) {
        sessions.push(Connection::open(target).await?);
    }
    Ok(sessions)
}

/// A value as JSON, in lines.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String, CloseOutError> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|error| CloseOutError::Refused(error.to_string()))
}

/// Keys of orphans, on a line.
pub(super) fn samples(samples: &[Vec<Option<String>>]) -> String {
    let key = |values: &Vec<Option<String>>| {
        let values = values.iter().map(|value| value.as_deref().unwrap_or("NULL"));
        format!("({})", values.collect::<Vec<_>>().join(", "))
    };
    samples.iter().map(key).collect::<Vec<_>>().join(" ")
}

/// Adds a line. What a terminal would take for a command, and what would look like another line, is
/// spelt out: names and messages come from the target.
pub(super) fn line(text: &mut String, line: &str) {
    text.push_str(&plain(line));
    text.push('\n');
}

/// A text without control characters and without those that change the order of others.
pub(super) fn plain(text: &str) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if acts(character) {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_no_commands_for_a_terminal_and_no_other_lines() {
        let keys =
            [vec![Some("a\u{1b}[2J\nb".to_owned()), None], vec![Some("ä\u{202e}".to_owned())]];
        let mut text = String::new();
        line(&mut text, &samples(&keys));
        assert_eq!(text, "(a\\u{1b}[2J\\nb, NULL) (ä\\u{202e})\n");
    }
}

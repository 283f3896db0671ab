//! `dms-proxy finish`.

use std::io;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::EXIT_USAGE;
use super::close_out::{
    EXIT_OPEN, ReportFormat, TargetArguments, json, not_kept, run_until_interrupted as run_command,
    sessions,
};
use super::finish_report::document;
use super::progress::{ShownProgress, watched};
use crate::close_out::{
    CloseOutError, FinishOptions, FinishReport, Scope, Target, Verdict, clean, finish,
};
use crate::colour;

/// How the report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum FinishFormat {
    /// For a terminal
    #[default]
    Text,
    /// One JSON object
    Json,
    /// For a ticket
    Markdown,
    /// A page that needs nothing else
    Html,
}

#[derive(Debug, Args)]
pub(super) struct FinishArguments {
    #[command(flatten)]
    target: TargetArguments<FinishFormat>,
    /// Only these tables, as [SCHEMA.]TABLE, written as in SQL
    #[arg(long, value_name = "T", num_args = 1..)]
    table: Vec<String>,
    /// Foreign keys and tables that are worked on at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Only what was changed in this run: the moment at which the proxy was started, or what sessions named by
    /// dms.run
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Look at everything and report it, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Drop and add again also foreign keys that have no orphans, so that the target validates
    /// them; locks their tables for a moment
    #[arg(long, conflicts_with = "dry_run")]
    revalidate: bool,
    /// List every foreign key, sequence, table and change, not only what needs a person
    #[arg(long)]
    all: bool,
    /// Count the rows of every table, in place of the target's estimates
    #[arg(long)]
    count: bool,
    /// If nothing is left to do, remove what the proxy has left on the target, as clean does
    #[arg(long, conflicts_with = "dry_run")]
    remove: bool,
    /// How it is shown how far the command is, on the standard error
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    progress: ShownProgress,
}

pub(super) fn run(arguments: &FinishArguments) -> ExitCode {
    let (target, scope) = match arguments.target.resolve(&arguments.table) {
        Ok(resolved) => resolved,
        Err(code) => return code,
    };
    let interrupted = match arguments.target.format {
        FinishFormat::Json => ReportFormat::Json,
        _ => ReportFormat::Text,
    };
    run_command(interrupted, async {
        let working = report(&target, scope, arguments);
        let report = Box::pin(watched(arguments.progress, ("finish", &target), working)).await?;
        if let Some(why) = &report.counts_not_kept {
            not_kept(why);
        }
        let document = || document(&report, arguments.all);
        let output = match arguments.target.format {
            FinishFormat::Json => json(&report)?,
            FinishFormat::Text => document().text(colour::is_wanted(&io::stdout())),
            FinishFormat::Markdown => document().markdown(),
            FinishFormat::Html => document().html(),
        };
        let code = match report.verdict {
            Verdict::Clean => 0,
            Verdict::Open => EXIT_OPEN,
            Verdict::Failed => EXIT_USAGE,
        };
        Ok((output, code))
    })
}

async fn report(
    target: &Target,
    scope: Scope,
    arguments: &FinishArguments,
) -> Result<FinishReport, CloseOutError> {
    let options = FinishOptions {
        scope,
        dry_run: arguments.dry_run,
        run: arguments.run.clone(),
        count: arguments.count,
        revalidate: arguments.revalidate,
    };
    let sessions = sessions(target, arguments.jobs).await?;
    let mut report = finish(target, &sessions, &options).await?;
    if let (true, Verdict::Clean, Some(session)) =
        (arguments.remove, report.verdict, sessions.first())
    {
        let cleaned = clean(session, false).await?;
        report.removed = cleaned.removed;
        if !cleaned.waiting.is_empty() {
            report.note_waiting(cleaned.waiting);
        }
    }
    Ok(report)
}

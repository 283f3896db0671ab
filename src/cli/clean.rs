//! `dms-proxy clean`.

use std::process::ExitCode;

use clap::Args;

use super::close_out::{
    EXIT_OPEN, ReportFormat, TargetArguments, json as written, line as add_line, run as run_command,
};
use crate::close_out::{CleanReport, Connection, clean, clean_run};

#[derive(Debug, Args)]
pub(super) struct CleanArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Only what was written down of this run: the moment at which the proxy was started, or what sessions
    /// named by dms.run
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Say what would be removed, remove nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &CleanArguments) -> ExitCode {
    let (target, _) = match arguments.target.resolve(&[]) {
        Ok(resolved) => resolved,
        Err(code) => return code,
    };
    run_command(async {
        let session = Connection::open(&target).await?;
        let report = match &arguments.run {
            Some(run) => clean_run(&session, run, arguments.dry_run).await?,
            None => clean(&session, arguments.dry_run).await?,
        };
        let output = match arguments.target.format {
            ReportFormat::Json => written(&report)?,
            ReportFormat::Text => text(&report, arguments.dry_run),
        };
        Ok((output, if report.waiting.is_empty() { 0 } else { EXIT_OPEN }))
    })
}

pub(super) fn text(report: &CleanReport, dry_run: bool) -> String {
    let mut text = String::new();
    if !report.waiting.is_empty() {
        add_line(&mut text, "Nothing is removed while this waits:");
        report.waiting.iter().for_each(|one| add_line(&mut text, &format!("  {one}")));
        return text;
    }
    let done = if dry_run { "would be removed" } else { "removed" };
    report.removed.iter().for_each(|one| add_line(&mut text, &format!("{one}: {done}")));
    if report.removed.is_empty() {
        add_line(&mut text, "the proxy has left nothing here");
    }
    text
}

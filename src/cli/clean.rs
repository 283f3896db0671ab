//! `dms-proxy clean`.

use std::process::ExitCode;

use clap::Args;

use super::close_out::{
    EXIT_OPEN, ReportFormat, TargetArguments, json as written, line as add_line, run as run_command,
};
use crate::close_out::{CleanReport, Connection, clean};

#[derive(Debug, Args)]
pub(super) struct CleanArguments {
    #[command(flatten)]
    target: TargetArguments,
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
        let report = clean(&Connection::open(&target).await?, arguments.dry_run).await?;
        let output = match arguments.target.format {
            ReportFormat::Json => written(&report)?,
            ReportFormat::Text => text(&report, arguments.dry_run),
        };
        Ok((output, if report.waiting.is_empty() { 0 } else { EXIT_OPEN }))
    })
}

fn text(report: &CleanReport, dry_run: bool) -> String {
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

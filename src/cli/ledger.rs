//! `dms-proxy ledger`: what was changed on the way, from the target.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::close_out::{
    ReportFormat, TargetArguments, json as written, line as add_line, run as run_command,
};
use super::columns::aligned;
use crate::close_out::{Connection, LedgerFilter, LedgerLine, beside, ledger};
use crate::value::NUL_RULE;

#[derive(Debug, Args)]
pub(super) struct LedgerArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Only changes in these tables, as [SCHEMA.]TABLE, written as in SQL
    #[arg(long, value_name = "T", num_args = 1..)]
    table: Vec<String>,
    /// Only changes by this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Only changes of this run: the moment at which the proxy was started, or what sessions named by dms.run
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
}

pub(super) fn run(arguments: &LedgerArguments) -> ExitCode {
    let (target, scope) = match arguments.target.resolve(&arguments.table) {
        Ok(resolved) => resolved,
        Err(code) => return code,
    };
    let filter = LedgerFilter { scope, rule: arguments.rule.clone(), run: arguments.run.clone() };
    run_command(async {
        let lines = ledger(&Connection::open(&target).await?, &filter).await?;
        let output = match arguments.target.format {
            ReportFormat::Json => written(&json!({ "schema_version": 1, "rewrites": lines }))?,
            ReportFormat::Text => text(&lines),
        };
        Ok((output, 0))
    })
}

fn text(lines: &[LedgerLine]) -> String {
    let mut text = String::new();
    if lines.is_empty() {
        add_line(&mut text, "nothing was changed");
        return text;
    }
    let heads = ["RUN", "TABLE", "COLUMN", "RULE", "ROAD", "COUNT", "FIRST", "LAST", "SUCH AS"];
    let heads = heads.map(str::to_owned);
    let shown = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let row = |line: &LedgerLine| {
        let table = match (line.schema.is_empty(), line.table.is_empty()) {
            (_, true) => "(no single table)".to_owned(),
            (true, false) => line.table.clone(),
            (false, false) => format!("{}.{}", line.schema, line.table),
        };
        // The name at the source stands beside that of the target.
        let source = Some(line.sources.join(", ")).filter(|sources| !sources.is_empty());
        let (of_table, of_column) = match line.column.is_empty() {
            true => (source, None),
            false => (None, source),
        };
        [
            shown(&line.run),
            beside(&table, of_table.as_deref()),
            beside(&shown(&line.column), of_column.as_deref()),
            line.rule.clone(),
            shown(&line.road),
            line.count.to_string(),
            to_seconds(&line.first_seen),
            to_seconds(&line.last_seen),
            line.samples.first().cloned().unwrap_or_default(),
        ]
    };
    let rows: Vec<[String; 9]> = [heads].into_iter().chain(lines.iter().map(row)).collect();
    aligned(&rows, &[5]).iter().for_each(|line| add_line(&mut text, line.trim_end()));
    if lines.iter().any(|line| line.rule == NUL_RULE && line.column.is_empty()) {
        add_line(&mut text, "U+0000 is mended in place: its column was not looked up.");
    }
    text
}

/// A moment of the server's without parts of a second.
fn to_seconds(moment: &str) -> String {
    moment.split_once('.').map_or(moment, |(seconds, _)| seconds).to_owned()
}

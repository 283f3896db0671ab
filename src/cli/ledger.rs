//! `dms-proxy ledger`: what was changed on the way, from the target.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::close_out::{
    ReportFormat, TargetArguments, json as written, line as add_line, run as run_command,
};
use super::columns::aligned;
use crate::close_out::{Connection, LedgerFilter, LedgerLine, ledger};

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
}

pub(super) fn run(arguments: &LedgerArguments) -> ExitCode {
    let (target, scope) = match arguments.target.resolve(&arguments.table) {
        Ok(resolved) => resolved,
        Err(code) => return code,
    };
    let filter = LedgerFilter { scope, rule: arguments.rule.clone() };
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
    let heads = ["TABLE", "COLUMN", "RULE", "COUNT", "FIRST", "LAST"].map(str::to_owned);
    let row = |line: &LedgerLine| {
        let table = match (line.schema.is_empty(), line.table.is_empty()) {
            (_, true) => "(no single table)".to_owned(),
            (true, false) => line.table.clone(),
            (false, false) => format!("{}.{}", line.schema, line.table),
        };
        let column = if line.column.is_empty() { "-".into() } else { line.column.clone() };
        let count = line.count.to_string();
        [table, column, line.rule.clone(), count, line.first_seen.clone(), line.last_seen.clone()]
    };
    let rows: Vec<[String; 6]> = [heads].into_iter().chain(lines.iter().map(row)).collect();
    aligned(&rows, &[3]).iter().for_each(|line| add_line(&mut text, line));
    text
}

//! `dms-proxy finish`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;

use super::EXIT_USAGE;
use super::close_out::{
    EXIT_OPEN, Progress, ReportFormat, TargetArguments, json, line,
    run_until_interrupted as run_command, samples, sessions,
};
use crate::close_out::{
    DeferrableLine, FinishOptions, FinishReport, ForeignKeyLine, KeyState, RejectGroup,
    SequenceLine, SequenceOutcome, Verdict, finish,
};

#[derive(Debug, Args)]
pub(super) struct FinishArguments {
    #[command(flatten)]
    target: TargetArguments,
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
}

pub(super) fn run(arguments: &FinishArguments) -> ExitCode {
    let (target, scope) = match arguments.target.resolve(&arguments.table) {
        Ok(resolved) => resolved,
        Err(code) => return code,
    };
    let (dry_run, revalidate) = (arguments.dry_run, arguments.revalidate);
    let options = FinishOptions { scope, dry_run, run: arguments.run.clone(), revalidate };
    run_command(arguments.target.format, async {
        let sessions = sessions(&target, arguments.jobs).await?;
        let progress = Progress::new();
        let report = finish(&target, &sessions, &options, |done, orphans| {
            let (table, name) = (&orphans.key.table_sql, &orphans.key.name_sql);
            progress.show(&format!("{done} foreign keys looked at: {table} {name}"));
        })
        .await?;
        drop(progress);
        let output = match arguments.target.format {
            ReportFormat::Json => json(&report)?,
            ReportFormat::Text => text(&report),
        };
        let code = match report.verdict {
            Verdict::Clean => 0,
            Verdict::Open => EXIT_OPEN,
            Verdict::Failed => EXIT_USAGE,
        };
        Ok((output, code))
    })
}

/// What comes out, in the first line.
fn verdict(report: &FinishReport) -> String {
    let things =
        |count: usize| if count == 1 { "1 thing".into() } else { format!("{count} things") };
    match report.verdict {
        Verdict::Clean => "CLEAN: nothing is left to do\n\n".to_owned(),
        Verdict::Open => format!("OPEN: {} left to do\n\n", things(report.open.len())),
        Verdict::Failed => {
            format!("FAILED: {} could not be looked at\n\n", things(report.errors.len()))
        }
    }
}

fn text(report: &FinishReport) -> String {
    let mut text = verdict(report);
    let server = format!("{}, PostgreSQL {}", report.server, report.version);
    for (name, value) in [
        ("date", &report.at),
        ("server", &server),
        ("database", &report.database),
        ("role", &report.user),
    ] {
        line(&mut text, &format!("{name:<9} {value}"));
    }
    if report.dry_run {
        text.push_str("          dry run: nothing was changed\n");
    }
    for (title, list) in [("Left to do", &report.open), ("Not looked at", &report.errors)] {
        if !list.is_empty() {
            text.push_str(&format!("\n{title}\n"));
        }
        list.iter().for_each(|found| line(&mut text, &format!("  {found}")));
    }
    text.push_str("\nForeign keys\n");
    report.foreign_keys.iter().for_each(|line| text.push_str(&key_lines(line)));
    if !report.deferrable.is_empty() {
        text.push_str("\nDeferrable constraints\n");
    }
    report.deferrable.iter().for_each(|line| text.push_str(&deferrable_lines(line)));
    if !report.not_acted.is_empty() {
        text.push_str("\nDid not act under the replica role\n");
    }
    for not_acted in &report.not_acted {
        let (table, acts, rows) = (&not_acted.table, not_acted.acts.join(", "), not_acted.rows);
        line(&mut text, &format!("  {table}: {acts}; {rows} rows"));
    }
    text.push_str("\nSequences\n");
    report.sequences.iter().for_each(|line| text.push_str(&sequence_line(line)));
    text.push_str("\nTables\n");
    for table in &report.tables {
        let analyzed = if table.analyzed { "analyzed" } else { "not analyzed" };
        line(&mut text, &format!("  {}: about {} rows, {analyzed}", table.table, table.rows));
    }
    text.push_str(&elsewhere(report));
    text.push_str(&changed(report));
    text.push_str(&set_aside(report));
    for (title, findings) in
        [("Disabled triggers", &report.disabled_triggers), ("Settings", &report.settings)]
    {
        if !findings.is_empty() {
            text.push_str(&format!("\n{title}\n"));
        }
        for finding in findings {
            line(&mut text, &format!("  {}", finding.found));
            line(&mut text, &format!("    {};", finding.mend));
        }
    }
    text.push_str(&totals(report));
    text.push_str(match report.verdict {
        Verdict::Clean => "\nVerdict: CLEAN. Nothing is left to do.\n",
        Verdict::Open => "\nVerdict: OPEN. See above what is left to do.\n",
        Verdict::Failed => "\nVerdict: FAILED. See above what could not be looked at.\n",
    });
    text
}

/// What is on other servers.
fn elsewhere(report: &FinishReport) -> String {
    let mut text = String::new();
    if !report.foreign_tables.is_empty() {
        text.push_str("\nForeign tables\n");
    }
    for table in &report.foreign_tables {
        let server = &table.server;
        line(
            &mut text,
            &format!("  {table}: its foreign keys and sequences are out of reach; finish {server}"),
        );
    }
    text
}

/// What was changed on the way.
fn changed(report: &FinishReport) -> String {
    let mut text = String::new();
    if !report.rewrites.is_empty() || report.rewrites_not_shown.is_some() {
        text.push_str("\nChanged on the way\n");
    }
    if let Some(why) = &report.rewrites_not_shown {
        line(&mut text, &format!("  not shown: {why}"));
    }
    for rewrite in &report.rewrites {
        let parts = [&rewrite.schema, &rewrite.table, &rewrite.column];
        let place: Vec<&str> =
            parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let place = if place.is_empty() { "no single table".to_owned() } else { place.join(".") };
        line(&mut text, &format!("  {place}: {}, {} times", rewrite.rule, rewrite.count));
    }
    let rules: BTreeSet<&str> =
        report.rewrites.iter().flat_map(|line| &line.rules).map(String::as_str).collect();
    if rules.len() > 1 {
        let rules = rules.into_iter().collect::<Vec<_>>().join(", ");
        line(&mut text, &format!("  sessions followed different rules: {rules}"));
    }
    text
}

/// The rows that were set aside, the most common causes with an example.
fn set_aside(report: &FinishReport) -> String {
    const CAUSES: usize = 3;
    let mut text = String::new();
    if report.rejects.is_empty() && report.rejects_not_shown.is_none() {
        return text;
    }
    text.push_str("\nSet aside\n");
    if let Some(why) = &report.rejects_not_shown {
        line(&mut text, &format!("  not shown: {why}"));
    }
    for group in &report.rejects {
        let RejectGroup { schema, table, sqlstate, state, count, .. } = group;
        line(&mut text, &format!("  {schema}.{table}: {sqlstate}, {count} rows, {state}"));
    }
    let mut causes: Vec<_> = report.rejects.iter().filter(|group| group.waits()).collect();
    causes.sort_by_key(|group| std::cmp::Reverse(group.count));
    for group in causes.into_iter().take(CAUSES) {
        line(&mut text, &format!("    {}, for example: {}", group.sqlstate, group.example));
    }
    text
}

fn key_lines(key: &ForeignKeyLine) -> String {
    let state = match key.state {
        KeyState::Valid => "valid",
        KeyState::NotValid => "NOT VALID",
        KeyState::NotEnforced => "NOT ENFORCED",
        KeyState::Parked => "PARKED",
    };
    let done = match key.done {
        "none" => String::new(),
        done => format!(", {done}"),
    };
    let orphans = key.orphans.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let mut text = String::new();
    let (table, name, referenced) = (&key.table, &key.constraint, &key.referenced);
    let first = format!("  {table} {name} -> {referenced}: {state}{done}, {orphans} orphans");
    line(&mut text, &first);
    if !key.samples.is_empty() {
        line(&mut text, &format!("    {}", samples(&key.samples)));
    }
    for more in key.query.iter().map(|query| format!("{query};")).chain(key.problem.clone()) {
        line(&mut text, &format!("    {more}"));
    }
    text
}

fn deferrable_lines(found: &DeferrableLine) -> String {
    let count = found.duplicates.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let (table, name) = (&found.table, &found.constraint);
    let mut text = String::new();
    line(&mut text, &format!("  {table} {name}: {count} rows that it does not allow"));
    if !found.samples.is_empty() {
        line(&mut text, &format!("    {}", samples(&found.samples)));
    }
    let query = found.query.iter().map(|query| format!("{query};"));
    query.chain(found.problem.clone()).for_each(|more| line(&mut text, &format!("    {more}")));
    text
}

fn sequence_line(sequence: &SequenceLine) -> String {
    let value = |value: Option<i128>| value.map_or_else(|| "?".into(), |value| value.to_string());
    let (before, after) = (value(sequence.before), value(sequence.after));
    let what = match sequence.outcome {
        SequenceOutcome::Moved => format!("next value {before} -> {after}"),
        SequenceOutcome::Past => format!("next value {before}, past its columns already"),
        SequenceOutcome::Empty => format!("next value {before}, no rows, left alone"),
        SequenceOutcome::Cycles => format!("next value {before}, cycles, left alone"),
        SequenceOutcome::Unused => format!("next value {before}, no column uses it, left alone"),
        SequenceOutcome::Exhausted => format!("next value {before} -> {after}, NO VALUE LEFT"),
        SequenceOutcome::Failed => sequence.problem.clone().unwrap_or_default(),
    };
    let mut text = String::new();
    line(&mut text, &format!("  {} ({}): {what}", sequence.name, sequence.columns.join(", ")));
    text
}

fn totals(report: &FinishReport) -> String {
    let keys = &report.foreign_keys;
    let orphans: i64 = keys.iter().filter_map(|line| line.orphans).sum();
    let restored = keys.iter().filter(|line| line.done == "restored").count();
    let moved = |line: &&SequenceLine| line.outcome == SequenceOutcome::Moved;
    let moved = report.sequences.iter().filter(moved).count();
    let analyzed = report.tables.iter().filter(|table| table.analyzed).count();
    format!(
        "\nTotals\n  {} foreign keys, {restored} restored, {orphans} orphans\n  {} sequences, \
         {moved} moved\n  {} tables, {analyzed} analyzed\n",
        keys.len(),
        report.sequences.len(),
        report.tables.len()
    )
}

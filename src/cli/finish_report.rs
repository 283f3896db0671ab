//! The report of `finish` as a document: the verdict, then what needs a person, then totals; with everything else
//! only where that is asked for. Reads a report; asks nothing.

use std::collections::BTreeSet;

use super::close_out::samples;
use super::document::{FinishDocument, ReportItem, Section};
use crate::close_out::{
    DeferrableLine, FinishReport, ForeignKeyLine, KeyState, RejectGroup, RewriteLine, SequenceLine,
    SequenceOutcome, Verdict, beside,
};

/// The report; with every line if `all`.
pub(super) fn document(report: &FinishReport, all: bool) -> FinishDocument {
    let mut sections = vec![todo(report)];
    let mut failed = Section::new("Not looked at");
    report.errors.iter().for_each(|error| failed.line(error));
    sections.push(failed);
    if all {
        sections.extend([keys(report), deferrable(report), sequences(report), tables(report)]);
    }
    sections.extend([not_acted(report), elsewhere(report), set_aside(report), settings(report)]);
    if all {
        sections.push(changes(report));
    }
    sections.push(done(report, all));
    FinishDocument { verdict: verdict(report), about: about(report), sections }
}

/// A number with commas between thousands.
fn number(count: impl Into<i128>) -> String {
    let digits = count.into().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of something.
pub(super) fn counted(count: impl Into<i128>, one: &str, more: &str) -> String {
    let count = count.into();
    format!("{} {}", number(count), if count == 1 { one } else { more })
}

fn len<T>(list: &[T]) -> i128 {
    i128::try_from(list.len()).unwrap_or(i128::MAX)
}

/// Minutes and seconds.
pub(super) fn minutes(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// What comes out.
fn verdict(report: &FinishReport) -> String {
    match report.verdict {
        Verdict::Clean => "CLEAN: nothing is left to do".to_owned(),
        Verdict::Failed => {
            let things = counted(len(&report.errors), "thing", "things");
            format!("FAILED: {things} could not be looked at")
        }
        Verdict::Open => {
            let keys: Vec<_> = report.foreign_keys.iter().filter(|key| has_orphans(key)).collect();
            let orphans: i64 = keys.iter().filter_map(|key| key.orphans).sum();
            let rest = len(&report.open) - len(&keys);
            let left = counted(rest, "thing", "things");
            if keys.is_empty() {
                return format!("OPEN: {left} left to do");
            }
            let of = counted(len(&report.foreign_keys), "foreign key", "foreign keys");
            let have = if keys.len() == 1 { "has" } else { "have" };
            let rows = counted(orphans, "row", "rows");
            let found = format!("OPEN: {} of {of} {have} orphans ({rows})", number(len(&keys)));
            if rest > 0 { format!("{found}, {left} left to do beside it") } else { found }
        }
    }
}

fn has_orphans(key: &ForeignKeyLine) -> bool {
    key.orphans.is_some_and(|count| count > 0) && key.state != KeyState::NotEnforced
}

fn about(report: &FinishReport) -> String {
    let FinishReport { server, version, database, user, at, took_ms, .. } = report;
    let took = minutes(took_ms / 1000);
    let dry_run = if report.dry_run { ", dry run: nothing was changed" } else { "" };
    let run = report.run.as_ref().map(|run| format!(", run {run}")).unwrap_or_default();
    format!("{server}, {database} as {user}, {at}, took {took}, PostgreSQL {version}{run}{dry_run}")
}

/// What is left to do, with the SQL that shows and mends it.
fn todo(report: &FinishReport) -> Section {
    let mut section = Section::new("Left to do");
    for todo in &report.todo {
        let key = report
            .foreign_keys
            .iter()
            .find(|key| todo.key.as_ref() == Some(&(key.table.clone(), key.constraint.clone())));
        let head = match key.filter(|key| has_orphans(key)) {
            Some(key) => orphans(key),
            None => todo.what.clone(),
        };
        let mut more = Vec::new();
        let sql = |sql: &String| format!("{sql};");
        more.extend(todo.look.as_ref().map(|look| ("look", sql(look))));
        let or = |mend: &String| {
            let first = if key.is_some_and(has_orphans) { "load the parents, or " } else { "" };
            format!("{first}{mend};")
        };
        more.extend(todo.mend.as_ref().map(|mend| ("mend", or(mend))));
        more.extend(todo.then.clone().map(|then| ("then", then)));
        section.items.push(ReportItem { head, more });
    }
    section
}

/// Table, name and referenced table of a foreign key, as people know them.
fn named(key: &ForeignKeyLine) -> (String, &str, String) {
    let table = beside(&key.table, key.source.as_deref());
    (table, &key.constraint, beside(&key.referenced, key.referenced_source.as_deref()))
}

fn orphans(key: &ForeignKeyLine) -> String {
    let (table, constraint, referenced) = named(key);
    let rows = counted(key.orphans.unwrap_or_default(), "row", "rows");
    let samples = match key.samples.get(..key.samples.len().min(3)) {
        Some(few) if !few.is_empty() => format!(", such as {}", samples(few)),
        _ => String::new(),
    };
    format!("{table} {constraint} -> {referenced}: {rows} without a parent{samples}")
}

fn keys(report: &FinishReport) -> Section {
    let mut section = Section::new("Foreign keys");
    for key in &report.foreign_keys {
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
        let orphans = match key.orphans {
            Some(count) => counted(count, "orphan", "orphans"),
            None => "? orphans".to_owned(),
        };
        let (table, name, referenced) = named(key);
        let head = format!("{table} {name} -> {referenced}: {state}{done}, {orphans}");
        let mut more = Vec::new();
        more.extend(key.query.as_ref().map(|query| ("look", format!("{query};"))));
        more.extend(key.problem.clone().map(|problem| ("why", problem)));
        section.items.push(ReportItem { head, more });
    }
    section
}

fn deferrable(report: &FinishReport) -> Section {
    let mut section = Section::new("Deferrable constraints");
    for line in &report.deferrable {
        let DeferrableLine { constraint, table, source, duplicates, query, problem, .. } = line;
        let table = beside(table, source.as_deref());
        let rows = duplicates.map_or_else(|| "? rows".into(), |rows| counted(rows, "row", "rows"));
        let head = format!("{table} {constraint}: {rows} that it does not allow");
        let mut more = Vec::new();
        more.extend(query.as_ref().map(|query| ("look", format!("{query};"))));
        more.extend(problem.clone().map(|problem| ("why", problem)));
        section.items.push(ReportItem { head, more });
    }
    section
}

fn sequences(report: &FinishReport) -> Section {
    let mut section = Section::new("Sequences");
    report.sequences.iter().for_each(|sequence| section.line(sequence_line(sequence)));
    section
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
    format!("{} ({}): {what}", sequence.name, sequence.columns.join(", "))
}

fn tables(report: &FinishReport) -> Section {
    let mut section = Section::new("Tables");
    for table in &report.tables {
        let analyzed = if table.analyzed { "analyzed" } else { "not analyzed" };
        let about = if table.is_exact { "" } else { "about " };
        let rows = counted(table.rows, "row", "rows");
        section.line(format!("{}: {about}{rows}, {analyzed}", table.named()));
    }
    section
}

fn not_acted(report: &FinishReport) -> Section {
    let mut section = Section::new("Did not act under the replica role");
    for line in &report.not_acted {
        let rows = counted(line.rows, "row", "rows");
        let table = beside(&line.table, line.source.as_deref());
        section.line(format!("{table}: {}; {rows}", line.acts.join(", ")));
    }
    section
}

/// What is on other servers.
fn elsewhere(report: &FinishReport) -> Section {
    let mut section = Section::new("Foreign tables");
    for table in &report.foreign_tables {
        let server = &table.server;
        section.line(format!(
            "{table}: its foreign keys and sequences are out of reach; finish {server}"
        ));
    }
    section
}

/// The rows that were set aside, the most common causes with an example.
fn set_aside(report: &FinishReport) -> Section {
    const CAUSES: usize = 3;
    let mut section = Section::new("Set aside");
    let not_shown = report.rejects_not_shown.iter();
    not_shown.for_each(|why| section.line(format!("not shown: {why}")));
    for RejectGroup { schema, table, source, sqlstate, state, count, .. } in &report.rejects {
        let rows = counted(*count, "row", "rows");
        let table = beside(&format!("{schema}.{table}"), source.as_deref());
        section.line(format!("{table}: {sqlstate}, {rows}, {state}"));
    }
    let mut causes: Vec<_> = report.rejects.iter().filter(|group| group.waits()).collect();
    causes.sort_by_key(|group| std::cmp::Reverse(group.count));
    for group in causes.into_iter().take(CAUSES) {
        section.line(format!("{}, for example: {}", group.sqlstate, group.example));
    }
    section
}

/// Triggers that do not act and settings that silence others, with what mends them. Those that have to be mended
/// are left to do, and stand there.
fn settings(report: &FinishReport) -> Section {
    let mut section = Section::new("Disabled triggers and settings");
    for finding in report.disabled_triggers.iter().chain(&report.settings) {
        if report.todo.iter().all(|todo| todo.mend.as_ref() != Some(&finding.mend)) {
            let more = vec![("mend", format!("{};", finding.mend))];
            section.items.push(ReportItem { head: finding.found.clone(), more });
        }
    }
    section
}

/// What was changed on the way.
fn changes(report: &FinishReport) -> Section {
    let mut section = Section::new("Changed on the way");
    for rewrite in &report.rewrites {
        let parts = [&rewrite.schema, &rewrite.table, &rewrite.column];
        let place: Vec<&str> =
            parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let place = if place.is_empty() { "no single table".to_owned() } else { place.join(".") };
        let times = counted(rewrite.count, "time", "times");
        let road = match rewrite.road.as_str() {
            "" => String::new(),
            road => format!(" ({road})"),
        };
        let place = beside(&place, sources(&rewrite.sources).as_deref());
        section.line(format!("{place}: {}, {times}{road}", rewrite.rule));
    }
    section
}

/// Names of the source, if there are any.
fn sources(sources: &[String]) -> Option<String> {
    (!sources.is_empty()).then(|| sources.join(", "))
}

/// What was done, in numbers, and where the rest is.
fn done(report: &FinishReport, all: bool) -> Section {
    let mut section = Section::new("Done");
    let (keys, hint) = (&report.foreign_keys, if all { "" } else { "     --all lists them" });
    // One that is back and has orphans is not as it was.
    let is = |key: &&ForeignKeyLine, done: &str| key.done == done && !has_orphans(key);
    let of = |done: &str| keys.iter().filter(|key| is(key, done)).count();
    let orphans = keys.iter().filter(|key| has_orphans(key)).count();
    section.line(format!(
        "{}: {} restored, {} validated, {orphans} with orphans{hint}",
        counted(len(keys), "foreign key", "foreign keys"),
        of("restored"),
        of("validated"),
    ));
    let moved = |line: &&SequenceLine| line.outcome == SequenceOutcome::Moved;
    let moved = report.sequences.iter().filter(moved).count();
    let behind = if report.dry_run { "behind" } else { "moved" };
    let sequences = counted(len(&report.sequences), "sequence", "sequences");
    section.line(format!("{sequences}: {moved} {behind}"));
    let analyzed = report.tables.iter().filter(|table| table.analyzed).count();
    let rows = counted(report.tables.iter().map(|table| table.rows).sum::<i64>(), "row", "rows");
    let is_exact = report.tables.iter().all(|table| table.is_exact);
    let rows = if is_exact { rows } else { format!("about {rows} (exact with --count)") };
    let tables = counted(len(&report.tables), "table", "tables");
    section.line(format!("{tables}: {analyzed} analyzed, {rows}"));
    let not_shown = report.rewrites_not_shown.iter();
    not_shown.for_each(|why| section.line(format!("changed on the way: not shown: {why}")));
    if !report.rewrites.is_empty() {
        let hint = "     dms-proxy ledger lists them";
        section.line(format!("changed on the way: {}{hint}", changed(&report.rewrites)));
    }
    let rules: BTreeSet<&str> =
        report.rewrites.iter().flat_map(|line| &line.rules).map(String::as_str).collect();
    if rules.len() > 1 {
        let rules = rules.into_iter().collect::<Vec<_>>().join(", ");
        section.line(format!("sessions followed different rules: {rules}"));
    }
    section.items.extend(
        report
            .removed
            .iter()
            .map(|what| ReportItem { head: format!("{what}: removed"), more: Vec::new() }),
    );
    section
}

/// Values, types and names that were changed, and in how many tables.
fn changed(rewrites: &[RewriteLine]) -> String {
    let of = |(is_type, is_name): (bool, bool), one: &str, more: &str| {
        let is_it = |line: &&RewriteLine| (line.is_type, line.is_name) == (is_type, is_name);
        let lines: Vec<_> = rewrites.iter().filter(is_it).collect();
        let count: i128 = lines.iter().map(|line| i128::from(line.count)).sum();
        let tables: BTreeSet<_> = lines
            .iter()
            .filter(|line| !line.table.is_empty())
            .map(|line| (&line.schema, &line.table))
            .collect();
        let tables = counted(tables.len() as u32, "table", "tables");
        (count > 0).then(|| format!("{} in {tables}", counted(count, one, more)))
    };
    let parts = [
        of((false, false), "value", "values"),
        of((true, false), "type", "types"),
        of((false, true), "name", "names"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(
            (number(-123), number(999), number(0)),
            ("-123".into(), "999".into(), "0".into())
        );
        assert_eq!(counted(1, "row", "rows"), "1 row");
        assert_eq!((minutes(47), minutes(3605)), ("0:47".into(), "60:05".into()));
    }
}

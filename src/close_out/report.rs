//! What `finish` reports, as plain data, and what comes out of it. Asks nothing.

use serde::Serialize;

use super::{
    DeferrableLine, ForeignTable, KeyState, RejectGroup, SampleKey, SequenceLine, SequenceOutcome,
    SuspendedTable,
};
use crate::parking::spelling::qualified;

/// What the command did and found.
#[derive(Clone, Debug, Serialize)]
pub struct FinishReport {
    /// The version of these fields: some may come, none goes or changes its name.
    pub schema_version: u32,
    /// The version of the program.
    pub proxy_version: &'static str,
    /// When it began, in UTC, by the clock of the target.
    pub started_at: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// The run whose changes are shown; `None` for those of all.
    pub run: Option<String>,
    /// When, by the target's clock.
    pub at: String,
    /// The target's address.
    pub server: String,
    /// Its version.
    pub version: String,
    /// The database.
    pub database: String,
    /// The role that looked.
    pub user: String,
    /// Nothing was changed.
    pub dry_run: bool,
    /// A line a foreign key.
    pub foreign_keys: Vec<ForeignKeyLine>,
    /// A line a deferrable key or exclusion constraint.
    pub deferrable: Vec<DeferrableLine>,
    /// Tables whose triggers and rules did not act while rows were loaded under the replica role.
    pub not_acted: Vec<NotActed>,
    /// A line a sequence.
    pub sequences: Vec<SequenceLine>,
    /// A line a table.
    pub tables: Vec<AnalyzedTable>,
    /// Tables whose rows, foreign keys and sequences are on other servers.
    pub foreign_tables: Vec<ForeignTable>,
    /// What sessions of the proxy changed on the way, from `dms_proxy.rewrites`.
    pub rewrites: Vec<RewriteLine>,
    /// Why they are not shown.
    pub rewrites_not_shown: Option<String>,
    /// Rows that were set aside, by table, error and state.
    pub rejects: Vec<RejectGroup>,
    /// Why they are not shown.
    pub rejects_not_shown: Option<String>,
    /// Tables whose rows are set aside whole.
    pub suspended: Vec<SuspendedTable>,
    /// Triggers that are disabled, and what enables them.
    pub disabled_triggers: Vec<Finding>,
    /// Settings that keep foreign keys silent in new sessions, and what takes them back.
    pub settings: Vec<Finding>,
    /// What is left to do, a sentence each.
    pub open: Vec<String>,
    /// What could not be looked at or done, a sentence each.
    pub errors: Vec<String>,
    /// What comes out.
    pub verdict: Verdict,
}

/// What a rule of the proxy changed in one place.
#[derive(Clone, Debug, Serialize)]
pub struct RewriteLine {
    /// The run.
    pub run: String,
    /// The schema; empty where it is not known.
    pub schema: String,
    /// The table; empty where it is not known.
    pub table: String,
    /// The column; empty where it is not known.
    pub column: String,
    /// The rule.
    pub rule: String,
    /// The way by which what was changed came; empty where the rule is about no single one.
    pub road: String,
    /// How often.
    pub count: i64,
    /// Digests of the rules that the sessions followed, as `SHOW dms.rules` gives them.
    pub rules: Vec<String>,
}

/// A table whose triggers and rules did not act.
#[derive(Clone, Debug, Serialize)]
pub struct NotActed {
    /// Its name, qualified and quoted where that is needed.
    pub table: String,
    /// Its triggers, rules and deferrable constraints, as they are now.
    pub acts: Vec<String>,
    /// The rows that were written without them.
    pub rows: i64,
}

/// A foreign key in a report.
#[derive(Clone, Debug, Serialize)]
pub struct ForeignKeyLine {
    /// Its name, quoted.
    pub constraint: String,
    /// Its table, qualified and quoted.
    pub table: String,
    /// The referenced table, qualified and quoted.
    pub referenced: String,
    /// `valid`, `not-valid`, `not-enforced` or `parked`, after all was done.
    pub state: KeyState,
    /// What was done: `none`, `restored` or `validated`; `to-restore` in a dry run.
    pub done: &'static str,
    /// Rows without a parent; none if they could not be counted.
    pub orphans: Option<i64>,
    /// Keys of the first of them.
    pub samples: Vec<SampleKey>,
    /// A query for all of them, where there are some.
    pub query: Option<String>,
    /// What went wrong.
    pub problem: Option<String>,
}

/// A table in a report.
#[derive(Clone, Debug, Serialize)]
pub struct AnalyzedTable {
    /// Its name, qualified and quoted.
    pub table: String,
    /// Rows, as the target estimates them.
    pub rows: i64,
    /// Whether its statistics were gathered.
    pub analyzed: bool,
    /// Why not, where that is no dry run.
    pub problem: Option<String>,
}

/// Something that a person should know, and the SQL that mends it.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was found.
    pub found: String,
    /// A statement that mends it.
    pub mend: String,
}

/// What comes out of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing is left to do.
    Clean,
    /// Something is left to do.
    Open,
    /// Something could not be looked at.
    Failed,
}

/// Says what is left to do, and what comes out.
pub(super) fn judge(report: &mut FinishReport) {
    for line in &report.foreign_keys {
        let name = format!("foreign key {} on {}", line.constraint, line.table);
        match (line.orphans, &line.problem) {
            (None, problem) => {
                let why = problem.as_deref().unwrap_or("unknown");
                report.errors.push(format!("{name}: orphans not counted: {why}"));
            }
            (Some(count), _) if count > 0 && line.state != KeyState::NotEnforced => {
                report.open.push(format!("{name}: {count} rows without a parent"));
            }
            (_, Some(problem)) => report.open.push(format!("{name}: {problem}")),
            _ if line.state == KeyState::Parked => {
                report.open.push(format!("{name} is parked: dms-proxy fk restore"));
            }
            _ => {}
        }
    }
    for line in &report.deferrable {
        let name = format!("constraint {} on {}", line.constraint, line.table);
        match line.duplicates {
            None => {
                let why = line.problem.as_deref().unwrap_or("unknown");
                report.errors.push(format!("{name}: {why}"));
            }
            Some(0) => {}
            Some(count) => report.open.push(format!("{name}: {count} rows that it does not allow")),
        }
    }
    for line in &report.sequences {
        match line.outcome {
            SequenceOutcome::Exhausted => {
                report.open.push(format!("sequence {} has no value left", line.name));
            }
            SequenceOutcome::Moved if report.dry_run => {
                report.open.push(format!("sequence {} is behind its columns", line.name));
            }
            SequenceOutcome::Failed => {
                let why = line.problem.as_deref().unwrap_or("unknown");
                report.errors.push(format!("sequence {}: {why}", line.name));
            }
            _ => {}
        }
    }
    let waiting: i64 =
        report.rejects.iter().filter(|group| group.waits()).map(|group| group.count).sum();
    if waiting > 0 {
        report.open.push(format!("{waiting} rows were set aside and wait: dms-proxy rejects list"));
    }
    for SuspendedTable { schema, table, sqlstate, .. } in &report.suspended {
        let name = qualified(schema, table);
        report
            .open
            .push(format!("table {name} is suspended, by {sqlstate}: dms-proxy rejects resume"));
    }
    for table in &report.tables {
        if let Some(problem) = &table.problem {
            report.open.push(format!("table {}: not analyzed: {problem}", table.table));
        }
    }
    report.verdict = match (report.errors.is_empty(), report.open.is_empty()) {
        (false, _) => Verdict::Failed,
        (true, false) => Verdict::Open,
        (true, true) => Verdict::Clean,
    };
}

//! What `finish` reports, as plain data, and what comes out of it. Asks nothing.

use serde::Serialize;

use super::{
    DeferrableLine, ForeignTable, KeyState, RejectGroup, SampleKey, SequenceLine, SequenceOutcome,
    SourceNames, SuspendedTable, beside,
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
    /// Why what was counted of them is not noted in `dms_proxy.close_out`, for proxies to show.
    pub counts_not_kept: Option<String>,
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
    /// The same with what shows and mends it.
    pub todo: Vec<Todo>,
    /// What was removed of the proxy's own, where that was asked for.
    pub removed: Vec<String>,
    /// What could not be looked at or done, a sentence each.
    pub errors: Vec<String>,
    /// What comes out.
    pub verdict: Verdict,
}

/// Something that is left to do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Todo {
    /// What, in a sentence.
    pub what: String,
    /// A query that shows it.
    pub look: Option<String>,
    /// A statement that mends it.
    pub mend: Option<String>,
    /// The command that goes on then.
    pub then: Option<String>,
    /// The table and the name of the foreign key that it is about.
    #[serde(skip)]
    pub key: Option<(String, String)>,
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
    /// What texts of clients called the place, where that is another name.
    pub sources: Vec<String>,
    /// Whether types were changed, not values.
    #[serde(skip)]
    pub is_type: bool,
    /// Whether names were changed, not values.
    #[serde(skip)]
    pub is_name: bool,
}

/// A table whose triggers and rules did not act.
#[derive(Clone, Debug, Serialize)]
pub struct NotActed {
    /// Its name, qualified and quoted where that is needed.
    pub table: String,
    /// Its name at the source, where that is known and another one.
    pub source: Option<String>,
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
    /// The name of its table at the source, where that is known and another one.
    pub source: Option<String>,
    /// The same of the referenced table.
    pub referenced_source: Option<String>,
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
    /// A statement that deletes them, likewise; loading their parents mends it too.
    pub mend: Option<String>,
    /// What went wrong.
    pub problem: Option<String>,
    /// How long it took to count them, in milliseconds.
    pub took_ms: u64,
}

/// A table in a report.
#[derive(Clone, Debug, Serialize)]
pub struct AnalyzedTable {
    /// Its name, qualified and quoted.
    pub table: String,
    /// Its name at the source, where that is known and another one.
    pub source: Option<String>,
    /// Rows, as the target estimates them, or counted.
    pub rows: i64,
    /// Whether they were counted.
    pub is_exact: bool,
    /// Whether its statistics were gathered.
    pub analyzed: bool,
    /// Why not, where that is no dry run.
    pub problem: Option<String>,
    /// What gathers them then, as a role that may.
    pub mend: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
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

impl AnalyzedTable {
    /// Its name, with that at the source beside it.
    pub fn named(&self) -> String {
        beside(&self.table, self.source.as_deref())
    }
}

impl FinishReport {
    /// Sets the names at the source beside those of the target.
    pub(super) fn name_sources(&mut self, names: &SourceNames) {
        for key in &mut self.foreign_keys {
            key.source = names.of(&key.table);
            key.referenced_source = names.of(&key.referenced);
        }
        self.tables.iter_mut().for_each(|table| table.source = names.of(&table.table));
        self.deferrable.iter_mut().for_each(|line| line.source = names.of(&line.table));
        self.not_acted.iter_mut().for_each(|line| line.source = names.of(&line.table));
    }

    /// Something waits that keeps what the proxy has left from being removed.
    pub fn note_waiting(&mut self, waiting: Vec<String>) {
        self.todo.extend(waiting.into_iter().map(todo));
        self.open = self.todo.iter().map(sentence).collect();
        self.verdict = Verdict::Open;
    }
}

/// Says what is left to do, and what comes out. `found` is what was found about triggers and settings.
pub(super) fn judge(report: &mut FinishReport, found: &[Finding]) {
    judge_keys(report);
    judge_deferrable(report);
    for line in &report.sequences {
        let name = &line.name;
        match line.outcome {
            SequenceOutcome::Exhausted => {
                report.todo.push(Todo {
                    mend: line.mend.clone(),
                    then: Some("dms-proxy finish".to_owned()),
                    ..todo(format!("sequence {name} has no value left"))
                });
            }
            SequenceOutcome::Moved if report.dry_run => report.todo.push(Todo {
                mend: line.mend.clone(),
                then: Some("dms-proxy finish".to_owned()),
                ..todo(format!("sequence {name} is behind its columns"))
            }),
            SequenceOutcome::Failed => {
                let why = line.problem.as_deref().unwrap_or("unknown");
                report.errors.push(format!("sequence {name}: {why}"));
            }
            _ => {}
        }
    }
    let waiting: i64 =
        report.rejects.iter().filter(|group| group.waits()).map(|group| group.count).sum();
    if waiting > 0 {
        let wait = if waiting == 1 { "was set aside and waits" } else { "were set aside and wait" };
        report.todo.push(Todo {
            then: Some("dms-proxy rejects retry, or dms-proxy rejects discard".to_owned()),
            ..todo(format!("{} {wait}: dms-proxy rejects list", rows(waiting)))
        });
    }
    for SuspendedTable { schema, table, source, sqlstate, .. } in &report.suspended {
        let name = beside(&qualified(schema, table), source.as_deref());
        let what = format!("table {name} is suspended, by {sqlstate}: dms-proxy rejects resume");
        report.todo.push(todo(what));
    }
    for table in &report.tables {
        if let Some(problem) = &table.problem {
            report.todo.push(Todo {
                mend: table.mend.clone(),
                ..todo(format!("table {}: not analyzed: {problem}", table.named()))
            });
        }
    }
    let found = found
        .iter()
        .map(|Finding { found, mend }| Todo { mend: Some(mend.clone()), ..todo(found.clone()) });
    report.todo.extend(found);
    report.open = report.todo.iter().map(sentence).collect();
    report.verdict = match (report.errors.is_empty(), report.open.is_empty()) {
        (false, _) => Verdict::Failed,
        (true, false) => Verdict::Open,
        (true, true) => Verdict::Clean,
    };
}

fn judge_deferrable(report: &mut FinishReport) {
    for line in &report.deferrable {
        let table = beside(&line.table, line.source.as_deref());
        let name = format!("constraint {} on {table}", line.constraint);
        match line.duplicates {
            None => {
                let why = line.problem.as_deref().unwrap_or("unknown");
                report.errors.push(format!("{name}: {why}"));
            }
            Some(0) => {}
            Some(count) => report.todo.push(Todo {
                look: line.query.clone(),
                then: Some(again(&line.table)),
                ..todo(format!("{name}: {} that it does not allow", rows(count)))
            }),
        }
    }
}

fn judge_keys(report: &mut FinishReport) {
    for line in &report.foreign_keys {
        let table = beside(&line.table, line.source.as_deref());
        let name = format!("foreign key {} on {table}", line.constraint);
        let key = Some((line.table.clone(), line.constraint.clone()));
        let then = Some(again(&line.table));
        match (line.orphans, &line.problem) {
            (None, problem) => {
                let why = problem.as_deref().unwrap_or("unknown");
                report.errors.push(format!("{name}: orphans not counted: {why}"));
            }
            (Some(count), _) if count > 0 && line.state != KeyState::NotEnforced => {
                let what = format!("{name}: {} without a parent", rows(count));
                let (look, mend) = (line.query.clone(), line.mend.clone());
                report.todo.push(Todo { what, look, mend, then, key });
            }
            (_, Some(problem)) => {
                report.todo.push(Todo { then, key, ..todo(format!("{name}: {problem}")) });
            }
            _ if line.state == KeyState::Parked => {
                let then = Some("dms-proxy fk restore".to_owned());
                report.todo.push(Todo { then, key, ..todo(format!("{name} is parked")) });
            }
            _ => {}
        }
    }
}

fn todo(what: String) -> Todo {
    Todo { what, ..Todo::default() }
}

/// What is left to do, with what mends it where that is short.
fn sentence(todo: &Todo) -> String {
    match (&todo.look, &todo.mend, &todo.then) {
        (None, Some(mend), None) if !mend.starts_with("ANALYZE ") => {
            format!("{}: {mend}", todo.what)
        }
        (None, None, Some(then)) if todo.what.ends_with(" is parked") => {
            format!("{}: {then}", todo.what)
        }
        _ => todo.what.clone(),
    }
}

/// The command that looks at a table again.
fn again(table: &str) -> String {
    // Names in quotes are spelled for a shell.
    let table = match table.contains(['"', '\'', ' ', '$', '`', '\\']) {
        true => format!("'{}'", table.replace('\'', "'\\''")),
        false => table.to_owned(),
    };
    format!("dms-proxy finish --table {table}")
}

fn rows(count: i64) -> String {
    format!("{count} {}", if count == 1 { "row" } else { "rows" })
}

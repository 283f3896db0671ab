//! What ends a load: parked foreign keys back, orphans found, sequences moved on, statistics
//! gathered, and a report of all of it. Every step can be done again.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::parallel::{Work, in_parallel};
use super::restore::{drop_empty_journal, revalidate, validate_added};
use super::{
    CloseOutError, Connection, ForeignKey, Key, KeyState, Orphans, ParkedState, RestoreOutcome,
    SampleKey, Scope, SequenceLine, SequenceOutcome, Target, count_orphans, foreign_keys,
    move_sequences, orphan_query, parked, restore, scope_exists,
};
use crate::parking::spelling::quoted_identifier;
use crate::parking::validate_sql;

/// The first version with the privilege MAINTAIN.
const MAINTAIN: i32 = 170_000;

/// What is to be finished.
#[derive(Clone, Debug, Default)]
pub struct FinishOptions {
    /// Which tables.
    pub scope: Scope,
    /// Look at everything, change nothing.
    pub dry_run: bool,
    /// Have the target itself validate every foreign key that has no orphans, also those that it
    /// takes for valid: they are dropped and added again for that.
    pub revalidate: bool,
}

/// What the command did and found.
#[derive(Clone, Debug, Serialize)]
pub struct FinishReport {
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
    /// A line a sequence.
    pub sequences: Vec<SequenceLine>,
    /// A line a table.
    pub tables: Vec<AnalyzedTable>,
    /// What sessions of the proxy changed on the way, from `dms_proxy.rewrites`.
    pub rewrites: Vec<RewriteLine>,
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
    /// The schema; empty where it is not known.
    pub schema: String,
    /// The table; empty where it is not known.
    pub table: String,
    /// The column; empty where it is not known.
    pub column: String,
    /// The rule.
    pub rule: String,
    /// How often.
    pub count: i64,
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

/// Ends a load. `progress` hears of each foreign key whose orphans have been counted, with the
/// number of those that have.
///
/// # Errors
/// The target cannot be asked at all. What is wrong with one thing is in the report.
pub async fn finish(
    place: &Target,
    sessions: &[Connection],
    options: &FinishOptions,
    progress: impl FnMut(usize, &Orphans),
) -> Result<FinishReport, CloseOutError> {
    let Some(target) = sessions.first() else {
        return Err(CloseOutError::Refused("no session to work in".into()));
    };
    scope_exists(&options.scope, target).await?;
    let mut report = heading(place, target, options.dry_run).await?;
    report.foreign_keys = finish_keys(sessions, options, progress).await?;
    report.sequences = move_sequences(target, &options.scope, options.dry_run).await?;
    report.tables = analyze(sessions, options).await?;
    let (of_keys, of_users) = disabled_triggers(target, &options.scope).await?;
    report.settings = silencing_settings(target).await?;
    match rewrites(target).await {
        Ok(lines) => report.rewrites = lines,
        Err(error) => report.errors.push(format!("dms_proxy.rewrites: {error}")),
    }
    report.open.extend(
        of_keys
            .iter()
            .chain(&report.settings)
            .map(|finding| format!("{}: {}", finding.found, finding.mend)),
    );
    report.disabled_triggers = of_keys.into_iter().chain(of_users).collect();
    judge(&mut report);
    Ok(report)
}

async fn heading(
    place: &Target,
    target: &Connection,
    dry_run: bool,
) -> Result<FinishReport, CloseOutError> {
    let sql = "SELECT now()::timestamp(0)::text || ' ' || current_setting('TimeZone'),
        current_setting('server_version'), current_database()::text, current_user::text";
    let row = target.client().query_one(sql, &[]).await?;
    Ok(FinishReport {
        at: row.try_get(0)?,
        server: place.server.address().to_string(),
        version: row.try_get(1)?,
        database: row.try_get(2)?,
        user: row.try_get(3)?,
        dry_run,
        foreign_keys: Vec::new(),
        sequences: Vec::new(),
        tables: Vec::new(),
        rewrites: Vec::new(),
        disabled_triggers: Vec::new(),
        settings: Vec::new(),
        open: Vec::new(),
        errors: Vec::new(),
        verdict: Verdict::Clean,
    })
}

/// Restores, counts, and validates what has no orphans.
///
/// A foreign key that the target takes for valid and that turns out to have no orphans *is* valid:
/// dropping it to have the target find the same would only lock its tables. One that has orphans
/// stays as it is, since without it nothing would keep more from coming.
async fn finish_keys(
    sessions: &[Connection],
    options: &FinishOptions,
    progress: impl FnMut(usize, &Orphans),
) -> Result<Vec<ForeignKeyLine>, CloseOutError> {
    let Some(target) = sessions.first() else { return Ok(Vec::new()) };
    let mut restored = BTreeMap::new();
    if !options.dry_run {
        for line in restore(target, &options.scope, false).await? {
            restored.insert(line.key.key(), line.outcome);
        }
    }
    let journal = parked(target, &options.scope).await?;
    let added = journal.iter().filter(|row| row.state == ParkedState::Added);
    let added: BTreeSet<Key> = added.map(|row| row.key.key()).collect();
    let keys = foreign_keys(target, &options.scope).await?;
    let (mut lines, mut doubtful) = (Vec::new(), Vec::new());
    for orphans in count_orphans(sessions, keys, progress).await {
        let key = orphans.key.key();
        let mut line = line(&orphans);
        match restored.get(&key) {
            Some(RestoreOutcome::Failed(why)) => line.problem = Some(why.clone()),
            Some(_) => line.done = "restored",
            None if orphans.key.state == KeyState::Parked => line.done = "to-restore",
            None => {}
        }
        if line.orphans == Some(0) && !options.dry_run {
            let awaits = added.contains(&key);
            let way = match orphans.key.state {
                KeyState::NotValid if awaits => Some(Way::Awaited),
                KeyState::NotValid if options.revalidate => Some(Way::InPlace),
                KeyState::Valid if options.revalidate => Some(Way::Anew),
                _ => None,
            };
            doubtful.extend(way.map(|way| Doubtful { line: lines.len(), key: orphans.key, way }));
        }
        lines.push(line);
    }
    for (line, way, outcome) in in_parallel(sessions, doubtful, make_valid, |_, _| {}).await {
        if let Some(line) = lines.get_mut(line) {
            note(line, way, outcome?);
        }
    }
    if !options.dry_run {
        drop_empty_journal(target).await?;
    }
    Ok(lines)
}

/// A foreign key without orphans that the target is to validate.
struct Doubtful {
    /// The number of its line.
    line: usize,
    key: ForeignKey,
    way: Way,
}

/// How a foreign key is made valid.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Its row in the journal waits for it.
    Awaited,
    /// It was never valid, and no journal knows of it.
    InPlace,
    /// It is said to be valid, so it must be dropped and added again.
    Anew,
}

fn make_valid(
    session: Connection,
    doubtful: Doubtful,
) -> Work<(usize, Way, Result<RestoreOutcome, CloseOutError>)> {
    Box::pin(async move {
        let Doubtful { line, key, way } = doubtful;
        let outcome = match way {
            Way::Awaited => validate_added(&session, &key).await,
            Way::Anew => revalidate(&session, &key).await,
            Way::InPlace => {
                let sql = validate_sql(&key.schema, &key.table, &key.name);
                Ok(match session.client().batch_execute(&sql).await {
                    Ok(()) => RestoreOutcome::Restored,
                    Err(error) => RestoreOutcome::Failed(CloseOutError::from(error).to_string()),
                })
            }
        };
        (line, way, outcome)
    })
}

fn note(line: &mut ForeignKeyLine, way: Way, outcome: RestoreOutcome) {
    match outcome {
        RestoreOutcome::Restored => {
            line.state = KeyState::Valid;
            line.done = if way == Way::Awaited { "restored" } else { "validated" };
        }
        RestoreOutcome::Added => line.state = KeyState::NotValid,
        RestoreOutcome::Orphans(why) => {
            line.state = KeyState::NotValid;
            line.problem = Some(why);
        }
        RestoreOutcome::Failed(why) => line.problem = Some(why),
    }
}

fn line(orphans: &Orphans) -> ForeignKeyLine {
    let Orphans { key, found } = orphans;
    let (count, samples, problem) = match found {
        Ok((count, samples)) => (Some(*count), samples.clone(), None),
        Err(error) => (None, Vec::new(), Some(error.to_string())),
    };
    ForeignKeyLine {
        constraint: key.name_sql.clone(),
        table: key.table_sql.clone(),
        referenced: key.referenced_sql.clone(),
        state: key.state,
        done: "none",
        orphans: count,
        samples,
        query: count.is_some_and(|count| count > 0).then(|| orphan_query(key)),
        problem,
    }
}

/// Gathers the statistics of every table of the scope; a partition comes with its parent.
async fn analyze(
    sessions: &[Connection],
    options: &FinishOptions,
) -> Result<Vec<AnalyzedTable>, CloseOutError> {
    fn work(session: Connection, table: (String, bool)) -> Work<AnalyzedTable> {
        Box::pin(async move {
            let (table, wanted) = table;
            let done = if wanted { analyze_one(&session, &table).await } else { Ok(false) };
            let rows = rows(&session, &table).await;
            let problem = done.as_ref().err().or(rows.as_ref().err()).map(ToString::to_string);
            let (rows, analyzed) = (rows.unwrap_or_default(), done.unwrap_or_default());
            AnalyzedTable { table, rows, analyzed, problem }
        })
    }
    let Some(target) = sessions.first() else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
         AND row_to_json(c)->>'relispartition' IS DISTINCT FROM 'true' AND {}
         AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
             AND e.objid = c.oid AND e.deptype = 'e')
         ORDER BY n.nspname, c.relname",
        options.scope.covers("n.nspname::text", "c.relname::text")
    );
    let wanted = !options.dry_run;
    let rows = target.client().query(&sql, &[]).await?;
    let tables = rows.iter().map(|row| Ok((row.try_get(0)?, wanted)));
    let tables = tables.collect::<Result<Vec<_>, tokio_postgres::Error>>()?;
    Ok(in_parallel(sessions, tables, work, |_, _| {}).await)
}

/// The server skips a table that this role may not analyze with nothing but a warning, so it is
/// asked before.
async fn analyze_one(target: &Connection, table: &str) -> Result<bool, CloseOutError> {
    let client = target.client();
    let maintain = if target.version() >= MAINTAIN {
        "has_table_privilege(c.oid, 'MAINTAIN')"
    } else {
        "false"
    };
    let may = format!(
        "SELECT pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE') OR {maintain}
        FROM pg_class c, pg_database d
        WHERE c.oid = $1::text::regclass AND d.datname = current_database()"
    );
    if client.query_one(&may, &[&table]).await?.try_get(0)? {
        client.batch_execute(&format!("ANALYZE {table}")).await?;
        return Ok(true);
    }
    Err(CloseOutError::Refused("only its owner may analyze it".into()))
}

async fn rows(target: &Connection, table: &str) -> Result<i64, CloseOutError> {
    let sql = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = $1::text::regclass";
    Ok(target.client().query_one(sql, &[&table]).await?.try_get(0)?)
}

/// Disabled triggers: those of foreign keys, which do not act then, and those of users.
/// The ledger, of the whole database: where a table is not known there is none to choose by.
async fn rewrites(target: &Connection) -> Result<Vec<RewriteLine>, CloseOutError> {
    let there = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'dms_proxy' AND c.relname = 'rewrites'";
    if target.client().query_opt(there, &[]).await?.is_none() {
        return Ok(Vec::new());
    }
    let sql = "SELECT schema_name, table_name, column_name, rule, count FROM dms_proxy.rewrites
        ORDER BY 1, 2, 3, 4";
    let mut lines = Vec::new();
    for row in target.client().query(sql, &[]).await? {
        lines.push(RewriteLine {
            schema: row.try_get(0)?,
            table: row.try_get(1)?,
            column: row.try_get(2)?,
            rule: row.try_get(3)?,
            count: row.try_get(4)?,
        });
    }
    Ok(lines)
}

async fn disabled_triggers(
    target: &Connection,
    scope: &Scope,
) -> Result<(Vec<Finding>, Vec<Finding>), CloseOutError> {
    let sql = format!(
        "SELECT DISTINCT format('%I.%I', n.nspname, t.relname), c.conname::text,
            CASE WHEN c.oid IS NULL THEN format('%I', g.tgname) END
        FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
        JOIN pg_namespace n ON n.oid = t.relnamespace
        LEFT JOIN pg_constraint c ON c.oid = g.tgconstraint AND c.contype = 'f'
        WHERE g.tgenabled = 'D' AND {} ORDER BY 1, 2, 3",
        scope.covers("n.nspname::text", "t.relname::text")
    );
    let (mut of_keys, mut of_users) = (Vec::new(), Vec::new());
    for row in target.client().query(&sql, &[]).await? {
        let table: String = row.try_get(0)?;
        match (row.try_get::<_, Option<String>>(1)?, row.try_get::<_, Option<String>>(2)?) {
            (Some(key), _) => of_keys.push(Finding {
                found: format!(
                    "triggers of foreign key {} on {table} are disabled",
                    quoted_identifier(&key)
                ),
                mend: format!("ALTER TABLE {table} ENABLE TRIGGER ALL"),
            }),
            (None, name) => {
                let name = name.unwrap_or_default();
                of_users.push(Finding {
                    found: format!("trigger {name} on {table} is disabled"),
                    mend: format!("ALTER TABLE {table} ENABLE TRIGGER {name}"),
                });
            }
        }
    }
    Ok((of_keys, of_users))
}

/// Settings under which a new session in this database is born with its foreign keys silenced.
async fn silencing_settings(target: &Connection) -> Result<Vec<Finding>, CloseOutError> {
    let sql = "SELECT
            CASE WHEN s.setrole <> 0 AND s.setdatabase <> 0
                THEN format('ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), d.datname)
                WHEN s.setrole <> 0 THEN format('ROLE %I', pg_get_userbyid(s.setrole))
                WHEN s.setdatabase <> 0 THEN format('DATABASE %I', d.datname)
                ELSE 'ROLE ALL' END
        FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase
        WHERE (s.setdatabase = 0 OR d.datname = current_database())
        AND EXISTS (SELECT 1 FROM unnest(s.setconfig) AS c
            WHERE lower(c) = 'session_replication_role=replica') ORDER BY 1";
    let mut findings = Vec::new();
    for row in target.client().query(sql, &[]).await? {
        let owner: String = row.try_get(0)?;
        findings.push(Finding {
            found: format!("{owner} starts its sessions with session_replication_role = replica"),
            mend: format!("ALTER {owner} RESET session_replication_role"),
        });
    }
    let sql = "SELECT setting, source FROM pg_settings WHERE name = 'session_replication_role'";
    let row = target.client().query_one(sql, &[]).await?;
    let (setting, source): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    if setting == "replica" && findings.is_empty() {
        findings.push(Finding {
            found: format!("sessions start with session_replication_role = replica ({source})"),
            mend: "ALTER SYSTEM RESET session_replication_role; SELECT pg_reload_conf()".into(),
        });
    }
    Ok(findings)
}

/// Says what is left to do, and what comes out.
fn judge(report: &mut FinishReport) {
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

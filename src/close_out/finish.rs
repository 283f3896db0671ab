//! What ends a load: parked foreign keys back, orphans found, sequences moved on, statistics
//! gathered, and a report of all of it. Every step can be done again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tokio_postgres::error::SqlState;

use super::acts::not_acted;
use super::counted::{counted_key, keep_counted};
use super::deferrable::deferrable;
use super::interrupt::note_done;
use super::journal::roll_back_on_error;
use super::orphans::delete_orphans;
use super::parallel::{Work, in_parallel};
use super::rejects::{RejectFilter, reject_groups};
use super::report::{AnalyzedTable, Finding, FinishReport, ForeignKeyLine, Verdict, judge};
use super::restore::{drop_empty_journal, revalidate, validate_added, validate_on_table};
use super::rewrites::rewrites;
use super::silenced::{disabled_triggers, silencing_settings};
use super::strangers::{lock_tables, refuse_code_of_others};
use super::suspended::suspended_tables;
use super::working::{Task, begin_phase};
use super::{
    CloseOutError, Connection, ForeignKey, IS_OWN_TABLE, IS_WHOLE, Key, KeyState, Orphans,
    ParkedState, RELATION, RestoreOutcome, SCHEMA, Scope, Target, count_orphans, foreign_keys,
    foreign_tables, lost, move_sequences, orphan_query, parked, restore, scope_exists,
    source_names,
};

/// The first version with the privilege MAINTAIN.
const MAINTAIN: i32 = 170_000;

/// What is to be finished.
#[derive(Clone, Debug, Default)]
pub struct FinishOptions {
    /// Which tables.
    pub scope: Scope,
    /// Look at everything, change nothing.
    pub dry_run: bool,
    /// The run whose changes are shown; those of all without one.
    pub run: Option<String>,
    /// Count the rows of tables, in place of the target's estimates.
    pub count: bool,
    /// Have the target itself validate every foreign key that has no orphans, also those that it
    /// takes for valid: they are dropped and added again for that.
    pub revalidate: bool,
}

/// Ends a load.
///
/// # Errors
/// The target cannot be asked at all. What is wrong with one thing is in the report.
pub async fn finish(
    place: &Target,
    sessions: &[Connection],
    options: &FinishOptions,
) -> Result<FinishReport, CloseOutError> {
    let Some(target) = sessions.first() else {
        return Err(CloseOutError::Refused("no session to work in".into()));
    };
    let began = Instant::now();
    scope_exists(&options.scope, target).await?;
    let mut report = heading(place, target, options).await?;
    (report.foreign_keys, report.counts_not_kept) = finish_keys(sessions, options).await?;
    report.errors.extend(lost(target, &options.scope).await?);
    report.deferrable = deferrable(sessions, &options.scope).await?;
    report.sequences = move_sequences(target, &options.scope, options.dry_run).await?;
    report.tables = analyze(sessions, options).await?;
    report.foreign_tables = foreign_tables(target, &options.scope).await?;
    let (of_keys, of_users) = disabled_triggers(target, &options.scope).await?;
    report.settings = silencing_settings(target).await?;
    match rewrites(target, options.run.as_deref()).await {
        Ok(found) => {
            report.not_acted = not_acted(target, &options.scope, &found.lines).await?;
            report.rewrites = found.lines;
            report.rewrites_not_shown = found.not_shown;
        }
        Err(error) => report.errors.push(format!("dms_proxy.rewrites: {error}")),
    }
    add_set_aside(target, &options.scope, &mut report).await;
    report.name_sources(&source_names(target).await);
    let to_mend: Vec<Finding> = of_keys.iter().chain(&report.settings).cloned().collect();
    report.disabled_triggers = of_keys.into_iter().chain(of_users).collect();
    report.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    judge(&mut report, &to_mend);
    Ok(report)
}

/// What was set aside, and the tables that are suspended.
async fn add_set_aside(target: &Connection, scope: &Scope, report: &mut FinishReport) {
    let rejected = RejectFilter { scope: scope.clone(), ..RejectFilter::default() };
    match reject_groups(target, &rejected).await {
        Ok(found) => report.rejects = found,
        // The administrator's table is the administrator's to read.
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            report.rejects_not_shown =
                Some("dms_proxy.rejected_rows is for its owner to read".to_owned());
        }
        Err(error) => report.errors.push(format!("dms_proxy.rejected_rows: {error}")),
    }
    match suspended_tables(target, scope).await {
        Ok(found) => report.suspended = found,
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {}
        Err(error) => report.errors.push(format!("dms_proxy.suspended_tables: {error}")),
    }
}

async fn heading(
    place: &Target,
    target: &Connection,
    options: &FinishOptions,
) -> Result<FinishReport, CloseOutError> {
    let sql = "SELECT pg_catalog.concat(
            pg_catalog.date_trunc('second', pg_catalog.now())::pg_catalog.timestamp, ' ',
            pg_catalog.current_setting('TimeZone')),
        pg_catalog.current_setting('server_version'),
        pg_catalog.current_database()::pg_catalog.text, current_user::pg_catalog.text,
        pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.now()),
            'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')";
    let row = target.client().query_one(sql, &[]).await?;
    Ok(FinishReport {
        schema_version: 1,
        proxy_version: env!("CARGO_PKG_VERSION"),
        started_at: row.try_get(4)?,
        took_ms: 0,
        run: options.run.clone(),
        interrupted: false,
        at: row.try_get(0)?,
        server: place.server.address().to_string(),
        version: row.try_get(1)?,
        database: row.try_get(2)?,
        user: row.try_get(3)?,
        dry_run: options.dry_run,
        foreign_keys: Vec::new(),
        counts_not_kept: None,
        deferrable: Vec::new(),
        not_acted: Vec::new(),
        sequences: Vec::new(),
        tables: Vec::new(),
        foreign_tables: Vec::new(),
        rewrites: Vec::new(),
        rewrites_not_shown: None,
        rejects: Vec::new(),
        rejects_not_shown: None,
        suspended: Vec::new(),
        disabled_triggers: Vec::new(),
        settings: Vec::new(),
        open: Vec::new(),
        todo: Vec::new(),
        removed: Vec::new(),
        errors: Vec::new(),
        verdict: Verdict::Clean,
    })
}

/// Restores, counts, and validates what has no orphans.
///
/// A foreign key that the target takes for valid and that turns out to have no orphans *is* valid:
/// dropping it to have the target find the same would only lock its tables. One that has orphans
/// stays as it is, since without it nothing would keep more from coming. Also says why what was counted is not kept.
async fn finish_keys(
    sessions: &[Connection],
    options: &FinishOptions,
) -> Result<(Vec<ForeignKeyLine>, Option<String>), CloseOutError> {
    let Some(target) = sessions.first() else { return Ok((Vec::new(), None)) };
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
    let (mut lines, mut doubtful, mut counted) = (Vec::new(), Vec::new(), Vec::new());
    for orphans in count_orphans(sessions, keys).await {
        let key = orphans.key.key();
        counted.push(counted_key(&orphans));
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
    for (line, way, outcome) in in_parallel(sessions, doubtful, make_valid).await {
        if let Some(line) = lines.get_mut(line) {
            note(line, way, outcome?);
        }
    }
    let mut not_kept = None;
    if !options.dry_run {
        drop_empty_journal(target).await?;
        let kept = keep_counted(target, "finish", &counted).await;
        not_kept = kept.err().map(|error| error.to_string());
    }
    Ok((lines, not_kept))
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
            Way::InPlace => Ok(match validate_on_table(&session, &key).await {
                Ok(()) => RestoreOutcome::Restored,
                Err(error) => RestoreOutcome::Failed(error.to_string()),
            }),
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
    let Orphans { key, found, took_ms } = orphans;
    let (count, samples, problem) = match found {
        Ok((count, samples)) => (Some(*count), samples.clone(), None),
        Err(error) => (None, Vec::new(), Some(error.to_string())),
    };
    ForeignKeyLine {
        constraint: key.name_sql.clone(),
        table: key.table_sql.clone(),
        referenced: key.referenced_sql.clone(),
        source: None,
        referenced_source: None,
        state: key.state,
        done: "none",
        orphans: count,
        samples,
        query: count.is_some_and(|count| count > 0).then(|| orphan_query(key)),
        mend: count.is_some_and(|count| count > 0).then(|| delete_orphans(key)),
        problem,
        took_ms: *took_ms,
    }
}

/// Gathers the statistics of every table of the scope; a partition comes with its parent.
async fn analyze(
    sessions: &[Connection],
    options: &FinishOptions,
) -> Result<Vec<AnalyzedTable>, CloseOutError> {
    fn work(session: Connection, table: (String, bool, bool)) -> Work<AnalyzedTable> {
        Box::pin(async move {
            let (table, wanted, counts) = table;
            let task = Task::begin(table.clone(), &session, 1.0);
            let done = if wanted { analyze_one(&session, &table).await } else { Ok(false) };
            let is_exact = counts || session.is_citus();
            let rows = rows(&session, &table, is_exact).await;
            let problem = done.as_ref().err().or(rows.as_ref().err()).map(ToString::to_string);
            let (rows, analyzed) = (rows.unwrap_or_default(), done.unwrap_or_default());
            let mend = problem.as_ref().map(|_| format!("ANALYZE {table}"));
            AnalyzedTable {
                mend,
                table,
                source: None,
                rows,
                is_exact,
                analyzed,
                problem,
                took_ms: task.millis(),
            }
        })
    }
    let Some(target) = sessions.first() else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
         WHERE {IS_OWN_TABLE} AND {IS_WHOLE} AND {} ORDER BY n.nspname, c.relname",
        options.scope.covers(SCHEMA, RELATION)
    );
    let (wanted, counts) = (!options.dry_run, options.count);
    let rows = target.client().query(&sql, &[]).await?;
    let tables = rows.iter().map(|row| Ok((row.try_get(0)?, wanted, counts)));
    let tables = tables.collect::<Result<Vec<_>, tokio_postgres::Error>>()?;
    begin_phase("tables", tables.iter().map(|_| 1.0));
    Ok(in_parallel(sessions, tables, work).await)
}

/// The server skips a table that this role may not analyze with nothing but a warning, so it is
/// asked before.
async fn analyze_one(target: &Connection, table: &str) -> Result<bool, CloseOutError> {
    let client = target.client();
    let maintain = if target.version() >= MAINTAIN {
        "pg_catalog.has_table_privilege(c.oid, 'MAINTAIN')"
    } else {
        "false"
    };
    let may = format!(
        "SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE')
            OR pg_catalog.pg_has_role(d.datdba, 'USAGE') OR {maintain}
        FROM pg_catalog.pg_class c, pg_catalog.pg_database d
        WHERE c.oid OPERATOR(pg_catalog.=) $1::pg_catalog.text::pg_catalog.regclass
            AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
    );
    if client.query_one(&may, &[&table]).await?.try_get(0)? {
        client.batch_execute(&format!("ANALYZE {table}")).await?;
        note_done(format!("analyzed {table}"));
        return Ok(true);
    }
    Err(CloseOutError::Refused("only its owner may analyze it".into()))
}

async fn rows(target: &Connection, table: &str, is_exact: bool) -> Result<i64, CloseOutError> {
    if is_exact {
        return count_rows(target, table).await;
    }
    let sql = "SELECT GREATEST(c.reltuples, 0)::pg_catalog.int8 FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) $1::pg_catalog.text::pg_catalog.regclass";
    Ok(target.client().query_one(sql, &[&table]).await?.try_get(0)?)
}

/// Counts the rows; on Citus those of all shards, of which the estimate of the coordinator's own table knows
/// nothing.
async fn count_rows(target: &Connection, table: &str) -> Result<i64, CloseOutError> {
    let client = target.client();
    client.batch_execute("BEGIN READ ONLY").await?;
    let counted = async {
        lock_tables(target, &[table]).await?;
        refuse_code_of_others(target, &[table]).await?;
        let sql = format!("SELECT pg_catalog.count(*) FROM {table}");
        let count = client.query_one(&sql, &[]).await?.try_get(0)?;
        client.batch_execute("COMMIT").await?;
        Ok(count)
    };
    roll_back_on_error(target, counted.await).await
}

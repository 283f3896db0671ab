//! `dms-proxy fk`: foreign keys before and after a load.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::EXIT_USAGE;
use super::close_out::{
    EXIT_OPEN, ReportFormat, TargetArguments, json as written, line as add_line, not_kept,
    run_until_interrupted as run_command, samples, sessions,
};
use super::progress::{ShownProgress, watched};
use crate::close_out::{
    CloseOutError, Connection, ForeignKey, KeyState, Orphans, Parked, ParkedState, RestoreLine,
    RestoreOutcome, Scope, SourceNames, Target, count_orphans, counted_key, foreign_keys,
    keep_counted, lost, orphan_query, park, parked, restore, scope_exists, source_names,
};

#[derive(Debug, Subcommand)]
pub(super) enum FkCommand {
    /// Show what is parked; exit code 1 if anything is
    Status(FkArguments),
    /// Write foreign keys to a journal on the target and drop them
    ///
    /// Needs the owner of the tables, no superuser. All or nothing: the journal is
    /// dms_proxy.fk_journal, and a crash at any point leaves it true.
    Park(FkArguments),
    /// Put parked foreign keys back as they were, and validate them
    Restore(FkArguments),
    /// Count rows without a parent, foreign key by foreign key
    ///
    /// Changes no table of yours; what it has counted is noted in dms_proxy.close_out, for proxies to show.
    Validate {
        #[command(flatten)]
        arguments: FkArguments,
        /// Foreign keys that are looked at at a time
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
        jobs: u16,
    },
}

#[derive(Debug, Args)]
pub(super) struct FkArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Only foreign keys from or to these tables, as [SCHEMA.]TABLE, written as in SQL
    #[arg(long, value_name = "T", num_args = 1..)]
    table: Vec<String>,
}

/// What a command writes and exits with.
type Outcome = Result<(String, u8), CloseOutError>;

pub(super) fn run(command: &FkCommand) -> ExitCode {
    let arguments = command.arguments();
    let (target, scope) = match arguments.target.resolve(&arguments.table) {
        Ok(resolved) => resolved,
        Err(code) => return code,
    };
    let format = arguments.target.format;
    run_command(format, async {
        match command {
            FkCommand::Status(_) => status(&target, &scope, format).await,
            FkCommand::Park(_) => park_all(&target, &scope, format).await,
            FkCommand::Restore(_) => restore_all(&target, &scope, format).await,
            FkCommand::Validate { jobs, .. } => validate(&target, &scope, format, *jobs).await,
        }
    })
}

impl FkCommand {
    fn arguments(&self) -> &FkArguments {
        match self {
            FkCommand::Status(arguments)
            | FkCommand::Park(arguments)
            | FkCommand::Restore(arguments)
            | FkCommand::Validate { arguments, .. } => arguments,
        }
    }
}

/// A foreign key, in a line.
fn named(key: &ForeignKey, names: &SourceNames) -> String {
    format!("{} {}", names.beside(&key.table_sql), key.name_sql)
}

fn key_json(key: &ForeignKey, names: &SourceNames) -> Value {
    json!({
        "source": names.of(&key.table_sql), "referenced_source": names.of(&key.referenced_sql),
        "schema": key.schema, "table": key.table, "constraint": key.name,
        "referenced_schema": key.referenced_schema, "referenced_table": key.referenced_table,
        "definition": key.definition, "state": key.state,
    })
}

fn parked_json(row: &Parked, names: &SourceNames) -> Value {
    let mut value = key_json(&row.key, names);
    if let Value::Object(fields) = &mut value {
        let state = match row.state {
            ParkedState::Parked => "parked",
            ParkedState::Added => "added",
        };
        fields.insert("state".into(), state.into());
        fields.insert("was_valid".into(), row.validated.into());
        fields.insert("parked_at".into(), row.at.clone().into());
        fields.insert("parked_by".into(), row.by.clone().into());
    }
    value
}

fn parked_line(row: &Parked, names: &SourceNames) -> String {
    let state = match row.state {
        ParkedState::Parked => "parked",
        ParkedState::Added => "added, to be validated",
    };
    let (at, by) = (&row.at, &row.by);
    let mut text = String::new();
    add_line(
        &mut text,
        &format!("{state}  {}  {}  (by {by} at {at})", named(&row.key, names), row.key.definition),
    );
    text
}

/// The journal of the scope. What a scope names must be there, be it in the journal only.
async fn journal(target: &Connection, scope: &Scope) -> Result<Vec<Parked>, CloseOutError> {
    let rows = parked(target, scope).await?;
    if rows.is_empty() {
        scope_exists(scope, target).await?;
    }
    Ok(rows)
}

async fn status(target: &Target, scope: &Scope, format: ReportFormat) -> Outcome {
    let session = Connection::open(target).await?;
    let rows = journal(&session, scope).await?;
    let keys = foreign_keys(&session, scope).await?;
    let lost = lost(&session, scope).await?;
    let names = source_names(&session).await;
    let on_table: Vec<_> = keys.iter().filter(|key| key.state != KeyState::Parked).collect();
    let output = match format {
        ReportFormat::Json => written(&json!({
            "parked": rows.iter().map(|row| parked_json(row, &names)).collect::<Vec<_>>(),
            "on_table": on_table.iter().map(|key| key_json(key, &names)).collect::<Vec<_>>(),
            "lost": lost,
        }))?,
        ReportFormat::Text => {
            let count = |state| on_table.iter().filter(|key| key.state == state).count();
            let (valid, not_valid) = (count(KeyState::Valid), count(KeyState::NotValid));
            let mut text: String = rows.iter().map(|row| parked_line(row, &names)).collect();
            text.push_str(&format!(
                "{} in the journal; on their tables {valid} said to be valid, {not_valid} NOT \
                 VALID, {} NOT ENFORCED\n",
                rows.len(),
                count(KeyState::NotEnforced)
            ));
            text + &lost_text(&lost)
        }
    };
    Ok((
        output,
        if !lost.is_empty() {
            EXIT_USAGE
        } else if rows.is_empty() {
            0
        } else {
            EXIT_OPEN
        },
    ))
}

async fn park_all(target: &Target, scope: &Scope, format: ReportFormat) -> Outcome {
    let session = Connection::open(target).await?;
    journal(&session, scope).await?;
    let rows = park(&session, scope).await?;
    let names = source_names(&session).await;
    let output = match format {
        ReportFormat::Json => written(
            &json!({ "parked": rows.iter().map(|row| parked_json(row, &names)).collect::<Vec<_>>() }),
        )?,
        ReportFormat::Text => {
            let mut text: String = rows.iter().map(|row| parked_line(row, &names)).collect();
            text.push_str(&format!("{} in the journal\n", rows.len()));
            text
        }
    };
    Ok((output, 0))
}

async fn restore_all(target: &Target, scope: &Scope, format: ReportFormat) -> Outcome {
    let session = Connection::open(target).await?;
    journal(&session, scope).await?;
    let lines = restore(&session, scope, true).await?;
    let all = lines.iter().all(|line| matches!(line.outcome, RestoreOutcome::Restored));
    let lost = lost(&session, scope).await?;
    let names = source_names(&session).await;
    let output = match format {
        ReportFormat::Json => {
            let lines: Vec<_> = lines.iter().map(|line| restored_json(line, &names)).collect();
            written(&json!({ "restored": lines, "lost": lost }))?
        }
        ReportFormat::Text => {
            let mut text: String = lines.iter().map(|line| restored_line(line, &names)).collect();
            let back = lines
                .iter()
                .filter(|line| matches!(line.outcome, RestoreOutcome::Restored))
                .count();
            text.push_str(&format!("{back} of {} restored\n", lines.len()));
            text + &lost_text(&lost)
        }
    };
    Ok((
        output,
        if !lost.is_empty() {
            EXIT_USAGE
        } else if all {
            0
        } else {
            EXIT_OPEN
        },
    ))
}

/// What the journal has lost, a line each.
fn lost_text(lost: &[String]) -> String {
    let mut text = String::new();
    lost.iter().for_each(|found| add_line(&mut text, found));
    text
}

fn outcome(line: &RestoreLine) -> (&'static str, Option<&str>) {
    match &line.outcome {
        RestoreOutcome::Restored => ("restored", None),
        RestoreOutcome::Added => ("added", None),
        RestoreOutcome::Orphans(why) => ("orphans", Some(why)),
        RestoreOutcome::Failed(why) => ("failed", Some(why)),
    }
}

fn restored_json(line: &RestoreLine, names: &SourceNames) -> Value {
    let (outcome, problem) = outcome(line);
    let key = &line.key;
    json!({
        "schema": key.schema, "table": key.table, "source": names.of(&key.table_sql),
        "constraint": key.name, "outcome": outcome, "problem": problem,
    })
}

fn restored_line(line: &RestoreLine, names: &SourceNames) -> String {
    let (outcome, problem) = outcome(line);
    let mut text = String::new();
    add_line(&mut text, &format!("{outcome:<9} {}", named(&line.key, names)));
    if let Some(problem) = problem {
        add_line(&mut text, &format!("          {problem}"));
    }
    match line.outcome {
        RestoreOutcome::Orphans(_) => text.push_str(
            "          it is on its table as NOT VALID; dms-proxy fk validate counts the orphans\n",
        ),
        RestoreOutcome::Failed(_) => add_line(
            &mut text,
            &format!(
                "          it stays in the journal; to give it up: DELETE FROM \
                 dms_proxy.fk_journal WHERE {}; then finish says how to forget it",
                crate::parking::journal_key(&line.key.schema, &line.key.table, &line.key.name)
            ),
        ),
        RestoreOutcome::Restored | RestoreOutcome::Added => {}
    }
    text
}

async fn validate(target: &Target, scope: &Scope, format: ReportFormat, jobs: u16) -> Outcome {
    let sessions = sessions(target, jobs).await?;
    let Some(first) = sessions.first() else { return Ok((String::new(), EXIT_USAGE)) };
    journal(first, scope).await?;
    let keys = foreign_keys(first, scope).await?;
    let counting = async { Ok(count_orphans(&sessions, keys).await) };
    let found = watched(ShownProgress::Auto, ("fk validate", target), counting).await?;
    let counted: Vec<_> = found.iter().map(counted_key).collect();
    if let Err(error) = keep_counted(first, "fk validate", &counted).await {
        not_kept(&error.to_string());
    }
    let lost = lost(first, scope).await?;
    let names = source_names(first).await;
    let code = if lost.is_empty() { 0 } else { EXIT_USAGE };
    let code = found.iter().fold(code, |code, orphans| match &orphans.found {
        Err(_) => EXIT_USAGE,
        // Nobody says of these rows that they have a parent.
        Ok(_) if !orphans.key.is_enforced() => code,
        Ok((count, _)) if *count > 0 => code.max(EXIT_OPEN),
        Ok(_) => code,
    });
    let output = match format {
        ReportFormat::Json => {
            let keys: Vec<_> = found.iter().map(|orphans| orphans_json(orphans, &names)).collect();
            written(&json!({ "foreign_keys": keys, "lost": lost }))?
        }
        ReportFormat::Text => orphans_text(&found, &names) + &lost_text(&lost),
    };
    Ok((output, code))
}

fn orphans_json(orphans: &Orphans, names: &SourceNames) -> Value {
    let mut value = key_json(&orphans.key, names);
    if let Value::Object(fields) = &mut value {
        fields.insert("columns".into(), json!(orphans.key.columns));
        match &orphans.found {
            Ok((count, samples)) => {
                fields.insert("orphans".into(), (*count).into());
                fields.insert("samples".into(), json!(samples));
                fields.insert("query".into(), orphan_query(&orphans.key).into());
            }
            Err(error) => {
                fields.insert("orphans".into(), Value::Null);
                fields.insert("problem".into(), error.to_string().into());
            }
        }
    }
    value
}

fn orphans_text(found: &[Orphans], names: &SourceNames) -> String {
    let mut text = String::new();
    let mut total = 0;
    for orphans in found {
        let key = named(&orphans.key, names);
        match &orphans.found {
            Ok((0, _)) => add_line(&mut text, &format!("{:>9}  {key}", 0)),
            Ok((count, keys)) => {
                total += count;
                add_line(&mut text, &format!("{count:>9}  {key}"));
                add_line(&mut text, &format!("           {}", samples(keys)));
                add_line(&mut text, &format!("           {};", orphan_query(&orphans.key)));
            }
            Err(error) => {
                add_line(&mut text, &format!("        ?  {key}"));
                add_line(&mut text, &format!("           {error}"));
            }
        }
    }
    text.push_str(&format!("{total} orphans of {} foreign keys\n", found.len()));
    text
}

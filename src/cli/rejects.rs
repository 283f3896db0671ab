//! `dms-proxy rejects`: the rows that sessions have set aside.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::close_out::{
    EXIT_OPEN, ReportFormat, TargetArguments, json as written, line as add_line, run as run_command,
};
use crate::close_out::{
    CloseOutError, Connection, RejectFilter, RejectFormat, RejectGroup, RejectedLine,
    SuspendedTable, Target, beside, discard_rejects, in_utf8, reject_groups, reject_rows,
    resume_tables, retry_rejects, suspended_tables,
};
use crate::parking::spelling::{qualified, quoted_identifier, quoted_literal};

#[derive(Debug, Subcommand)]
pub(super) enum RejectsCommand {
    /// Count rows by table and error; exit code 1 if any wait
    List(RejectsArguments),
    /// Show the rows that wait
    Show {
        #[command(flatten)]
        arguments: RejectsArguments,
        /// The most rows that are shown
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Write the rows that wait to the standard output, to be mended and loaded
    ///
    /// Rows of text and CSV only; those of binary, and those of which not all is kept, are named in comments
    /// (sql) or left out with a warning (csv).
    Export {
        #[command(flatten)]
        arguments: RejectsArguments,
        /// csv has a line with the columns in front of the rows of each table, sql an INSERT a row
        #[arg(long = "as", value_enum, default_value_t)]
        as_format: ExportFormat,
    },
    /// Load the rows that wait again, in one transaction a table, and mark what went in
    ///
    /// Log in as the role that loads: triggers, defaults and CHECKs run with the rights of the role that logs in.
    /// A table with code of a role that could not do what that role can is not loaded (exit code 2). Exit code 1
    /// if rows are still refused.
    Retry(RejectsArguments),
    /// Give the rows up that wait: they stay in the table, and nothing waits for them
    Discard(RejectsArguments),
    /// Take suspended tables up again: their rows are loaded from now on
    ///
    /// Rows that were set aside stay: load them with retry. Exit code 1 if none of the tables is suspended.
    Resume {
        #[command(flatten)]
        target: TargetArguments,
        /// These tables, as [SCHEMA.]TABLE, written as in SQL
        #[arg(required = true, value_name = "TABLE")]
        tables: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// Comma-separated values.
    #[default]
    Csv,
    /// INSERT statements.
    Sql,
}

#[derive(Debug, Args)]
pub(super) struct RejectsArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Only rows for these tables, as [SCHEMA.]TABLE, written as in SQL
    #[arg(long, value_name = "T", num_args = 1..)]
    table: Vec<String>,
    /// Only rows with this error
    #[arg(long, value_name = "CODE")]
    sqlstate: Option<String>,
    /// Only rows of this process of the proxy, which its NOTICE names
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
}

/// What a command writes and exits with.
type Printed = Result<(String, u8), CloseOutError>;

pub(super) fn run(command: &RejectsCommand) -> ExitCode {
    let (arguments, tables, sqlstate, run) = match command {
        RejectsCommand::Resume { target, tables } => (target, tables, &None, &None),
        RejectsCommand::List(of)
        | RejectsCommand::Retry(of)
        | RejectsCommand::Discard(of)
        | RejectsCommand::Show { arguments: of, .. }
        | RejectsCommand::Export { arguments: of, .. } => {
            (&of.target, &of.table, &of.sqlstate, &of.run)
        }
    };
    let (target, scope) = match arguments.resolve(tables) {
        Ok(resolved) => resolved,
        Err(code) => return code,
    };
    let filter = RejectFilter { scope, sqlstate: sqlstate.clone(), run: run.clone() };
    let format = arguments.format;
    run_command(async { command.outcome(&target, &filter, format).await })
}

impl RejectsCommand {
    async fn outcome(
        &self,
        target: &Target,
        filter: &RejectFilter,
        format: ReportFormat,
    ) -> Result<(Vec<u8>, u8), CloseOutError> {
        let session = Connection::open(target).await?;
        let (output, code) = match self {
            RejectsCommand::List(_) => {
                let suspended = suspended_tables(&session, &filter.scope).await?;
                list(&reject_groups(&session, filter).await?, &suspended, format)?
            }
            RejectsCommand::Resume { .. } => {
                resumed(&resume_tables(&session, &filter.scope).await?, format)?
            }
            RejectsCommand::Show { limit, .. } => {
                show(&reject_rows(&session, filter, *limit).await?, format)?
            }
            RejectsCommand::Export { as_format, .. } => {
                let mut rows = Vec::new();
                for row in reject_rows(&session, filter, u32::MAX / 2).await? {
                    rows.push(in_utf8(&session, row).await?);
                }
                return Ok((export(&rows, *as_format), 0));
            }
            RejectsCommand::Retry(_) => retry(&session, filter, format).await?,
            RejectsCommand::Discard(_) => {
                let count = discard_rejects(&session, filter).await?;
                let output = match format {
                    ReportFormat::Json => written(&json!({ "discarded": count }))?,
                    ReportFormat::Text => format!("{count} rows discarded\n"),
                };
                (output, 0)
            }
        };
        Ok((output.into_bytes(), code))
    }
}

fn list(groups: &[RejectGroup], suspended: &[SuspendedTable], format: ReportFormat) -> Printed {
    let waiting = groups.iter().filter(|group| group.waits());
    let waiting: i64 = waiting.map(|group| group.count).sum();
    let output = match format {
        ReportFormat::Json => {
            written(&json!({ "waiting": waiting, "groups": groups, "suspended": suspended }))?
        }
        ReportFormat::Text => {
            let mut text = String::new();
            for group in groups {
                let table = qualified(&group.schema, &group.table);
                let table = beside(&table, group.source.as_deref());
                let RejectGroup { sqlstate, state, count, example, .. } = group;
                add_line(&mut text, &format!("{table}  {sqlstate}  {state}  {count}  {example}"));
            }
            for SuspendedTable { schema, table, source, since, sqlstate, .. } in suspended {
                let table = beside(&qualified(schema, table), source.as_deref());
                add_line(&mut text, &format!("{table}  suspended since {since}, by {sqlstate}"));
            }
            text + &format!("{waiting} rows wait\n")
        }
    };
    let is_open = waiting > 0 || !suspended.is_empty();
    Ok((output, if is_open { EXIT_OPEN } else { 0 }))
}

fn resumed(tables: &[SuspendedTable], format: ReportFormat) -> Printed {
    let output = match format {
        ReportFormat::Json => written(&json!({ "resumed": tables }))?,
        ReportFormat::Text => {
            let mut text = String::new();
            for SuspendedTable { schema, table, .. } in tables {
                add_line(&mut text, &format!("{}: taken up again", qualified(schema, table)));
            }
            if tables.is_empty() { "none of the tables is suspended\n".to_owned() } else { text }
        }
    };
    Ok((output, if tables.is_empty() { EXIT_OPEN } else { 0 }))
}

fn show(rows: &[RejectedLine], format: ReportFormat) -> Printed {
    let output = match format {
        ReportFormat::Json => written(&rows.iter().map(row_json).collect::<Vec<_>>())?,
        ReportFormat::Text => {
            let mut text = String::new();
            for row in rows {
                let table = qualified(&row.schema, &row.table);
                let line = row.line.map(|line| format!(" line {line}")).unwrap_or_default();
                let RejectedLine { at, run, sqlstate, message, .. } = row;
                add_line(
                    &mut text,
                    &format!("{table}{line}  {sqlstate}  {message}  (run {run}, {at})"),
                );
                let bytes = row.row.as_deref().map(|bytes| for_terminal(&shown(bytes)));
                for more in row.detail.iter().cloned().chain(bytes) {
                    add_line(&mut text, &format!("  {more}"));
                }
            }
            text
        }
    };
    Ok((output, 0))
}

fn shown(row: &[u8]) -> String {
    match std::str::from_utf8(row) {
        Ok(text) => text.to_owned(),
        Err(_) => row.escape_ascii().to_string(),
    }
}

/// A text without the characters that tell a terminal something, tabs and line ends apart.
fn for_terminal(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n' && c != '\t', "?")
}

fn row_json(row: &RejectedLine) -> Value {
    json!({
        "schema": row.schema, "table": row.table, "columns": row.columns, "run": row.run,
        "at": row.at, "line": row.line, "sqlstate": row.sqlstate, "message": row.message,
        "detail": row.detail, "format": row.format, "state": row.state,
        "row": row.row.as_deref().map(shown),
    })
}

async fn retry(session: &Connection, filter: &RejectFilter, format: ReportFormat) -> Printed {
    let tables = retry_rejects(session, filter).await?;
    let refused: u64 = tables.iter().map(|table| table.refused).sum();
    let output = match format {
        ReportFormat::Json => written(&tables)?,
        ReportFormat::Text => {
            let mut text = String::new();
            for table in &tables {
                let (name, loaded, refused) = (&table.table, table.loaded, table.refused);
                add_line(&mut text, &format!("{name}: {loaded} loaded, {refused} refused"));
            }
            if tables.is_empty() { "0 rows wait\n".to_owned() } else { text }
        }
    };
    Ok((output, if refused > 0 { EXIT_OPEN } else { 0 }))
}

/// The rows as a file. Bytes that are not UTF-8 stay what they are.
fn export(rows: &[RejectedLine], as_format: ExportFormat) -> Vec<u8> {
    match as_format {
        ExportFormat::Csv => csv(rows),
        ExportFormat::Sql => sql(rows),
    }
}

/// Where the row was to go, and why it is not in the file.
fn not_kept(row: &RejectedLine) -> String {
    let (name, line) = (qualified(&row.schema, &row.table), row.line.unwrap_or_default());
    format!("{name} line {line}: {} row is not kept as text", row.format)
}

/// The values of a row, NULL where one is, if they are kept as text.
fn fields(row: &RejectedLine) -> Option<Vec<Option<Vec<u8>>>> {
    let bytes = row.row.as_deref().filter(|_| row.state == "open")?;
    RejectFormat::parse(&row.format)?.fields(bytes)
}

fn csv(rows: &[RejectedLine]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut head = None;
    for row in rows {
        let Some(fields) = fields(row) else {
            super::say(&format!("dms-proxy: warning: {}", not_kept(row)));
            continue;
        };
        let of_row = (&row.schema, &row.table, &row.columns);
        if head != Some(of_row) {
            let columns = row.columns.iter().map(|name| Some(name.clone().into_bytes()));
            file.extend(csv_line(&columns.collect::<Vec<_>>()));
            head = Some(of_row);
        }
        file.extend(csv_line(&fields));
    }
    file
}

fn sql(rows: &[RejectedLine]) -> Vec<u8> {
    let mut file = b"-- Read it before it is run, and run it as the role that loads.\n".to_vec();
    let mut path = None;
    for row in rows {
        let statement = statement(row);
        let insert = fields(row).map(|fields| insert(row, &fields));
        let is_kept = statement.is_some() || insert.is_some();
        let why = if is_kept { format!("{} {}", row.sqlstate, row.message) } else { not_kept(row) };
        file.extend(comment(&why).into_bytes());
        file.push(b'\n');
        // A statement may name its table without the schema.
        if statement.is_some() && path != Some(&row.schema) {
            let schema = quoted_identifier(&row.schema);
            file.extend(format!("SET search_path TO {schema}, public;\n").into_bytes());
            path = Some(&row.schema);
        }
        file.extend(statement.or(insert).unwrap_or_default());
    }
    file
}

fn insert(row: &RejectedLine, fields: &[Option<Vec<u8>>]) -> Vec<u8> {
    let name = qualified(&row.schema, &row.table);
    let columns: Vec<String> = row.columns.iter().map(|name| quoted_identifier(name)).collect();
    let value = |field: &Option<Vec<u8>>| field.as_deref().map_or(b"NULL".to_vec(), literal);
    let values: Vec<Vec<u8>> = fields.iter().map(value).collect();
    let front = format!("INSERT INTO {name} ({}) VALUES (", columns.join(", "));
    [front.as_bytes(), &values.join(&b", "[..]), b");\n"].concat()
}

/// A value as a constant; what is not UTF-8 is one that the server refuses.
fn literal(value: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(value) {
        Ok(text) => quoted_literal(text).into_bytes(),
        Err(_) => {
            let escaped = value.iter().flat_map(|byte| match byte {
                b'\'' | b'\\' => vec![*byte, *byte],
                _ => vec![*byte],
            });
            [b"E'".to_vec(), escaped.collect(), b"'".to_vec()].concat()
        }
    }
}

/// A comment of SQL, which ends with its line: names may hold line ends.
fn comment(text: &str) -> String {
    format!("-- {}", text.replace(char::is_control, "?"))
}

/// The statement that was set aside as a whole, with its semicolon.
fn statement(row: &RejectedLine) -> Option<Vec<u8>> {
    let bytes = row.row.as_deref().filter(|_| row.is_statement() && row.state == "open")?;
    let sql = std::str::from_utf8(bytes).ok()?;
    // A comment at its end would hide the semicolon.
    let end = if sql.contains("--") { "\n;" } else { ";" };
    Some(format!("{sql}{end}\n").into_bytes())
}

/// A line of CSV: an empty field is NULL, an empty text has quotes.
fn csv_line(fields: &[Option<Vec<u8>>]) -> Vec<u8> {
    let field = |field: &Option<Vec<u8>>| match field {
        None => Vec::new(),
        Some(value) => {
            let is_odd = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r' | b'\\');
            if !value.is_empty() && !value.iter().any(is_odd) {
                return value.clone();
            }
            let inner = value.split(|byte| *byte == b'"').collect::<Vec<_>>().join(&b"\"\""[..]);
            [b"\"", &inner[..], b"\""].concat()
        }
    };
    let fields: Vec<Vec<u8>> = fields.iter().map(field).collect();
    [&fields.join(&b","[..])[..], b"\n"].concat()
}

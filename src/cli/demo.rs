//! `dms-proxy demo`: a small migration, directly and through the proxy, on a throw-away server.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use futures_util::SinkExt as _;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::say;
use super::serve::embedded_target;
use crate::config::Config;
use crate::listener::{Inherited, Listener};
use crate::target::embedded::{Embedded, EmbeddedOptions};
use crate::telemetry::Totals;
use crate::value::NUL_RULE;

/// What a tool that speaks DMS types sends, and what the target then has.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("flag", "BOOL", "boolean"),
    ("raw", "BYTES(16)", "bytea"),
    ("day", "DATE", "date"),
    ("clock", "TIME", "time without time zone"),
    ("at", "DATETIME", "timestamp without time zone"),
    ("at_micros", "DATETIME(6)", "timestamp without time zone"),
    ("at_nanos", "DATETIME(9)", "character varying(37)"),
    ("i1", "INT1", "smallint"),
    ("i2", "INT2", "smallint"),
    ("i4", "INT4", "integer"),
    ("i8", "INT8", "bigint"),
    ("price", "NUMERIC(10,2)", "numeric(10,2)"),
    ("r4", "REAL4", "real"),
    ("r8", "REAL8", "double precision"),
    ("name", "STRING(50)", "character varying(50)"),
    ("story", "STRING(30000)", "character varying(65535)"),
    ("wide", "WSTRING(100)", "character varying(100)"),
    ("u1", "UINT1", "smallint"),
    ("u2", "UINT2", "integer"),
    ("u4", "UINT4", "bigint"),
    ("u8", "UINT8", "bigint"),
    ("picture", "BLOB", "bytea"),
    ("notes", "NCLOB", "text"),
    ("letter", "CLOB", "text"),
    ("extra", "JSON", "text"),
];

/// Two tables with a foreign key, in the types that PostgreSQL has: so that the rows are what
/// matters.
const ORDERS: &str = "CREATE TABLE customer (id int PRIMARY KEY, name text); \
     CREATE TABLE purchase (id int PRIMARY KEY, customer int REFERENCES customer, memo text)";

/// Rows of the child table, before any parent is there.
const CHILD_ROWS: &[u8] = b"10\t1\tfirst\n11\t2\tsecond\n12\t2\tthird\n";

/// Rows of the parent table with U+0000 in both shapes that COPY knows, as an escape and as a byte.
const PARENT_ROWS: &[u8] = b"1\tAda\\000Lovelace\n2\tGrace\x00Hopper\n";

/// What became of one action.
type ActionOutcome = Result<String, String>;

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Leave server and proxy running and say how to connect
    #[arg(long)]
    keep: bool,
}

pub(super) fn run(arguments: &DemoArguments) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(demo(arguments.keep)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            say("dms-proxy: the demo did not end as it should");
            ExitCode::FAILURE
        }
        Err(error) => fail(&error),
    }
}

fn fail(error: &DemoFailure) -> ExitCode {
    say(&format!("dms-proxy: demo: {error}"));
    ExitCode::FAILURE
}

/// Why the demo could not be shown.
#[derive(Debug, thiserror::Error)]
enum DemoFailure {
    #[error(transparent)]
    Embedded(#[from] crate::target::embedded::EmbeddedError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Postgres(#[from] tokio_postgres::Error),
}

/// Shows everything; `true` if all of it came out as it should.
async fn demo(keep: bool) -> Result<bool, DemoFailure> {
    let mut out = io::stdout();
    writeln!(out, "Starting a private, throw-away PostgreSQL and the proxy in front of it ...")?;
    let embedded = Embedded::start(&EmbeddedOptions::default())?;
    let totals = Arc::new(Totals::default());
    let mut config = Config::default();
    config.listen.address.set_port(0);
    config.names_target = true;
    let listener = Listener::bind(
        &config,
        Inherited::default(),
        embedded_target(&embedded),
        Arc::clone(&totals),
    )
    .await?;
    let address = listener.address()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let until_stopped = async {
        // A dropped sender means that the demo is over, too.
        let _ = stopped.await;
    };
    let serving = tokio::spawn(listener.serve(until_stopped, std::future::pending()));
    let socket = embedded.socket_directory().display().to_string();
    writeln!(out, "PostgreSQL {} behind the proxy at {address}.\n", embedded.version())?;

    let postgres = connect(&socket, embedded.port(), "postgres").await?;
    for database in ["direct", "migrated"] {
        postgres.batch_execute(&format!("CREATE DATABASE {database}")).await?;
    }
    let direct = connect(&socket, embedded.port(), "direct").await?;
    let host = address.ip().to_string();
    let proxied = connect(&host, address.port(), "migrated").await?;
    let mut good = show_types(&mut out, &direct, &proxied).await?;
    good &= show_rows(&mut out, &direct, &proxied).await?;
    drop(proxied);
    if keep {
        let port = address.port();
        writeln!(
            out,
            "The proxy stays. In another terminal: psql -h {host} -p {port} -U postgres migrated"
        )?;
        writeln!(out, "Ctrl-C ends it.")?;
        tokio::signal::ctrl_c().await?;
    }
    let _ = stop.send(());
    let stopped = serving.await.map_err(io::Error::other)??;
    writeln!(out, "What the proxy changed, by rule:")?;
    let rewrites = totals.rewrites();
    for (rule, count) in &rewrites {
        writeln!(out, "  {count:>4}  {rule}")?;
    }
    let nul = rewrites.iter().find(|(rule, _)| rule == NUL_RULE).map(|(_, count)| *count);
    good &= keep || (stopped.cut == 0 && nul == Some(2));
    let verdict = if good { "as expected" } else { "NOT as expected" };
    writeln!(out, "\nEvery result was read back from PostgreSQL and compared: {verdict}.")?;
    Ok(good)
}

async fn connect(host: &str, port: u16, database: &str) -> Result<Client, DemoFailure> {
    let (client, connection) = tokio_postgres::Config::new()
        .host(host)
        .port(port)
        .user("postgres")
        .dbname(database)
        .connect(NoTls)
        .await?;
    // It ends when the client is dropped; an error shows at the client's next call.
    tokio::spawn(connection);
    Ok(client)
}

/// One table with every DMS type.
async fn show_types(
    out: &mut impl Write,
    direct: &Client,
    proxied: &Client,
) -> Result<bool, DemoFailure> {
    let columns: Vec<_> = COLUMNS.iter().map(|(name, sent, _)| format!("{name} {sent}")).collect();
    let ddl = format!("CREATE TABLE every_type ({})", columns.join(", "));
    writeln!(out, "1. A tool creates a table with every type of AWS DMS.")?;
    let refused = execute(direct, &ddl).await;
    let accepted = execute(proxied, &ddl).await;
    show_outcomes(out, &refused, &accepted)?;
    let found = rows(
        proxied,
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute \
         WHERE attrelid = 'every_type'::regclass AND attnum > 0 ORDER BY attnum",
    )
    .await?;
    writeln!(out, "\n   {:<10} {:<15} PostgreSQL has", "column", "the tool sent")?;
    for ((name, sent, _), found) in COLUMNS.iter().zip(&found) {
        writeln!(out, "   {name:<10} {sent:<15} {}", found.join(" "))?;
    }
    writeln!(out)?;
    let expected = COLUMNS.iter().map(|(_, _, expected)| vec![(*expected).to_owned()]);
    Ok(refused.is_err() && accepted.is_ok() && found.iter().cloned().eq(expected))
}

/// A child table loaded before its parent, and rows with U+0000.
async fn show_rows(
    out: &mut impl Write,
    direct: &Client,
    proxied: &Client,
) -> Result<bool, DemoFailure> {
    direct.batch_execute(ORDERS).await?;
    proxied.batch_execute(ORDERS).await?;
    let copies: [(&str, &str, &[u8]); 2] = [
        ("2. Rows of a child table come before those of its parent.", "purchase", CHILD_ROWS),
        ("3. Rows come with U+0000, which PostgreSQL cannot store.", "customer", PARENT_ROWS),
    ];
    let mut good = true;
    for (title, table, data) in copies {
        writeln!(out, "{title}")?;
        let refused = copy(direct, table, data).await;
        let accepted = copy(proxied, table, data).await;
        show_outcomes(out, &refused, &accepted)?;
        writeln!(out)?;
        good &= refused.is_err() && accepted.is_ok();
    }
    let joined = rows(
        proxied,
        "SELECT p.id, c.name, p.memo FROM purchase p JOIN customer c ON c.id = p.customer \
         ORDER BY p.id",
    )
    .await?;
    writeln!(out, "   What PostgreSQL has, every child with its parent:")?;
    for row in &joined {
        writeln!(out, "   {}", row.join(" | "))?;
    }
    writeln!(out)?;
    let expected = [
        ["10", "Ada Lovelace", "first"],
        ["11", "Grace Hopper", "second"],
        ["12", "Grace Hopper", "third"],
    ];
    Ok(good && joined == expected)
}

fn show_outcomes(
    out: &mut impl Write,
    direct: &ActionOutcome,
    proxied: &ActionOutcome,
) -> io::Result<()> {
    for (road, outcome) in [("directly", direct), ("through the proxy", proxied)] {
        let (Ok(text) | Err(text)) = outcome;
        writeln!(out, "   {road:<18} {text}")?;
    }
    Ok(())
}

async fn execute(client: &Client, sql: &str) -> ActionOutcome {
    client.batch_execute(sql).await.map(|()| "done".to_owned()).map_err(described)
}

async fn copy(client: &Client, table: &str, data: &'static [u8]) -> ActionOutcome {
    let load = async {
        let sink = client.copy_in::<_, Bytes>(&format!("COPY {table} FROM STDIN")).await?;
        let mut sink = std::pin::pin!(sink);
        sink.send(Bytes::from_static(data)).await?;
        sink.close().await?;
        client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await
    };
    let count: i64 = load.await.and_then(|row| row.try_get(0)).map_err(described)?;
    Ok(format!("{count} rows loaded"))
}

async fn rows(client: &Client, sql: &str) -> Result<Vec<Vec<String>>, DemoFailure> {
    let messages = client.simple_query(sql).await?;
    let text = |value: Option<&str>| value.unwrap_or("NULL").to_owned();
    Ok(messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| text(row.get(column))).collect())
            }
            _ => None,
        })
        .collect())
}

fn described(error: tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("ERROR {}: {}", error.code().code(), error.message()),
        None => error.to_string(),
    }
}

//! `dms-proxy init`: a first `proxy.toml`.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use toml::Value;

use super::arguments::{OrEmpty, TargetArgument};
use super::close_out::plain;
use super::{EXIT_USAGE, login, say};
use crate::close_out::{CheckReport, Connection, Scope, Standing, check};
use crate::config::{Config, DEFAULT_FILE, SourceName};
use crate::target::TargetUrl;

#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// The file to write; it must not be there yet
    #[arg(value_name = "FILE", default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// The target, which is asked what a load needs: postgresql://USER@HOST:PORT/DATABASE
    #[arg(long, value_name = "URL", env = "DMS_PROXY_TARGET", hide_env_values = true)]
    target: Option<TargetArgument>,
    /// The tool that will load
    #[arg(long, value_enum)]
    tool: Option<Tool>,
    /// The dialect of the incoming type names [default: that of the tool, or dms]
    #[arg(long, value_name = "NAME", env = "DMS_PROXY_SOURCE", hide_env_values = true, value_parser = OrEmpty::source)]
    source: Option<OrEmpty<SourceName>>,
}

/// Tools whose ways are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Tool {
    /// AWS DMS.
    Dms,
    /// psql with scripts in the types of DMS or of a source.
    Psql,
    /// `pg_restore`, with what `pg_dump` wrote.
    #[value(name = "pg_restore")]
    PgRestore,
    /// pgcopydb.
    Pgcopydb,
    /// pgloader.
    Pgloader,
    /// ora2pg.
    #[value(name = "ora2pg")]
    Ora2pg,
    /// A JDBC sink, such as that of Debezium.
    Jdbc,
    /// dlt.
    Dlt,
    /// SQLAlchemy.
    #[value(name = "sqlalchemy")]
    SqlAlchemy,
}

impl Tool {
    /// The dialect that the tool's definitions are in.
    fn source(self) -> &'static str {
        match self {
            Tool::Dms | Tool::Psql => "dms",
            _ => "postgresql",
        }
    }

    /// How the tool is pointed at the proxy.
    fn pointed(self) -> &'static str {
        match self {
            Tool::Dms => "target endpoint: server name and port of the proxy",
            Tool::Psql => "psql -h 127.0.0.1 -p 6432 -U USER DATABASE",
            Tool::PgRestore => "pg_restore -h 127.0.0.1 -p 6432 -U USER -d DATABASE FILE",
            Tool::Pgcopydb => "PGCOPYDB_TARGET_PGURI=postgresql://USER@127.0.0.1:6432/DATABASE",
            Tool::Pgloader => "INTO postgresql://USER@127.0.0.1:6432/DATABASE",
            Tool::Ora2pg => "PG_DSN dbi:Pg:dbname=DATABASE;host=127.0.0.1;port=6432",
            Tool::Jdbc => "jdbc:postgresql://127.0.0.1:6432/DATABASE",
            Tool::Dlt => "destination credentials: postgresql://USER@127.0.0.1:6432/DATABASE",
            Tool::SqlAlchemy => {
                "create_engine(\"postgresql+psycopg://USER@127.0.0.1:6432/DATABASE\")"
            }
        }
    }
}

pub(super) fn run(arguments: &InitArguments) -> ExitCode {
    match write(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("dms-proxy: {error}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn write(arguments: &InitArguments) -> Result<(), String> {
    let file = arguments.file.display();
    if arguments.file.exists() {
        return Err(there(&arguments.file));
    }
    let given = arguments.target.as_ref().filter(|target| !target.is_empty());
    let url = given.map(TargetArgument::url).transpose()?.flatten();
    if url.as_ref().is_some_and(|url| url.login.password.is_some()) {
        return Err(
            "a password is not written to a file: leave it out of the URL, and set PGPASSWORD or \
                    use the password file"
                .to_owned(),
        );
    }
    let report = url.as_ref().map(ask).transpose()?;
    let source = arguments.source.as_ref().and_then(|source| source.0.as_ref());
    let source = source.map(|source| source.0.as_str());
    let source = source.or(arguments.tool.map(Tool::source)).unwrap_or("dms");
    let named = given.map(ToString::to_string);
    let text = text(arguments.tool, source, named.as_deref(), report.as_ref());
    // What is written is what serve takes.
    toml::from_str::<Config>(&text).map_err(|error| format!("{file}: {error}"))?;
    let mut options = OpenOptions::new();
    let written = options.write(true).create_new(true).open(&arguments.file);
    written.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        match error.kind() {
            ErrorKind::AlreadyExists => there(&arguments.file),
            _ => format!("{file}: {error}"),
        }
    })?;
    let next = match report {
        Some(report) if !report.ready => "; the target lacks something: dms-proxy check says what",
        Some(_) => "; the target is ready",
        None => "",
    };
    let said = format!("{file} is written{next}\nnext: dms-proxy serve --config {file}\n");
    let said = arguments.tool.map_or(said.clone(), |tool| {
        format!("{said}then point the tool at it: {}\n", tool.pointed())
    });
    io::stdout().write_all(said.as_bytes()).or_else(|error| match error.kind() {
        ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error.to_string()),
    })
}

fn there(file: &std::path::Path) -> String {
    format!("{} is there already, and stays as it is", file.display())
}

/// What the target says of a load by the role in the URL.
fn ask(url: &TargetUrl) -> Result<CheckReport, String> {
    let target = login::target(url, Config::default().target.connect_timeout())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let session = Connection::open(&target).await.map_err(|error| error.to_string())?;
        check(&session, &Scope::default()).await.map_err(|error| error.to_string())
    })
}

fn text(
    tool: Option<Tool>,
    source: &str,
    target: Option<&str>,
    report: Option<&CheckReport>,
) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let mut text =
        "# dms-proxy config print shows every key with its meaning and its default.\n".to_owned();
    if let Some(tool) = tool {
        text.push_str(&format!("# In the tool: {}\n", tool.pointed()));
    }
    text.push_str("\n[listen]\naddress = \"127.0.0.1:6432\"\n\n[target]\n");
    match target {
        Some(target) => text.push_str(&format!("url = {}\n", quoted(target))),
        None => text.push_str(
            "# Without a URL the target is a throw-away server, which is gone when the proxy stops.\n\
             # url = \"postgresql://USER@HOST:5432/DATABASE\"\n",
        ),
    }
    if let Some(report) = report {
        for item in &report.items {
            let standing = match item.status {
                Standing::Ok => "",
                Standing::Missing => "MISSING: ",
                Standing::Advice => "advice: ",
            };
            text.push_str(&format!("# {}: {standing}{}\n", item.name, plain(&item.found)));
            for statement in &item.mend {
                text.push_str(&format!("#   {};\n", plain(statement)));
            }
        }
    }
    text.push_str(&format!(
        "\n[mapping]\n# The dialect of the types in the definitions that come: dms-proxy types --source NAME\n\
         source = {}\n",
        quoted(source)
    ));
    text.push_str(
        "\n# Probes, metrics, a page and the databases dms_proxy and pgbouncer as a console.\n\
         [admin]\naddress = \"127.0.0.1:9632\"\n",
    );
    text
}

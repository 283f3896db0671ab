//! `dms-proxy config`: checks and shows configurations. Serves nothing and writes no files.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::settings::SettingArguments;
use super::{EXIT_USAGE, exit_code, login, say};
use crate::close_out::Connection;
use crate::config::{Config, DEFAULT_FILE, KeyEntry, SHIPPED_FILE, shipped_keys};
use crate::listener;
use crate::target::{Target, TargetPlace};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Read a configuration and everything that it names, and say whether it is right
    ///
    /// Reads the file, the variables, certificates, users and mappings, as serve does. Prints the
    /// values that are not defaults, each with its source. Exit code 0, or 2 with everything that is
    /// wrong.
    #[command(
        after_help = "Example:\n  dms-proxy config check /etc/dms-proxy/proxy.toml --connect"
    )]
    Check(CheckConfigArguments),
    /// Print the shipped proxy.toml: every key, with its default and what it does
    #[command(after_help = "Example:\n  dms-proxy config print > proxy.toml")]
    Print,
    /// Print every key with the value that is in force, and where it comes from
    ///
    /// What the files say that task_settings, table_mappings and endpoint_settings name is not shown.
    Show(FileArguments),
    /// Print the reference of all keys, as Markdown
    Docs,
}

#[derive(Debug, Args)]
pub(super) struct FileArguments {
    /// The configuration file; ./proxy.toml if there is one
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingArguments,
}

#[derive(Debug, Args)]
pub(super) struct CheckConfigArguments {
    #[command(flatten)]
    file: FileArguments,
    /// Also connect to the target, and log in where its URL names a user
    #[arg(long)]
    connect: bool,
}

pub(super) fn run(command: ConfigCommand) -> ExitCode {
    match command {
        ConfigCommand::Check(CheckConfigArguments { file, connect }) => {
            check(&file.resolved(), connect)
        }
        ConfigCommand::Print => print(SHIPPED_FILE),
        ConfigCommand::Show(file) => {
            let settings = file.resolved();
            match settings.read().and_then(|_| settings.effective(settings.config.file())) {
                Ok(effective) => print(&effective.to_toml(false)),
                Err(error) => refuse(&error),
            }
        }
        ConfigCommand::Docs => print(&docs()),
    }
}

impl FileArguments {
    fn resolved(self) -> SettingArguments {
        let FileArguments { file, mut settings } = self;
        if file.is_some() {
            settings.config.set_file(file);
        }
        settings
    }
}

/// Reads a configuration as `serve` would, and says what comes of it.
pub(super) fn check(settings: &SettingArguments, connects: bool) -> ExitCode {
    let config = match settings.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let file = settings.config.file();
    let name = match file {
        Some(file) => file.display().to_string(),
        None if Path::new(DEFAULT_FILE).exists() => DEFAULT_FILE.to_owned(),
        None => format!("built-in defaults (there is no {DEFAULT_FILE})"),
    };
    if let Err(error) = listener::check(&config) {
        return refuse(&format!("{name}: {error}"));
    }
    let mut text = format!("{name}: ok\n");
    match settings.effective(file) {
        Ok(effective) => text.push_str(&effective.to_toml(true)),
        Err(error) => return refuse(&error),
    }
    if connects {
        match connect(&config) {
            Ok(found) => _ = writeln!(text, "target: {found}"),
            Err(error) => {
                let code = print(&text);
                return if code == ExitCode::SUCCESS { refuse(&error) } else { code };
            }
        }
    }
    print(&text)
}

/// Asks the target; what it said, or why it did not.
fn connect(config: &Config) -> Result<String, String> {
    let url = &config.target.url;
    let TargetPlace::Address(address) = &url.place else {
        return Ok("embedded, which starts with the proxy".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let timeout = config.target.connect_timeout();
    if url.login.user.is_some() {
        let target = login::target(url, timeout)?;
        let user = target.user.clone();
        let opened = runtime.block_on(Connection::open(&target));
        opened.map_err(|error| format!("target {address}: {error}"))?;
        return Ok(format!("{address} takes logins of {user}"));
    }
    let target = Target::new(address.clone(), &url.tls, timeout);
    let stream = target.and_then(|target| runtime.block_on(target.connect()));
    let stream = stream.map_err(|error| format!("target {address}: {error}"))?;
    let how = if stream.is_tls() { "with TLS" } else { "without TLS" };
    Ok(format!("{address} takes connections {how}; its URL names no user to log in as"))
}

/// The keys of the shipped file as a page.
fn docs() -> String {
    let mut page = String::from(
        "# Configuration\n\nEvery key of `proxy.toml`, with its default. `dms-proxy config print` prints the \
         file with these texts,\n`dms-proxy config check` says whether a file is right, and `dms-proxy config \
         show` which values are in force.\n\nFlags go before the environment, and the environment goes before \
         the file. Unknown keys and values that are\nnot allowed are errors. Names of values are taken in any \
         case, and with underscores for dashes.\n",
    );
    let mut section = None;
    for entry in shipped_keys() {
        if section.as_ref() != Some(&entry.section) {
            let title = match entry.section.as_str() {
                "" => "In front of the first section".to_owned(),
                name => format!("[{name}]"),
            };
            _ = write!(page, "\n## {title}\n");
            section = Some(entry.section.clone());
        }
        page.push_str(&docs_of(&entry));
    }
    page
}

fn docs_of(entry: &KeyEntry) -> String {
    let mut text = String::new();
    if !entry.key.is_empty() {
        _ = write!(text, "\n### `{}`\n", entry.name());
    }
    if let Some(default) = &entry.default {
        _ = write!(text, "\nDefault: `{default}`\n");
    }
    let (prose, example) = entry.text.split_once('\n').unwrap_or((&entry.text, ""));
    _ = write!(text, "\n{}\n", wrapped(prose));
    if !example.is_empty() {
        let lines = example.lines().map(|line| line.strip_prefix("  ").unwrap_or(line));
        _ = write!(text, "\n```toml\n{}\n```\n", lines.collect::<Vec<_>>().join("\n"));
    }
    text
}

/// A paragraph in lines of at most 110 characters, with what would be markup spelt out.
fn wrapped(prose: &str) -> String {
    const WIDTH: usize = 110;
    let (mut text, mut width) = (String::new(), 0);
    for word in prose.split(' ') {
        let word = word.replace('*', "\\*").replace('<', "&lt;");
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            text.push('\n');
            width = 0;
        } else if width > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(&word);
        width += length;
    }
    text
}

fn print(text: &str) -> ExitCode {
    exit_code(io::stdout().write_all(text.as_bytes()).map(|()| 0))
}

fn refuse(error: &str) -> ExitCode {
    say(&format!("dms-proxy: {error}"));
    ExitCode::from(EXIT_USAGE)
}

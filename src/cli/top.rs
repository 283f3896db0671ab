//! `dms-proxy top`: the tables of a running proxy, live in a terminal.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use serde_json::Value;

use super::admin_client::{AdminArguments, AdminClient};
use super::close_out::plain;
use super::columns::aligned;
use super::{EXIT_USAGE, exit_code, say};
use crate::colour::can_draw;

#[derive(Debug, Args)]
pub(super) struct TopArguments {
    #[command(flatten)]
    admin: AdminArguments,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
}

pub(super) fn run(arguments: &TopArguments) -> ExitCode {
    let shown = arguments.admin.client().and_then(|client| {
        let first = page(&client, None)?;
        if !(can_draw(&io::stdout()) && io::stdin().is_terminal()) {
            return Ok(exit_code(io::stdout().write_all(first.as_bytes()).map(|()| 0)));
        }
        watch(&client, Duration::from_secs(arguments.interval)).map(|()| ExitCode::SUCCESS)
    });
    shown.unwrap_or_else(|error| {
        say(&format!("dms-proxy: {error}"));
        ExitCode::from(EXIT_USAGE)
    })
}

/// A terminal in which keys come at once and are not shown; it is as before when this is dropped.
struct RawKeys(Termios);

impl RawKeys {
    fn begin() -> io::Result<RawKeys> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        // The interrupt key is one like others: its signal would leave the terminal as it is then.
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        // The other screen, without a cursor.
        let _ = io::stdout().write_all(b"\x1b[?1049h\x1b[?25l");
        Ok(RawKeys(before))
    }
}

impl Drop for RawKeys {
    fn drop(&mut self) {
        let _ = io::stdout().write_all(b"\x1b[?25h\x1b[?1049l");
        let _ = io::stdout().flush();
        // The terminal may be gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Shows the tables again and again, until `q` is pressed.
fn watch(client: &AdminClient, interval: Duration) -> Result<(), String> {
    let _raw = RawKeys::begin().map_err(|error| format!("the terminal: {error}"))?;
    let (key, keys) = mpsc::channel();
    std::thread::spawn(move || {
        for byte in io::stdin().lock().bytes() {
            let Ok(byte) = byte else { break };
            if key.send(byte).is_err() {
                break;
            }
        }
    });
    loop {
        let size = tcgetwinsize(io::stdout()).ok();
        let size = size.map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)));
        // A proxy that is away for a moment is asked again.
        let page = page(client, size).unwrap_or_else(|error| cut(&[plain(&error)], size));
        let mut out = io::stdout().lock();
        let drawn = write!(out, "\x1b[H\x1b[2J{}", page.replace('\n', "\r\n"));
        drawn.and_then(|()| out.flush()).map_err(|error| error.to_string())?;
        drop(out);
        match keys.recv_timeout(interval) {
            // q, the interrupt key, the end of input.
            Ok(b'q' | b'Q' | 3 | 4) | Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            Ok(_) | Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
}

/// One page, cut to the columns and lines of a terminal where there is one.
fn page(client: &AdminClient, size: Option<(usize, usize)>) -> Result<String, String> {
    let overview = client.json("/api/overview")?;
    let tables = client.json("/api/tables?sort=-rows_per_second&limit=200")?;
    let shown = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let total = |name: &str| shown(overview.pointer(&format!("/totals/{name}")));
    let mut lines = vec![
        format!(
            "dms-proxy {}  sessions {}  target {}",
            shown(overview.get("state")),
            total("sessions"),
            plain(&shown(overview.pointer("/target/address")))
        ),
        format!(
            "tables {}  rows {}  rows/s {}  changed {}  rolled back {}  errors {}",
            total("tables"),
            total("rows"),
            total("rows_per_second"),
            total("rewrites"),
            total("rolled_back_rows"),
            total("errors")
        ),
        String::new(),
    ];
    let heads = ["TABLE", "STATE", "ROWS", "ROWS/S", "ROLLED BACK", "CHANGED", "ERRORS"];
    let row = |table: &Value| {
        let text = |name: &str| shown(table.get(name));
        let count = |name: &str| table.get(name).and_then(Value::as_u64).unwrap_or(0);
        let rows = ["copy_rows", "insert_rows", "update_rows", "delete_rows", "merge_rows"];
        let rows: u64 = rows.iter().map(|name| count(name)).sum();
        let name = [text("schema"), text("table")].into_iter().filter(|part| !part.is_empty());
        [
            name.collect::<Vec<_>>().join("."),
            text("state"),
            rows.to_string(),
            text("rows_per_second"),
            text("rolled_back_rows"),
            text("rewrites"),
            text("errors"),
        ]
    };
    let list = tables.get("tables").and_then(Value::as_array);
    let rows: Vec<[String; 7]> =
        [heads.map(str::to_owned)].into_iter().chain(list.into_iter().flatten().map(row)).collect();
    lines.extend(aligned(&rows, &[2, 3, 4, 5, 6]));
    Ok(cut(&lines, size))
}

/// The lines, no more and no longer than the terminal has room for.
fn cut(lines: &[String], size: Option<(usize, usize)>) -> String {
    let (columns, rows) = size.unwrap_or((usize::MAX, usize::MAX));
    let line = |line: &String| line.chars().take(columns).collect::<String>() + "\n";
    let mut text: String = lines.iter().take(rows.saturating_sub(2).max(1)).map(line).collect();
    if size.is_some() {
        text.push_str("q ends");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_fits_its_terminal() {
        let lines: Vec<String> = (0..30).map(|number| format!("{number:0100}")).collect();
        let page = cut(&lines, Some((80, 24)));
        assert_eq!(page.lines().count(), 23);
        assert!(page.lines().all(|line| line.len() <= 80));
        assert_eq!(cut(&lines, None).lines().count(), 30);
    }
}

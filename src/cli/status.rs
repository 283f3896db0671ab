//! `dms-proxy status`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::admin_client::{AdminArguments, AdminClient};
use super::close_out::{ReportFormat, line};
use super::{EXIT_USAGE, exit_code, say};

/// The exit code of a proxy that is not ready for clients.
const EXIT_NOT_READY: u8 = 1;

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    #[command(flatten)]
    admin: AdminArguments,
    /// What is written to the standard output
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
}

pub(super) fn run(arguments: &StatusArguments) -> ExitCode {
    match arguments.admin.client().and_then(|client| ask(&client, arguments.format)) {
        Ok((output, code)) => exit_code(io::stdout().write_all(output.as_bytes()).map(|()| code)),
        Err(error) => {
            say(&format!("dms-proxy: {error}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn ask(client: &AdminClient, format: ReportFormat) -> Result<(String, u8), String> {
    let ready = client.get("/readyz")?;
    let reasons: Vec<&str> = match ready.status {
        200 => Vec::new(),
        503 => ready.body.lines().filter(|line| !line.is_empty()).collect(),
        status => return Err(format!("http://{}/readyz: status {status}", client.address)),
    };
    // Who may only probe still gets to know whether it is ready.
    let overview = client.json("/api/overview");
    let output = match format {
        ReportFormat::Json => {
            let mut all = overview.unwrap_or_else(|error| json!({ "error": error }));
            if let Some(all) = all.as_object_mut() {
                all.insert("ready".into(), Value::Bool(reasons.is_empty()));
                all.insert("reasons".into(), json!(reasons));
            }
            serde_json::to_string_pretty(&all).map_err(|error| error.to_string())? + "\n"
        }
        ReportFormat::Text => text(&reasons, &overview),
    };
    Ok((output, if reasons.is_empty() { 0 } else { EXIT_NOT_READY }))
}

fn text(reasons: &[&str], overview: &Result<Value, String>) -> String {
    let mut text = String::new();
    line(
        &mut text,
        &match reasons {
            [] => "ready".to_owned(),
            reasons => format!("not ready: {}", reasons.join(", ")),
        },
    );
    let overview = match overview {
        Ok(overview) => overview,
        Err(error) => {
            line(&mut text, error);
            return text;
        }
    };
    let shown = |pointer: &str| match overview.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let up = match overview.pointer("/target/up") {
        Some(Value::Bool(true)) => "up",
        Some(Value::Bool(false)) => "down",
        _ => "not looked at yet",
    };
    for (name, value) in [
        ("state", shown("/state")),
        ("listens", shown("/listens")),
        ("target", format!("{}, {up}", shown("/target/address"))),
        ("since", shown("/started_at")),
        ("sessions", shown("/totals/sessions")),
        ("tables", shown("/totals/tables")),
        (
            "rows",
            format!("{}, {} a second", shown("/totals/rows"), shown("/totals/rows_per_second")),
        ),
        ("changed", shown("/totals/rewrites")),
        ("errors", shown("/totals/errors")),
    ] {
        line(&mut text, &format!("{name:<9} {value}"));
    }
    text
}

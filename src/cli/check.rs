//! `dms-proxy check`.

use std::process::ExitCode;

use clap::Args;

use super::close_out::{EXIT_OPEN, ReportFormat, TargetArguments, json, line, run as run_command};
use crate::close_out::{
    CheckReport, Connection, Item, Standing, TableModes, beside, check, relations,
};
use crate::mapping::{NameRules, TargetRelation, advice_on_target, name_advice, name_list};

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    target: TargetArguments,
}

pub(super) fn run(arguments: &CheckArguments) -> ExitCode {
    let resolved = arguments.target.resolve(&[]);
    let resolved = resolved.and_then(|found| Ok((found, arguments.target.names()?)));
    let ((target, scope), names) = match resolved {
        Ok(resolved) => resolved,
        Err(code) => return code,
    };
    run_command(async {
        let session = Connection::open(&target).await?;
        let mut report = check(&session, &scope).await?;
        report.items.extend(name_items(&names, relations(&session, &scope).await?));
        let output = match arguments.target.format {
            ReportFormat::Json => json(&report)?,
            ReportFormat::Text => text(&report),
        };
        Ok((output, if report.ready { 0 } else { EXIT_OPEN }))
    })
}

/// What the rules about names say, and what may not be meant by them.
fn name_items(names: &NameRules, there: Vec<(String, String, Vec<String>)>) -> Vec<Item> {
    let rules = name_list(names);
    if rules.is_empty() {
        return Vec::new();
    }
    let item = |status, found| Item { name: "names", status, found, mend: Vec::new() };
    let relation = |(schema, table, columns)| TargetRelation { schema, table, columns };
    let there: Vec<TargetRelation> = there.into_iter().map(relation).collect();
    let mut advice = name_advice(names);
    let mut of_target = advice_on_target(names, &there);
    // A rule that can match nothing at all has been named.
    let rule =
        |line: &str| line.split_once(" matches nothing").map(|(origin, _)| origin.to_owned());
    let named: Vec<String> = advice.iter().filter_map(|line| rule(line)).collect();
    of_target.retain(|line| rule(line).is_none_or(|origin| !named.contains(&origin)));
    advice.append(&mut of_target);
    let advice = advice.into_iter().map(|found| item(Standing::Advice, found));
    let found = format!("{} rules: {}", rules.len(), rules.join("; "));
    std::iter::once(item(Standing::Ok, found)).chain(advice).collect()
}

fn text(report: &CheckReport) -> String {
    let mut text = String::new();
    for item in &report.items {
        let status = match item.status {
            Standing::Ok => "ok",
            Standing::Missing => "MISSING",
            Standing::Advice => "advice",
        };
        line(&mut text, &format!("{status:<8} {:<20} {}", item.name, item.found));
        for statement in &item.mend {
            line(&mut text, &format!("{:<29} {statement};", ""));
        }
    }
    let acted_on =
        |table: &&TableModes| !table.foreign_keys.is_empty() || !table.silenced.is_empty();
    for table in report.tables.iter().filter(acted_on) {
        line(&mut text, &format!("         {}", beside(&table.table, table.source.as_deref())));
        for (mode, does) in [
            ("auto", &table.auto),
            ("replica-role", &table.replica_role),
            ("park", &table.park),
            ("off", &table.off),
        ] {
            line(&mut text, &format!("           {mode:<13} {does}"));
        }
    }
    let rest = report.tables.len() - report.tables.iter().filter(acted_on).count();
    line(&mut text, &format!("         {rest} tables and views where no mode does anything"));
    let missing = report.items.iter().filter(|item| item.status == Standing::Missing).count();
    let verdict = match missing {
        0 => "ready".to_owned(),
        1 => "not ready: 1 item is missing".to_owned(),
        more => format!("not ready: {more} items are missing"),
    };
    let (user, database) = (&report.user, &report.database);
    text.push('\n');
    line(&mut text, &format!("A load as {user} into {database}: {verdict}."));
    text
}

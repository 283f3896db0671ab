//! The ledger on the target: the SQL that brings entries there, and the SQL by which an administrator
//! makes a place for them. Pure text; knows no sessions.
//!
//! A client's session is the only login there is, so the entries are written with its rights, and
//! then whatever the table would run, it would run with these rights. So the table is touched only
//! where its owner and its schema's owner can do everything that the session can do anyway, and
//! nothing of it runs ([`trust`]); everybody else writes by a function of the administrator, which
//! runs with the administrator's rights and reads nothing but its one argument.

use serde_json::{Value, json};

use super::place::{OwnFunction, OwnTable, find_place_sql, function_grant, own_function_sql};
use super::{Entries, Entry, Place, RUN_NAME_MAX, rejects, suspended};
use crate::encoding::Encoding;
use crate::parking::spelling::{dollar_quoted, filled, quoted_identifier, quoted_literal};
use crate::parking::trust;

/// How long a session waits for others at its end.
const LOCK_TIMEOUT: &str = "5s";

/// What the DETAIL of the WARNING says by which [`write_sql`] tells that nothing was written; its
/// message says why.
pub const NOT_WRITTEN: &str = "Nothing was written to dms_proxy.rewrites.";

/// One statement that adds the entries to what the target has, with the digest of the rules that made them. It
/// is a transaction of its own. What is not trusted is not touched: a WARNING with [`NOT_WRITTEN`] says why. After an
/// error nothing was written. It creates the schema where that is missing and the role may, and adds the columns that
/// a table of an older version lacks.
///
/// Entries without a run are the session's: they get the run that its `dms.run` names, or else this `run`.
///
/// Control characters become question marks, and so do, with a client encoding other than UTF-8, all
/// characters beyond ASCII.
pub fn write_sql(entries: &Entries, run: &str, rules: &str, encoding: Encoding) -> String {
    let has_run = has_column("run");
    let find_place = find_place_sql(&OwnTable {
        name: "rewrites",
        table: table_sql(""),
        function: "note_rewrites",
        arguments: &["added"],
        privileges: &["SELECT", "INSERT", "UPDATE"],
        lock_mode: "SHARE ROW EXCLUSIVE",
        calls_if: &has_run,
    });
    let run_max = RUN_NAME_MAX.to_string();
    let place_entries = filled(include_str!("place_entries.sql"), &[("run_max", &run_max)]);
    let values = [
        ("entries", &*quoted_literal(&entries_json(entries, rules, encoding))),
        ("run", &quoted_literal(run)),
        ("place_entries", &place_entries),
        ("lock_timeout", LOCK_TIMEOUT),
        ("find_place", &find_place),
        ("is_there", &has_column("rule")),
        ("has_run", &has_run),
        ("upgrade", &upgrade_sql()),
        ("not_written", NOT_WRITTEN),
        ("add_entries", include_str!("add_entries.sql")),
    ];
    format!("DO {}", dollar_quoted(&filled(include_str!("write.sql"), &values)))
}

/// The statements, one transaction, by which an administrator makes schema `dms_proxy` with the table
/// and the function, for nobody but these roles: they may call the function, and create their own
/// journal of parked foreign keys in the schema. Run again it changes nothing.
///
/// On the target it fails with 42501 where something of it is there and belongs to another role.
pub fn init_sql(roles: &[String]) -> String {
    let schema_owner = trust::is_trusted("n.nspowner");
    let check = [
        ("schema_owner_is_trusted", &*schema_owner),
        ("rejects_fault", &trust::fault_sql("rejected_rows")),
        ("suspended_fault", &trust::fault_sql("suspended_tables")),
        ("function_owner_is_trusted", &trust::is_trusted("p.proowner")),
        ("table_fault", &trust::fault_sql("rewrites")),
    ];
    let check = filled(include_str!("init_check.sql"), &check);
    let settings = format!(" SET lock_timeout = '{LOCK_TIMEOUT}'");
    let function = own_function_sql(&OwnFunction {
        name: "note_rewrites",
        arguments: &["added"],
        table: "rewrites",
        lock_mode: "SHARE ROW EXCLUSIVE",
        settings: &settings,
        check: "",
        add: include_str!("add_entries.sql"),
    });
    let upgrade = filled(include_str!("init_upgrade.sql"), &[("upgrade", &upgrade_sql())]);
    let grants = |role: &String| {
        let role = quoted_identifier(role);
        grants(&role) + &rejects::grants(&role) + &suspended::grants(&role)
    };
    let grants: Vec<String> = roles.iter().map(grants).collect();
    let values = [
        ("check", &*dollar_quoted(&check)),
        ("table", &table_sql("IF NOT EXISTS ")),
        ("upgrade", &dollar_quoted(&upgrade)),
        ("function", &function),
        ("rejects", &rejects::init_sql()),
        ("suspended", &suspended::init_sql()),
        ("grants", &grants.concat()),
    ];
    filled(include_str!("init_target.sql"), &values)
}

fn grants(role: &str) -> String {
    let schema = format!("GRANT USAGE, CREATE ON SCHEMA dms_proxy TO {role};\n");
    schema + &function_grant("note_rewrites(pg_catalog.json)", role)
}

fn table_sql(if_not_exists: &str) -> String {
    filled(include_str!("table.sql").trim(), &[("if_not_exists", if_not_exists)])
}

/// Whether the ledger has a column.
fn has_column(name: &str) -> String {
    filled(include_str!("has_column.sql"), &[("column", name)])
}

/// What gives a table of an older version the columns and the key of this one.
fn upgrade_sql() -> String {
    let columns = ["rules", "sources", "run"].map(has_column);
    let keys = ["has_rules", "has_sources", "has_run"].into_iter();
    let values: Vec<(&str, &str)> = keys.zip(columns.iter().map(String::as_str)).collect();
    filled(include_str!("upgrade.sql"), &values)
}

/// The entries as the function takes them.
fn entries_json(entries: &Entries, rules: &str, encoding: Encoding) -> String {
    let speaks = encoding == Encoding::Utf8;
    let plain = |c: char| if c.is_control() || !(speaks || c.is_ascii()) { '?' } else { c };
    let spell = |text: &str| text.chars().map(plain).collect::<String>();
    // Two names that are spelled alike are one row.
    let spelled = entries.spelled(spell);
    let row = |(place, entry): (&Place, &Entry)| {
        let spelled = |texts: &[String]| texts.iter().map(|text| spell(text)).collect::<Vec<_>>();
        let (samples, sources) = (spelled(&entry.samples), spelled(&entry.sources));
        json!({
            "run": place.run, "schema_name": place.schema, "table_name": place.table, "column_name": place.column,
            "rule": place.rule, "road": place.road.name(), "count": i64::try_from(entry.count).unwrap_or(i64::MAX),
            "first_seen": entry.first_seconds, "last_seen": entry.last_seconds,
            "samples": samples, "rules": rules, "sources": sources,
        })
    };
    Value::Array(spelled.iter().map(row).collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(table: &str) -> Entries {
        let mut entries = Entries::default();
        let place = Place { table: table.to_owned(), ..Place::default() };
        entries.note(&place, 2, 60, || Some("row 1".into()));
        entries
    }

    #[test]
    fn names_cannot_leave_their_quotes() {
        let sql = write_sql(&entries("o'brien\\ä$dms_proxy$"), "r0", "r1", Encoding::Utf8);
        assert!(sql.starts_with("DO $dms_proxy1$"), "{sql}");
        assert!(sql.contains(r#""table_name":"o''brien\\\\ä$dms_proxy$""#), "{sql}");
        assert!(sql.contains(r#""samples":["row 1"]"#), "{sql}");
        assert!(init_sql(&["a\"b".into()]).contains("TO \"a\"\"b\";"));
    }

    #[test]
    fn what_an_encoding_cannot_spell_is_one_row() {
        let mut both = entries("tä");
        both.merge(&entries("tö"));
        let text = entries_json(&both, "r1", Encoding::SingleByte);
        assert_eq!(text.matches("\"table_name\":\"t?\"").count(), 1, "{text}");
        assert!(text.contains("\"count\":4"), "{text}");
        assert!(entries_json(&entries("a\u{1b}\n"), "r1", Encoding::Utf8).contains("\"a??\""));
    }

    #[test]
    fn templates_are_filled() {
        let holes = |text: &str| text.matches('{').count() - text.matches("'{").count();
        let sql = write_sql(&Entries::default(), "r0", "r1", Encoding::Utf8);
        assert_eq!(holes(&sql), 0, "{sql}");
        assert_eq!(holes(&init_sql(&[])), 0, "{}", init_sql(&[]));
    }
}

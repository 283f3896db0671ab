//! Tables for which no more rows are loaded: the SQL that notes them in `dms_proxy.suspended_tables`, and asks whether a
//! table is one of them. Pure text; knows no sessions.
//!
//! It is written in the transaction of the load, as rows that are set aside are, and by the same rights.

use super::place::{OwnFunction, OwnTable, find_place_sql, function_grant, own_table_sql};
use super::rejects::RejectedFrom;
use super::spelled::{plain, replaced};
use crate::encoding::Encoding;
use crate::parking::spelling::{dollar_quoted, filled, name_constant, quoted_literal};
use crate::parking::trust;

/// The only bytes that are not ours, so they go in last.
const RELATION: &str = "\u{1}relation";

/// What the target answers to [`suspended_question`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuspendedTables {
    /// Rows of this table are loaded, and so are those of all others.
    None,
    /// Rows of this table are loaded.
    Others,
    /// They are not.
    This,
}

impl SuspendedTables {
    /// Reads the only column of the only row.
    pub fn read(answer: &[u8]) -> SuspendedTables {
        match answer {
            b"this" => SuspendedTables::This,
            b"others" => SuspendedTables::Others,
            _ => SuspendedTables::None,
        }
    }
}

/// One statement that suspends the table of a load, in the transaction that is open. It fails with 42501 where
/// nothing may be written.
pub fn suspend_sql(from: &RejectedFrom, sqlstate: &str, encoding: Encoding) -> Vec<u8> {
    let text = |text: &str| format!("{}::pg_catalog.text", quoted_literal(&plain(text, encoding)));
    let find_place = find_place_sql(&OwnTable {
        name: "suspended_tables",
        table: table_sql(""),
        function: "note_suspended",
        arguments: &["about"],
        privileges: &["SELECT", "INSERT"],
        lock_mode: "ROW EXCLUSIVE",
        calls_if: "true",
    });
    let values = [
        ("run", &*text(&from.run)),
        ("session", &text(&from.session)),
        ("sqlstate", &text(sqlstate)),
        ("relation", RELATION),
        ("find_place", &find_place),
        ("add", include_str!("add_suspended.sql")),
    ];
    about(&from.relation, include_str!("suspended_write.sql"), &values, encoding)
}

/// Two statements that ask whether this table is suspended: the second one has a row with the answer.
pub fn suspended_question(relation: &[Vec<u8>], encoding: Encoding) -> [Vec<u8>; 2] {
    let values = [("table_fault", &*trust::fault_sql("suspended_tables")), ("relation", RELATION)];
    let find = about(relation, include_str!("suspended_question.sql"), &values, encoding);
    [find, b"SELECT pg_catalog.current_setting('dms_proxy.suspended')".to_vec()]
}

fn about(
    relation: &[Vec<u8>],
    template: &str,
    values: &[(&str, &str)],
    encoding: Encoding,
) -> Vec<u8> {
    let sql = format!("DO {}", dollar_quoted(&filled(template, values)));
    replaced(sql.as_bytes(), RELATION.as_bytes(), &name_constant(relation, encoding))
}

fn table_sql(if_not_exists: &str) -> String {
    filled(include_str!("suspended_table.sql").trim(), &[("if_not_exists", if_not_exists)])
}

/// The statements by which an administrator makes the table and the function, inside of a transaction
/// that has made the schema; without the grants.
pub(super) fn init_sql() -> String {
    let table = table_sql("IF NOT EXISTS ");
    let function = OwnFunction {
        name: "note_suspended",
        arguments: &["about"],
        table: "suspended_tables",
        lock_mode: "ROW EXCLUSIVE",
        settings: "",
        check: include_str!("may_load.sql"),
        add: include_str!("add_suspended.sql"),
    };
    own_table_sql(&table, &function)
}

/// What lets a role suspend tables, and see which are.
pub(super) fn grants(role: &str) -> String {
    let read = format!("GRANT SELECT ON dms_proxy.suspended_tables TO {role};\n");
    read + &function_grant("note_suspended(pg_catalog.json)", role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        let relation = vec![b"s".to_vec(), b"a\"b'$dms_proxy$".to_vec()];
        let from = RejectedFrom { relation: relation.clone(), ..RejectedFrom::default() };
        let [question, _] = suspended_question(&relation, Encoding::Utf8);
        for sql in [suspend_sql(&from, "2'2", Encoding::Utf8), question] {
            let sql = String::from_utf8(sql).unwrap();
            assert!(sql.contains(r#"E'"s"."a""b''\044dms_proxy\044"'"#), "{sql}");
            let holes = sql.matches('{').count() - sql.matches("'{").count();
            assert_eq!((holes, sql.contains('\u{1}')), (0, false), "{sql}");
        }
    }
}

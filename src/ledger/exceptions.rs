//! The table `awsdms_apply_exceptions` of AWS DMS: the SQL that adds rows to it which were set aside. Pure text; knows no
//! sessions.
//!
//! It is written with the rights of the session, where its owner can be trusted, and made where it is missing.

use serde_json::{Value, json};

use super::place::LOCK;
use super::rejects::{RejectedFrom, RejectedRow};
use super::spelled::{plain, replaced};
use crate::encoding::Encoding;
use crate::parking::spelling::{dollar_quoted, filled, name_constant, qualified, quoted_literal};
use crate::parking::trust;

/// The name of the table.
const TABLE: &str = "awsdms_apply_exceptions";

/// One statement that adds rows, in the transaction that is open. It fails with 42501 where nothing may be written.
pub fn exceptions_sql(
    schema: &str,
    from: &RejectedFrom,
    rows: &[RejectedRow],
    encoding: Encoding,
) -> Vec<u8> {
    // The only bytes that are not ours, so they go in last.
    const RELATION: &str = "\u{1}relation";
    let row = |row: &RejectedRow| {
        let error = [&row.sqlstate, &row.message, row.detail.as_deref().unwrap_or_default()];
        let statement = row.statement.as_deref().unwrap_or(from.operation);
        json!({
            "statement": plain(statement, encoding),
            "error": plain(error.join(" ").trim_end(), encoding),
        })
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    let schema_name = plain(schema, encoding);
    let values = [
        ("rows", &*quoted_literal(&Value::Array(rows).to_string())),
        ("task", &quoted_literal(&format!("dms-proxy {}", plain(&from.run, encoding)))),
        ("schema", &quoted_literal(&schema_name)),
        ("table", &qualified(&schema_name, TABLE)),
        ("table_fault", &trust::foreign_fault_sql(&schema_name, TABLE)),
        ("lock", &LOCK.to_string()),
        ("relation", RELATION),
    ];
    let sql = filled(include_str!("exceptions_write.sql"), &values);
    let sql = format!("DO {}", dollar_quoted(&sql));
    replaced(sql.as_bytes(), RELATION.as_bytes(), &name_constant(&from.relation, encoding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_quotes() {
        let from = RejectedFrom {
            relation: vec![b"a\"b'$dms_proxy$".to_vec()],
            operation: "COPY",
            ..RejectedFrom::default()
        };
        let row = RejectedRow {
            statement: Some("it's\n".into()),
            message: "b'ad".into(),
            ..RejectedRow::default()
        };
        let sql = exceptions_sql("s\"'", &from, &[row, RejectedRow::default()], Encoding::Utf8);
        let sql = String::from_utf8(sql).unwrap();
        for part in [
            "\"s\"\"'\".\"awsdms_apply_exceptions\"",
            "'s\"'''",
            "it''s?",
            "b''ad",
            "\"statement\":\"COPY\"",
        ] {
            assert!(sql.contains(part), "{part}: {sql}");
        }
        let holes =
            sql.matches('{').count() - sql.matches("'{").count() - sql.matches("{\"").count();
        assert_eq!((holes, sql.contains('\u{1}')), (0, false), "{sql}");
    }
}

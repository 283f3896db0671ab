//! Rows that the target has refused: the SQL that brings them to `dms_proxy.rejected_rows`. Pure text;
//! knows no sessions.
//!
//! It is written in the transaction of the load, with the rights of the session, as the ledger
//! is: a function of the administrator, or a table of a role that is trusted. Where there is neither,
//! the statement fails with 42501.

use serde_json::{Value, json};

use super::place::{OwnFunction, OwnTable, find_place_sql, function_grant, own_table_sql};
use super::spelled::{name_list_item, plain, replaced};
use crate::encoding::Encoding;
use crate::parking::spelling::{dollar_quoted, filled, name_constant, quoted_literal};

/// What rows of one load have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectedFrom {
    /// The process of the proxy.
    pub run: String,
    /// The session.
    pub session: String,
    /// The parts of the table's name, as PostgreSQL keeps them, in the client's encoding.
    pub relation: Vec<Vec<u8>>,
    /// `COPY`, `INSERT`, `UPDATE`, `DELETE` or `MERGE`.
    pub operation: &'static str,
    /// The columns that the statement lists, likewise; none for those of the table.
    pub columns: Vec<Vec<u8>>,
    /// How the row is spelled: `text`, `csv` or `binary`.
    pub format: &'static str,
    /// The options that are not the default, with a comma behind each. The encoding is added, if it is not
    /// UTF-8 and not one of them.
    pub options: String,
    /// What is kept of its fields, where those of the primary key are.
    pub key: Option<KeptKey>,
}

/// How the fields of a row are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptKey {
    /// With this byte between them.
    Line(u8),
    /// Behind their number.
    Tuple,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its bytes, where they are kept.
    pub row: Option<Vec<u8>>,
    /// Its fields, where those of the primary key are kept.
    pub fields: Option<Vec<Vec<u8>>>,
    /// The line of the stream on which it ends.
    pub line: Option<u64>,
    /// The error's code.
    pub sqlstate: String,
    /// The error's message.
    pub message: String,
    /// Its detail.
    pub detail: Option<String>,
    /// The constraint.
    pub constraint: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// What became of it.
    pub state: RejectState,
    /// The statement that would load it, where AWS DMS's own table has it.
    pub statement: Option<String>,
}

/// What became of a row that was set aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RejectState {
    /// It waits to be loaded again.
    #[default]
    Open,
    /// A policy says that it is left out.
    Ignored,
    /// Too long to be kept: only its first bytes are there.
    Cut,
}

impl RejectState {
    fn name(self) -> &'static str {
        match self {
            RejectState::Open => "open",
            RejectState::Ignored => "ignored",
            RejectState::Cut => "cut",
        }
    }
}

/// One statement that adds rows, in the transaction that is open, in a session that speaks `encoding`. It
/// fails with 42501 where nothing may be written.
///
/// Control characters of texts become question marks, and so do, with a client encoding other than UTF-8,
/// all characters beyond ASCII; the bytes of rows stay as they are.
pub fn write_sql(from: &RejectedFrom, rows: &[RejectedRow], encoding: Encoding) -> Vec<u8> {
    // The only bytes that are not ours, so they go in last.
    const RELATION: &str = "\u{1}relation";
    const COLUMNS: &str = "\u{1}columns";
    let rows: Vec<Value> = rows.iter().map(|row| row_json(row, encoding)).collect();
    let text = |text: &str| format!("{}::pg_catalog.text", quoted_literal(&plain(text, encoding)));
    let listed;
    let columns = match from.columns.is_empty() {
        true => {
            listed = format!(
                "(SELECT pg_catalog.json_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
                WHERE a.attrelid OPERATOR(pg_catalog.=) {RELATION}::pg_catalog.regclass::pg_catalog.oid
                AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
                AND COALESCE(pg_catalog.row_to_json(a) OPERATOR(pg_catalog.->>) 'attgenerated', '')
                    OPERATOR(pg_catalog.=) '')"
            );
            listed.as_str()
        }
        false => COLUMNS,
    };
    let find_place = find_place_sql(&OwnTable {
        name: "rejected_rows",
        table: table_sql(""),
        function: "note_rejects",
        arguments: &["about", "added"],
        privileges: &["INSERT"],
        lock_mode: "ROW EXCLUSIVE",
        calls_if: "true",
    });
    let keep_key = match from.key {
        None => String::new(),
        Some(key) => {
            let (head, delimiter) = match key {
                KeptKey::Line(delimiter) => ("''", format!("'{delimiter:02x}'")),
                KeptKey::Tuple => (
                    "pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.cardinality(key)), 4, '0')",
                    "''".to_owned(),
                ),
            };
            let values = [("relation", RELATION), ("head", head), ("delimiter", &*delimiter)];
            filled(include_str!("keep_key.sql"), &values)
        }
    };
    let values = [
        ("keep_key", &*keep_key),
        ("rows", &*quoted_literal(&Value::Array(rows).to_string())),
        ("run", &text(&from.run)),
        ("session", &text(&from.session)),
        ("operation", &text(from.operation)),
        ("format", &text(from.format)),
        ("options", &text(&from.options)),
        ("columns", columns),
        ("relation", RELATION),
        ("find_place", &find_place),
        ("add", include_str!("add_rejects.sql")),
    ];
    let sql = format!("DO {}", dollar_quoted(&filled(include_str!("rejects_write.sql"), &values)));
    let names: Vec<Vec<u8>> =
        from.columns.iter().map(|name| name_list_item(name, encoding)).collect();
    let mut list = b"pg_catalog.array_to_json(ARRAY[".to_vec();
    list.extend(names.join(&b","[..]));
    list.extend_from_slice(b"])");
    let sql = replaced(sql.as_bytes(), COLUMNS.as_bytes(), &list);
    replaced(&sql, RELATION.as_bytes(), &name_constant(&from.relation, encoding))
}

fn row_json(row: &RejectedRow, encoding: Encoding) -> Value {
    let text = |text: &Option<String>| text.as_deref().map(|text| plain(text, encoding));
    json!({
        "bytes": row.row.as_deref().map(hex),
        "fields": row.fields.as_ref().map(|fields| {
            fields.iter().map(|field| hex(field)).collect::<Vec<_>>()
        }),
        "line": row.line,
        "sqlstate": row.sqlstate,
        "message": plain(&row.message, encoding),
        "detail": text(&row.detail),
        "constraint_name": text(&row.constraint),
        "column_name": text(&row.column),
        "state": row.state.name(),
    })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value)).map_or('0', |digit| char::from(*digit));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn table_sql(if_not_exists: &str) -> String {
    filled(include_str!("rejects_table.sql").trim(), &[("if_not_exists", if_not_exists)])
}

/// The statements by which an administrator makes the table and the function, inside of a transaction
/// that has made the schema; without the grants.
pub(super) fn init_sql() -> String {
    let table = table_sql("IF NOT EXISTS ");
    let function = OwnFunction {
        name: "note_rejects",
        arguments: &["about", "added"],
        table: "rejected_rows",
        lock_mode: "ROW EXCLUSIVE",
        settings: "",
        check: include_str!("may_load.sql"),
        add: include_str!("add_rejects.sql"),
    };
    own_table_sql(&table, &function)
}

/// What lets a role set rows aside.
pub(super) fn grants(role: &str) -> String {
    function_grant("note_rejects(pg_catalog.json, pg_catalog.json)", role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_rows_cannot_leave_their_quotes() {
        let from = RejectedFrom {
            run: "o'r".into(),
            relation: vec![b"s".to_vec(), b"a\"b'$dms_proxy$".to_vec()],
            columns: vec![b"c\"'".to_vec(), b"d".to_vec()],
            operation: "COPY",
            ..RejectedFrom::default()
        };
        let row = RejectedRow {
            row: Some(b"\x00'x\xFF".to_vec()),
            message: "it's\nbad".into(),
            ..RejectedRow::default()
        };
        let sql = write_sql(&from, &[row], Encoding::Utf8).escape_ascii().to_string();
        assert!(sql.contains(r#"\"bytes\":\"002778ff\""#), "{sql}");
        assert!(sql.contains(r"it\'\'s?bad"), "{sql}");
        assert!(sql.contains(r#"ARRAY[E\'c\"\'\'\'::pg_catalog.text,E\'d\'::pg"#), "{sql}");
        assert!(sql.contains(r#"E\'\"s\".\"a\"\"b\'\'\\044dms_proxy\\044\"\'::pg"#), "{sql}");
        assert!(!sql.contains(r"\x01"), "{sql}");
    }

    #[test]
    fn templates_are_filled() {
        let holes = |text: &str| text.matches('{').count() - text.matches("'{").count();
        let sql = write_sql(&RejectedFrom::default(), &[], Encoding::Utf8);
        let sql = String::from_utf8(sql).unwrap();
        assert_eq!(holes(&sql), 0, "{sql}");
        assert_eq!(holes(&init_sql()), 0, "{}", init_sql());
    }
}

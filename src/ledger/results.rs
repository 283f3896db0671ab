//! What `finish` and `fk validate` have counted: the SQL that notes it in `dms_proxy.close_out`, where proxies find it.
//! Pure text; knows no sessions.

use serde_json::json;

use super::place::{OwnTable, find_place_sql};
use crate::parking::spelling::{dollar_quoted, filled, quoted_literal};
use crate::parking::trust;

/// Rows without a parent, of a foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedKey {
    /// The schema of its table.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub constraint: String,
    /// How many; `None` where they could not be counted.
    pub orphans: Option<i64>,
}

/// One statement, a transaction of its own, that notes what this command has counted in place of what was known of
/// these keys. Those without orphans are not noted. It fails with 42501 where nothing may be written.
pub fn note_counted_sql(command: &str, counted: &[CountedKey]) -> String {
    let find_place = find_place_sql(&OwnTable {
        name: "close_out",
        table: include_str!("results_table.sql").trim().to_owned(),
        function: "note_close_out",
        arguments: &["counted"],
        privileges: &["SELECT", "INSERT", "DELETE"],
        lock_mode: "SHARE ROW EXCLUSIVE",
        calls_if: "true",
    });
    let any = counted.iter().any(|key| key.orphans != Some(0));
    let rows: Vec<_> = counted
        .iter()
        .map(
            |key| json!({ "s": key.schema, "t": key.table, "c": key.constraint, "o": key.orphans }),
        )
        .collect();
    let values = [
        ("any", if any { "true" } else { "false" }),
        ("table_fault", &*trust::fault_sql("close_out")),
        ("find_place", &find_place),
        ("command", &quoted_literal(command)),
        ("counted", &quoted_literal(&json!(rows).to_string())),
    ];
    format!("DO {}", dollar_quoted(&filled(include_str!("results_write.sql"), &values)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        let name = "a'\"$dms_proxy${any}";
        let key = CountedKey {
            schema: name.into(),
            table: name.into(),
            constraint: name.into(),
            orphans: None,
        };
        let sql = note_counted_sql("finish", &[key]);
        assert!(sql.contains(r#"IF NOT true AND"#), "{sql}");
        assert_eq!(sql.matches("a''").count(), 3, "{sql}");
    }
}

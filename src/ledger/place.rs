//! What the makers of schema `dms_proxy` have in common. Pure text.

use crate::parking::spelling::{dollar_quoted, filled};
use crate::parking::trust;

/// An administrator's function by which sessions add to a table of the schema.
pub(super) struct OwnFunction<'a> {
    pub(super) name: &'a str,
    /// Its arguments, all of them of type json.
    pub(super) arguments: &'a [&'a str],
    pub(super) table: &'a str,
    pub(super) lock_mode: &'a str,
    /// What it SETs beside its search_path.
    pub(super) settings: &'a str,
    /// What has to hold besides.
    pub(super) check: &'a str,
    /// The statements that add.
    pub(super) add: &'a str,
}

/// The statements that make the function, for nobody yet.
pub(super) fn own_function_sql(of: &OwnFunction<'_>) -> String {
    let body = [
        ("fault", &*trust::fault_in_function_sql(of.table)),
        ("table", of.table),
        ("lock_mode", of.lock_mode),
        ("check", of.check),
        ("add", of.add),
    ];
    let body = dollar_quoted(&filled(include_str!("function.sql"), &body));
    let arguments: Vec<String> =
        of.arguments.iter().map(|name| format!("{name} pg_catalog.json")).collect();
    let values = [
        ("name", of.name),
        ("arguments", &arguments.join(", ")),
        ("types", &vec!["pg_catalog.json"; of.arguments.len()].join(", ")),
        ("settings", of.settings),
        ("body", &body),
    ];
    filled(include_str!("own_function.sql"), &values)
}

/// The statements that make a table by this one, take it from PUBLIC, and make the function that adds to it.
pub(super) fn own_table_sql(table: &str, function: &OwnFunction<'_>) -> String {
    let revoked = format!("REVOKE ALL ON TABLE dms_proxy.{} FROM PUBLIC", function.table);
    format!("{table};\n{revoked};\n{}", own_function_sql(function))
}

/// The key of the lock under which schema and tables are made; any number will do that others do not
/// use.
pub(super) const LOCK: i64 = 0x646D_735F_7078; // "dms_px"

/// A table of the schema that sessions add to, and the administrator's function that does so for them.
pub(super) struct OwnTable<'a> {
    pub(super) name: &'a str,
    /// The statement that makes it.
    pub(super) table: String,
    pub(super) function: &'a str,
    /// Its arguments, all of them of type json.
    pub(super) arguments: &'a [&'a str],
    /// The privileges that adding needs, and the lock.
    pub(super) privileges: &'a [&'a str],
    pub(super) lock_mode: &'a str,
    /// What has to hold for the function to be called; else it is of an older version.
    pub(super) calls_if: &'a str,
}

/// The part of a block that finds where to add: it calls the function and returns, or makes sure that the
/// table is there and locked. What is wrong is in the variable `fault` behind it.
pub(super) fn find_place_sql(of: &OwnTable<'_>) -> String {
    let may = |privilege: &&str| format!("pg_catalog.has_table_privilege(c.oid, '{privilege}')");
    let is_json = |at: usize| {
        format!("p.proargtypes[{at}] OPERATOR(pg_catalog.=) 'pg_catalog.json'::pg_catalog.regtype")
    };
    let mut takes_json: Vec<String> = (0..of.arguments.len()).map(is_json).collect();
    takes_json.push(format!("p.pronargs OPERATOR(pg_catalog.=) {}", of.arguments.len()));
    let takes_json = takes_json.join("\n            AND ");
    let may_write: Vec<String> = of.privileges.iter().map(may).collect();
    let values = [
        ("name", of.name),
        ("table", &of.table),
        ("function", of.function),
        ("takes_json", &takes_json),
        ("calls_if", of.calls_if),
        ("arguments", &of.arguments.join(", ")),
        ("may_write", &may_write.join("\n            AND ")),
        ("lock_mode", of.lock_mode),
        ("lock", &LOCK.to_string()),
        ("function_owner_is_trusted", &trust::is_trusted("p.proowner")),
        ("schema_owner_is_trusted", &trust::is_trusted("n.nspowner")),
        ("table_fault", &trust::fault_sql(of.name)),
    ];
    filled(include_str!("find_place.sql"), &values)
}

/// What lets a role call a function of the schema.
pub(super) fn function_grant(function: &str, role: &str) -> String {
    format!("GRANT EXECUTE ON FUNCTION dms_proxy.{function} TO {role};\n")
}

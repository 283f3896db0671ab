//! What the makers of schema `dms_proxy` have in common. Pure text.

use crate::parking::spelling::filled;
use crate::parking::trust;

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

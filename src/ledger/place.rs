//! What the makers of schema `dms_proxy` have in common. Pure text.

/// The key of the lock under which schema and tables are made; any number will do that others do not
/// use.
pub(super) const LOCK: i64 = 0x646D_735F_7078; // "dms_px"

/// What lets a role call a function of the schema.
pub(super) fn function_grant(function: &str, role: &str) -> String {
    format!("GRANT EXECUTE ON FUNCTION dms_proxy.{function} TO {role};\n")
}

//! When a session may touch what others could have put in its way: who owns it, and what of it
//! would run. Pure text.
//!
//! Whatever a statement names on a target may run code of its owner with the rights of the session:
//! triggers, rules, policies, defaults, constraints, expressions of indexes, functions of a view. So
//! nothing of `dms_proxy` is named before these questions were answered, in the same transaction,
//! with a lock behind the first answer and the question asked again behind the lock. Owner and schema
//! together make the name safe: only roles that are trusted can put something else in its place.

use super::spelling::{filled, quoted_literal};

/// The first object id that PostgreSQL gives to objects of users; those below are the system's own.
///
/// Source: `FirstNormalObjectId` in PostgreSQL's access/transam.h.
pub const FIRST_USER_OID: u32 = 16_384;

/// The CHECK that a journal has which an older version made.
const JOURNAL_CHECK: &str = "CHECK ((state = ANY (ARRAY['parked'::text, 'added'::text])))";

/// The condition that the owner of a schema is trusted: a role that can do everything that the session
/// can do, which is a superuser, the role itself, or a role that may SET ROLE to it. The other
/// direction does not count: a role is not trusted by its members. What counts is the current
/// role, the session's role, and the role that has logged in, since code can go back to all of them.
pub fn is_trusted(owner: &str) -> String {
    filled(
        "(SELECT pg_catalog.bool_and(pg_catalog.pg_has_role({owner}, me.oid, {may_set_role}))
        FROM pg_catalog.pg_roles me WHERE me.rolname OPERATOR(pg_catalog.=) current_user
            OR me.rolname OPERATOR(pg_catalog.=) session_user
            OR me.oid OPERATOR(pg_catalog.=) (SELECT s.usesysid
                FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) s))",
        &[("owner", owner), ("may_set_role", MAY_SET_ROLE)],
    )
}

/// The same for the owner of a table in such a schema. While the table is locked nobody can change it
/// or put another one in its place, so only the current role counts.
fn is_trusted_with_table(owner: &str) -> String {
    let values = [("owner", owner), ("may_set_role", MAY_SET_ROLE)];
    filled("pg_catalog.pg_has_role({owner}, current_user, {may_set_role})", &values)
}

/// The privilege that `pg_has_role` is asked for: since PostgreSQL 16 a member need not be able to
/// become the role.
const MAY_SET_ROLE: &str = "CASE
            WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4
                OPERATOR(pg_catalog.>=) 160000 THEN 'SET' ELSE 'MEMBER' END";

/// The condition that the role is the current one, or a superuser: for what a function does with its
/// owner's rights.
fn is_own(owner: &str) -> String {
    filled(
        "(SELECT pg_catalog.bool_or(o.rolsuper OR o.rolname OPERATOR(pg_catalog.=) current_user)
        FROM pg_catalog.pg_roles o WHERE o.oid OPERATOR(pg_catalog.=) {owner})",
        &[("owner", owner)],
    )
}

/// A query for what is wrong with this relation of schema `dms_proxy`: one row with the column
/// `fault`, a sentence, or NULL if it can be trusted; no row if there is none.
pub fn fault_sql(relation: &str) -> String {
    fault("dms_proxy", relation, &is_trusted("n.nspowner"), &is_trusted_with_table("c.relowner"))
}

/// The same for a relation of a schema of others, who can put another one in its place before it is locked.
pub fn foreign_fault_sql(schema: &str, relation: &str) -> String {
    fault(schema, relation, "true", &is_trusted("c.relowner"))
}

/// The same inside of a SECURITY DEFINER function, where the caller's roles do not matter.
pub fn fault_in_function_sql(relation: &str) -> String {
    fault("dms_proxy", relation, &is_own("n.nspowner"), &is_own("c.relowner"))
}

fn fault(schema: &str, relation: &str, of_schema: &str, of_table: &str) -> String {
    let values = [
        ("schema", &*quoted_literal(schema)),
        ("relation", &quoted_literal(relation)),
        ("schema_owner_is_trusted", of_schema),
        ("owner_is_trusted", of_table),
        ("own_check", &quoted_literal(JOURNAL_CHECK)),
        ("first_user_oid", &FIRST_USER_OID.to_string()),
    ];
    filled(include_str!("trust.sql"), &values)
}

//! The statements of the proxy's own that settle a session: its dms.* settings, its role, its time limit and its
//! script. SQL texts; may not know when they are due.

use std::fmt;
use std::sync::Arc;

use crate::policy::NAMES;

/// The two values of `session_replication_role` that the proxy sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) enum Role {
    /// Triggers of foreign keys do not fire.
    Replica,
    /// The server's default.
    #[default]
    Origin,
}

/// The DETAIL of the WARNING that tells of a role that was refused.
pub(in crate::session) const ROLE_NOT_SET: &str = "The role was not set.";

impl Role {
    fn sql(self) -> String {
        format!("SET session_replication_role = '{self}'")
    }

    /// The same in a block that catches a refusal, which would abort the client's transaction.
    fn softly_sql(self) -> String {
        format!(
            "DO $$BEGIN {}; EXCEPTION WHEN OTHERS THEN RAISE WARNING USING \
             ERRCODE = SQLSTATE, MESSAGE = SQLERRM, DETAIL = '{ROLE_NOT_SET}'; END$$",
            self.sql()
        )
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Role::Replica => "replica",
            Role::Origin => "origin",
        })
    }
}

/// Tells whose server it is by the roles that it comes with, tries whether the role can be set, leaves that as
/// it was, and tells what it is. One text, and so one transaction.
const TRY_SQL: &str = "SELECT pg_catalog.min(r.rolname::pg_catalog.text) FROM pg_catalog.pg_roles r \
     WHERE r.rolname OPERATOR(pg_catalog.=) ANY ('{alloydbsuperuser,azure_pg_admin,\
     cloudsqlsuperuser,neon_superuser,rds_superuser}'::pg_catalog.name[]); \
     SET session_replication_role = 'replica'; \
     RESET session_replication_role; SHOW session_replication_role";

/// Asks for the role in force.
const NOW_SQL: &str = "SELECT pg_catalog.current_setting('session_replication_role')";

/// What is asked or set, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) enum Settle {
    /// Asks for the dms.* settings in force: only the server knows what transactions, savepoints,
    /// roles and PGOPTIONS have made of them.
    Settings,
    /// Sets `session_replication_role`; if `true`, in a block that catches a refusal, which would abort
    /// the client's transaction.
    Role(Role, bool),
    /// Tries at login whether `session_replication_role` can be set.
    TryRole,
    /// Asks for `session_replication_role`.
    RoleNow,
    /// Sets `statement_timeout` to so many seconds.
    Timeout(u32),
    /// Runs the configured script.
    Script(Arc<str>),
}

impl Settle {
    /// The SQL text.
    pub(super) fn sql(&self) -> String {
        match self {
            Settle::Settings => {
                let columns =
                    NAMES.map(|name| format!("pg_catalog.current_setting('dms.{name}', true)"));
                format!(
                    "SELECT {}, pg_catalog.current_setting('citus.shard_count', true), \
                     pg_catalog.pg_backend_pid()",
                    columns.join(", ")
                )
            }
            Settle::Role(role, false) => role.sql(),
            Settle::Role(role, true) => role.softly_sql(),
            Settle::TryRole => TRY_SQL.into(),
            Settle::RoleNow => NOW_SQL.into(),
            Settle::Timeout(seconds) => format!("SET statement_timeout = '{seconds}s'"),
            Settle::Script(script) => script.to_string(),
        }
    }
}

//! The role in force and whose it is. Knows no messages.

use crate::session::ask::settle::Role;

/// Whose role is in force, with the role as the proxy last set or read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InForce {
    /// The server's default, or what the proxy has set.
    Ours(Option<Role>),
    /// What the client has brought or set.
    Clients(Option<Role>),
}

impl Default for InForce {
    fn default() -> InForce {
        InForce::Ours(None)
    }
}

impl InForce {
    /// The role as the proxy last set or read it, whosever it is.
    pub(super) fn known(self) -> Option<Role> {
        let (InForce::Ours(role) | InForce::Clients(role)) = self;
        role
    }

    /// The same, or the server's default.
    pub(super) fn role(self) -> Role {
        self.known().unwrap_or_default()
    }

    /// The same role, as the client's own.
    pub(super) fn of_client(self) -> InForce {
        InForce::Clients(self.known())
    }

    /// Whether the role is the proxy's to choose.
    pub(super) fn is_ours(self) -> bool {
        matches!(self, InForce::Ours(_))
    }
}

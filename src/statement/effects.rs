//! What a statement may change, as flags in one byte; knows no statement.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// What a statement, or all statements of a text, may change.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Effects(u8);

impl Effects {
    /// It loads rows: INSERT, COPY FROM STDIN, UPDATE, DELETE, MERGE, TRUNCATE.
    pub const LOADS: Effects = Effects(1);
    /// It ends or rolls back (part of) a transaction, which brings settings back: COMMIT, END,
    /// ROLLBACK (TO), ABORT, PREPARE TRANSACTION.
    pub const ENDS_TRANSACTION: Effects = Effects(1 << 1);
    /// It may change what the name of a relation stands for: DDL, settings such as search_path, DO
    /// and CALL. The end of a transaction may too, see [`Effects::ends_transaction`].
    pub const CHANGES_RELATIONS: Effects = Effects(1 << 2);
    /// It may change a dms.* setting in any way: SET, RESET of one or of all, DISCARD ALL, an UPDATE of
    /// pg_settings, or `set_config` anywhere.
    pub const TOUCHES_SETTINGS: Effects = Effects(1 << 3);
    /// It may put `session_replication_role` back: `RESET ALL`, `DISCARD ALL`, `RESET` of it, or
    /// `SET` of it to DEFAULT.
    pub const RESETS_ROLE: Effects = Effects(1 << 4);
    /// It may change how the server reads text (`standard_conforming_strings`, `client_encoding`):
    /// SET or RESET of one of them or of all, DISCARD ALL, DO, CALL, an UPDATE of pg_settings, or
    /// `set_config` anywhere. The end of a transaction may take such a change back, see
    /// [`Effects::ends_transaction`].
    pub const CHANGES_LEXING: Effects = Effects(1 << 5);
    /// It may make the session another user's: SET or RESET of `role` or `session_authorization`,
    /// DISCARD ALL, DO, CALL, or `set_config` anywhere.
    pub const CHANGES_USER: Effects = Effects(1 << 6);
    /// It sets `session_replication_role` by itself.
    pub const SETS_ROLE: Effects = Effects(1 << 7);
    /// All of them: what a text may do that was not read.
    pub const ALL: Effects = Effects(u8::MAX);

    /// See [`Effects::LOADS`].
    pub fn loads(self) -> bool {
        self.has(Effects::LOADS)
    }

    /// See [`Effects::ENDS_TRANSACTION`].
    pub fn ends_transaction(self) -> bool {
        self.has(Effects::ENDS_TRANSACTION)
    }

    /// See [`Effects::CHANGES_RELATIONS`].
    pub fn changes_relations(self) -> bool {
        self.has(Effects::CHANGES_RELATIONS)
    }

    /// See [`Effects::TOUCHES_SETTINGS`].
    pub fn touches_settings(self) -> bool {
        self.has(Effects::TOUCHES_SETTINGS)
    }

    /// See [`Effects::RESETS_ROLE`].
    pub fn resets_role(self) -> bool {
        self.has(Effects::RESETS_ROLE)
    }

    /// See [`Effects::CHANGES_LEXING`].
    pub fn changes_lexing(self) -> bool {
        self.has(Effects::CHANGES_LEXING)
    }

    /// See [`Effects::CHANGES_USER`].
    pub fn changes_user(self) -> bool {
        self.has(Effects::CHANGES_USER)
    }

    /// See [`Effects::SETS_ROLE`].
    pub fn sets_role(self) -> bool {
        self.has(Effects::SETS_ROLE)
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self == Effects::default()
    }

    /// Whether it has one of `others`.
    pub fn has(self, others: Effects) -> bool {
        self.0 & others.0 != 0
    }

    /// These effects and those of `others`.
    #[must_use]
    pub const fn and(self, others: Effects) -> Effects {
        Effects(self.0 | others.0)
    }

    /// These effects but for `others`.
    #[must_use]
    pub fn without(self, others: Effects) -> Effects {
        Effects(self.0 & !others.0)
    }

    /// `self` if it is so, else none.
    #[must_use]
    pub fn when(self, is_so: bool) -> Effects {
        if is_so { self } else { Effects::default() }
    }
}

impl BitOr for Effects {
    type Output = Effects;

    fn bitor(self, other: Effects) -> Effects {
        self.and(other)
    }
}

impl BitOrAssign for Effects {
    fn bitor_assign(&mut self, other: Effects) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Effects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Effects, &str); 8] = [
            (Effects::LOADS, "loads"),
            (Effects::ENDS_TRANSACTION, "ends transaction"),
            (Effects::CHANGES_RELATIONS, "changes relations"),
            (Effects::TOUCHES_SETTINGS, "touches settings"),
            (Effects::RESETS_ROLE, "resets role"),
            (Effects::CHANGES_LEXING, "changes lexing"),
            (Effects::CHANGES_USER, "changes user"),
            (Effects::SETS_ROLE, "sets role"),
        ];
        let names = NAMES.iter().filter(|(effect, _)| self.has(*effect)).map(|(_, name)| name);
        formatter.debug_set().entries(names).finish()
    }
}

//! How far the settings of a session are known. Knows no settings.

use crate::wire::TransactionStatus;

/// How far settings are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SettlingStage {
    /// The client has not seen its first ReadyForQuery.
    Login,
    /// They are known, up to the next statement that changes them.
    #[default]
    Settled,
    /// They were changed inside a transaction, whose end may bring others back.
    Unsettled,
}

impl SettlingStage {
    /// The client's first ReadyForQuery goes on.
    pub(super) fn end_login(&mut self) {
        if *self == SettlingStage::Login {
            *self = SettlingStage::Settled;
        }
    }

    /// Settings are changed.
    pub(super) fn note_change(&mut self) {
        if *self != SettlingStage::Login {
            *self = SettlingStage::Unsettled;
        }
    }

    /// The target says where it stands. Outside of a transaction nothing can bring other settings back.
    pub(super) fn on_status(&mut self, status: TransactionStatus) {
        if status == TransactionStatus::Idle && *self == SettlingStage::Unsettled {
            *self = SettlingStage::Settled;
        }
    }
}

//! The transaction status of a ReadyForQuery.

/// Whether a transaction is open on the target, as its last ReadyForQuery says.
///
/// Source: PostgreSQL manual, "Message Formats", ReadyForQuery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransactionStatus {
    /// None is open (`I`).
    #[default]
    Idle,
    /// One is open (`T`).
    Open,
    /// One is open and has failed: every statement but its end is refused (`E`).
    Aborted,
}

impl TransactionStatus {
    /// The status for the byte of a ReadyForQuery. A byte that no server sends counts as idle.
    pub fn from_byte(byte: u8) -> TransactionStatus {
        match byte {
            b'T' => TransactionStatus::Open,
            b'E' => TransactionStatus::Aborted,
            _ => TransactionStatus::Idle,
        }
    }

    /// The byte of a ReadyForQuery.
    pub fn byte(self) -> u8 {
        match self {
            TransactionStatus::Idle => b'I',
            TransactionStatus::Open => b'T',
            TransactionStatus::Aborted => b'E',
        }
    }
}

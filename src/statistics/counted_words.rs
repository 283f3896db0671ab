//! The words of what is counted: states of sessions, kinds of commands, who raised an error.

/// What a session is doing, in the words of pg_stat_activity where it has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionState {
    /// Its first settings are asked for.
    #[default]
    Starting,
    /// It waits for its client.
    Idle,
    /// The target works for it.
    Active,
    /// It waits for its client, in a transaction.
    InTransaction,
    /// The same in a transaction that has failed.
    Aborted,
    /// Rows come from the client.
    CopyIn,
    /// Rows go to the client.
    CopyOut,
    /// The proxy asks a question of its own.
    OwnQuestion,
    /// It replicates.
    Replication,
    /// Nothing of it is read.
    Relay,
}

impl SessionState {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            SessionState::Starting => "starting",
            SessionState::Idle => "idle",
            SessionState::Active => "active",
            SessionState::InTransaction => "idle in transaction",
            SessionState::Aborted => "idle in transaction (aborted)",
            SessionState::CopyIn => "copy in",
            SessionState::CopyOut => "copy out",
            SessionState::OwnQuestion => "proxy's own question",
            SessionState::Replication => "replication",
            SessionState::Relay => "relay",
        }
    }

    /// Whether its transaction is open.
    pub(super) fn works(self) -> bool {
        matches!(self, SessionState::Active | SessionState::CopyIn | SessionState::CopyOut)
    }
}

/// The settings of a session, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettingNames {
    /// `dms.phase`
    pub phase: &'static str,
    /// `dms.fk`
    pub fk: &'static str,
    /// `dms.rewrite`
    pub rewrite: &'static str,
    /// `dms.table_prep`
    pub table_prep: &'static str,
}

/// Kinds of statements, by command tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommandKind {
    /// SELECT and what else gives rows.
    Select,
    /// INSERT
    Insert,
    /// UPDATE
    Update,
    /// DELETE
    Delete,
    /// MERGE
    Merge,
    /// COPY
    Copy,
    /// What defines.
    Ddl,
    /// What begins and ends transactions, savepoints among them.
    Transaction,
    /// The rest.
    #[default]
    Other,
}

impl CommandKind {
    /// Their names, in order.
    pub const NAMES: [&str; 9] =
        ["select", "insert", "update", "delete", "merge", "copy", "ddl", "transaction", "other"];

    /// The kind of a command tag.
    pub(super) fn of_tag(tag: &str) -> CommandKind {
        match tag.split(' ').next().unwrap_or_default() {
            "SELECT" | "FETCH" | "SHOW" => CommandKind::Select,
            "INSERT" => CommandKind::Insert,
            "UPDATE" => CommandKind::Update,
            "DELETE" => CommandKind::Delete,
            "MERGE" => CommandKind::Merge,
            "COPY" => CommandKind::Copy,
            "CREATE" | "ALTER" | "DROP" | "TRUNCATE" | "COMMENT" | "GRANT" | "REVOKE"
            | "SECURITY" | "REFRESH" | "IMPORT" => CommandKind::Ddl,
            "BEGIN" | "START" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" => {
                CommandKind::Transaction
            }
            "PREPARE" if tag == "PREPARE TRANSACTION" => CommandKind::Transaction,
            _ => CommandKind::Other,
        }
    }

    /// The kind of a statement by its first word: there are more of these than of tags.
    pub fn of_verb(verb: &[u8]) -> CommandKind {
        let verb = std::str::from_utf8(verb).unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "(" | "WITH" | "VALUES" | "TABLE" => CommandKind::Select,
            "END" | "ABORT" => CommandKind::Transaction,
            verb => CommandKind::of_tag(verb),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        CommandKind::NAMES.get(self as usize).copied().unwrap_or_default()
    }
}

/// Who raised an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorOrigin {
    /// The target.
    Target,
    /// The proxy.
    Proxy,
}

impl ErrorOrigin {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ErrorOrigin::Target => "target",
            ErrorOrigin::Proxy => "proxy",
        }
    }
}

/// What is done to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Rows of a COPY.
    Copy,
    /// Rows of an INSERT.
    Insert,
    /// Rows of an UPDATE.
    Update,
    /// Rows of a DELETE.
    Delete,
    /// Rows of a MERGE.
    Merge,
    /// It is made.
    Create,
    /// Its definition changes.
    Alter,
    /// It goes.
    Drop,
    /// It is emptied.
    Truncate,
    /// Rows for it are set aside.
    SetAside,
}

impl Operation {
    /// The place among the operations that write rows.
    pub(super) fn row_index(self) -> Option<usize> {
        match self {
            Operation::Copy => Some(0),
            Operation::Insert => Some(1),
            Operation::Update => Some(2),
            Operation::Delete => Some(3),
            Operation::Merge => Some(4),
            _ => None,
        }
    }

    /// Whether it is done to the table itself.
    pub(super) fn is_of_table(self) -> bool {
        self.row_index().is_none() && self != Operation::SetAside
    }

    /// What a command tag says, and how many rows.
    pub(super) fn of_tag(tag: &str) -> Option<(Operation, u64)> {
        let mut words = tag.split(' ');
        let first = words.next().unwrap_or_default();
        let rows = || tag.rsplit(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
        Some(match first {
            "COPY" => (Operation::Copy, rows()),
            "INSERT" => (Operation::Insert, rows()),
            "UPDATE" => (Operation::Update, rows()),
            "DELETE" => (Operation::Delete, rows()),
            "MERGE" => (Operation::Merge, rows()),
            "SELECT" => (Operation::Create, 0),
            "CREATE" => (Operation::Create, 0),
            "ALTER" => (Operation::Alter, 0),
            "DROP" => (Operation::Drop, 0),
            "TRUNCATE" => (Operation::Truncate, 0),
            _ => return None,
        })
    }
}

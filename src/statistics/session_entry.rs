//! What is counted of one session, by the thread that relays it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::counted_words::{CommandKind, ErrorOrigin, Operation, SessionState, SettingNames};
use super::histogram::Histogram;
use super::pending::Pending;
use super::table::{CountedAction, CountedStatement, TableKey};

/// Who a session is; what does not change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountedSession {
    /// Its number in the log.
    pub id: u64,
    /// The user.
    pub user: String,
    /// The database.
    pub database: String,
    /// What the client calls itself.
    pub application_name: String,
    /// Where it comes from; empty for a Unix socket.
    pub client_addr: String,
    /// Its port; 0 for a Unix socket.
    pub client_port: u16,
    /// Whether its leg is TLS.
    pub tls: bool,
    /// The process of the target.
    pub target_pid: u32,
    /// When its login was over, in microseconds since 1970.
    pub connected_at: u64,
    /// How long it waited for the target, in microseconds.
    pub waited_micros: u64,
    /// Whether nothing of it is read.
    pub is_relay: bool,
    /// Whether it replicates.
    pub is_replication: bool,
}

/// An error that a client was told, without its message, which may quote values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorEntry {
    /// When, in microseconds since 1970.
    pub at: u64,
    /// The session.
    pub session: u64,
    /// Its user.
    pub user: String,
    /// Its database.
    pub database: String,
    /// The code.
    pub sqlstate: String,
    /// Who raised it.
    pub origin: ErrorOrigin,
    /// The schema, table, column and constraint that it names; empty where it names none.
    pub names: [String; 4],
}

/// What a session did since the last time; it goes to its database.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionDelta {
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) commands: [u64; CommandKind::NAMES.len()],
    /// Transactions that were committed, and rolled back.
    pub(super) transactions: [u64; 2],
    pub(super) errors: BTreeMap<(String, ErrorOrigin), u64>,
    pub(super) parses: u64,
    pub(super) binds: u64,
    pub(super) transaction_micros: u64,
    /// The target's time.
    pub(super) statements: Histogram,
    /// What passed unread or was refused: definitions that were not understood, unknown types, what is too
    /// long, what is refused, and roles that may not silence foreign keys.
    pub(super) passed: [u64; 5],
}

/// All that was counted of a session.
#[derive(Debug, Default)]
pub(super) struct SessionEntry {
    pub(super) facts: Arc<CountedSession>,
    pub(super) shown: SettingNames,
    pub(super) state: SessionState,
    pub(super) state_since: u64,
    pub(super) transaction_since: u64,
    pub(super) statement_kind: CommandKind,
    pub(super) statement_table: Option<Arc<TableKey>>,
    pub(super) totals: SessionTotals,
    pub(super) copy: CopyFigures,
    pub(super) pending: Pending,
    pub(super) delta: SessionDelta,
    pub(super) last_sqlstate: String,
    /// The time when the statement that runs was sent; 0 for none.
    pub(super) began: u64,
    /// When a question of the proxy's own was asked that is not answered; 0 for none.
    pub(super) asked_at: u64,
    /// An error came since the transaction began, or since the last COMMIT or ROLLBACK.
    pub(super) has_failed: bool,
    /// The last command ended the transaction by ROLLBACK.
    pub(super) has_rolled_back: bool,
    /// Rows that were set aside of the statement that ends next.
    pub(super) set_aside: u64,
    /// A command or an error has come since the last ReadyForQuery.
    pub(super) has_answers: bool,
    /// Bytes of a COPY that are not yet in its table's count.
    pub(super) unnoted_bytes: u64,
    pub(super) noted_second: u64,
    /// Bytes of values that belong to the next execution.
    pub(super) bound_bytes: u64,
    /// What passed unread or was refused, as last told.
    pub(super) passed: [u64; 5],
}

/// What a session did in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionTotals {
    /// Rows that it wrote, committed or not.
    pub rows: u64,
    /// Rows that were rolled back.
    pub rolled_back_rows: u64,
    /// Bytes from the client.
    pub bytes_received: u64,
    /// Bytes to the client.
    pub bytes_sent: u64,
    /// Payload of COPY.
    pub copy_bytes: u64,
    /// Commands that were completed.
    pub statements: u64,
    /// Transactions.
    pub transactions: u64,
    /// What rules changed.
    pub rewrites: u64,
    /// Errors.
    pub errors: u64,
    /// Questions of the proxy's own that were answered.
    pub own_statements: u64,
    /// What they took, in microseconds.
    pub own_micros: u64,
}

/// The COPY that runs, or ran last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyFigures {
    /// When it began, in microseconds since 1970.
    pub began: u64,
    /// Payload.
    pub bytes: u64,
    /// What rules changed in it.
    pub rewrites: u64,
    /// How long it took, in microseconds.
    pub micros: u64,
}

impl SessionEntry {
    /// The place of the phase: 0 for full-load, 1 for cdc.
    pub(super) fn phase(&self) -> usize {
        usize::from(self.shown.phase == "cdc")
    }

    pub(super) fn enter(&mut self, state: SessionState, now: u64) {
        if self.state != state {
            self.state = state;
            self.state_since = now;
        }
    }

    /// A statement is on its way to the target.
    pub(super) fn on_sent(&mut self, subject: Option<&CountedStatement>, now: u64) {
        if self.began == 0 {
            self.began = now;
        }
        if self.transaction_since == 0 {
            self.transaction_since = now;
        }
        self.statement_table = subject.and_then(|subject| subject.tables.first().cloned());
        self.enter(SessionState::Active, now);
    }

    /// A command is complete. Gives what it did with rows that were rolled back by it, and whether the
    /// transaction is committed by it.
    pub(super) fn on_command(
        &mut self,
        tag: &str,
        subject: Option<&CountedStatement>,
    ) -> CommandEnd {
        let kind = CommandKind::of_tag(tag);
        self.statement_kind = kind;
        if let Some(count) = self.delta.commands.get_mut(kind as usize) {
            *count += 1;
        }
        self.totals.statements += 1;
        self.has_answers = true;
        self.has_rolled_back = false;
        match (kind, subject) {
            (CommandKind::Transaction, _) => self.on_transaction_command(tag, subject),
            (CommandKind::Copy | CommandKind::Insert | CommandKind::Update, Some(subject))
            | (CommandKind::Delete | CommandKind::Merge, Some(subject))
                if subject.action == CountedAction::Writes =>
            {
                self.on_write(tag, subject);
                CommandEnd::Written
            }
            (CommandKind::Ddl | CommandKind::Select, Some(subject))
                if subject.action == CountedAction::Defines =>
            {
                self.on_definition(tag, subject);
                CommandEnd::Written
            }
            (CommandKind::Copy | CommandKind::Insert | CommandKind::Update, _)
            | (CommandKind::Delete | CommandKind::Merge, _) => {
                let (_, rows) = Operation::of_tag(tag).unwrap_or((Operation::Copy, 0));
                self.totals.rows += rows;
                CommandEnd::Nothing
            }
            _ => CommandEnd::Nothing,
        }
    }

    fn on_write(&mut self, tag: &str, subject: &CountedStatement) {
        let Some((operation, rows)) = Operation::of_tag(tag) else { return };
        let phase = self.phase();
        self.totals.rows += rows;
        let set_aside = std::mem::take(&mut self.set_aside);
        if let Some(table) = subject.tables.first() {
            self.pending.add(table, operation, phase, rows);
            if set_aside > 0 {
                self.pending.add(table, Operation::SetAside, phase, set_aside);
            }
        }
    }

    fn on_definition(&mut self, tag: &str, subject: &CountedStatement) {
        let Some((operation, _)) = Operation::of_tag(tag) else { return };
        let phase = self.phase();
        for table in &subject.tables {
            self.pending.add(table, operation, phase, 1);
        }
    }

    fn on_transaction_command(
        &mut self,
        tag: &str,
        subject: Option<&CountedStatement>,
    ) -> CommandEnd {
        match (tag, subject.map(|subject| &subject.action)) {
            ("SAVEPOINT", Some(CountedAction::Savepoint(name))) => self.pending.savepoint(name),
            ("RELEASE", Some(CountedAction::Release(name))) => self.pending.release(name),
            ("ROLLBACK", Some(CountedAction::RollbackTo(name))) => {
                self.has_failed = false;
                return CommandEnd::RolledBack(self.pending.roll_back_to(name));
            }
            ("ROLLBACK", _) => {
                self.has_failed = false;
                self.has_rolled_back = true;
                return CommandEnd::RolledBack(self.pending.roll_back());
            }
            ("COMMIT" | "PREPARE TRANSACTION", _) => {
                self.has_failed = false;
                return CommandEnd::Committed;
            }
            _ => {}
        }
        CommandEnd::Nothing
    }

    /// An error came.
    pub(super) fn on_error(&mut self, sqlstate: &str, origin: ErrorOrigin) {
        self.totals.errors += 1;
        self.has_failed = true;
        self.has_answers = true;
        sqlstate.clone_into(&mut self.last_sqlstate);
        let class: String = sqlstate.chars().take(2).collect();
        *self.delta.errors.entry((class, origin)).or_default() += 1;
    }

    /// ReadyForQuery came. Gives what becomes of what is pending.
    pub(super) fn on_ready(&mut self, state: SessionState, now: u64) -> CommandEnd {
        self.enter(state, now);
        if self.began > 0 && self.has_answers {
            self.delta.statements.add(now.saturating_sub(self.began));
        }
        self.began = 0;
        let answers = std::mem::take(&mut self.has_answers);
        if state != SessionState::Idle {
            return CommandEnd::Nothing;
        }
        let failed = std::mem::take(&mut self.has_failed);
        let rolled_back = std::mem::take(&mut self.has_rolled_back) || failed;
        let since = std::mem::take(&mut self.transaction_since);
        if answers {
            self.totals.transactions += 1;
            if let Some(count) = self.delta.transactions.get_mut(usize::from(rolled_back)) {
                *count += 1;
            }
            self.delta.transaction_micros += now.saturating_sub(since);
        }
        if self.pending.is_empty() {
            self.pending = Pending::default();
            return CommandEnd::Nothing;
        }
        if failed {
            CommandEnd::RolledBack(self.pending.roll_back())
        } else {
            CommandEnd::Committed
        }
    }
}

/// What the end of a command means for what is pending.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CommandEnd {
    /// Nothing.
    Nothing,
    /// More is pending.
    Written,
    /// These rows were rolled back.
    RolledBack(Vec<(Arc<TableKey>, u64)>),
    /// All of it is committed.
    Committed,
}

//! `session_replication_role`: what is in force as far as it is known, who has set it, and what has to be asked
//! or set before a message that wants another one. Decides; may not know how a statement travels.
//!
//! Under `fk.mode = "replica-role"` the role is the proxy's from login on. Under `auto` it follows the messages:
//!
//! | Message | Role |
//! | --- | --- |
//! | rows for tables on which the role silences foreign keys and nothing else | replica |
//! | rows for a table with user triggers, rules, deferrable keys; for a view; for a relation that is not known | origin |
//! | rows for tables with nothing to silence; reading; the session and its transactions | as it is |
//! | definitions, TRUNCATE, DO, CALL, EXECUTE, FETCH, FunctionCall, texts that are not read | origin |
//! | any statement that names a function which may write (volatile, in SQL or a procedural language) | origin |
//! | COMMIT behind something that ran under origin in the same transaction: deferred triggers fire | origin |
//! | a transaction that has failed | as it is: nothing can be set |
//!
//! A text is one message: with rows of both kinds it runs under origin, and the foreign keys of all its tables
//! are parked. A partition, or a child, counts with the tables under it and with the keys that it has from
//! above. What hides behind a view that is only read, a default, a check or an operator is not looked into.
//!
//! The client's own word counts: a role that it brings or sets stays until it resets it. What a rollback or
//! code of the client's has made of the role is asked for, but only when a message comes that wants one.

mod in_force;

use in_force::InForce;

use crate::parking::spelling::quoted_identifier;
use crate::policy::ForeignKeys;
use crate::rewrite::Reached;
use crate::session::ask::settle::{Role, Settle};
use crate::session::context::Context;
use crate::statement::Effects;
use crate::wire::{Answer, Failure, OwnError, TransactionStatus, printable};

/// Refusals that say nothing of the role: the transaction has failed, a connection or the server ends, memory is
/// short, a lock or a conflict.
const PASSING: [&str; 5] = ["25P", "57", "53", "40", "08"];

/// Why it is not known what is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unsure {
    /// What was set in a transaction may be undone.
    Undone,
    /// Code of the client's has run.
    CodeRan,
}

/// Whether what was set may be undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Undoing {
    /// Nothing has gone since the last transaction that may have set it: what is in force is so outside as well.
    Nothing,
    /// It was set outside of a transaction, or in one that is committed.
    #[default]
    Never,
    /// It was set in a transaction that is not yet committed.
    Possible,
    /// The same, and a statement is on its way that may undo it.
    OnItsWay,
}

/// What is known of the right to set the role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Right {
    /// It was not tried, or the client's user may be another one since.
    #[default]
    Unknown,
    /// It was set.
    Given,
    /// The target refuses it; it is not asked again.
    Refused,
}

/// Where the role stands.
#[derive(Debug, Default)]
pub(in crate::session) struct RoleState {
    in_force: InForce,
    right: Right,
    /// The client's statement may have put it back.
    was_reset: bool,
    /// The role that the client last brought or set by itself, as far as it is known.
    of_client: Option<String>,
    /// The role that a reset brings back.
    of_login: Option<String>,
    /// The role outside of the transaction under way, as far as it is known.
    outside: Option<Role>,
    undo: Undoing,
    /// The number of the last message, among all that were sent, that may have changed the role.
    changed_by: u64,
    unsure: Option<Unsure>,
    /// Something ran under origin in the transaction under way.
    ran_at_origin: bool,
}

impl RoleState {
    /// What is asked or set behind the settings, if anything; `at_login` says that nothing else has gone.
    pub(super) fn due_behind_settings(&self, at_login: bool, context: &Context) -> Option<Settle> {
        if self.right == Right::Refused {
            return None;
        }
        let settings = &context.settings;
        if settings.switches_role() {
            let was_tried = self.right == Right::Given;
            return (at_login && !was_tried).then_some(Settle::TryRole);
        }
        let silences = settings.foreign_keys == ForeignKeys::ReplicaRole && settings.is_full_load();
        let wanted = if silences { Role::Replica } else { Role::Origin };
        // The server's own default is left alone until the session has once left it, and the client's own
        // choice until something changes.
        let due = wanted != self.in_force.role() || (self.was_reset && silences);
        let softly =
            self.right == Right::Unknown && !at_login && context.status == TransactionStatus::Open;
        due.then_some(Settle::Role(wanted, softly))
    }

    /// What has to be asked or set before a message that wants this role, if anything.
    pub(in crate::session) fn due(&self, wish: Option<Role>, context: &Context) -> Option<Settle> {
        let wish = wish?;
        let can_be = context.settings.switches_role()
            && self.right != Right::Refused
            && context.status != TransactionStatus::Aborted;
        if !can_be {
            return None;
        }
        match self.unsure {
            Some(_) => Some(Settle::RoleNow),
            None if !self.is_ours() || self.in_force.role() == wish => None,
            None => Some(Settle::Role(wish, self.right != Right::Given)),
        }
    }

    /// Whether the server's default is in force, for all that is known.
    pub(in crate::session) fn is_origin(&self) -> bool {
        self.unsure.is_none() && self.in_force.role() == Role::Origin
    }

    /// Whether the proxy's own replica role is in force.
    pub(in crate::session) fn is_replica(&self) -> bool {
        self.unsure.is_none() && self.in_force == InForce::Ours(Some(Role::Replica))
    }

    /// Whether the end of the transaction under way, or of a part of it, may bring another role back.
    pub(in crate::session) fn may_be_undone(&self) -> bool {
        !matches!(self.undo, Undoing::Nothing | Undoing::Never)
    }

    /// Whether such an end is on its way: only when it is answered it is known what is in force.
    pub(in crate::session) fn awaits_end(&self) -> bool {
        self.undo == Undoing::OnItsWay
    }

    /// Whether the server's default is in force behind a rollback.
    pub(in crate::session) fn is_origin_outside(&self) -> bool {
        self.outside == Some(Role::Origin)
    }

    /// Whether the role is the proxy's to choose.
    pub(in crate::session) fn is_ours(&self) -> bool {
        self.in_force.is_ours()
    }

    /// Whether the target refuses it.
    pub(in crate::session) fn is_refused(&self) -> bool {
        self.right == Right::Refused
    }

    /// Whether the end of the transaction wants origin.
    pub(in crate::session) fn has_run_at_origin(&self) -> bool {
        self.ran_at_origin
    }

    pub(super) fn was_reset(&self) -> bool {
        self.was_reset
    }

    pub(super) fn note_reset(&mut self) {
        self.was_reset = true;
    }

    /// Nothing more is settled.
    pub(super) fn end_settling(&mut self) {
        self.was_reset = false;
    }

    /// A statement with these effects goes to the target, in the message of this number.
    pub(in crate::session) fn on_sent(&mut self, effects: Effects, number: u64) {
        if self.may_be_undone() && effects.ends_transaction() {
            self.undo = Undoing::OnItsWay;
        }
        if effects.sets_role() {
            self.in_force = self.in_force.of_client();
            self.note_change(number);
            self.undo = Undoing::Possible;
        }
        if effects.resets_role() {
            self.unsure = Some(Unsure::Undone);
            self.note_change(number);
            self.of_client.clone_from(&self.of_login);
        }
        if effects.changes_user() {
            self.note_code(number);
            self.right = match self.right {
                Right::Given => Right::Unknown,
                right => right,
            };
        }
    }

    /// What reaches so far goes to the target; `runs_functions` says that it names functions that may write.
    pub(in crate::session) fn on_reached(
        &mut self,
        reached: &Reached,
        runs_functions: bool,
        number: u64,
    ) {
        self.ran_at_origin |= !reached.is_nothing() && self.in_force.known() != Some(Role::Replica);
        if runs_functions {
            self.note_code(number);
        }
    }

    /// The target has answered what settles, outside of a transaction or in one.
    pub(in crate::session) fn on_settled(&mut self, is_outside: bool) {
        if is_outside {
            self.on_settled_outside();
        }
    }

    fn on_settled_outside(&mut self) {
        self.undo = Undoing::Never;
        self.outside = match self.in_force {
            InForce::Ours(role) if self.unsure.is_none() => role,
            _ => None,
        };
    }

    /// Code of the client's may have set the role.
    fn note_code(&mut self, number: u64) {
        self.unsure.get_or_insert(Unsure::CodeRan);
        self.note_change(number);
    }

    /// Something goes that may change the role.
    fn note_change(&mut self, number: u64) {
        self.changed_by = number;
        if self.undo == Undoing::Nothing {
            self.undo = Undoing::Never;
        }
    }

    /// A transaction, or a part of one, is undone.
    pub(in crate::session) fn on_rollback(&mut self) {
        if self.may_be_undone() {
            self.unsure = Some(Unsure::Undone);
        }
    }

    /// ReadyForQuery, outside of a transaction or in one; the numbers are those of messages sent and answered.
    pub(in crate::session) fn on_ready(&mut self, is_outside: bool, (sent, answered): (u64, u64)) {
        if is_outside {
            self.on_settled_outside();
            self.ran_at_origin = false;
            if answered >= self.changed_by {
                self.undo = Undoing::Nothing;
            }
        }
        if answered == sent && self.undo == Undoing::OnItsWay {
            self.undo = Undoing::Possible;
        }
    }

    /// The target has set the role.
    pub(super) fn on_set(&mut self, role: Role) {
        self.in_force = InForce::Ours(Some(role));
        self.right = Right::Given;
        self.unsure = None;
        self.undo = Undoing::Possible;
    }

    /// The target has answered to the try at login.
    pub(super) fn on_tried(&mut self, answer: &Answer) {
        self.right = Right::Given;
        self.of_login = value(answer).filter(|value| value != "origin");
        self.of_client.clone_from(&self.of_login);
        self.in_force = match self.of_login {
            Some(_) => InForce::Clients(Some(Role::Origin)),
            None => InForce::Ours(Some(Role::Origin)),
        };
    }

    /// The target has told the role in force.
    pub(super) fn on_now(&mut self, answer: &Answer) {
        if answer.failure.as_ref().is_some_and(is_passing) {
            return;
        }
        let Some(value) = value(answer) else {
            // It does not tell: it stays the client's.
            (self.unsure, self.in_force) = (None, self.in_force.of_client());
            return;
        };
        let ours = [Role::Replica, Role::Origin].into_iter().find(|role| role.to_string() == value);
        let changed_by_code = self.unsure == Some(Unsure::CodeRan)
            && self.is_ours()
            && ours != Some(self.in_force.role());
        self.unsure = None;
        let is_clients =
            changed_by_code || ours.is_none() || self.of_client.as_deref() == Some(&*value);
        self.in_force = if is_clients { InForce::Clients(ours) } else { InForce::Ours(ours) };
        match self.undo {
            Undoing::Nothing => self.on_settled_outside(),
            _ => self.undo = Undoing::Possible,
        }
        if is_clients {
            self.of_client = Some(value);
        }
    }

    /// The role is not to be had.
    pub(super) fn refuse(&mut self) {
        self.right = Right::Refused;
    }

    /// The target has refused the role. Gives the WARNING, unless that may be another time's matter.
    pub(super) fn on_refused(&mut self, answer: &Answer, context: &Context) -> Option<OwnError> {
        let failure = answer.failure.as_ref()?;
        if is_passing(failure) {
            return None;
        }
        self.right = Right::Refused;
        let first = answer.rows.first().and_then(|row| row.first()?.as_deref().map(printable));
        Some(role_refused(&context.startup.user, context.server_major(), failure, first.as_deref()))
    }
}

/// Whether a failure says nothing of what the target refuses.
pub(in crate::session) fn is_passing(failure: &Failure) -> bool {
    PASSING.iter().any(|class| failure.sqlstate.starts_with(class))
}

/// The last value of an answer.
fn value(answer: &Answer) -> Option<String> {
    answer.rows.last()?.first()?.as_deref().map(printable)
}

/// The WARNING for a refused role: foreign keys stay on, so nothing can go wrong silently. `service` is the role
/// that the service has for administrators, where it is known.
fn role_refused(
    user: &str,
    server_major: u32,
    failure: &Failure,
    service: Option<&str>,
) -> OwnError {
    let quoted = quoted_identifier(user);
    let hint = match service {
        _ if failure.sqlstate != "42501" => {
            "This server does not know the role, or not for clients. Where foreign keys are in the way of \
             the load, set fk.mode = \"park\"."
                .to_owned()
        }
        Some("alloydbsuperuser" | "cloudsqlsuperuser" | "neon_superuser") => {
            "It cannot be granted on this service: set fk.mode = \"park\", or run dms-proxy fk park before \
             the load, as the tables' owner."
                .to_owned()
        }
        Some(administrator @ ("rds_superuser" | "azure_pg_admin")) => {
            format!("As an administrator run: GRANT {administrator} TO {quoted}.")
        }
        _ if server_major >= 15 => format!(
            "As a superuser run: GRANT SET ON PARAMETER session_replication_role TO {quoted}; \
             on a managed service give the role its administrator role (rds_superuser) instead."
        ),
        _ => "Before PostgreSQL 15 only a superuser may set it; on Amazon RDS grant rds_superuser, or set \
             session_replication_role in the parameter group."
            .to_owned(),
    };
    let code = match failure.sqlstate.as_str() {
        "42501" => String::new(),
        other => format!("{other} "),
    };
    OwnError {
        detail: Some(format!("The target said: {code}{}.", failure.message)),
        ..OwnError::new("42501", "foreign keys stay on: session_replication_role could not be set")
    }
    .with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::context::tests::context;

    fn read(value: &str) -> Answer {
        Answer::from(vec![vec![Some(value.as_bytes().to_vec())]])
    }

    /// Logged in, with the right to set the role.
    fn state(at_login: &str) -> RoleState {
        let mut state = RoleState::default();
        state.on_tried(&read(at_login));
        state.on_settled_outside();
        state
    }

    #[test]
    fn the_role_follows_what_is_wanted() {
        let mut context = context("");
        let mut state = state("origin");
        assert_eq!(state.due(None, &context), None);
        assert_eq!(state.due(Some(Role::Origin), &context), None);
        let set = Some(Settle::Role(Role::Replica, false));
        assert_eq!(state.due(Some(Role::Replica), &context), set);
        state.on_set(Role::Replica);
        assert!(state.is_replica() && state.due(Some(Role::Replica), &context).is_none());
        // A rollback may have taken it back.
        state.on_rollback();
        assert_eq!(state.due(None, &context), None);
        assert_eq!(state.due(Some(Role::Origin), &context), Some(Settle::RoleNow));
        context.status = TransactionStatus::Aborted;
        assert_eq!(state.due(Some(Role::Origin), &context), None);
        context.status = TransactionStatus::Idle;
        state.on_now(&read("origin"));
        assert!(state.is_origin() && state.due(Some(Role::Origin), &context).is_none());
        // What is committed is not undone.
        state.on_set(Role::Replica);
        state.on_ready(true, (9, 9));
        state.on_rollback();
        assert!(state.is_replica() && !state.is_origin_outside());
        // What is read before anything could change it, is so outside.
        for (changed_by, is_known) in [(9, true), (11, false)] {
            state.in_force = InForce::Ours(Some(Role::Origin));
            state.on_sent(Effects::CHANGES_USER, changed_by);
            state.on_ready(true, (12, 10));
            state.on_now(&read("origin"));
            assert_eq!(state.is_origin_outside(), is_known);
            assert_eq!(state.may_be_undone(), !is_known);
        }
    }

    #[test]
    fn the_clients_own_word_counts() {
        let context = context("");
        let wish = Some(Role::Replica);
        for at_login in ["replica", "local"] {
            assert_eq!(state(at_login).due(wish, &context), None, "{at_login}");
        }
        let mut state = state("origin");
        state.on_sent(Effects::SETS_ROLE, 9);
        assert!(!state.is_ours() && state.due(wish, &context).is_none());
        state.on_sent(Effects::RESETS_ROLE, 9);
        assert_eq!(state.due(wish, &context), Some(Settle::RoleNow));
        state.on_now(&read("origin"));
        assert_eq!(state.due(wish, &context), Some(Settle::Role(Role::Replica, false)));
        // Code may have set it, and may not have.
        for (value, is_ours) in [("origin", true), ("replica", false)] {
            state.on_sent(Effects::CHANGES_USER, 9);
            assert_eq!(state.due(wish, &context), Some(Settle::RoleNow));
            state.on_now(&read(value));
            assert_eq!(state.is_ours(), is_ours, "{value}");
        }
    }

    #[test]
    fn a_refusal_is_told_with_what_can_be_done_there() {
        for (sqlstate, service, hint) in [
            ("42501", None, "GRANT SET ON PARAMETER"),
            ("42501", Some("rds_superuser"), "GRANT rds_superuser TO"),
            ("42501", Some("neon_superuser"), "fk.mode = \"park\""),
            ("0A000", None, "fk.mode = \"park\""),
            ("42704", Some("rds_superuser"), "fk.mode = \"park\""),
        ] {
            let failure = Failure { sqlstate: sqlstate.into(), message: "no".into() };
            let warning = role_refused("app", 16, &failure, service);
            assert!(
                warning.hint.is_some_and(|found| found.contains(hint)),
                "{sqlstate} {service:?}"
            );
        }
        let mut answer = Answer::default();
        answer.failure = Some(Failure { sqlstate: "25P02".into(), message: String::new() });
        let (mut state, context) = (RoleState::default(), context(""));
        assert!(state.on_refused(&answer, &context).is_none() && !state.is_refused());
        answer.failure = Some(Failure { sqlstate: "0A000".into(), message: String::new() });
        assert!(state.on_refused(&answer, &context).is_some() && state.is_refused());
        assert_eq!(state.due(Some(Role::Replica), &context), None);
    }
}

//! Own statements in a client's session: after login, and wherever a client's statement may have
//! changed the dms.* settings or put `session_replication_role` back. The client waits meanwhile,
//! at a place between two of its frames where no pipeline is cut and no transaction ends.

use super::client_frames::Judged;
use super::expected_replies::{Expected, Failing, Notes, Request};
use super::own_statement::{OwnAnswer, OwnFailure, OwnStatement, Role, role_refused};
use super::statements::FAILING_SQL;
use super::table_prep::CANCELLED;
use super::{Body, Mend, Phase, Session, Step};
use crate::policy::OnDenied;
use crate::wire::{self, HEAD_BYTES, Head, OwnError, tag};

/// How often a statement that settles is tried again when it is cancelled. A time limit of
/// milliseconds would cancel it for ever.
const AGAIN_MAX: u8 = 3;

/// Where the session stands with its own statements.
#[derive(Debug, Default)]
pub(super) struct Settling {
    /// The client waits for our own statements.
    pub(super) active: bool,
    /// The client has not seen its first ReadyForQuery; ours becomes it.
    at_login: bool,
    /// The extended protocol is used, since the client's unnamed statement has to survive.
    by_group: bool,
    /// The answer to the statement under way.
    pub(super) answer: OwnAnswer,
    /// The role as the proxy last set it.
    role: Option<Role>,
    /// The client's statement may have put the role back.
    role_was_reset: bool,
    /// The target refuses the role; it is not asked again.
    refused: bool,
    /// A statement that is executed in this pipeline asks for settling at its Sync.
    at_sync: Option<Cause>,
    /// A text that also asks for a COPY stream asks for settling once it is answered.
    after_copy: Option<Cause>,
    /// The settings were changed inside a transaction, whose end may bring others back.
    unsettled: bool,
    /// A message of the client's waits for our statements.
    pub(super) client_waits: bool,
    /// What the target said when a statement of ours was cancelled for one of the client's, which
    /// is still to come.
    cancelled: Option<String>,
    /// How often a statement was tried again.
    tried_again: u8,
}

/// What a client's statement may have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cause {
    /// A dms.* setting.
    pub(super) settings: bool,
    /// `session_replication_role`, back to its default.
    pub(super) role: bool,
    /// The transaction ended, and with it settings that were changed inside it.
    pub(super) transaction: bool,
    /// What the names of relations stand for; nothing is settled for it.
    pub(super) relations: bool,
}

impl Cause {
    /// Whether there is any.
    pub(super) fn any(self) -> bool {
        self.may_settle() || self.relations
    }

    /// Whether there is one that may have to be settled.
    pub(super) fn may_settle(self) -> bool {
        self.settings || self.role || self.transaction
    }

    fn and(self, other: Cause) -> Cause {
        Cause {
            settings: self.settings || other.settings,
            role: self.role || other.role,
            transaction: self.transaction || other.transaction,
            relations: self.relations || other.relations,
        }
    }
}

/// What the client gets when one of our statements is answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    /// Notices about what was found.
    pub(super) to_client: Vec<u8>,
    /// The ReadyForQuery goes on: it is the client's first.
    pub(super) owes_ready: bool,
}

impl Settling {
    /// Whether `cause` makes settling necessary.
    pub(super) fn is_due(&self, cause: Cause) -> bool {
        cause.settings || cause.role || (cause.transaction && self.unsettled)
    }

    /// Whether the end of a transaction matters.
    pub(super) fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// A statement with this cause is executed in a pipeline.
    pub(super) fn note_for_sync(&mut self, cause: Cause) {
        self.at_sync = Some(self.at_sync.unwrap_or_default().and(cause));
    }

    /// A text with this cause and a COPY is on its way.
    pub(super) fn note_after_copy(&mut self, cause: Cause) {
        self.after_copy = Some(cause);
    }

    /// Whether settling waits for the end of a text with a COPY.
    pub(super) fn waits_for_copy(&self) -> bool {
        self.after_copy.is_some()
    }

    /// What is to be settled now that the text with the COPY is answered.
    pub(super) fn take_after_copy(&mut self) -> Option<Cause> {
        self.after_copy.take()
    }

    /// What the Sync that now follows has to settle.
    pub(super) fn take_for_sync(&mut self) -> Option<Cause> {
        self.at_sync.take().filter(|&cause| self.is_due(cause))
    }
}

impl Session {
    /// The target is ready for the first time; the client's first ReadyForQuery waits for ours.
    pub(super) fn settle_at_login(&mut self) {
        self.phase = Phase::Ready;
        self.settling = Settling { active: true, at_login: true, ..Settling::default() };
        self.own_to_target = self.own_frames(OwnStatement::ReadSettings);
    }

    /// The frames that begin settling behind a simple query (`by_group` false) or behind a Sync.
    pub(super) fn settle_frames(&mut self, cause: Cause, by_group: bool) -> Vec<u8> {
        self.settling.active = true;
        self.settling.by_group = by_group;
        self.settling.role_was_reset |= cause.role;
        self.settling.unsettled |= cause.settings;
        self.settling.tried_again = 0;
        self.own_frames(OwnStatement::ReadSettings)
    }

    /// The frames that ask something on the way; the client waits until it is answered.
    pub(super) fn ask(&mut self, question: OwnStatement, by_group: bool) -> Vec<u8> {
        self.settling.active = true;
        self.settling.by_group = by_group;
        self.own_frames(question)
    }

    /// The same where a pipeline is under way: a Flush makes the target answer, and no Sync ends the
    /// pipeline. An error is the one that the client's next message would have met.
    pub(super) fn ask_in_pipeline(&mut self, question: OwnStatement) -> Vec<u8> {
        self.settling.active = true;
        self.settling.answer = OwnAnswer::default();
        let frames = wire::own_group_in_pipeline(&question.sql());
        let notes = Notes { own: Some(question), ..Notes::default() };
        self.replies.push(Expected::with(Request::OwnInPipeline, notes));
        frames
    }

    /// One of the two, by where the client stands. `extended` says that it speaks the extended
    /// protocol.
    pub(super) fn ask_anywhere(&mut self, question: OwnStatement, extended: bool) -> Vec<u8> {
        match self.in_pipeline {
            true => self.ask_in_pipeline(question),
            false => self.ask(question, extended),
        }
    }

    /// Asks in front of the frame that is being judged, once what is in front of that has gone.
    pub(super) fn ask_first(
        &mut self,
        question: OwnStatement,
        extended: bool,
        first: bool,
    ) -> Judged {
        if !first {
            return Judged::Later;
        }
        Judged::Done(Step::Replace(0, self.ask_anywhere(question, extended)))
    }

    fn own_frames(&mut self, statement: OwnStatement) -> Vec<u8> {
        let sql = statement.sql();
        self.settling.answer = OwnAnswer::default();
        self.settling.client_waits = false;
        let notes = Notes { own: Some(statement), ..Notes::default() };
        self.replies.push(Expected::with(Request::Own, notes));
        if self.settling.by_group { wire::own_group(&sql) } else { wire::query(&sql) }
    }

    /// One of our statements is answered, up to its ReadyForQuery.
    ///
    /// # Errors
    /// The session has to end, by configuration.
    pub(super) fn on_own_answered(&mut self, done: &OwnStatement) -> Result<Settled, OwnError> {
        let answer = std::mem::take(&mut self.settling.answer);
        let failure = answer.error.as_ref();
        let cancelled = failure.filter(|failure| failure.sqlstate == CANCELLED);
        if let Some(failure) = cancelled
            && self.goes_again(done, failure)
        {
            self.own_to_target = self.own_frames(done.clone());
            return Ok(Settled::default());
        }
        let is_cancelled = cancelled.is_some();
        let to_client = match (done, answer.error.clone()) {
            (OwnStatement::ReadSettings, None) => self.on_settings_read(&answer),
            (OwnStatement::SetRole(role), None) => {
                self.settling.role = Some(*role);
                Vec::new()
            }
            (OwnStatement::SetRole(_), Some(failure)) if failure.sqlstate == "42501" => {
                self.on_role_refused(&failure)?
            }
            (OwnStatement::AfterConnect(_), Some(failure)) => {
                return Err(OwnError::new("08004", "target.after_connect_script failed")
                    .with_hint(format!(
                        "The target said: {} {}.",
                        failure.sqlstate, failure.message
                    )));
            }
            // An aborted transaction, whose end settles again; or an old or foreign server that
            // does not know the function. What was in force stays in force.
            (_, Some(failure)) => {
                tracing::debug!(sqlstate = failure.sqlstate, "{}", failure.message);
                Vec::new()
            }
            (_, None) => Vec::new(),
        };
        let mut settled = Settled { to_client, owes_ready: false };
        let next = match done {
            OwnStatement::Columns { .. } | OwnStatement::Prepared(_) => {
                self.on_relation(&answer);
                None
            }
            OwnStatement::Park { all, .. } => {
                let notice = self.on_parked(*all, answer.error.as_ref())?;
                settled.to_client.extend(notice);
                None
            }
            OwnStatement::Arguments(_) if is_cancelled => None,
            OwnStatement::Arguments(function) => {
                self.on_arguments(*function, &answer);
                None
            }
            OwnStatement::UserTypes(oids) => {
                self.on_user_types(oids, &answer);
                None
            }
            OwnStatement::WriteLedger { insert, creates } => {
                self.on_ledger_written(insert, *creates, answer.error.as_ref())
            }
            _ => self.next_own_statement(done),
        };
        match next {
            Some(next) => self.own_to_target = self.own_frames(next),
            None => {
                self.settling.active = false;
                settled.owes_ready = std::mem::take(&mut self.settling.at_login);
            }
        }
        Ok(settled)
    }

    /// A statement of ours was cancelled, by the client or by a time limit, and nobody but us knows
    /// of it: it was meant for the client's statement that waits, which fails with it. Says whether
    /// ours has to go again, because what is in force depends on it.
    fn goes_again(&mut self, done: &OwnStatement, failure: &OwnFailure) -> bool {
        let settles = match done {
            OwnStatement::ReadSettings | OwnStatement::SetRole(_) | OwnStatement::SetTimeout(_) => {
                true
            }
            // The session ends with it; or the client has left.
            OwnStatement::AfterConnect(_) | OwnStatement::WriteLedger { .. } => return false,
            OwnStatement::Park { .. }
            | OwnStatement::Arguments(_)
            | OwnStatement::UserTypes(_)
            | OwnStatement::Columns { .. }
            | OwnStatement::Prepared(_) => false,
        };
        // Where nothing waits it came too late, as it may without a proxy; but a transaction that
        // it has aborted must not be taken for one that goes on.
        let aborted = self.transaction_status == b'E';
        if !settles || self.settling.client_waits || aborted {
            self.settling.cancelled = Some(failure.message.clone());
        }
        let again = settles && !aborted && self.settling.tried_again < AGAIN_MAX;
        self.settling.tried_again += u8::from(again);
        again
    }

    /// Where a statement of ours was cancelled for the message that comes now, it fails with it: in
    /// its place the target gets a message that can only fail, and nothing else of it is looked at.
    pub(super) fn fail_cancelled(&mut self, head: Head, first: bool) -> Option<Judged> {
        self.settling.cancelled.as_ref()?;
        let (request, failing) = match head.tag {
            tag::QUERY => (Request::Query, wire::query(FAILING_SQL)),
            // It calls nothing, for which the server looks nowhere.
            tag::FUNCTION_CALL => (Request::FunctionCall, wire::with_body(head.tag, &[])),
            // Nor a portal of this name: it is ours, and closed. The client's names stay as they are.
            tag::PARSE | tag::BIND | tag::DESCRIBE | tag::EXECUTE | tag::CLOSE => {
                (Request::Execute, wire::with_body(tag::EXECUTE, &[b"dms_proxy\0\0\0\0\0"]))
            }
            tag::FLUSH | tag::TERMINATE => return None,
            _ => {
                self.settling.cancelled = None;
                return None;
            }
        };
        if !first {
            return Some(Judged::Later);
        }
        let message = self.settling.cancelled.take()?;
        self.forget_parking_of_text();
        self.query_waits = false;
        self.in_pipeline = request == Request::Execute;
        if request == Request::Query {
            self.prepared.close_unnamed();
        }
        self.push_synthesized(request, OwnError::new(CANCELLED, message), Failing::Script);
        self.client_body = Body { remaining: head.body_bytes(), mend: Mend::Rows };
        Some(Judged::Done(Step::Replace(HEAD_BYTES, failing)))
    }

    fn on_settings_read(&mut self, answer: &OwnAnswer) -> Vec<u8> {
        let (settings, bad) = answer.settings(self.defaults);
        self.settings = settings;
        if self.transaction_status == b'I' {
            self.settling.unsettled = false;
        }
        bad.into_iter()
            .flat_map(|bad| {
                wire::notice_response(&OwnError::new("22023", bad.message).with_hint(bad.hint))
            })
            .collect()
    }

    fn on_role_refused(&mut self, failure: &OwnFailure) -> Result<Vec<u8>, OwnError> {
        self.settling.refused = true;
        let warning = role_refused(&self.startup.user, &self.server_version, failure);
        match self.policy.on_denied {
            OnDenied::Fail => return Err(warning),
            OnDenied::Park => {
                self.parking.instead_of_role = true;
                return Ok(Vec::new());
            }
            OnDenied::Warn => {}
        }
        tracing::warn!(user = self.startup.user, hint = warning.hint, "{}", warning.message);
        Ok(wire::notice_response(&warning))
    }

    /// Which of our statements follows `done`, if any: they come in one order, and each of them
    /// only where it has something to do.
    fn next_own_statement(&mut self, done: &OwnStatement) -> Option<OwnStatement> {
        let again = self.settling.role_was_reset;
        let first = self.settling.at_login;
        let role = || {
            let silences = self.settings.silences_foreign_keys();
            let wanted = if silences { Role::Replica } else { Role::Origin };
            // The server's own default is left alone until the session has once left it, and the
            // client's own choice until something changes.
            let now = self.settling.role.unwrap_or(Role::Origin);
            let due = wanted != now || (again && silences);
            (due && !self.settling.refused).then_some(OwnStatement::SetRole(wanted))
        };
        let timeout = || {
            let seconds = self.policy.execute_timeout_seconds;
            ((first || again) && seconds > 0).then_some(OwnStatement::SetTimeout(seconds))
        };
        let script = || {
            let script = self.policy.after_connect_script.clone().filter(|_| first);
            script.map(OwnStatement::AfterConnect)
        };
        let next = match done {
            OwnStatement::ReadSettings => role().or_else(timeout).or_else(script),
            OwnStatement::SetRole(_) => timeout().or_else(script),
            OwnStatement::SetTimeout(_) => script(),
            OwnStatement::AfterConnect(_)
            | OwnStatement::Park { .. }
            | OwnStatement::Arguments(_)
            | OwnStatement::UserTypes(_)
            | OwnStatement::Columns { .. }
            | OwnStatement::Prepared(_)
            | OwnStatement::WriteLedger { .. } => None,
        };
        if next.is_none() {
            self.settling.role_was_reset = false;
        }
        next
    }
}

//! The dms.* settings and the role: asked and set after login, and wherever a statement of the client's
//! may have changed them. Decides what is asked next; may not know how a question travels.

mod answer;
mod own_words;
mod refusals;
mod stage;

use std::time::Duration;

use answer::{kind_of, process_of, settings_of};
use own_words::{OwnWords, warnings};
use refusals::{pooled, role_on_citus};
use stage::SettlingStage;

use super::role::RoleState;
use super::settle::Settle;
use crate::policy::{BadSetting, ForeignKeys, OnDenied, Policy, Pooler, Settings};
use crate::session::context::{Context, TargetKind};
use crate::statement::Effects;
use crate::wire::{self, Answer, OwnError, TransactionStatus};

/// Between lines about a user whose role may not silence foreign keys.
const NOT_SILENCED_PAUSE: Duration = Duration::from_secs(600);

/// When the settings are asked for next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Due {
    #[default]
    Not,
    /// Behind the Sync of the pipeline that is under way; with the settings that it states plainly, if
    /// it does nothing else that has to be settled.
    AtSync(Effects, Option<Settings>),
    /// In front of the client's next message, once all that is on its way is answered.
    Later(Effects),
}

/// Settings that a text states plainly, until it is known whether they took effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stated {
    #[default]
    Nothing,
    /// The target has not refused anything since.
    Plain(Settings),
    /// An error has come since, which may be another statement's.
    Unsure(Settings),
}

/// What follows an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct Settled {
    /// The next of our statements.
    pub(in crate::session) next: Option<Settle>,
    /// Warnings for the client.
    pub(in crate::session) warnings: Vec<OwnError>,
}

/// Where the session stands with its settings and its role.
#[derive(Debug, Default)]
pub(in crate::session) struct Settling {
    due: Due,
    role: RoleState,
    stage: SettlingStage,
    stated: Stated,
    /// The target does not tell settings, so they are those that the client's own words make.
    own_words: Option<OwnWords>,
}

impl Settling {
    /// What is asked behind a statement with these effects.
    pub(in crate::session) fn begin(&mut self, effects: Effects) -> Settle {
        self.note_role_reset(effects);
        if effects.touches_settings() {
            self.stage.note_change();
        }
        Settle::Settings
    }

    /// Whether a statement with these effects makes settling necessary.
    pub(in crate::session) fn is_due(&self, effects: Effects) -> bool {
        effects.touches_settings()
            || effects.resets_role()
            || effects.ends_transaction() && self.is_unsettled()
    }

    /// Whether the end of a transaction matters.
    pub(in crate::session) fn is_unsettled(&self) -> bool {
        self.stage == SettlingStage::Unsettled
    }

    /// A statement with these effects is executed in a pipeline; `stated` are the settings behind it, where
    /// its text states one plainly.
    pub(in crate::session) fn note_for_sync(&mut self, effects: Effects, stated: Option<Settings>) {
        self.due = match self.due {
            // What they make is known behind the answers.
            Due::Not if self.own_words.is_some() => Due::Later(effects),
            Due::Not => Due::AtSync(effects, stated),
            Due::AtSync(so_far, _) => Due::AtSync(so_far | effects, None),
            Due::Later(so_far) => Due::Later(so_far | effects),
        };
    }

    /// A text with these effects is on its way behind which nothing can be asked at once.
    pub(in crate::session) fn note_for_later(&mut self, effects: Effects) {
        let so_far = match self.due {
            Due::Not => Effects::default(),
            Due::AtSync(so_far, _) | Due::Later(so_far) => so_far,
        };
        self.due = Due::Later(so_far | effects);
    }

    /// What the next Sync had to settle waits until all that is on its way is answered.
    pub(in crate::session) fn postpone(&mut self) {
        if let Due::AtSync(effects, _) = self.due {
            self.due = Due::Later(effects);
        }
    }

    /// Whether settling waits for what is on its way.
    pub(in crate::session) fn waits(&self) -> bool {
        matches!(self.due, Due::Later(_)) || self.stated != Stated::Nothing
    }

    /// What is to be settled now that all is answered.
    pub(in crate::session) fn take_later(&mut self) -> Option<Effects> {
        match self.due {
            Due::Later(effects) => {
                self.due = Due::Not;
                Some(effects)
            }
            _ => None,
        }
    }

    /// Whether the Sync that now follows has to settle.
    pub(in crate::session) fn is_due_at_sync(&self) -> bool {
        matches!(self.due, Due::AtSync(effects, _) if self.is_due(effects))
    }

    /// Whether anything is to be settled, behind a Sync or later.
    #[inline]
    pub(in crate::session) fn has_due(&self) -> bool {
        !matches!(self.due, Due::Not)
    }

    /// What the Sync that now follows has to settle; `is_open` says that it ends no transaction.
    pub(in crate::session) fn take_for_sync(&mut self, is_open: bool) -> Option<Effects> {
        let Due::AtSync(effects, stated) = self.due else { return None };
        self.due = Due::Not;
        match stated.filter(|_| is_open) {
            Some(settings) => {
                self.note_stated(settings, effects);
                None
            }
            None => Some(effects).filter(|&effects| self.is_due(effects)),
        }
    }

    /// In an open transaction a setting that the text states plainly need not be asked for: a question
    /// would take the snapshot that a following SET TRANSACTION must come before.
    pub(in crate::session) fn note_stated(&mut self, settings: Settings, effects: Effects) {
        self.stated = Stated::Plain(settings);
        self.note_role_reset(effects);
        self.stage.note_change();
    }

    /// The statement with the stated setting is answered. Gives what is asked or set for it.
    pub(in crate::session) fn on_stated(&mut self, context: &mut Context) -> Option<Settle> {
        match (std::mem::take(&mut self.stated), context.status) {
            // Nothing is in force that a failed transaction has set.
            (Stated::Nothing, _) | (_, TransactionStatus::Aborted) => None,
            (Stated::Plain(settings), TransactionStatus::Open) => {
                context.settings = settings;
                self.next(&Settle::Settings, context)
            }
            // SET LOCAL does nothing outside of a transaction.
            (Stated::Unsure(_), TransactionStatus::Open) | (_, TransactionStatus::Idle) => {
                Some(Settle::Settings)
            }
        }
    }

    /// Whether the client has not seen its first ReadyForQuery.
    pub(in crate::session) fn is_at_login(&self) -> bool {
        self.stage == SettlingStage::Login
    }

    /// Whether this session parks foreign keys before it loads; not whether it has done so. Where the role was
    /// refused, the configuration may say to park instead.
    pub(in crate::session) fn parks(&self, context: &Context) -> bool {
        match context.settings.foreign_keys {
            ForeignKeys::Park => true,
            ForeignKeys::Auto | ForeignKeys::ReplicaRole => {
                self.role.is_refused() && context.policy.on_denied == OnDenied::Park
            }
            ForeignKeys::Off => false,
        }
    }

    fn note_role_reset(&mut self, effects: Effects) {
        if effects.resets_role() {
            self.role.note_reset();
        }
    }

    /// Where the role stands.
    pub(in crate::session) fn role(&self) -> &RoleState {
        &self.role
    }

    /// The same, for events.
    pub(in crate::session) fn role_mut(&mut self) -> &mut RoleState {
        &mut self.role
    }

    /// A statement of the client's has failed. `is_earlier` says that it is not the last one on its way, nor in the
    /// way of that one.
    pub(in crate::session) fn on_error(&mut self, is_earlier: bool) {
        self.role.on_rollback();
        if let Stated::Plain(settings) = self.stated
            && !is_earlier
        {
            self.stated = Stated::Unsure(settings);
        }
        if let Some(words) = &mut self.own_words {
            words.on_error();
        }
    }

    /// The error at login where another process serves the session than the one that the key for cancels names.
    fn pooled(&self, answer: &Answer, key: Option<i32>, context: &Context) -> Option<OwnError> {
        let may_be = self.is_at_login() && context.policy.pooler == Pooler::None;
        let process = process_of(answer).filter(|process| may_be && *process > 0)?;
        key.filter(|key| *key != process).map(|key| pooled(key, process))
    }

    /// One of our statements is answered; `key` is the process that the key for cancels names.
    ///
    /// # Errors
    /// The session has to end, by configuration.
    pub(in crate::session) fn on_answer(
        &mut self,
        done: &Settle,
        answer: &Answer,
        key: Option<i32>,
        context: &mut Context,
    ) -> Result<Settled, OwnError> {
        let mut settled = Settled::default();
        match (done, &answer.failure) {
            (Settle::Settings, None) => {
                if let Some(error) = self.pooled(answer, key, context) {
                    return Err(error);
                }
                settled.warnings = warnings(self.on_settings(answer, context));
                let silences = context.settings.looks_at_silenced();
                if context.kind == TargetKind::Citus && silences && !self.role.is_refused() {
                    self.on_role_refused(role_on_citus(), context, &mut settled)?;
                }
            }
            // An old or foreign server that does not know the function.
            (Settle::Settings, Some(failure)) if self.is_at_login() => {
                tracing::debug!(
                    event = "own_statement_failed",
                    sqlstate = failure.sqlstate,
                    "{}",
                    failure.logged()
                );
                settled.warnings = self.follow_own_words(context);
            }
            (Settle::Role(role, _), None) => self.role.on_set(*role),
            (Settle::TryRole, None) => self.role.on_tried(answer),
            (Settle::RoleNow, _) => self.role.on_now(answer),
            (Settle::Role(..) | Settle::TryRole, Some(failure)) => {
                tracing::debug!(
                    event = "own_statement_failed",
                    sqlstate = failure.sqlstate,
                    "{}",
                    failure.logged()
                );
                if let Some(warning) = self.role.on_refused(answer, context) {
                    context.watched.on_not_silenced();
                    self.on_role_refused(warning, context, &mut settled)?;
                }
            }
            (Settle::Script(_), Some(failure)) => {
                return Err(OwnError::new("08004", "target.after_connect_script failed")
                    .with_hint(format!(
                        "The target said: {} {}.",
                        failure.sqlstate, failure.message
                    )));
            }
            // An aborted transaction, whose end settles again. What was in force stays in force.
            (_, Some(failure)) => {
                tracing::debug!(
                    event = "own_statement_failed",
                    sqlstate = failure.sqlstate,
                    "{}",
                    failure.logged()
                );
            }
            (_, None) => {}
        }
        settled.next = self.next(done, context);
        if settled.next.is_none() {
            self.stage.end_login();
            self.role.end_settling();
        }
        Ok(settled)
    }

    /// The role is not to be had: foreign keys are parked, or stay on, or the session ends.
    fn on_role_refused(
        &mut self,
        warning: OwnError,
        context: &Context,
        settled: &mut Settled,
    ) -> Result<(), OwnError> {
        self.role.refuse();
        match context.policy.on_denied {
            OnDenied::Fail => return Err(warning),
            OnDenied::Park => {}
            OnDenied::Warn => {
                let (user, hint) = (wire::logged(&context.startup.user), &warning.hint);
                let due = context.common.not_silenced.due(&user, NOT_SILENCED_PAUSE);
                if let Some(repeated) = due {
                    tracing::warn!(
                        event = "foreign_keys_not_silenced",
                        %user,
                        grant = hint,
                        repeated,
                        "{}",
                        warning.message
                    );
                }
                settled.warnings.push(warning);
            }
        }
        Ok(())
    }

    fn on_settings(&mut self, answer: &Answer, context: &mut Context) -> Vec<BadSetting> {
        if answer.is_cut {
            let message = "a dms.* setting is too long to be read".to_owned();
            let hint = "The settings that were in force stay in force.".to_owned();
            return vec![BadSetting { message, hint }];
        }
        let (settings, bad) = settings_of(answer, context.defaults);
        context.settings = settings;
        if self.is_at_login() {
            context.reset_settings = Some(settings);
            context.kind = kind_of(answer);
        }
        self.stage.on_status(context.status);
        bad
    }

    /// Which of our statements follows `done`, if any: they come in one order, and each of them only
    /// where it has something to do.
    fn next(&self, done: &Settle, context: &Context) -> Option<Settle> {
        let policy: &Policy = &context.policy;
        let seconds = policy.execute_timeout_seconds;
        let timeout = || {
            let due = (self.is_at_login() || self.role.was_reset()) && seconds > 0;
            due.then_some(Settle::Timeout(seconds))
        };
        let script = || {
            let script = policy.after_connect_script.as_deref().filter(|_| self.is_at_login());
            script.map(|script| Settle::Script(script.into()))
        };
        match done {
            Settle::Settings => self
                .role
                .due_behind_settings(self.is_at_login(), context)
                .or_else(timeout)
                .or_else(script),
            Settle::Role(..) | Settle::TryRole | Settle::RoleNow => timeout().or_else(script),
            Settle::Timeout(_) => script(),
            Settle::Script(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::ask::settle::Role;
    use crate::session::context::tests::context;
    use crate::wire::Failure;

    fn refused() -> Answer {
        let failure = Failure { sqlstate: "42501".to_owned(), message: "no".to_owned() };
        let mut answer = Answer::default();
        answer.failure = Some(failure);
        answer
    }

    #[test]
    fn a_login_asks_for_settings_and_sets_role_timeout_and_script() {
        let toml = "[target]\nexecute_timeout = 9\nafter_connect_script = \"SELECT 1\"";
        let mut context = context(toml);
        let mut settling = Settling::default();
        let mut asked = vec![settling.begin_login(&mut context).next.unwrap()];
        loop {
            let done = asked.last().unwrap();
            let settled = settling.on_answer(done, &Answer::default(), None, &mut context).unwrap();
            assert_eq!(settling.is_at_login(), settled.next.is_some());
            let Some(next) = settled.next else { break };
            asked.push(next);
        }
        let expected = [
            Settle::Settings,
            Settle::TryRole,
            Settle::Timeout(9),
            Settle::Script("SELECT 1".into()),
        ];
        assert_eq!(asked, expected);
    }

    #[test]
    fn a_refused_role_warns_parks_or_ends_the_session() {
        for (on_denied, warnings, parks) in [("warn", 1, false), ("park", 0, true)] {
            let mut context = context(&format!("[fk]\non_denied = \"{on_denied}\""));
            let mut settling = Settling::default();
            settling.begin_login(&mut context);
            let role = Settle::Role(Role::Replica, false);
            let settled = settling.on_answer(&role, &refused(), None, &mut context).unwrap();
            assert_eq!((settled.warnings.len(), settling.parks(&context)), (warnings, parks));
            let done = Settle::Settings;
            let settled =
                settling.on_answer(&done, &Answer::default(), None, &mut context).unwrap();
            assert_eq!(settled.next, None, "it is not asked again");
        }
        let mut context = context("[fk]\non_denied = \"fail\"");
        let role = Settle::Role(Role::Replica, false);
        assert!(Settling::default().on_answer(&role, &refused(), None, &mut context).is_err());
    }

    #[test]
    fn the_end_of_a_transaction_settles_what_it_has_set() {
        let mut context = context("");
        let mut settling = Settling::default();
        assert!(!settling.is_due(Effects::ENDS_TRANSACTION));
        settling.begin(Effects::TOUCHES_SETTINGS);
        context.status = TransactionStatus::Open;
        settling.on_answer(&Settle::Settings, &Answer::default(), None, &mut context).unwrap();
        assert!(settling.is_due(Effects::ENDS_TRANSACTION));
        context.status = TransactionStatus::Idle;
        settling.on_answer(&Settle::Settings, &Answer::default(), None, &mut context).unwrap();
        assert!(!settling.is_due(Effects::ENDS_TRANSACTION));
    }

    #[test]
    fn a_pipeline_settles_behind_its_sync_or_later() {
        let mut settling = Settling::default();
        settling.note_for_sync(Effects::TOUCHES_SETTINGS, None);
        assert!(settling.is_due_at_sync() && !settling.waits());
        settling.note_for_later(Effects::RESETS_ROLE);
        assert!(!settling.is_due_at_sync() && settling.waits());
        let both = Effects::TOUCHES_SETTINGS | Effects::RESETS_ROLE;
        assert_eq!(settling.take_later(), Some(both));
        assert!(!settling.waits());
    }

    #[test]
    fn a_setting_stated_in_a_transaction_is_not_asked_for() {
        let mut context = context("");
        let mut settling = Settling::default();
        let stated = Settings { rewrite: false, ..context.settings };
        settling.note_for_sync(Effects::TOUCHES_SETTINGS, Some(stated));
        assert_eq!(settling.take_for_sync(true), None);
        assert!(settling.waits() && settling.is_unsettled());
        context.status = TransactionStatus::Open;
        settling.on_stated(&mut context);
        assert!(!context.settings.rewrite);
        // Outside of one SET LOCAL does nothing.
        settling.note_stated(Settings { rewrite: true, ..stated }, Effects::TOUCHES_SETTINGS);
        context.status = TransactionStatus::Idle;
        assert_eq!(settling.on_stated(&mut context), Some(Settle::Settings));
        // Behind an error it is not known whether the statement that states them has failed.
        context.status = TransactionStatus::Open;
        settling.note_stated(stated, Effects::TOUCHES_SETTINGS);
        settling.on_error(false);
        assert_eq!(settling.on_stated(&mut context), Some(Settle::Settings));
        settling.note_stated(stated, Effects::TOUCHES_SETTINGS);
        settling.on_error(true);
        assert_eq!(settling.on_stated(&mut context), None);
        settling.note_stated(stated, Effects::TOUCHES_SETTINGS);
        settling.on_error(false);
        context.status = TransactionStatus::Aborted;
        assert_eq!(settling.on_stated(&mut context), None);
        assert!(!settling.waits());
    }

    #[test]
    fn reset_all_in_a_transaction_sets_the_role_again() {
        let mut context = context("[fk]\nmode = \"replica-role\"");
        let mut settling = Settling::default();
        settling.begin_login(&mut context);
        let login = Settle::Role(Role::Replica, false);
        settling.on_answer(&login, &Answer::default(), None, &mut context).unwrap();
        context.status = TransactionStatus::Open;
        let effects = Effects::TOUCHES_SETTINGS | Effects::RESETS_ROLE;
        settling.note_stated(context.settings, effects);
        let role = Some(Settle::Role(Role::Replica, false));
        assert_eq!(settling.on_stated(&mut context), role);
    }
}

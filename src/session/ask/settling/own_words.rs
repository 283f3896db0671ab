//! The dms.* settings as the client's own words make them, for a target that does not tell them. Follows
//! transactions and savepoints as the server does; knows no frames.

use super::stage::SettlingStage;
use super::{Settled, Settling};
use crate::policy::{BadSetting, Settings};
use crate::session::ask::settle::Settle;
use crate::session::context::{Context, SettingsSource};
use crate::statement::{DmsSetting, Effects, Word};
use crate::wire::{OwnError, StartupParameters, TransactionStatus};

/// Savepoints that are followed; those of a transaction with more keep the settings that they have.
const SAVEPOINTS_MAX: usize = 10_000;

/// The settings of a session, and those that it falls back to.
#[derive(Debug)]
pub(super) struct OwnWords {
    /// Those that RESET brings back.
    at_login: Settings,
    /// Those that the end of a transaction that fails brings back.
    committed: Settings,
    now: Layer,
    savepoints: Vec<(Vec<u8>, Layer)>,
    outcome: TransactionOutcome,
}

/// What has come of the statements since the last one that ended a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TransactionOutcome {
    Holds,
    Failed,
}

/// The settings at one point of a transaction.
#[derive(Clone, Copy, Debug)]
struct Layer {
    /// Those in force behind its COMMIT.
    session: Settings,
    /// Those in force: some may be the transaction's own.
    shown: Settings,
}

impl Settling {
    /// The target is ready for the first time: what follows.
    pub(in crate::session) fn begin_login(&mut self, context: &mut Context) -> Settled {
        *self = Settling { stage: SettlingStage::Login, ..Settling::default() };
        let mut settled = Settled::default();
        if context.tells_settings() {
            settled.next = Some(Settle::Settings);
            return settled;
        }
        settled.warnings = self.follow_own_words(context);
        settled.next = self.next(&Settle::Settings, context);
        if settled.next.is_none() {
            self.stage.end_login();
        }
        settled
    }

    /// From here on the settings are those that the client's own words make. Gives what is wrong with those
    /// of the login.
    pub(super) fn follow_own_words(&mut self, context: &mut Context) -> Vec<OwnError> {
        let (words, bad) = OwnWords::new(context.defaults, &context.startup);
        context.settings = words.settings();
        context.reset_settings = Some(context.settings);
        context.settings_source = SettingsSource::OwnWords;
        self.own_words = Some(words);
        warnings(bad)
    }

    /// Event: a statement is complete that says this about settings; `tag` is its command tag.
    pub(in crate::session) fn on_complete(&mut self, word: Option<Word>, tag: &[u8]) {
        if let Some(words) = &mut self.own_words {
            words.on_complete(word, tag);
        }
    }

    /// Event: the target is ready.
    pub(in crate::session) fn on_ready(&mut self, context: &Context) {
        let Some(words) = &mut self.own_words else { return };
        words.on_ready(context.status);
        // An error may have taken back what was settled inside a pipeline.
        if words.settings() != context.settings {
            self.note_for_later(Effects::TOUCHES_SETTINGS);
        }
    }

    /// What is asked or set behind statements with these effects, now that they are answered.
    pub(in crate::session) fn begin_answered(
        &mut self,
        effects: Effects,
        context: &mut Context,
    ) -> Option<Settle> {
        let settle = self.begin(effects);
        let Some(words) = &self.own_words else { return Some(settle) };
        context.settings = words.settings();
        self.stage.on_status(context.status);
        let next = self.next(&settle, context);
        if next.is_none() {
            self.role.end_settling();
        }
        next
    }
}

impl OwnWords {
    /// The settings of a session that begins, and what it states that means nothing.
    pub(super) fn new(
        defaults: Settings,
        startup: &StartupParameters,
    ) -> (OwnWords, Vec<BadSetting>) {
        let mut settings = defaults;
        let stated = startup.dms_settings.iter();
        let bad = stated.filter_map(|(name, value)| settings.set(name, value).err()).collect();
        let now = Layer { session: settings, shown: settings };
        let words = OwnWords {
            at_login: settings,
            committed: settings,
            now,
            savepoints: Vec::new(),
            outcome: TransactionOutcome::Holds,
        };
        (words, bad)
    }

    /// The settings in force.
    pub(super) fn settings(&self) -> Settings {
        self.now.shown
    }

    /// A statement is complete that says this; `tag` is its command tag.
    pub(super) fn on_complete(&mut self, word: Option<Word>, tag: &[u8]) {
        match word {
            Some(Word::Set(setting)) => self.set(&setting),
            Some(Word::ResetAll) => {
                self.now = Layer { session: self.at_login, shown: self.at_login };
            }
            Some(Word::Savepoint(name)) if self.savepoints.len() < SAVEPOINTS_MAX => {
                self.savepoints.push((name, self.now));
            }
            Some(Word::Savepoint(_)) => {}
            Some(Word::Release(name)) => {
                if let Some(index) = self.savepoint(&name) {
                    self.savepoints.truncate(index);
                }
            }
            Some(Word::RollbackTo(name)) => {
                if let Some(index) = self.savepoint(&name) {
                    self.savepoints.truncate(index + 1);
                    self.now = self.savepoints.last().map_or(self.now, |(_, layer)| *layer);
                }
                self.outcome = TransactionOutcome::Holds;
            }
            None if tag.starts_with(b"ROLLBACK") && tag != b"ROLLBACK PREPARED" => self.roll_back(),
            None if matches!(tag, b"COMMIT" | b"PREPARE TRANSACTION") => self.commit(),
            None => {}
        }
    }

    /// A statement has failed.
    pub(super) fn on_error(&mut self) {
        self.outcome = TransactionOutcome::Failed;
    }

    /// The target is ready. Outside of a transaction the statements since the last time were one of their own.
    pub(super) fn on_ready(&mut self, status: TransactionStatus) {
        match status {
            TransactionStatus::Idle if self.outcome == TransactionOutcome::Failed => {
                self.roll_back()
            }
            TransactionStatus::Idle => self.commit(),
            _ => {}
        }
    }

    fn set(&mut self, setting: &DmsSetting) {
        let DmsSetting { name, value, is_local, .. } = setting;
        let of_login = self.at_login.value(name);
        let value = value.as_deref().filter(|value| !value.is_empty()).or(of_login);
        let Some(value) = value else { return };
        // A value that means nothing is the target's to keep, and changes nothing here.
        let _ = self.now.shown.set(name, value);
        if !is_local {
            let _ = self.now.session.set(name, value);
        }
    }

    fn savepoint(&self, name: &[u8]) -> Option<usize> {
        self.savepoints.iter().rposition(|(one, _)| one == name)
    }

    fn commit(&mut self) {
        self.committed = self.now.session;
        self.roll_back();
    }

    fn roll_back(&mut self) {
        self.now = Layer { session: self.committed, shown: self.committed };
        self.savepoints.clear();
        self.outcome = TransactionOutcome::Holds;
    }
}

/// Warnings about settings that mean nothing.
pub(super) fn warnings(bad: Vec<BadSetting>) -> Vec<OwnError> {
    let warning = |bad: BadSetting| OwnError::new("22023", bad.message).with_hint(bad.hint);
    bad.into_iter().map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::LoadPhase;
    use crate::session::context::tests::context;

    fn words() -> OwnWords {
        OwnWords::new(context("").settings, &StartupParameters::default()).0
    }

    fn phase(value: Option<&str>, is_local: bool) -> Option<Word> {
        let value = value.map(str::to_owned);
        Some(Word::Set(DmsSetting { name: "phase".into(), value, is_local, span: 0..0 }))
    }

    fn is_cdc(words: &OwnWords) -> bool {
        words.settings().phase == LoadPhase::Cdc
    }

    #[test]
    fn the_login_states_what_reset_brings_back() {
        let mut startup = StartupParameters::default();
        let stated = [("phase", "cdc"), ("fk", "nonsense")];
        startup.dms_settings = stated.map(|(name, value)| (name.into(), value.into())).into();
        let (mut words, bad) = OwnWords::new(context("").settings, &startup);
        assert!(is_cdc(&words) && bad.len() == 1);
        words.on_complete(phase(Some("full-load"), false), b"SET");
        assert!(!is_cdc(&words));
        words.on_complete(phase(None, false), b"RESET");
        assert!(is_cdc(&words));
    }

    #[test]
    fn a_transaction_takes_back_what_it_did_not_commit() {
        let mut words = words();
        for (word, tag, status, expected) in [
            (None, "BEGIN", TransactionStatus::Open, false),
            (phase(Some("cdc"), true), "SET", TransactionStatus::Open, true),
            (None, "COMMIT", TransactionStatus::Idle, false),
            (None, "BEGIN", TransactionStatus::Open, false),
            (phase(Some("cdc"), false), "SET", TransactionStatus::Open, true),
            (None, "ROLLBACK", TransactionStatus::Idle, false),
            (phase(Some("cdc"), true), "SET", TransactionStatus::Idle, false),
            (phase(Some("cdc"), false), "SET", TransactionStatus::Idle, true),
            (Some(Word::ResetAll), "RESET", TransactionStatus::Idle, false),
        ] {
            words.on_complete(word, tag.as_bytes());
            words.on_ready(status);
            assert_eq!(is_cdc(&words), expected, "{tag}");
        }
    }

    #[test]
    fn a_savepoint_keeps_what_was_in_force() {
        let mut words = words();
        let name = |name: &str| name.as_bytes().to_vec();
        for (word, expected) in [
            (Some(Word::Savepoint(name("a"))), false),
            (phase(Some("cdc"), false), true),
            (Some(Word::Savepoint(name("b"))), true),
            (phase(Some("full-load"), false), false),
            (Some(Word::RollbackTo(name("b"))), true),
            (Some(Word::Release(name("b"))), true),
            (Some(Word::RollbackTo(name("b"))), true),
            (Some(Word::RollbackTo(name("a"))), false),
        ] {
            words.on_complete(word.clone(), b"");
            words.on_ready(TransactionStatus::Open);
            assert_eq!(is_cdc(&words), expected, "{word:?}");
        }
    }

    #[test]
    fn an_error_takes_back_the_text_of_its_statement() {
        let mut words = words();
        words.on_complete(phase(Some("cdc"), false), b"SET");
        words.on_error();
        words.on_ready(TransactionStatus::Idle);
        assert!(!is_cdc(&words));
        // What its text has committed stays.
        words.on_complete(phase(Some("cdc"), false), b"SET");
        words.on_complete(None, b"COMMIT");
        words.on_error();
        words.on_ready(TransactionStatus::Idle);
        assert!(is_cdc(&words));
    }
}

//! What every part of a session may read: the rules, the settings in force, how the server reads texts,
//! and where the transaction stands. Only `target` (status, lexing, version) and `settling` (settings)
//! write to it.

use std::sync::Arc;

use super::Common;
use crate::aside::SessionFacts;
use crate::catalog::Moment;
use crate::encoding::Encoding;
use crate::ledger::Entries;
use crate::ledger::target::write_sql;
use crate::policy::{Policy, RUN, Settings};
use crate::rewrite::{Rules, ShownValue};
use crate::statement::Lexing;
use crate::statistics::{OwnKind, SessionState, SettingNames, Watched};
use crate::value::SilentLoss;
use crate::wire::{self, Answer, OwnError, StartupParameters, TransactionStatus};

/// What every part of a session may read.
#[derive(Debug)]
pub(super) struct Context {
    /// What the configuration asks.
    pub(super) policy: Arc<Policy>,
    /// What all sessions share.
    pub(super) common: Arc<Common>,
    /// Who the client is.
    pub(super) startup: StartupParameters,
    /// The settings where the client says nothing.
    pub(super) defaults: Settings,
    /// The settings in force.
    pub(super) settings: Settings,
    /// The settings that RESET ALL brings back, once the target has told those after login.
    pub(super) reset_settings: Option<Settings>,
    /// What kind of target it is, once it has told.
    pub(super) kind: TargetKind,
    /// How the settings in force are learnt.
    pub(super) settings_source: SettingsSource,
    /// How the server reads the texts that it gets.
    pub(super) lexing: Lexing,
    /// The `server_version` that the target has reported; empty before.
    pub(super) server_version: String,
    /// The session for those who count, and the number by which the log names it.
    pub(super) watched: Watched,
    /// The transaction as the last ReadyForQuery told it.
    pub(super) status: TransactionStatus,
}

/// What kind of target a session has, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TargetKind {
    /// Its tables are its own.
    PostgreSql,
    /// A node of Citus: rows are in shards, which the session's settings do not reach.
    Citus,
}

/// How the dms.* settings in force are learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SettingsSource {
    /// The target is asked.
    Target,
    /// It cannot be: they are those that the client's own words make.
    OwnWords,
}

impl Context {
    /// The context of a session that begins.
    pub(super) fn new(
        policy: Arc<Policy>,
        common: Arc<Common>,
        startup: StartupParameters,
    ) -> Context {
        let defaults = policy.defaults_of(&startup);
        Context {
            policy,
            common,
            startup,
            defaults,
            settings: defaults,
            reset_settings: None,
            kind: TargetKind::PostgreSql,
            settings_source: SettingsSource::Target,
            lexing: Lexing::default(),
            server_version: String::new(),
            watched: Watched::default(),
            status: TransactionStatus::Idle,
        }
    }

    /// What texts and values are judged by.
    pub(super) fn rules(&self) -> Rules<'_> {
        Rules { policy: &self.policy, settings: self.settings, lexing: self.lexing, masks: &[] }
    }

    /// Whether escapes for half of a surrogate pair are mended in JSON.
    pub(super) fn mends_halves(&self) -> bool {
        self.settings.rewrite && self.policy.values.mends_halves(self.lexing.encoding)
    }

    /// Whether an error about an operator of JSON may be ours to explain.
    pub(super) fn hints_at_json(&self) -> bool {
        self.settings.rewrite && self.policy.mapping.json_becomes_text()
    }

    /// What `SHOW dms.name` gives; `None` for a name that the proxy does not know. Settings are asked of the
    /// server where the proxy may not know those in force.
    pub(super) fn shown(&self, name: &str, asks_server: bool) -> Option<ShownValue> {
        let Some(setting) = self.settings.value(name) else {
            return Some(ShownValue::Text(match name {
                "session" => self.watched.number().to_string(),
                "version" => env!("CARGO_PKG_VERSION").to_owned(),
                "source" => self.policy.mapping.options().source.clone(),
                "target" => self.policy.target.clone(),
                "rules" => self.policy.rules.clone(),
                RUN if !self.follows_own_words() => {
                    return Some(ShownValue::Setting(self.common.ledger.run().to_owned()));
                }
                RUN => self.common.ledger.run().to_owned(),
                _ => return None,
            }));
        };
        // Where the settings are those of the client's own words, the server cannot be asked.
        let asks_server = asks_server && !self.follows_own_words();
        let value = if asks_server { ShownValue::Setting } else { ShownValue::Text };
        Some(value(setting.to_owned()))
    }

    /// The statement that writes down what was changed.
    pub(super) fn ledger_sql(&self, entries: &Entries) -> String {
        let run = self.common.ledger.run();
        write_sql(entries, run, &self.policy.rules, self.lexing.encoding)
    }

    /// What the client is told before its first ReadyForQuery, whatever it asks for.
    pub(super) fn login_warnings(&self) -> Vec<u8> {
        if !self.policy.target_is_unasked {
            return Vec::new();
        }
        let message = "this is a throw-away server: what is loaded is gone when the proxy stops";
        let warning = OwnError::new("01000", message)
            .with_hint("Nothing names a target. Set target.url in proxy.toml, or serve --target.");
        wire::notice_response(&warning)
    }

    /// The target is ready; that much passed unread or was refused so far.
    #[inline]
    pub(super) fn tell_ready(&self, passed: [u64; 4]) {
        if self.watched.is_counted() {
            self.watched.on_passed(passed);
            self.watched.on_ready(self.idle_state(), setting_names(self.settings));
        }
    }

    /// A question is answered.
    pub(super) fn tell_answered(&self, kind: Option<OwnKind>) {
        self.watched.on_answered(kind, self.idle_state(), setting_names(self.settings));
    }

    /// What the session does while it waits for its client.
    fn idle_state(&self) -> SessionState {
        match self.status {
            TransactionStatus::Idle => SessionState::Idle,
            TransactionStatus::Open => SessionState::InTransaction,
            TransactionStatus::Aborted => SessionState::Aborted,
        }
    }

    /// The proxy's clock, in seconds.
    pub(super) fn seconds(&self) -> u64 {
        self.common.clock_seconds()
    }

    /// What becomes of silent losses, and the proxy's clock.
    pub(super) fn loss_and_seconds(&self) -> (SilentLoss, u64) {
        (self.policy.values.silent_loss, self.seconds())
    }

    /// The moment at which something has to be known; `is_owed` says that the target still owes answers.
    pub(super) fn now(&self, is_owed: bool) -> Moment {
        Moment {
            seconds: self.seconds(),
            definitions: self.common.definitions(),
            status: self.status,
            is_owed,
        }
    }

    /// What a load may read.
    pub(super) fn load_facts(&self) -> SessionFacts {
        SessionFacts {
            policy: Arc::clone(&self.policy),
            startup: self.startup.clone(),
            mode: self.settings.errors,
            is_full_load: self.settings.is_full_load(),
            loads: Arc::clone(&self.common.loads),
            lexing: self.lexing,
            server_major: self.server_major(),
            name: String::new(),
            run: self.common.ledger.run().to_owned(),
            target_pid: 0,
            status: self.status,
            is_quiet: false,
        }
    }

    /// Whether the transaction has failed, as far as the target has told.
    pub(super) fn is_aborted(&self) -> bool {
        self.status == TransactionStatus::Aborted
    }

    /// The major version of the target; 0 where it is not known.
    pub(super) fn server_major(&self) -> u32 {
        let digits = self.server_version.split(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    /// Whether the target knows `current_setting(name, missing_ok)`, which came with 9.6; one that does not
    /// tell its version is asked.
    pub(super) fn tells_settings(&self) -> bool {
        let mut numbers = self.server_version.split(|c: char| !c.is_ascii_digit());
        let mut number = || numbers.next()?.parse::<u32>().ok();
        let (major, minor) = (number(), number());
        major.is_none_or(|major| major >= 10 || (major, minor.unwrap_or(0)) >= (9, 6))
    }

    /// Whether the settings are those that the client's own words make.
    pub(super) fn follows_own_words(&self) -> bool {
        self.settings_source == SettingsSource::OwnWords
    }

    /// The target has told a value of the session.
    pub(super) fn on_parameter_status(&mut self, body: &[u8]) {
        let Some((name, value)) = wire::parameter_status(body) else { return };
        let value = wire::printable(value);
        match name {
            b"client_encoding" => self.lexing.encoding = Encoding::from_name(&value),
            b"standard_conforming_strings" => {
                self.lexing.standard_conforming_strings = value == "on";
            }
            b"server_version" => self.server_version = value,
            _ => {}
        }
    }

    /// How the server reads texts inside the client's pipeline: what the question about it was answered.
    pub(super) fn on_lexing(&mut self, answer: &Answer) {
        let row = answer.rows.first().map(Vec::as_slice).unwrap_or_default();
        let text = |index: usize| row.get(index)?.as_deref().map(wire::printable);
        if let Some(value) = text(0) {
            self.lexing.standard_conforming_strings = value == "on";
        }
        if let Some(value) = text(1) {
            self.lexing.encoding = Encoding::from_name(&value);
        }
    }
}

/// The names of settings, for those who count.
pub fn setting_names(settings: Settings) -> SettingNames {
    let Settings { rewrite, foreign_keys, phase, table_prep, .. } = settings;
    let rewrite = if rewrite { "on" } else { "off" };
    SettingNames {
        phase: phase.name(),
        fk: foreign_keys.name(),
        rewrite,
        table_prep: table_prep.name(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;

    /// The context of a session under this configuration, whose target is ready.
    pub(in crate::session) fn context(toml: &str) -> Context {
        let config: Config = toml::from_str(toml).unwrap();
        let policy = Arc::new(config.policy().unwrap());
        Context::new(policy, Arc::default(), StartupParameters::default())
    }

    #[test]
    fn the_version_is_the_first_number() {
        let mut context = context("");
        assert_eq!(context.server_major(), 0);
        context.on_parameter_status(b"server_version\x0015.4 (Debian)\0");
        assert_eq!(context.server_major(), 15);
        for (version, tells) in [
            ("9.5.25", false),
            ("9.4.26", false),
            ("9.6.1", true),
            ("8.0.2", false),
            ("18beta1", true),
        ] {
            context.server_version = version.into();
            assert_eq!(context.tells_settings(), tells, "{version}");
        }
    }

    #[test]
    fn what_the_target_tells_decides_how_texts_are_read() {
        let mut context = context("");
        context.on_parameter_status(b"standard_conforming_strings\0off\0");
        context.on_parameter_status(b"client_encoding\0LATIN1\0");
        assert!(!context.lexing.standard_conforming_strings);
        assert_ne!(context.lexing.encoding, Encoding::Utf8);
        let row = vec![Some(b"on".to_vec()), Some(b"UTF8".to_vec())];
        let mut answer = Answer::default();
        answer.rows.push(row);
        context.on_lexing(&answer);
        assert!(context.lexing.standard_conforming_strings);
        assert_eq!(context.lexing.encoding, Encoding::Utf8);
    }
}

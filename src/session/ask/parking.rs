//! Foreign keys are parked before rows come. Knows whether that is due and what an answer means; may not
//! know how the statement travels.

use std::collections::HashSet;
use std::sync::Arc;

use super::CANCELLED;
use crate::catalog::Relation;
use crate::policy::{LoadPhase, OnDenied};
use crate::session::context::Context;
use crate::wire::{self, Failure, OwnError, TransactionStatus};

/// Failures that may be gone the next time: a deadlock, a lock or a statement that took too long or
/// was cancelled, a conflict of transactions. The next load tries again.
const TRANSIENT: [&str; 4] = ["40P01", "55P03", CANCELLED, "40001"];

/// Where the foreign keys stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Parked {
    /// They are in force, as far as this session knows.
    #[default]
    No,
    /// All are parked, in a transaction of the client's that may be undone.
    InTransaction,
    /// All are parked.
    Yes,
    /// They cannot be parked, which the client knows; it is not tried again.
    Impossible,
}

/// What was tried for the message that waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct Tried(u8);

impl Tried {
    /// To park all foreign keys.
    pub(in crate::session) const ALL: Tried = Tried(1);
    /// To park those of the tables that the text drops.
    pub(in crate::session) const TABLES: Tried = Tried(2);
    /// To park those of the tables on which the role would silence more.
    pub(in crate::session) const KEYS: Tried = Tried(4);

    /// This was tried, too.
    pub(in crate::session) fn note(&mut self, tried: Tried) {
        self.0 |= tried.0;
    }

    /// Whether this was tried.
    pub(in crate::session) fn has(self, tried: Tried) -> bool {
        self.0 & tried.0 != 0
    }
}

/// A table whose foreign keys are parked because the role would silence more on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) struct KeptTable {
    schema: String,
    table: String,
    /// What the role would silence besides.
    silenced: String,
}

/// Tables that a session remembers at most for its warnings.
const TABLES_MAX: usize = 10_000;

impl KeptTable {
    /// This relation.
    pub(in crate::session) fn of(relation: &Arc<Relation>) -> KeptTable {
        KeptTable {
            schema: relation.schema.clone(),
            table: relation.table.clone(),
            silenced: relation.silenced().listed(false),
        }
    }

    fn name(&self) -> (String, String) {
        (self.schema.clone(), self.table.clone())
    }

    /// The WARNING about it; `failure` says why its foreign keys were not parked.
    fn warning(&self, failure: Option<&Failure>, is_transient: bool) -> OwnError {
        let KeptTable { schema, table, silenced } = self;
        let name = format!("\"{schema}\".\"{table}\"");
        let why = match silenced.is_empty() {
            true => "The same text runs more than the replica role may silence.".to_owned(),
            false => format!("The replica role would also silence {silenced}."),
        };
        match failure {
            None => OwnError {
                detail: Some(why),
                ..OwnError::new("01000", format!("foreign keys of {name} are parked, not silenced"))
            }
            .with_hint("dms-proxy fk restore, or finish, brings them back."),
            Some(Failure { sqlstate, message, .. }) => OwnError {
                detail: Some(format!("{why} Parking them failed: {sqlstate} {message}.")),
                ..OwnError::new(
                    "01000",
                    format!("foreign keys of {name} stay on, neither silenced nor parked"),
                )
            }
            .with_hint(match is_transient {
                true => "It is tried again with the next load.",
                false => "Park them as their tables' owner: dms-proxy fk park.",
            }),
        }
    }
}

/// Where the session stands with the parking of foreign keys.
#[derive(Debug, Default)]
pub(in crate::session) struct Parking {
    parked: Parked,
    /// Tables of which the client was told what becomes of their foreign keys.
    told: HashSet<(String, String)>,
    /// Tables whose foreign keys cannot be parked.
    left_on: HashSet<(String, String)>,
}

impl Parking {
    /// What was done in the transaction under way may be undone: it is done again when rows come,
    /// which costs little where it was not.
    pub(in crate::session) fn on_rollback(&mut self) {
        if self.parked == Parked::InTransaction {
            self.parked = Parked::No;
        }
    }

    /// A transaction has ended.
    pub(in crate::session) fn on_transaction_end(&mut self) {
        if self.parked == Parked::InTransaction {
            self.parked = Parked::Yes;
        }
    }

    /// Whether the end of a transaction, or of a part of one, matters.
    pub(in crate::session) fn is_in_transaction(&self) -> bool {
        self.parked == Parked::InTransaction
    }

    /// Whether all foreign keys have to be parked before something is executed that `loads` rows in a session
    /// that parks.
    pub(in crate::session) fn is_due(&self, loads: bool, tried: Tried, context: &Context) -> bool {
        loads
            && !tried.has(Tried::ALL)
            && self.parked == Parked::No
            && context.settings.phase == LoadPhase::FullLoad
            && context.status != TransactionStatus::Aborted
    }

    /// Whether the transaction, aborted as far as is known, may have been ended by what the target has
    /// yet to answer: only then it is known, in a session that parks, whether anything can be parked.
    pub(in crate::session) fn awaits_status(&self, context: &Context) -> bool {
        context.status == TransactionStatus::Aborted && self.parked == Parked::No
    }

    /// Whether it is known that the foreign keys of this table cannot be parked.
    pub(in crate::session) fn leaves_on(&self, relation: &Relation) -> bool {
        !self.left_on.is_empty()
            && self.left_on.contains(&(relation.schema.clone(), relation.table.clone()))
    }

    /// Whether the client has not yet been told of this table; it is from now on.
    pub(in crate::session) fn tells(&mut self, name: (String, String)) -> bool {
        self.told.len() < TABLES_MAX && self.told.insert(name)
    }

    /// The WARNING about what the role silences on a table that is loaded under it, once a table and
    /// session.
    pub(in crate::session) fn warning_of_silenced(
        &mut self,
        relation: &Relation,
    ) -> Option<OwnError> {
        let silenced = relation.silenced().listed(false);
        let name = (relation.schema.clone(), relation.table.clone());
        if silenced.is_empty() || !self.tells(name) {
            return None;
        }
        let Relation { schema, table, .. } = relation;
        let message =
            format!("the replica role silences more than foreign keys on \"{schema}\".\"{table}\"");
        let warning = OwnError {
            detail: Some(format!("Under it these do not act as without it: {silenced}.")),
            ..OwnError::new("01000", message)
        };
        Some(
            warning.with_hint("fk.mode = \"auto\" parks the foreign keys of such a table instead."),
        )
    }

    /// The target has answered to the parking of the foreign keys of these tables. Gives warnings for the
    /// client, one a table and session.
    pub(in crate::session) fn on_keys_answer(
        &mut self,
        tables: &[KeptTable],
        failure: Option<&Failure>,
        context: &Context,
    ) -> Vec<OwnError> {
        // What waits fails with a cancel.
        if failure.is_some_and(|failure| failure.sqlstate == CANCELLED) {
            return Vec::new();
        }
        let transient = failure.is_some_and(|found| TRANSIENT.contains(&found.sqlstate.as_str()));
        if failure.is_some() && !transient && self.left_on.len() < TABLES_MAX {
            self.left_on.extend(tables.iter().map(KeptTable::name));
        }
        let user = wire::logged(&context.startup.user);
        let told: Vec<&KeptTable> =
            tables.iter().filter(|table| self.tells(table.name())).collect();
        let warnings = told.into_iter().map(|table| table.warning(failure, transient));
        let warnings: Vec<OwnError> = warnings.collect();
        for warning in &warnings {
            let (message, detail) = (&warning.message, &warning.detail);
            match failure {
                None => tracing::warn!(event = "foreign_keys_parked", %user, detail, "{message}"),
                Some(failure) => {
                    let (sqlstate, detail) = (&failure.sqlstate, failure.logged());
                    tracing::warn!(event = "foreign_keys_not_parked", %user, sqlstate, detail, "{message}");
                }
            }
        }
        warnings
    }

    /// The target has answered to the parking of all foreign keys, or of those of some tables; gives a
    /// warning for the client. `in_transaction` says that the client's transaction may undo it.
    ///
    /// # Errors
    /// The session has to end, by configuration.
    pub(in crate::session) fn on_answer(
        &mut self,
        all: bool,
        failure: Option<&Failure>,
        in_transaction: bool,
        context: &Context,
    ) -> Result<Option<OwnError>, OwnError> {
        let transient = failure.is_some_and(|found| TRANSIENT.contains(&found.sqlstate.as_str()));
        if all {
            self.parked = match failure {
                Some(_) if transient => Parked::No,
                Some(_) => Parked::Impossible,
                None if in_transaction => Parked::InTransaction,
                None => Parked::Yes,
            };
        }
        // What waits fails with a cancel.
        let Some(failure) = failure.filter(|failure| failure.sqlstate != CANCELLED) else {
            return Ok(None);
        };
        let warning = OwnError {
            detail: Some(format!("The target said: {} {}.", failure.sqlstate, failure.message)),
            ..OwnError::new("42501", "foreign keys stay where they are: they could not be parked")
        };
        let warning = warning.with_hint(match transient {
            true => "It is tried again with the next load.",
            false => "Park them as their tables' owner: dms-proxy fk park.",
        });
        if context.policy.on_denied == OnDenied::Fail && !transient {
            return Err(warning);
        }
        let user = wire::logged(&context.startup.user);
        tracing::warn!(
            event = "foreign_keys_not_parked",
            %user,
            sqlstate = failure.sqlstate,
            detail = failure.logged(),
            "{}",
            warning.message
        );
        Ok(Some(warning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::context::tests::context;

    fn failure(sqlstate: &str) -> Failure {
        Failure { sqlstate: sqlstate.to_owned(), message: "no".to_owned() }
    }

    #[test]
    fn what_a_transaction_has_parked_is_parked_again_behind_its_rollback() {
        let context = context("[fk]\nmode = \"park\"");
        let mut parking = Parking::default();
        let is_due = |parking: &Parking| parking.is_due(true, Tried::default(), &context);
        assert!(is_due(&parking) && !parking.is_due(false, Tried::default(), &context));
        assert!(!parking.is_due(true, Tried::ALL, &context));
        assert_eq!(parking.on_answer(true, None, true, &context), Ok(None));
        assert!(parking.is_in_transaction() && !is_due(&parking));
        parking.on_rollback();
        assert!(is_due(&parking));
        assert_eq!(parking.on_answer(true, None, true, &context), Ok(None));
        parking.on_transaction_end();
        parking.on_rollback();
        assert!(!is_due(&parking), "the transaction has committed it");
    }

    #[test]
    fn a_transient_failure_is_tried_again_and_a_lasting_one_is_not() {
        let context = context("[fk]\nmode = \"park\"");
        for (sqlstate, warns, again) in
            [("55P03", true, true), (CANCELLED, false, true), ("42501", true, false)]
        {
            let mut parking = Parking::default();
            let answer = parking.on_answer(true, Some(&failure(sqlstate)), false, &context);
            assert_eq!(answer.unwrap().is_some(), warns, "{sqlstate}");
            assert_eq!(parking.is_due(true, Tried::default(), &context), again, "{sqlstate}");
        }
    }

    #[test]
    fn a_lasting_failure_ends_the_session_where_that_is_asked() {
        let context = context("[fk]\nmode = \"park\"\non_denied = \"fail\"");
        let mut parking = Parking::default();
        assert!(parking.on_answer(true, Some(&failure("42501")), false, &context).is_err());
        assert!(parking.on_answer(true, Some(&failure("40P01")), false, &context).is_ok());
    }
}

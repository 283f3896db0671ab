//! What one session did, in numbers.

use std::collections::BTreeMap;

use crate::mapping::RuleId;
use crate::value::ValueRule;

/// SQLSTATEs that are told apart.
const ERRORS_MAX: usize = 100;

/// What one session did: the content of its log line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Statements that were read.
    pub statements: u64,
    /// Types replaced, by rule; indexed by [`RuleId`].
    pub types: Vec<u64>,
    /// What the rules about values and names did, by rule.
    pub values: Vec<(&'static str, u64)>,
    /// Rows that INSERT, COPY, UPDATE, DELETE and MERGE wrote.
    pub rows: u64,
    /// Errors that the client was told, by SQLSTATE.
    pub errors: BTreeMap<String, u64>,
    /// Statements refused because a type in them cannot be mapped, or a dms.* setting is wrong.
    pub refused: u64,
    /// Statements that look like DDL and were not understood; they passed untouched.
    pub not_understood: u64,
    /// Types that no table knows; they passed untouched.
    pub unknown_types: u64,
    /// Statements and values too long to be read; they passed untouched.
    pub too_long: u64,
}

impl Counts {
    /// What passed unread or was refused.
    pub(super) fn passed(&self) -> [u64; 4] {
        [self.not_understood, self.unknown_types, self.too_long, self.refused]
    }

    /// The client is told an error with this SQLSTATE. A server that makes up codes does not make this grow.
    pub(super) fn count_error(&mut self, sqlstate: &str) {
        let is_known = self.errors.len() < ERRORS_MAX || self.errors.contains_key(sqlstate);
        let code = if is_known { sqlstate } else { "other" };
        *self.errors.entry(code.to_owned()).or_default() += 1;
    }

    pub(super) fn count_value(&mut self, rule: ValueRule, count: u64) {
        self.count_rule(rule.name(), count);
    }

    pub(super) fn count_rule(&mut self, rule: &'static str, count: u64) {
        match self.values.iter_mut().find(|(counted, _)| *counted == rule) {
            Some((_, so_far)) => *so_far += count,
            None => self.values.push((rule, count)),
        }
    }

    pub(super) fn count_type(&mut self, rule: RuleId, times: u64) {
        let index = usize::from(rule.0);
        if self.types.len() <= index {
            self.types.resize(index + 1, 0);
        }
        if let Some(count) = self.types.get_mut(index) {
            *count += times;
        }
    }
}

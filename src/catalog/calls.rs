//! Which functions may write, by the last part of their names. Asks nothing itself.

use std::collections::HashMap;

use super::CatalogQuestion;
use super::questions::writing_calls;
use crate::wire::Answer;

/// Functions remembered at most.
const CALLS_MAX: usize = 1_000;

/// What is known of functions.
#[derive(Debug, Default)]
pub(super) struct Calls(HashMap<Vec<u8>, bool>);

impl Calls {
    /// Whether one of these functions may write.
    ///
    /// # Errors
    /// It has to be asked first.
    pub(super) fn may_write(&self, names: &[Vec<u8>]) -> Result<bool, CatalogQuestion> {
        if names.iter().any(|name| self.0.get(name) == Some(&true)) {
            return Ok(true);
        }
        let unknown = names.iter().filter(|name| !self.0.contains_key(*name));
        let unknown: Vec<Vec<u8>> = unknown.cloned().collect();
        if unknown.is_empty() { Ok(false) } else { Err(CatalogQuestion::Calls(unknown)) }
    }

    /// The target has answered about these.
    pub(super) fn on_answer(&mut self, names: &[Vec<u8>], answer: &Answer) {
        if self.0.len() >= CALLS_MAX {
            self.0.clear();
        }
        // What the target does not tell of may write.
        let may = answer.failure.is_some();
        self.0.extend(names.iter().map(|name| (name.clone(), may)));
        let writing = writing_calls(answer).into_iter();
        let writing = writing.filter_map(|number| names.get(number));
        self.0.extend(writing.map(|name| (name.clone(), true)));
    }

    /// Definitions have changed.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Failure;

    #[test]
    fn functions_are_asked_about_once() {
        let names: Vec<Vec<u8>> = ["f", "g", "h"].map(|name| name.as_bytes().to_vec()).into();
        let mut calls = Calls::default();
        let question = CatalogQuestion::Calls(names.clone());
        assert_eq!(calls.may_write(&names), Err(question));
        let answer = Answer::from(vec![vec![Some(b"1".to_vec())]]);
        calls.on_answer(&names, &answer);
        assert_eq!(calls.may_write(&names), Ok(true));
        assert_eq!(calls.may_write(&names[..1]), Ok(false));
        assert_eq!(calls.may_write(&[]), Ok(false));
        calls.clear();
        let failure = Failure { sqlstate: "42P01".into(), message: String::new() };
        let mut refused = Answer::default();
        refused.failure = Some(failure);
        calls.on_answer(&names, &refused);
        assert_eq!(calls.may_write(&names[2..]), Ok(true));
    }
}

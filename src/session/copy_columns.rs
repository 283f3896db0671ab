//! What the columns of a COPY hold, asked of the catalog in the client's own session just before the
//! COPY: only that session sees its uncommitted tables, its search_path and its rights.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Session;
use super::own_statement::{OwnAnswer, OwnStatement};
use crate::encoding::Encoding;
use crate::statement::CopyIn;
use crate::value::type_oid::kind_of;
use crate::value::{CopyOptions, ValueKind};

/// A COPY stream that the client will send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CopyStream {
    pub(super) options: CopyOptions,
    /// What each field holds; none where it could not be found out.
    pub(super) kinds: Arc<[ValueKind]>,
}

/// Where the session stands with the columns of the statement at hand.
#[derive(Debug, Default)]
pub(super) enum CopyColumns {
    /// Nothing is asked for.
    #[default]
    None,
    /// Some are asked for, some are known.
    Asking { left: VecDeque<CopyIn>, known: Vec<CopyStream> },
    /// All are known: the statement may go.
    Known(Vec<CopyStream>),
}

impl Session {
    /// The COPY streams of a text, or, where their columns have to be asked for first, the frames
    /// that ask; the client waits then, and the text is judged again. `by_group` as in settling.
    pub(super) fn copy_streams(
        &mut self,
        copies: &[CopyIn],
        by_group: bool,
    ) -> Result<Vec<CopyStream>, Vec<u8>> {
        if copies.is_empty() {
            return Ok(Vec::new());
        }
        if let CopyColumns::Known(known) = std::mem::take(&mut self.copy_columns) {
            return Ok(known);
        }
        // In the middle of a pipeline nothing is asked, since its Sync would end it.
        if !self.settings.rewrite || self.in_pipeline {
            return Ok(copies.iter().map(|copy| stream(copy, &OwnAnswer::default())).collect());
        }
        let left: VecDeque<CopyIn> = copies.iter().cloned().collect();
        let ask = left.front().map(|copy| self.columns_of(copy));
        self.copy_columns = CopyColumns::Asking { left, known: Vec::new() };
        Err(ask.map(|ask| self.ask(ask, by_group)).unwrap_or_default())
    }

    /// One of the questions is answered; gives the next one.
    pub(super) fn on_copy_columns(&mut self, answer: &OwnAnswer) -> Option<OwnStatement> {
        let CopyColumns::Asking { mut left, mut known } = std::mem::take(&mut self.copy_columns)
        else {
            return None;
        };
        known.extend(left.pop_front().map(|copy| stream(&copy, answer)));
        match left.front().map(|copy| self.columns_of(copy)) {
            Some(next) => {
                self.copy_columns = CopyColumns::Asking { left, known };
                Some(next)
            }
            None => {
                self.copy_columns = CopyColumns::Known(known);
                None
            }
        }
    }

    fn columns_of(&self, copy: &CopyIn) -> OwnStatement {
        let major = self.server_version.split(|c: char| !c.is_ascii_digit()).next();
        let generated = major.and_then(|major| major.parse().ok()).is_some_and(|v: u32| v >= 12);
        // A name in another encoding than UTF-8 cannot be spelled here, and finds nothing.
        let spelled = |name: &[u8]| {
            let speaks = self.lexing.encoding == Encoding::Utf8 || name.is_ascii();
            String::from_utf8(name.to_vec()).ok().filter(|_| speaks).unwrap_or_default()
        };
        let mut parts = copy.name.iter().rev().map(|part| spelled(part));
        let table = parts.next().unwrap_or_default();
        OwnStatement::CopyColumns { schema: parts.next(), table, generated }
    }
}

/// The stream whose columns the rows of `answer` name, each with its type.
fn stream(copy: &CopyIn, answer: &OwnAnswer) -> CopyStream {
    let columns: Vec<(&[u8], ValueKind)> = answer
        .rows
        .iter()
        .filter_map(|row| match row.as_slice() {
            [Some(name), Some(oid)] => {
                let oid = std::str::from_utf8(oid).ok()?.parse().ok()?;
                Some((name.as_slice(), kind_of(oid)))
            }
            _ => None,
        })
        .collect();
    let kind = |name: &Vec<u8>| {
        let found = columns.iter().find(|(column, _)| column == name);
        found.map_or(ValueKind::Other, |(_, kind)| *kind)
    };
    let kinds = match copy.columns.as_slice() {
        [] => columns.iter().map(|(_, kind)| *kind).collect(),
        listed => listed.iter().map(kind).collect(),
    };
    CopyStream { options: copy.options.clone(), kinds }
}

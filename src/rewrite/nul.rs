//! U+0000 in the texts of Query and Parse: as bytes, which are mended before a text is read, and as escapes
//! in string constants. Knows no columns.

use std::ops::Range;

use memchr::memchr_iter;

use super::{Change, ReplacementReason, Rules};
use crate::encoding::Encoding;
use crate::statement::script::{ConstantPurpose, Script};
use crate::statement::{Replacement, StringConstant};
use crate::value::{NulPolicy, QueryScanner, mend_parse, text_with_nuls};
use crate::wire::OwnError;

/// A message that carries a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextMessage {
    /// Query.
    Query,
    /// Parse.
    Parse,
}

/// Mends the bytes 0x00 in the text of a message, before it is read: as spaces where they stand, or by a
/// shorter body that takes the place of `body`. Gives that body and what was done.
pub fn mend_bytes(
    message: TextMessage,
    body: &mut [u8],
    rules: &Rules<'_>,
) -> (Option<Vec<u8>>, Option<Change>) {
    if !rules.settings.rewrite {
        return (None, None);
    }
    if let Some((shorter, count)) = without_bytes(message, body, rules) {
        return (Some(shorter), Some(Change::of_raw_nuls(count)));
    }
    let count = match (message, rules.policy.values.nul) {
        (_, NulPolicy::Reject) => 0,
        (TextMessage::Parse, _) => mend_parse(body),
        (TextMessage::Query, NulPolicy::Remove) => 0,
        (TextMessage::Query, NulPolicy::Space) => {
            let mut scanner = QueryScanner::new(body.len());
            scanner.scan(body);
            scanner.take_replaced()
        }
    };
    (None, (count > 0).then(|| Change::of_raw_nuls(count)))
}

/// The body with other bytes or none for those that are U+0000, where that is asked for.
fn without_bytes(message: TextMessage, body: &[u8], rules: &Rules<'_>) -> Option<(Vec<u8>, u64)> {
    let values = &rules.policy.values;
    let put = match (values.replacements.of_nul(), values.nul) {
        (Some(Some(put)), _) => u8::try_from(put).ok().filter(u8::is_ascii)?,
        (Some(None), _) | (None, NulPolicy::Remove) => 0,
        (None, _) => return None,
    };
    let span = match message {
        TextMessage::Query => 0..body.len().checked_sub(1)?,
        TextMessage::Parse => text_with_nuls(body)?,
    };
    let text = body.get(span.clone())?;
    let count = memchr_iter(0, text).count();
    if count == 0 {
        return None;
    }
    let kept = text.iter().map(|byte| if *byte == 0 { put } else { *byte });
    let kept: Vec<u8> = kept.filter(|byte| *byte != 0).collect();
    let shorter = [body.get(..span.start)?, &kept, body.get(span.end..)?].concat();
    Some((shorter, u64::try_from(count).unwrap_or(u64::MAX)))
}

/// The error for a zero byte behind `sql`, the text of a Query up to it, where it is not the server's to
/// complain.
pub fn byte_refusal(sql: &[u8], rules: &Rules<'_>) -> Option<OwnError> {
    let refuses = rules.settings.rewrite && rules.policy.values.nul == NulPolicy::Reject;
    refuses.then(|| OwnError {
        position: Some(rules.lexing.encoding.count_characters(sql) + 1),
        ..OwnError::new("22021", "the statement holds U+0000")
            .with_hint("values.nul = \"space\" or \"remove\" mends it.")
    })
}

/// A text whose constants are mended where they stand. Nothing is copied before something is mended.
#[derive(Debug)]
pub(super) struct Mending<'s> {
    sql: &'s [u8],
    encoding: Encoding,
    mended: Option<Vec<u8>>,
    /// The constants in which something was mended.
    mends: Vec<Range<usize>>,
    /// The U+0000 that became spaces.
    count: u64,
    /// The escapes for half of a surrogate pair that became U+FFFD.
    halves: u64,
}

/// Mends a constant that stands in a text, and gives the number of places.
type MendConstant = fn(&StringConstant, &mut [u8], Encoding) -> u64;

impl<'s> Mending<'s> {
    pub(super) fn new(sql: &'s [u8], encoding: Encoding) -> Mending<'s> {
        Mending { sql, encoding, mended: None, mends: Vec::new(), count: 0, halves: 0 }
    }

    /// The text as it stands.
    pub(super) fn sql(&self) -> &[u8] {
        self.mended.as_deref().unwrap_or(self.sql)
    }

    /// Mends all constants, whatever they go into.
    pub(super) fn mend_all(&mut self, script: &Script) {
        for constant in spelling_nul(script) {
            self.count += self.mend(constant, StringConstant::mend_nul);
        }
    }

    /// Mends the JSON escapes of a constant.
    pub(super) fn mend_json(&mut self, constant: &StringConstant, rules: &Rules<'_>) {
        if rules.policy.values.nul != NulPolicy::Reject {
            self.count += self.mend(constant, StringConstant::mend_json);
        }
        if rules.policy.values.mends_halves(self.encoding) {
            self.halves += self.mend(constant, |constant, sql, _| constant.mend_halves(sql));
        }
    }

    /// Mends what no column has decided about: all constants in whose place nothing else stands. The
    /// others are counted with their columns.
    pub(super) fn mend_rest(
        &mut self,
        script: &Script,
        replacements: &[(Replacement, ReplacementReason)],
    ) {
        let mut constants = spelling_nul(script).peekable();
        if constants.peek().is_none() {
            return;
        }
        let mut replaced: Vec<Range<usize>> =
            replacements.iter().map(|(replacement, _)| replacement.span.clone()).collect();
        replaced.sort_by_key(|span| span.start);
        for constant in constants {
            let behind = replaced.partition_point(|span| span.start <= constant.span.start);
            let last = behind.checked_sub(1).and_then(|at| replaced.get(at));
            if last.is_none_or(|span| span.end < constant.span.end) {
                self.count += self.mend(constant, StringConstant::mend_nul);
            }
        }
    }

    fn mend(&mut self, constant: &StringConstant, mend: MendConstant) -> u64 {
        if self.mended.is_none() {
            let written = self.sql.get(constant.span.clone()).unwrap_or_default();
            let alone = StringConstant { span: 0..written.len(), ..constant.clone() };
            if mend(&alone, &mut written.to_vec(), self.encoding) == 0 {
                return 0;
            }
        }
        let text = self.mended.get_or_insert_with(|| self.sql.to_vec());
        let count = mend(constant, text, self.encoding);
        if count > 0 {
            self.mends.push(constant.span.clone());
        }
        count
    }

    /// What was mended.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> + use<> {
        let nuls = (self.count > 0).then(|| Change::of_constants(self.count));
        let halves = (self.halves > 0).then(|| Change::of_half_surrogates(self.halves));
        nuls.into_iter().chain(halves)
    }

    /// The text where anything was mended, and the constants, in order.
    pub(super) fn finish(mut self) -> (Option<Vec<u8>>, Vec<Range<usize>>) {
        self.mends.sort_by_key(|span| span.start);
        self.mends.dedup();
        (self.mended, self.mends)
    }
}

/// The constants in which an escape may spell U+0000, in order.
fn spelling_nul(script: &Script) -> impl Iterator<Item = &StringConstant> {
    let noted = script.constants.iter();
    let spelling = noted.filter(|noted| noted.purpose == ConstantPurpose::SpellsNul);
    spelling.map(|noted| &noted.constant)
}

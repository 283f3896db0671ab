//! A Bind that is there as a whole: every value read once and made what its column and the policies
//! want. Knows no SQL and no sockets.

use memchr::{memchr2, memmem};

use super::parameter::{BindParameter, NewValue};
use crate::encoding::Encoding;
use crate::escape::json::{JsonNul, JsonText};
use crate::escape::surrogates::may_hold_half;
use crate::value::column::ValueKind;
use crate::value::judge::{KindJudge, ValueRefusal, ValueVerdict, without_halves};
use crate::value::nul::{NulMender, NulRule};
use crate::value::policy::NulPolicy;
use crate::value::rule::{Findings, ValueRule};
use crate::wire::{BindBody, Parameter, ParameterReader, ValuePiece};

/// What is asked of the values of a Bind.
#[derive(Clone, Copy, Debug, Default)]
pub struct BindRules<'a> {
    /// The columns that parameters go into: an entry for each of the first parameters, `None` for one
    /// that goes into no column.
    pub parameters: &'a [Option<BindParameter>],
    /// Values that take the place of others, whatever these are, in order of their indexes, and those that stand
    /// behind the last one.
    pub given: &'a [GivenValue],
    /// What the parameters hold; those that are missing count as [`ValueKind::Other`]. `None` where it
    /// is not known yet and can be asked for.
    pub kinds: Option<&'a [ValueKind]>,
    /// What becomes of U+0000 in values that no judge of a column looks at; `None` for nothing.
    pub nul: Option<NulPolicy>,
    /// Whether U+FFFD takes the place of escapes for half of a surrogate pair in JSON that no judge looks at.
    pub mends_halves: bool,
    /// The client's encoding.
    pub encoding: Encoding,
}

/// A value that takes the place of another one of the same format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenValue {
    /// The index of its parameter, from 0.
    pub index: usize,
    /// The value.
    pub value: Vec<u8>,
}

/// What becomes of a Bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FittedBind {
    /// It stays where it is; spaces may have taken the place of U+0000.
    InPlace(BindFindings),
    /// Another body takes the place of its own.
    Body(Vec<u8>, BindFindings),
    /// What the parameters hold decides over one of the values. So many U+0000 are spaces already.
    AsksForKinds(u64),
    /// A policy refuses one of the values.
    Refused(BindRefusal),
}

/// What was found in the values of a Bind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindFindings {
    /// By the columns that parameters go into.
    pub columns: Vec<BindFinding>,
    /// U+0000 that became spaces in values that no judge of a column looks at.
    pub spaces: u64,
    /// U+0000 that were removed from such values.
    pub removed: u64,
    /// Escapes for half of a surrogate pair that became U+FFFD in such values.
    pub halves: u64,
}

impl BindFindings {
    /// Whether nothing was found.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.spaces + self.removed + self.halves == 0 && self.columns.is_empty()
    }
}

/// What was found in the values of one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindFinding {
    /// Its index, from 0.
    pub index: usize,
    /// The rule.
    pub rule: ValueRule,
    /// How often.
    pub count: u64,
    /// The value, where samples are asked for.
    pub sample: Option<String>,
}

/// A Bind with a value that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindRefusal {
    /// The index of the parameter, from 0.
    pub index: usize,
    /// Why.
    pub refusal: ValueRefusal,
}

/// Makes the values of a Bind what is asked of them. One that the server will refuse, since a count or
/// a length in it cannot be right, stays, but for spaces in the values in front of that place.
pub fn fit(bind: &mut BindBody<'_>, rules: &BindRules<'_>) -> FittedBind {
    let mut fitting = Fitting::new(rules);
    let (mut refused, mut at) = (None, 0);
    let mut reader = ParameterReader::of_bind_values(bind.values.len());
    loop {
        match reader.next(bind.values, &mut at) {
            Parameter::Value(piece) => {
                reader.pass(piece.to - piece.from, &mut at);
                if refused.is_some() || rules.lets_pass(bind.values, piece) {
                    continue;
                }
                match fitting.fit_value(bind.values, piece) {
                    Ok(()) => {}
                    Err(Stop::Asks) => return FittedBind::AsksForKinds(fitting.found.spaces),
                    Err(Stop::Refused(refusal)) => {
                        refused = Some(BindRefusal { index: piece.index, refusal });
                    }
                }
            }
            Parameter::Null => {}
            Parameter::End => break,
            Parameter::Cut | Parameter::Malformed => {
                let spaces = fitting.found.spaces;
                return FittedBind::InPlace(BindFindings { spaces, ..BindFindings::default() });
            }
        }
    }
    let count = bind.value_count().map_or(0, usize::from);
    let behind = rules.given.iter().filter(|given| given.index >= count);
    fitting.changed.extend(behind.map(|given| Changed {
        index: given.index,
        new: NewValue { is_text: true, value: Some(given.value.clone()) },
    }));
    match (refused, fitting.changed.is_empty()) {
        (Some(refused), _) => FittedBind::Refused(refused),
        (None, true) => FittedBind::InPlace(fitting.found),
        (None, false) => FittedBind::Body(rebuilt(bind, &fitting.changed), fitting.found),
    }
}

/// Whether a Bind, whose body may still be arriving, may hold values that the target would take for values of
/// another type, or that have to be looked at as a whole.
pub fn needs_rewriting(front: &BindBody<'_>, parameters: &[Option<BindParameter>]) -> bool {
    let mut reader = ParameterReader::of_bind_values(usize::MAX);
    reader.next(front.values, &mut 0);
    parameters.iter().enumerate().any(|(index, parameter)| {
        parameter.as_ref().is_some_and(|parameter| {
            // A format that is not there yet may be any.
            parameter.reads_text() || parameter.is_inferred && reader.is_text(index) != Some(true)
        })
    })
}

/// Why no more values are fitted.
enum Stop {
    Asks,
    Refused(ValueRefusal),
}

/// A value that has changed.
struct Changed {
    index: usize,
    new: NewValue,
}

/// What was made of the values so far.
struct Fitting<'a> {
    rules: &'a BindRules<'a>,
    mender: Option<NulMender>,
    /// In order of their indexes.
    changed: Vec<Changed>,
    found: BindFindings,
}

impl<'a> BindRules<'a> {
    /// What takes the place of the value of a parameter.
    fn given(&self, index: usize) -> Option<&'a GivenValue> {
        let at = self.given.binary_search_by_key(&index, |given| given.index).ok()?;
        self.given.get(at)
    }

    /// Whether nothing is asked of a value: it goes as it is into whatever column, and has neither a
    /// NUL nor a backslash.
    #[inline]
    fn lets_pass(&self, values: &[u8], piece: ValuePiece) -> bool {
        if let Some(Some(parameter)) = self.parameters.get(piece.index)
            && parameter.may_change(piece.is_text)
        {
            return false;
        }
        if self.given(piece.index).is_some() {
            return false;
        }
        let value = values.get(piece.from..piece.to).unwrap_or_default();
        self.nul.is_none() || memchr2(0, b'\\', value).is_none()
    }
}

impl<'a> Fitting<'a> {
    fn new(rules: &'a BindRules<'a>) -> Fitting<'a> {
        Fitting { rules, mender: None, changed: Vec::new(), found: BindFindings::default() }
    }

    fn fit_value(&mut self, values: &mut [u8], piece: ValuePiece) -> Result<(), Stop> {
        let ValuePiece { index, mut is_text, from, to, .. } = piece;
        let Some(value) = values.get_mut(from..to) else { return Ok(()) };
        if let Some(given) = self.rules.given(index) {
            let new = NewValue { is_text, value: Some(given.value.clone()) };
            self.changed.push(Changed { index, new });
            return Ok(());
        }
        let mut new = None;
        if let Some(Some(parameter)) = self.rules.parameters.get(index)
            && parameter.may_change(is_text)
        {
            let mut findings = Findings::default();
            let fit = parameter
                .fit(is_text, value, self.rules.encoding, &mut findings)
                .map_err(Stop::Refused)?;
            self.note(index, &mut findings);
            new = fit.new;
            if fit.is_judged {
                self.changed.extend(new.map(|new| Changed { index, new }));
                return Ok(());
            }
        }
        if let Some(nul) = self.rules.nul {
            if let Some(new) = &new {
                is_text = new.is_text;
            }
            let there =
                new.as_ref().map_or(&*value, |new| new.value.as_deref().unwrap_or_default());
            if let Some(mended) = self.without_halves(index, is_text, there)? {
                new = Some(NewValue { is_text, value: Some(mended) });
            }
            let value = match &mut new {
                Some(new) => new.value.as_deref_mut().unwrap_or_default(),
                None => value,
            };
            if let Some(shorter) = self.without_nuls(nul, index, is_text, value)? {
                new = Some(NewValue { is_text, value: Some(shorter) });
            }
        }
        self.changed.extend(new.map(|new| Changed { index, new }));
        Ok(())
    }

    fn note(&mut self, index: usize, findings: &mut Findings) {
        if findings.is_empty() {
            return;
        }
        let sample = findings.take_sample();
        self.found.columns.extend(findings.take().into_iter().map(|(rule, count)| BindFinding {
            index,
            rule,
            count,
            sample: sample.clone(),
        }));
    }

    /// The value with U+FFFD for escapes of half a surrogate pair, where that is asked for and it holds JSON.
    fn without_halves(
        &mut self,
        index: usize,
        is_text: bool,
        value: &[u8],
    ) -> Result<Option<Vec<u8>>, Stop> {
        if !self.rules.mends_halves || !may_hold_half(value) {
            return Ok(None);
        }
        let kinds = self.rules.kinds.ok_or(Stop::Asks)?;
        let kind = kinds.get(index).copied().unwrap_or_default();
        let mended = without_halves(value, kind, is_text);
        self.found.halves += mended.as_ref().map_or(0, |(_, count)| *count);
        Ok(mended.map(|(mended, _)| mended))
    }

    /// Does to U+0000 what is asked, in a value that no judge of a column has seen: in place, or by a
    /// value that takes its place.
    fn without_nuls(
        &mut self,
        nul: NulPolicy,
        index: usize,
        is_text: bool,
        value: &mut [u8],
    ) -> Result<Option<Vec<u8>>, Stop> {
        let kind = match self.rules.kinds {
            Some(kinds) => kinds.get(index).copied().unwrap_or_default(),
            None => match unknown_kind(value, is_text, self.rules.encoding) {
                Unknown::Clean => return Ok(None),
                Unknown::Characters => ValueKind::Character,
                Unknown::Asks => return Err(Stop::Asks),
            },
        };
        if nul == NulPolicy::Space {
            let encoding = self.rules.encoding;
            let mender = self.mender.get_or_insert_with(|| NulMender::new(encoding));
            self.found.spaces += mender.mend(NulRule::of(kind, is_text), value);
            return Ok(None);
        }
        let judge = KindJudge { nul, encoding: self.rules.encoding };
        match judge.judge(value, kind, is_text, &mut self.found.removed) {
            ValueVerdict::Replace(shorter) => Ok(Some(shorter)),
            ValueVerdict::Refuse(refusal) => Err(Stop::Refused(refusal)),
            ValueVerdict::Keep | ValueVerdict::Null => Ok(None),
        }
    }
}

/// What a value says about U+0000 in it where its kind is not known.
enum Unknown {
    /// There is none, whatever the kind.
    Clean,
    /// There are bytes 0x00, which mean U+0000 in every kind.
    Characters,
    /// The kind decides.
    Asks,
}

fn unknown_kind(value: &[u8], is_text: bool, encoding: Encoding) -> Unknown {
    // Behind the backslashes of an array it may be an escape.
    if is_text && memmem::find(value, br"\\u0000").is_some() {
        return Unknown::Asks;
    }
    let (mut json, mut next, mut found) = (JsonText::new(encoding), 0, Unknown::Clean);
    while let Some((nul, behind)) = json.find(value, next, value.len()) {
        match nul {
            JsonNul::Raw(_) if is_text => found = Unknown::Characters,
            JsonNul::Raw(_) | JsonNul::Escaped(_) => return Unknown::Asks,
        }
        next = behind;
    }
    found
}

/// The body with the values that have changed.
fn rebuilt(bind: &BindBody<'_>, changed: &[Changed]) -> Vec<u8> {
    /// Bytes of the length in front of a value.
    const LENGTH_BYTES: usize = 4;
    let values = &*bind.values;
    let mut reader = ParameterReader::of_bind_values(values.len());
    let mut changed = changed.iter().peekable();
    let (mut codes, mut rows) = (Vec::new(), Vec::with_capacity(values.len()));
    let (mut front_bytes, mut keeps_formats, mut at) = (None, true, 0);
    for index in 0.. {
        let (from, value) = match reader.next(values, &mut at) {
            Parameter::Value(piece) => {
                reader.pass(piece.to - piece.from, &mut at);
                (piece.from, values.get(piece.from..piece.to))
            }
            Parameter::Null => (at, None),
            Parameter::End | Parameter::Cut | Parameter::Malformed => break,
        };
        front_bytes.get_or_insert(from.saturating_sub(LENGTH_BYTES));
        let was_text = reader.is_text(index).unwrap_or(true);
        let new = changed.next_if(|changed| changed.index == index).map(|changed| &changed.new);
        let is_text = new.map_or(was_text, |new| new.is_text);
        keeps_formats &= is_text == was_text;
        codes.push(u16::from(!is_text).to_be_bytes());
        match new.map_or(value, |new| new.value.as_deref()) {
            Some(value) => {
                rows.extend(u32::try_from(value.len()).unwrap_or_default().to_be_bytes());
                rows.extend_from_slice(value);
            }
            None => rows.extend((-1i32).to_be_bytes()),
        }
    }
    // Values behind the last one of the client's.
    for Changed { new, .. } in changed {
        let value = new.value.as_deref().unwrap_or_default();
        keeps_formats = false;
        codes.push(u16::from(!new.is_text).to_be_bytes());
        rows.extend(u32::try_from(value.len()).unwrap_or_default().to_be_bytes());
        rows.extend_from_slice(value);
    }
    let back = values.get(at..).unwrap_or_default();
    if keeps_formats {
        let front = values.get(..front_bytes.unwrap_or(at)).unwrap_or_default();
        return [bind.names, front, &rows, back].concat();
    }
    let count = u16::try_from(codes.len()).unwrap_or_default().to_be_bytes();
    [bind.names, &count, codes.as_flattened(), &count, &rows, back].concat()
}

#[cfg(test)]
mod tests;

//! CopyData, CopyDone and CopyFail: a COPY stream passes untouched, is mended in place, or is taken apart
//! into rows. Owns the stream's state; may not know which message asked for it.

use std::sync::Arc;

use crate::catalog::Relation;
use crate::ledger::{Place, Road};
use crate::rewrite::{CopyStream, place, value_refusal};
use crate::session::context::Context;
use crate::session::decision::{Decision, Frame, Passing};
use crate::session::protocol::Protocol;
use crate::session::replies::{Failing, Replies};
use crate::session::report::Report;
use crate::session::step::{Body, Mend, Step};
use crate::value::{CopyFinding, CopyFormat, CopyRows, CopyScanner, RowRefusal};
use crate::wire::{self, HEAD_BYTES, OwnError, tag};

/// The longest field in bytes that is judged; a longer one passes as it is, counted.
const FIELD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes held back at most before an undecided value is let go as it stands.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// The reason that a CopyFail of the proxy's own gives, by which the target's error is known: an error
/// about a row in front of the refused one comes first.
pub(in crate::session) const REFUSED_ROW: &str = "a row was refused by the proxy";

/// The CopyFail that ends a COPY for a refused row.
fn refused_row() -> Vec<u8> {
    wire::with_body(tag::COPY_FAIL, &[REFUSED_ROW.as_bytes(), b"\0"])
}

/// A CopyData, CopyDone or CopyFail.
pub(in crate::session) fn copy(
    frame: &Frame<'_>,
    copy_in: &mut CopyIn,
    replies: &Replies,
    report: &mut Report,
    context: &Context,
) -> Decision {
    if !copy_in.is_open() && replies.may_start_copy() {
        return Decision::Flush;
    }
    if frame.head.tag == tag::COPY_DATA {
        return Decision::outgoing(None, Passing::Arriving(Mend::CopyData));
    }
    if let Some(Mended { place, count }) = copy_in.end() {
        report.note_nuls(place, Road::Copy, count, context.seconds());
    }
    Decision::pass()
}

/// Takes the rows at the front apart; `None` where another frame stands there. `body` is the rest of the
/// frame that is arriving.
///
/// # Errors
/// The client has sent what cannot be a frame, and nothing stands in front of it.
pub(in crate::session) fn take_rows(
    unread: &[u8],
    copy_in: &mut CopyIn,
    body: &mut Body,
    replies: &mut Replies,
    report: &mut Report,
    context: &Context,
) -> Result<Option<Step>, wire::FrameError> {
    let Some(rows) = copy_in.rows() else { return Ok(None) };
    let mut taken = rows.take(unread, body, context.policy.message_bytes_max)?;
    context.watched.on_copy_bytes(taken.bytes);
    let (not_judged, findings) = (rows.take_not_judged(), rows.take_findings());
    let silent_loss = context.policy.values.silent_loss;
    report.note_rows(not_judged, findings, silent_loss, context.seconds());
    match taken.then {
        AfterRows::More => {}
        AfterRows::End => copy_in.leave_rest_untouched(),
        AfterRows::Refused(error) => {
            // The target ends its COPY with an error, and ours takes its place. What else the client
            // sends reaches the target behind its COPY, as it would behind an error of its own.
            report.counts.refused += 1;
            replies.fail_front(error, Failing::CopyFail);
            copy_in.end();
            taken.frames.extend(refused_row());
        }
    }
    let changes = taken.bytes > 0 || !taken.frames.is_empty();
    Ok(changes.then_some(Step::Replace(taken.bytes, taken.frames)))
}

/// The COPY stream that the target has asked for and not yet had.
#[derive(Debug, Default)]
pub(in crate::session) struct CopyIn {
    stream: Stream,
    /// How the statement came.
    protocol: Protocol,
}

/// What is done to the rows.
#[derive(Debug, Default)]
enum Stream {
    /// The client sends none.
    #[default]
    None,
    /// They pass unread: binary without a known statement, or rewriting is off.
    Untouched,
    /// They are mended where they lie.
    Scanned(Box<Scanned>),
    /// They are taken apart.
    Rows(Box<RowStream>),
}

/// A stream that is mended where it lies.
#[derive(Debug)]
struct Scanned {
    scanner: CopyScanner,
    /// The relation, where it is known.
    place: Place,
    /// Bytes at the front of the client's direction that were judged and are held back, because what
    /// follows decides over them.
    judged_ahead: usize,
}

/// U+0000 that were mended in a stream since the last time.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::session) struct Mended {
    pub(in crate::session) place: Place,
    pub(in crate::session) count: u64,
}

impl CopyIn {
    /// The target asks for rows; `copy` is the statement's stream where its text was understood.
    pub(in crate::session) fn begin(
        copy: Option<CopyStream>,
        is_binary: bool,
        protocol: Protocol,
        context: &Context,
    ) -> CopyIn {
        let stream = Stream::of(copy, is_binary, context);
        CopyIn { stream, protocol }
    }

    /// Whether the target takes rows, as far as is known.
    pub(in crate::session) fn is_open(&self) -> bool {
        !matches!(self.stream, Stream::None)
    }

    /// How the COPY came.
    pub(in crate::session) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether frames are taken apart.
    pub(in crate::session) fn is_taken_apart(&self) -> bool {
        matches!(self.stream, Stream::Rows(_))
    }

    /// The stream that is taken apart.
    fn rows(&mut self) -> Option<&mut RowStream> {
        match &mut self.stream {
            Stream::Rows(rows) => Some(rows),
            _ => None,
        }
    }

    /// The last row has come: the target finishes the COPY. Gives what was mended.
    pub(in crate::session) fn end(&mut self) -> Option<Mended> {
        match std::mem::take(self).stream {
            Stream::Scanned(mut scanned) => scanned.mended(),
            _ => None,
        }
    }

    /// The rows that follow pass unread; their end is still to come.
    fn leave_rest_untouched(&mut self) {
        self.stream = Stream::Untouched;
    }

    /// The bytes at the front that were judged before.
    #[inline]
    pub(in crate::session) fn take_judged_ahead(&mut self) -> usize {
        match &mut self.stream {
            Stream::Scanned(scanned) => std::mem::take(&mut scanned.judged_ahead),
            _ => 0,
        }
    }

    /// Mends the bytes of a CopyData from `at` to `end`.
    pub(in crate::session) fn scan(&mut self, unread: &mut [u8], at: usize, end: usize) {
        if let Stream::Scanned(scanned) = &mut self.stream {
            scanned.scanner.scan(unread, at, end);
        }
    }

    /// Whether the rows that come pass or are mended where they lie.
    #[inline]
    pub(in crate::session) fn goes_in_place(&self) -> bool {
        matches!(self.stream, Stream::Untouched | Stream::Scanned(_))
    }

    /// No more rows follow: what was held back is decided.
    pub(in crate::session) fn finish(&mut self, unread: &mut [u8]) {
        if let Stream::Scanned(scanned) = &mut self.stream {
            scanned.scanner.finish(unread);
        }
    }

    /// How many of `at` judged bytes may go on; the others are held back. Gives what was mended, too.
    #[inline]
    pub(in crate::session) fn release(&mut self, at: usize) -> (usize, Option<Mended>) {
        match &mut self.stream {
            Stream::Scanned(scanned) => scanned.release(at),
            _ => (at, None),
        }
    }
}

impl Scanned {
    fn release(&mut self, at: usize) -> (usize, Option<Mended>) {
        let scanner = &mut self.scanner;
        if scanner.held_from().is_some_and(|held| at - held > HELD_BYTES_MAX) {
            scanner.release();
        }
        let free = scanner.held_from().unwrap_or(at).min(at);
        self.judged_ahead = at - free;
        scanner.rebase(free);
        (free, self.mended())
    }

    fn mended(&mut self) -> Option<Mended> {
        let count = self.scanner.take_replaced();
        (count > 0).then(|| Mended { place: self.place.clone(), count })
    }
}

impl Stream {
    fn of(copy: Option<CopyStream>, is_binary: bool, context: &Context) -> Stream {
        // A stream is only read in the format that the statement was understood to have.
        let of_format =
            |copy: &CopyStream| (copy.options.format == CopyFormat::Binary) == is_binary;
        let copy = copy.filter(of_format);
        if !context.settings.rewrite || is_binary && copy.is_none() {
            return Stream::Untouched;
        }
        let Some(copy) = copy else {
            return Stream::scanned(CopyScanner::raw(), Place::default());
        };
        if let Some(rows) = RowStream::of(&copy, context) {
            return Stream::Rows(Box::new(rows));
        }
        let place = copy.relation.as_ref().map(|relation| place(relation));
        let scanner = CopyScanner::with_kinds(&copy.options, context.lexing.encoding, &copy.kinds);
        Stream::scanned(scanner, place.unwrap_or_default())
    }

    fn scanned(scanner: CopyScanner, place: Place) -> Stream {
        Stream::Scanned(Box::new(Scanned { scanner, place, judged_ahead: 0 }))
    }
}

/// A stream that is taken apart because policies or columns ask for it.
#[derive(Debug)]
pub(in crate::session) struct RowStream {
    rows: CopyRows,
    relation: Arc<Relation>,
    /// The index in the relation of each field.
    fields: Vec<Option<usize>>,
    /// The fields that passed unjudged, as far as they are noted.
    not_judged: u64,
}

/// What became of the frames at the front.
#[derive(Debug, Default)]
pub(in crate::session) struct Taken {
    /// Bytes of them.
    pub(in crate::session) bytes: usize,
    /// What stands in their place: a CopyData, or nothing.
    pub(in crate::session) frames: Vec<u8>,
    /// What is behind them.
    pub(in crate::session) then: AfterRows,
}

/// What is behind the frames that were taken.
#[derive(Debug, Default)]
pub(in crate::session) enum AfterRows {
    /// More of the stream, as far as is known.
    #[default]
    More,
    /// CopyDone or CopyFail.
    End,
    /// Nothing that counts: a row is refused.
    Refused(OwnError),
}

impl RowStream {
    /// The stream taken apart, where that is asked for and its columns are known.
    fn of(copy: &CopyStream, context: &Context) -> Option<RowStream> {
        let known = copy.relation.as_ref().filter(|relation| !relation.is_missing());
        let encoding = copy.options.encoding.unwrap_or(context.lexing.encoding);
        let columns = copy.columns(&context.rules())?;
        Some(RowStream {
            rows: CopyRows::new(&copy.options, encoding, columns, FIELD_BYTES_MAX),
            relation: known.map(Arc::clone).unwrap_or_default(),
            fields: copy.fields.clone(),
            not_judged: 0,
        })
    }

    /// Takes the CopyData frames at the front apart, up to another frame or to the end of what is there.
    /// `body` is the rest of the frame that is arriving.
    ///
    /// # Errors
    /// The client has sent what cannot be a frame, and nothing stands in front of it.
    pub(in crate::session) fn take(
        &mut self,
        unread: &[u8],
        body: &mut Body,
        frame_bytes_max: usize,
    ) -> Result<Taken, wire::FrameError> {
        let mut taken = Taken::default();
        let mut rows = Vec::new();
        let mut refused = None;
        while refused.is_none() {
            let rest = unread.get(taken.bytes..).unwrap_or_default();
            if body.remaining > 0 {
                let Some(chunk) = rest.get(..body.remaining.min(rest.len())) else { break };
                if chunk.is_empty() {
                    break;
                }
                refused = self.rows.rewrite(chunk, &mut rows).err();
                taken.bytes += chunk.len();
                body.remaining -= chunk.len();
                continue;
            }
            match wire::head(rest, frame_bytes_max) {
                Ok(Some(head)) if head.tag == tag::COPY_DATA => {
                    *body = Body { remaining: head.body_bytes(), mend: Mend::Rows };
                    taken.bytes += HEAD_BYTES;
                }
                Ok(Some(head)) => {
                    if head.tag == tag::COPY_DONE {
                        refused = self.rows.finish(&mut rows).err();
                    }
                    if matches!(head.tag, tag::COPY_DONE | tag::COPY_FAIL) {
                        taken.then = AfterRows::End;
                    }
                    break;
                }
                Err(error) if taken.bytes == 0 => return Err(error),
                Ok(None) | Err(_) => break,
            }
        }
        if !rows.is_empty() {
            taken.frames = wire::with_body(tag::COPY_DATA, &[&rows]);
        }
        if let Some(refused) = refused {
            taken.then = AfterRows::Refused(self.refusal(&refused));
        }
        Ok(taken)
    }

    /// What the rules found since the last time, each with its place.
    pub(in crate::session) fn take_findings(&mut self) -> Vec<(Place, CopyFinding)> {
        let findings = self.rows.take_findings().into_iter().map(|found| {
            let index = self.fields.get(found.column).copied().flatten();
            let column = index.and_then(|index| self.relation.columns().get(index));
            let column = column.map_or_else(String::new, |column| column.column.name.clone());
            (Place { column, ..place(&self.relation) }, found)
        });
        findings.collect()
    }

    /// The fields that passed unjudged since the last time, with their relation.
    pub(in crate::session) fn take_not_judged(&mut self) -> (Place, u64) {
        let so_far = self.rows.too_long() + self.rows.of_two_encodings();
        let fresh = so_far - std::mem::replace(&mut self.not_judged, so_far);
        (place(&self.relation), fresh)
    }

    fn refusal(&self, refused: &RowRefusal) -> OwnError {
        let index = refused.column.and_then(|field| self.fields.get(field).copied().flatten());
        let column = index.and_then(|index| self.relation.columns().get(index));
        let name = column.map_or("", |column| column.column.name.as_str());
        let at = format!("row {}", refused.row);
        let table = &self.relation.table;
        let mut error = value_refusal(&self.relation, &refused.refusal, name, &at);
        if let Some(about) = &mut error.about {
            about.context = Some(format!("COPY {table}, line {}, column {name}", refused.row));
        }
        error
    }
}

//! Query and Parse, one way for both: the text is read once, asked about, and rewritten. Decides; may not
//! send anything.

use std::ops::Range;
use std::sync::Arc;

use super::basis::Basis;
use super::naming::{self, NamesJudged, TextNames};
use super::question::{park_all, park_tables};
use super::{reading, role};
use crate::catalog::Catalog;
use crate::policy::Settings;
use crate::rewrite::{
    self, Change, NameParameters, PositionMap, Reached, Rewrite, Rules, TextMessage,
};
use crate::session::ask::{Question, trial};
use crate::session::context::Context;
use crate::session::decision::Decision;
use crate::session::replies::{Expected, Failing, Request};
use crate::session::report::{PassedUnread, Report};
use crate::statement::script::{Body, Script};
use crate::statement::{AliasTypes, Effects, Word};
use crate::wire::{self, FAILING_SQL, OwnError, TransactionStatus, tag};

/// A Query or a Parse whose text has been read. Kept while the target is asked, so that nothing is read,
/// mended or counted twice.
#[derive(Debug)]
pub(in crate::session) struct Text {
    message: TextMessage,
    pub(super) script: Script,
    /// The body that takes the place of the client's: bytes that are U+0000 were taken out.
    pub(super) shorter: Option<Vec<u8>>,
    /// Where the text lies in the body.
    sql: Range<usize>,
    /// The types of parameters that a Parse declares.
    declared: Vec<u32>,
    /// What was done before the text was read.
    mended: Option<Box<Change>>,
    /// What was done to its names.
    names: TextNames,
    /// What it writes and runs.
    pub(super) reached: Reached,
}

/// What becomes of a text.
#[derive(Debug)]
pub(in crate::session) enum Judged {
    /// It goes to the target as it is, and means nothing for the session.
    Pass,
    /// This has to be known, or done, first.
    Ask(Question),
    /// The target gets a text that can only fail.
    Refuse(Box<OwnError>),
    /// It goes to the target like this.
    Send(Box<Rewrite>),
}

/// A text on its way to the target.
#[derive(Debug)]
pub(in crate::session) struct SentText {
    /// The frame that takes the place of the client's; `None` where that passes.
    pub(in crate::session) frame: Option<Vec<u8>>,
    /// What the target owes for it.
    pub(in crate::session) expected: Expected,
    /// What was done to it.
    pub(super) changes: Vec<Change>,
    /// Statements for whose parameters there was no room.
    pub(super) not_judged: u64,
}

impl Text {
    /// The reading of the text in `body`: the one that has waited, or a new one. `None` if the body is
    /// malformed.
    pub(in crate::session) fn take(
        waiting: &mut Option<Box<Text>>,
        aliases: &mut AliasTypes,
        frame_tag: u8,
        body: &mut [u8],
        report: &mut Report,
        context: &Context,
    ) -> Option<Box<Text>> {
        let waited = waiting.take().filter(|text| text.is_of(frame_tag, context));
        waited.or_else(|| {
            report.counts.statements += 1;
            let text = Text::read(frame_tag, body, &context.rules(), aliases)?;
            aliases.clone_from(&text.script.types.aliases);
            Some(text)
        })
    }

    /// Mends the bytes 0x00 of the text in `body` and reads it. `None` if the body is malformed: the
    /// target says what is wrong with it.
    fn read(
        frame_tag: u8,
        body: &mut [u8],
        rules: &Rules<'_>,
        aliases: &AliasTypes,
    ) -> Option<Box<Text>> {
        let message = if frame_tag == tag::QUERY { TextMessage::Query } else { TextMessage::Parse };
        let (mut shorter, mended) = rewrite::mend_bytes(message, body, rules);
        let body: &[u8] = shorter.as_deref_mut().unwrap_or(body);
        let mut declared = Vec::new();
        let sql = match message {
            TextMessage::Query => {
                // The server reads up to the first zero byte.
                let length = wire::cstring(body).map_or(body.len(), |(sql, _)| sql.len());
                0..length
            }
            TextMessage::Parse => {
                let parse = wire::parse_view(body)?;
                declared = wire::parameter_oids(parse.parameter_types);
                let start = parse.name.len() + 1;
                start..start + parse.sql.len()
            }
        };
        let text = body.get(sql.clone()).unwrap_or_default();
        let script = reading::read(text, rules, aliases);
        let reached = rewrite::reached(&script, text, rules);
        let (mended, names) = (mended.map(Box::new), TextNames::Source);
        Some(Box::new(Text { message, script, shorter, sql, declared, mended, reached, names }))
    }

    /// Whether it is the reading of a frame with this tag, as the server would read it now.
    fn is_of(&self, frame_tag: u8, context: &Context) -> bool {
        let message = if frame_tag == tag::QUERY { TextMessage::Query } else { TextMessage::Parse };
        self.message == message && self.script.lexing == context.lexing
    }

    /// Renames the text, once; gives what has to come first or instead of it, if anything has to.
    fn rename(&mut self, body: &[u8], catalog: &mut Catalog, basis: Basis<'_>) -> Option<Judged> {
        let rules = basis.context.rules();
        if self.names.are_judged() || !rewrite::are_ruled(&rules) {
            return None;
        }
        let body = self.body(body);
        let (script, sql) = (&self.script, self.text(body));
        let orders = rewrite::order_changes(script, sql, &rules, catalog, self.is_extended());
        match naming::rename(script, sql, &rules, catalog, basis.now) {
            NamesJudged::Stay => self.names = TextNames::Target,
            NamesJudged::Wait => {}
            NamesJudged::Ask(question) => {
                return Some(Judged::Ask(Question::Catalog(question)));
            }
            NamesJudged::Refuse(error) => return Some(Judged::Refuse(error)),
            NamesJudged::Become(sql, names) => {
                let before = body.get(..self.sql.start).unwrap_or_default();
                let behind = body.get(self.sql.end..).unwrap_or_default();
                self.shorter = Some([before, &sql, behind].concat());
                self.sql = self.sql.start..self.sql.start + sql.len();
                // Its types are those of the target already.
                let script =
                    reading::read(&sql, &rules, &self.script.types.aliases).without_types();
                self.reached = rewrite::reached(&script, &sql, &rules);
                reading::give_back(std::mem::replace(&mut self.script, script));
                self.names = names;
            }
        }
        if self.names.are_judged() {
            orders.into_iter().for_each(|change| catalog.note_column_order(change));
        }
        None
    }

    /// Whether it came by the extended protocol.
    pub(in crate::session) fn is_extended(&self) -> bool {
        self.message == TextMessage::Parse
    }

    /// The body that was read: the client's, or the one in its place.
    pub(in crate::session) fn body<'b>(&'b self, body: &'b [u8]) -> &'b [u8] {
        self.shorter.as_deref().unwrap_or(body)
    }

    /// Whether a zero byte ends the text of a Query before its body ends.
    fn is_cut(&self, body: &[u8]) -> bool {
        self.message == TextMessage::Query && self.sql.end + 1 < body.len()
    }

    /// Whether it is the unnamed statement's.
    pub(super) fn is_unnamed(&self) -> bool {
        self.sql.start <= 1
    }

    /// Whether tables are emptied in the place of what it says.
    pub(super) fn empties(&self, context: &Context) -> bool {
        rewrite::empties_tables(&self.script, &context.rules())
    }

    /// Whether it is a Query as the client sent it, of queries that no rule acts on and that write, run and
    /// change nothing: it goes as it is, and nothing has to be known, done or told for it.
    fn is_quiet(&self, body: &[u8], context: &Context) -> bool {
        let is_as_sent = self.mended.is_none() && self.shorter.is_none() && !self.is_cut(body);
        let reaches = context.settings.looks_at_silenced() && !self.reached.is_nothing();
        !self.is_extended()
            && !rewrite::are_ruled(&context.rules())
            && is_as_sent
            && !reaches
            && !context.follows_own_words()
            && rewrite::is_untouched(&self.script, self.text(body))
    }

    /// The same, for who keeps it; the text has it no more.
    pub(in crate::session) fn take_reached(&mut self) -> Reached {
        std::mem::take(&mut self.reached)
    }

    /// What it writes and runs.
    pub(in crate::session) fn reached(&self) -> &Reached {
        &self.reached
    }

    /// What it may change.
    pub(in crate::session) fn effects(&self) -> Effects {
        self.script.effects
    }

    /// What of it passes because it is not understood. `body` is the one that was read.
    pub(in crate::session) fn not_understood(&self, body: &[u8]) -> PassedUnread {
        let (script, sql) = (&self.script, self.text(body));
        let own = (script.not_understood, script.types.unknown);
        let (statements, types) = self.names.first_not_understood().unwrap_or(own);
        PassedUnread {
            statements,
            types,
            too_long: u64::from(script.is_too_long),
            spots: reading::odd_spots(script, sql),
        }
    }

    /// The settings behind the text, if it is one statement that states one of them plainly, or RESET ALL.
    pub(in crate::session) fn stated(&self, context: &Context) -> Option<Settings> {
        let [statement] = self.script.statements.as_slice() else { return None };
        let mut settings = context.settings;
        match &statement.body {
            Body::Setting(setting) => {
                settings.set(&setting.name, setting.value.as_deref()?).ok()?;
                Some(settings)
            }
            // No other statement does both; DISCARD ALL fails in a transaction.
            _ if statement.effects.resets_role() => match statement.effects.touches_settings() {
                true => context.reset_settings,
                false => Some(settings),
            },
            _ => None,
        }
    }

    /// What each of its statements says about settings.
    pub(in crate::session) fn words(&self, body: &[u8]) -> Vec<Option<Word>> {
        self.script.words(self.text(body))
    }

    /// The name of the prepared statement that a Parse makes, and the part that declares types.
    pub(in crate::session) fn name_and_types<'b>(&self, body: &'b [u8]) -> (&'b [u8], &'b [u8]) {
        let name = body.get(..self.sql.start.saturating_sub(1)).unwrap_or_default();
        (name, body.get(self.sql.end + 1..).unwrap_or_default())
    }

    /// How positions in the text move.
    pub(in crate::session) fn positions(
        &self,
        body: &[u8],
        rewrite: &Rewrite,
        context: &Context,
    ) -> Option<Arc<PositionMap>> {
        self.names.positions_behind(rewrite.positions(self.text(body), context.lexing.encoding))
    }

    pub(super) fn text<'b>(&self, body: &'b [u8]) -> &'b [u8] {
        body.get(self.sql.clone()).unwrap_or_default()
    }

    /// Its parameters that hold names.
    pub(super) fn name_parameters(&self) -> Option<Box<NameParameters>> {
        self.names.parameters(&self.declared).map(Box::new)
    }

    /// What was read is no longer needed.
    pub(in crate::session) fn give_back(self: Box<Text>) {
        reading::give_back(self.script);
    }
}

/// What becomes of a text, for Query and Parse alike; `body` is the client's.
pub(in crate::session) fn judged(
    text: &mut Text,
    body: &[u8],
    catalog: &mut Catalog,
    basis: Basis<'_>,
) -> Judged {
    if text.is_quiet(body, basis.context) {
        return Judged::Pass;
    }
    let renaming = text.rename(body, catalog, basis);
    renaming.unwrap_or_else(|| judge(text, text.body(body), catalog, basis))
}

/// The same where its names are those of the target. `body` is the one that was read.
pub(super) fn judge(text: &Text, body: &[u8], catalog: &mut Catalog, basis: Basis<'_>) -> Judged {
    let Basis { context, parking, tried, now, .. } = basis;
    let rules = Rules { masks: text.names.masked(), ..context.rules() };
    let (script, sql) = (&text.script, text.text(body));
    let zero_byte = text.is_cut(body).then(|| rewrite::byte_refusal(sql, &rules)).flatten();
    if let Some(error) = zero_byte.or_else(|| rewrite::refusal(script, sql, &rules)) {
        return Judged::Refuse(Box::new(text.names.about_source(error)));
    }
    // Inside of a transaction of the client's nothing is asked that was never answered.
    if context.status == TransactionStatus::Idle
        && let Some(question) = trial::question(&context.common)
        && script.begins_transaction(sql)
    {
        return Judged::Ask(Question::Trial(question));
    }
    let mut needs = rewrite::needs(script, sql, &text.declared, (catalog, now), &rules);
    needs.extend(role::needs(&text.reached, catalog, now, context));
    if let Some(question) = catalog.missing(needs, now) {
        return Judged::Ask(Question::Catalog(question));
    }
    let is_query = !text.is_extended();
    if is_query && role::is_behind_a_rollback(&text.reached, script.effects, catalog, basis) {
        return Judged::Refuse(Box::new(role::behind_a_rollback()));
    }
    if let Some(question) = role::due(&text.reached, script.effects, catalog, basis) {
        return Judged::Ask(question);
    }
    if let Some(question) = park_tables(script, catalog, tried, &rules) {
        return Judged::Ask(question);
    }
    let loads = (script.effects.loads() || text.empties(context)) && basis.settling.parks(context);
    if parking.is_due(loads, tried, context) {
        return Judged::Ask(park_all(&context.policy));
    }
    let mut rewrite = rewrite::plan(script, sql, &text.declared, catalog, &rules);
    let again = std::mem::take(&mut rewrite.asks_again);
    if let Some(question) = catalog.missing(again, now) {
        return Judged::Ask(Question::Catalog(question));
    }
    let asks_server = text.is_extended() || script.effects.touches_settings();
    rewrite.answer_shows(script, |name| context.shown(name, asks_server));
    text.names.take_out_of(&mut rewrite);
    rewrite.refused = rewrite.refused.map(|error| text.names.about_source(error));
    Judged::Send(Box::new(rewrite))
}

/// A text goes to the target: what of it is counted and told; `unread` are the values in it that nothing judges.
pub(super) fn note(
    text: &Text,
    body: &[u8],
    (changes, unread): (Vec<Change>, u64),
    report: &mut Report,
    context: &Context,
) {
    let (silent_loss, seconds) = context.loss_and_seconds();
    report.note_text(text.not_understood(body), unread, changes, silent_loss, seconds);
}

/// What was done to a text.
pub(super) fn changes(text: &Text, rewrite: &mut Rewrite) -> Vec<Change> {
    let mut changes = std::mem::take(&mut rewrite.changes);
    changes.extend(text.mended.as_deref().cloned());
    changes.extend(text.names.changes());
    changes
}

/// A refused text: what goes in its place can only fail.
pub(in crate::session) fn refused(text: &Text, body: &[u8], error: OwnError) -> Decision {
    let (failing, expected) = refuse(text, text.body(body), error);
    Decision::send(Some(expected), Some(failing))
}

/// A Parse whose body is malformed: the target says what is wrong with it.
pub(in crate::session) fn malformed() -> Decision {
    Decision::send(Some(Expected::new(Request::Parse)), None)
}

/// The frame that goes in the place of a refused text and can only fail, and what the target owes for it.
pub(super) fn refuse(text: &Text, body: &[u8], error: OwnError) -> (Vec<u8>, Expected) {
    match text.message {
        TextMessage::Query => {
            let several = text.script.statements.len() > 1;
            let failing = if several { Failing::Script } else { Failing::Statement };
            (wire::query(FAILING_SQL), Expected::failing(Request::Query, error, failing))
        }
        TextMessage::Parse => {
            // A statement that has the name keeps it.
            let (name, types) = text.name_and_types(body);
            let failing = [name, b"\0", FAILING_SQL.as_bytes(), b"\0", types];
            let expected = Expected::failing(Request::Parse, error, Failing::Statement);
            (wire::with_body(tag::PARSE, &failing), expected)
        }
    }
}

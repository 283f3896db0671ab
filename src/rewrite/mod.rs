//! What becomes of a text: the rules in their order, as pure functions of the text, of what is known of the
//! target and of the policy. Used by sessions and by `dms-proxy rewrite`. Sends, asks and counts nothing.

mod change;
mod compared;
mod completions;
mod constant_columns;
mod constant_types;
mod constants;
mod copies;
mod date_arrays;
mod definitions;
mod executed;
mod foreign_keys;
mod identity;
mod masks;
mod meetings;
mod names;
mod needs;
mod nul;
mod parameters;
mod position_map;
mod reached;
mod reply_names;
mod routines;
mod show;
mod table_prep;
mod text_relations;
mod type_changes;
mod values;
mod written;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use crate::catalog::{Catalog, Moment, Name, Need, Relation};
use crate::encoding::Encoding;
use crate::ledger::Place;
use crate::mapping::Mask;
use crate::policy::{Policy, Settings};
use crate::statement::script::Script;
use crate::statement::{DefinedTable, Edit, Lexing, Replacement, replace};
use crate::value::{Column, ColumnJudge, NulPolicy, NumbersAsDates};
use crate::wire::OwnError;
use completions::json_columns;
use needs::Needs;
use nul::Mending;
use text_relations::TextRelations;
use type_changes::type_changes;
use written::Written;

pub use change::{
    By, CODE_RULE, Change, DEPENDENT_RULE, NAMES_RULE, REMOVED_RULE, ReplacementReason, place,
    place_of, refusal as value_refusal,
};
pub use completions::{Completions, JsonColumns};
pub use copies::CopyStream;
pub use foreign_keys::MisfitKey;
pub use masks::MaskedTable;
pub use names::{NameParameters, Naming, RemovedFields, Renamed, are_ruled, order_changes, rename};
pub use nul::{TextMessage, byte_refusal, mend_bytes};
pub use parameters::Parameters;
pub use position_map::PositionMap;
pub use reached::{Reached, empties_tables, reached};
pub use reply_names::ReplyNames;
pub use show::ShownValue;
pub use table_prep::{dropped, is_of_table_prep};

/// What the rules go by.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'r> {
    /// What the configuration asks for.
    pub policy: &'r Policy,
    /// The dms.* settings in force.
    pub settings: Settings,
    /// How the server reads the text.
    pub lexing: Lexing,
    /// What the text at hand gives values to that are masked.
    pub masks: &'r [MaskedTable],
}

impl Rules<'_> {
    /// A judge for a column, whatever is asked.
    pub fn judge_any(&self, relation: &Relation, column: &Column) -> ColumnJudge {
        let bad_dates = self.policy.bad_dates_of(&relation.schema, &relation.table, &column.name);
        ColumnJudge::new(&self.policy.values, bad_dates, column, self.lexing.encoding)
            .masking(self.mask_of(relation, column))
    }

    /// What becomes of the values of a column beside what the policies say.
    fn mask_of(&self, relation: &Relation, column: &Column) -> Option<Mask> {
        masks::mask_of(self.masks, relation, column)
    }

    /// What numbers mean in a column, where it has dates.
    pub fn numbers_as_dates(&self, relation: &Relation, column: &Column) -> NumbersAsDates {
        self.policy.numbers_as_dates_of(&relation.schema, &relation.table, &column.name)
    }

    /// Whether statements of a text that prepare tables may become others.
    fn may_prepare_tables(&self, script: &Script) -> bool {
        self.settings.table_prep.changes_statements() || script.settings().next().is_some()
    }

    /// Whether all U+0000 of a text become spaces, whatever they go into.
    fn mends_texts_in_place(&self) -> bool {
        let values = &self.policy.values;
        values.nul == NulPolicy::Space && values.replacements.of_nul().is_none()
    }

    /// The position of an offset in a text, in characters from 1.
    fn position(&self, sql: &[u8], offset: usize) -> usize {
        self.lexing.encoding.count_characters(sql.get(..offset).unwrap_or_default()) + 1
    }
}

/// What becomes of a text. As long as `asks_again` holds anything, it must not be used if that can be asked.
#[derive(Debug, Default)]
pub struct Rewrite {
    /// What stands in the place of parts of the text, in order, never overlapping.
    pub replacements: Vec<Replacement>,
    /// Why each of the replacements is there.
    pub reasons: Vec<ReplacementReason>,
    /// The text with escapes of U+0000 mended where they stand, which leaves its length as it is. `None`
    /// where there are none.
    pub mended: Option<Vec<u8>>,
    /// The constants in which something is mended, in order.
    pub mends: Vec<Range<usize>>,
    /// A constant is refused: an expression that can only fail stands in its place, and this takes the
    /// place of the error about it.
    pub refused: Option<OwnError>,
    /// What the client gets when its statements are complete.
    pub completions: Completions,
    /// What a Bind has to know.
    pub parameters: Option<Arc<Parameters>>,
    /// What is known of the parameters beside their columns.
    pub facts: ParameterFacts,
    /// The COPY streams that the text asks for, in order.
    pub copies: Vec<CopyStream>,
    /// What was done, for counts, notices and the ledger.
    pub changes: Vec<Change>,
    /// The relations that the text writes to, by the target's names, as far as they are known.
    pub writes: Vec<Name>,
    /// Relations of which an answer that may be old is known, and over whose values a rule has decided
    /// that changes them: they are asked about, and the text is planned once more.
    pub asks_again: Vec<Need>,
}

/// What is known of the parameters of a text beside their columns.
#[derive(Debug, Default)]
pub struct ParameterFacts {
    /// The first relation that gets the value of one, as far as the text names it.
    pub place: Option<Place>,
    /// The numbers of those that hold JSON, whatever their type is.
    pub json: Vec<u16>,
}

impl Rewrite {
    /// The text as the target gets it; `None` where it stays as it is.
    pub fn apply(&self, sql: &[u8]) -> Option<Vec<u8>> {
        let text = self.mended.as_deref().unwrap_or(sql);
        match (self.replacements.is_empty(), &self.mended) {
            (true, mended) => mended.clone(),
            (false, _) => Some(replace(text, &self.replacements)),
        }
    }

    /// How positions move; `None` where nothing is replaced.
    pub fn positions(&self, sql: &[u8], encoding: Encoding) -> Option<Arc<PositionMap>> {
        let changes = !self.replacements.is_empty();
        changes.then(|| Arc::new(PositionMap::new(sql, &self.replacements, encoding)))
    }
}

/// The error that a text deserves before the target sees any of it: a type that cannot be mapped, a value
/// that a setting does not take.
pub fn refusal(script: &Script, sql: &[u8], rules: &Rules<'_>) -> Option<OwnError> {
    let at = |span: &Range<usize>| Some(rules.position(sql, span.start));
    let fault = script.fault.as_ref().filter(|_| rules.settings.rewrite).map(|fault| OwnError {
        position: at(&fault.span),
        ..OwnError::new(fault.sqlstate, fault.message.clone()).with_hint(fault.hint.clone())
    });
    let setting = || {
        let mut settings = rules.settings;
        script.settings().find_map(|setting| {
            let bad = settings.set(&setting.name, setting.value.as_deref()?).err()?;
            Some(OwnError {
                position: at(&setting.span),
                ..OwnError::new("22023", bad.message).with_hint(bad.hint)
            })
        })
    };
    fault.or_else(setting).or_else(|| table_prep::refusal(script, rules))
}

/// Whether a text has nothing but queries, and no rule anything to do with them, whatever is known of the
/// target.
pub fn is_untouched(script: &Script, sql: &[u8]) -> bool {
    script.is_plain_query() && !compared::may_be_in(script, sql, &[])
}

/// What has to be known of the target before a text goes. `declared` are the types of parameters that a
/// Parse declares. Relations that are at hand `now` are left out where their answers may be old.
pub fn needs(
    script: &Script,
    sql: &[u8],
    declared: &[u32],
    (catalog, now): (&Catalog, Moment),
    rules: &Rules<'_>,
) -> Vec<Need> {
    let may_meet = compared::may_be_in(script, sql, declared);
    if script.is_plain() && !may_meet {
        return Vec::new();
    }
    let mut needs = Needs::default();
    if rules.settings.rewrite {
        copies::needs(script, &mut needs);
        values::needs(script, sql, declared, (catalog, now), rules, &mut needs);
        if may_meet {
            compared::needs(script, sql, declared, &mut needs);
        }
        let defined = script.definitions(sql, &script.edits);
        definitions::needs(script, sql, &defined, rules, &mut needs);
        foreign_keys::needs(&defined, rules, &mut needs);
        routines::needs(script, sql, &mut needs);
    }
    table_prep::needs(script, rules, &mut needs);
    needs.into_list()
}

/// What becomes of a text whose needs are known as far as they can be. Without any of them it is what can
/// be said from the text alone.
pub fn plan(
    script: &Script,
    sql: &[u8],
    declared: &[u32],
    catalog: &Catalog,
    rules: &Rules<'_>,
) -> Rewrite {
    let Some(writes) = values::untouched(script, sql, catalog, rules) else {
        return plan_whole(script, sql, declared, catalog, rules);
    };
    let untouched = Rewrite { writes, ..Rewrite::default() };
    debug_assert_eq!(
        format!("{untouched:?}"),
        format!("{:?}", plan_whole(script, sql, declared, catalog, rules)),
        "what no rule touches"
    );
    untouched
}

/// The same by all rules, one after the other.
fn plan_whole(
    script: &Script,
    sql: &[u8],
    declared: &[u32],
    catalog: &Catalog,
    rules: &Rules<'_>,
) -> Rewrite {
    let mut rewrite = Rewrite::default();
    if rules.settings.rewrite && compared::may_hold_json(sql) {
        rewrite.facts.json = script.json_parameters(sql);
    }
    if script.is_plain() && !compared::may_be_in(script, sql, declared) {
        return rewrite;
    }
    let mut defined = script.definitions(sql, &script.edits);
    let (edits, _) = fitted_types(script, sql, &defined, catalog, rules);
    if *edits != *script.edits {
        defined = script.definitions(sql, &edits);
    }
    let known = TextRelations::new(script, sql, &edits, catalog, rules);
    let mut replaced = rewrite.plan_tables(script, rules);
    if rules.settings.rewrite {
        let mut text = Mending::new(sql, rules.lexing.encoding);
        if rules.mends_texts_in_place() {
            text.mend_all(script);
        }
        let types = edits.iter();
        replaced.extend(
            types.map(|edit| (Replacement::from(edit), ReplacementReason::Type(edit.rule))),
        );
        rewrite.changes.extend(type_changes((script, sql), &edits, &defined, rules));
        rewrite.completions.json = json_columns(script, &edits, &defined, rules);
        let expressions = definitions::plan(script, text.sql(), &defined, &known, rules);
        replaced.extend(expressions.replaced);
        rewrite.changes.extend(expressions.changes);
        let mut written = values::plan(script, text.sql(), declared, &known, rules);
        if written.refused.is_none() {
            let text = (script, text.sql());
            meetings::plan_queries(text, declared, &known, rules, &mut written);
            meetings::plan(text, declared, &known, rules, &mut written);
        }
        mend_decided(script, &mut text, &written, rules);
        rewrite.take_written(written, &mut replaced);
        rewrite.take_mended(text);
    }
    let mut wants_exact = Needs::default();
    rewrite.copies = copies::plan(script, sql, &known, rules, &mut replaced, &mut wants_exact);
    rewrite.asks_again.extend(wants_exact.into_list());
    for copy in script.copies() {
        rewrite.writes.push(names::target_of(&copy.name).into_owned());
    }
    rewrite.put_in_order(replaced);
    rewrite
}

/// The types of the text as the target gets them: as the mapping says, but for what foreign keys and routines
/// want; and the foreign keys that may not fit. `defined` is what the text defines by the
/// mapping alone.
pub fn fitted_types<'s>(
    script: &'s Script,
    sql: &[u8],
    defined: &[DefinedTable],
    catalog: &Catalog,
    rules: &Rules<'_>,
) -> (Cow<'s, [Edit]>, Vec<MisfitKey>) {
    let kept = routines::fit(script, sql, catalog);
    let edits = kept.map_or(Cow::Borrowed(script.edits.as_slice()), Cow::Owned);
    let has_keys = defined.iter().any(|one| !one.foreign_keys.is_empty());
    if !rules.settings.rewrite || !has_keys {
        return (edits, Vec::new());
    }
    let (fitted, unknown) = foreign_keys::fit(&edits, sql, defined, catalog, rules);
    (Cow::Owned(fitted), unknown)
}

impl Rewrite {
    fn plan_tables(
        &mut self,
        script: &Script,
        rules: &Rules<'_>,
    ) -> Vec<(Replacement, ReplacementReason)> {
        let prepared = table_prep::plan(script, rules);
        // There may be one for each of many tables: they are not copied where that can be helped.
        match self.changes.is_empty() {
            true => self.changes = prepared.changes,
            false => self.changes.extend(prepared.changes),
        }
        self.completions.tags = prepared.tags.into();
        prepared.replaced
    }

    fn take_written(
        &mut self,
        written: Written,
        replaced: &mut Vec<(Replacement, ReplacementReason)>,
    ) {
        replaced.extend(written.replaced);
        if written.refused.is_none() {
            // Else nothing of it is stored.
            self.changes.extend(written.changes.into_changes());
        }
        self.refused = written.refused;
        self.parameters = written.parameters;
        self.facts.json.extend(written.json_parameters);
        self.facts.place = written.place;
        self.writes = written.relations.into_relations();
        self.asks_again = written.wants_exact.into_list();
    }

    fn take_mended(&mut self, text: Mending<'_>) {
        self.changes.extend(text.changes());
        (self.mended, self.mends) = text.finish();
    }

    fn put_in_order(&mut self, mut replaced: Vec<(Replacement, ReplacementReason)>) {
        // What is inserted comes first, then the whole of a value: a type in it goes with it.
        replaced.sort_by_key(|(Replacement { span, .. }, _)| {
            (span.start, !span.is_empty(), Reverse(span.end))
        });
        let mut end = 0;
        replaced.retain(|(replacement, _)| {
            let is_behind = replacement.span.start >= end;
            if is_behind {
                end = replacement.span.end;
            }
            is_behind
        });
        (self.replacements, self.reasons) = replaced.into_iter().unzip();
    }
}

/// Mends the constants that columns have decided about, and those that none can.
fn mend_decided(script: &Script, text: &mut Mending<'_>, written: &Written, rules: &Rules<'_>) {
    for constant in &written.json_constants {
        text.mend_json(constant, rules);
    }
    if rules.policy.values.nul != NulPolicy::Reject && !rules.mends_texts_in_place() {
        text.mend_rest(script, &written.replaced);
    }
}

#[cfg(test)]
mod tests;

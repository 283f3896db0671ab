//! The names of a text: they become the target's before anything else is decided over it. Decides; may not
//! send anything.

use std::sync::Arc;

use crate::catalog::{Catalog, CatalogQuestion, Moment};
use crate::rewrite::{
    self, Change, Completions, MaskedTable, NameParameters, Naming, PositionMap, RemovedFields,
    Renamed, Rewrite, Rules,
};
use crate::statement::script::Script;
use crate::wire::{OwnError, TransactionStatus};

/// What was done to the names of a text.
#[derive(Debug, Default)]
pub(super) enum TextNames {
    /// Nothing yet.
    #[default]
    Source,
    /// They are the target's, as they were sent.
    Target,
    /// They have become the target's.
    Renamed(Box<NamedText>),
}

/// A text whose names have become the target's.
#[derive(Debug)]
pub(super) struct NamedText {
    /// How positions in it move back to the client's text.
    positions: Arc<PositionMap>,
    changes: Vec<Change>,
    /// Fields of COPYs whose columns do not reach the target.
    fields: Vec<RemovedFields>,
    /// What the client gets when its statements are complete.
    completions: Completions,
    /// Parameters that hold names.
    parameters: Option<NameParameters>,
    /// Columns to which it gives values that are masked.
    masked: Vec<MaskedTable>,
    /// What the reading of the client's own text passed over.
    not_understood: (usize, usize),
}

/// What becomes of the names of a text.
#[derive(Debug)]
pub(super) enum NamesJudged {
    /// They stay.
    Stay,
    /// The target refuses whatever comes.
    Wait,
    /// This has to be known first.
    Ask(CatalogQuestion),
    /// One of them cannot be placed.
    Refuse(Box<OwnError>),
    /// This text takes the place of the client's.
    Become(Vec<u8>, TextNames),
}

/// Decides over the names of a text.
pub(super) fn rename(
    script: &Script,
    sql: &[u8],
    rules: &Rules<'_>,
    catalog: &mut Catalog,
    now: Moment,
) -> NamesJudged {
    // An error about the text as it is written goes before one about its names.
    let own = || rewrite::refusal(script, sql, rules);
    match rewrite::rename(script, sql, rules, catalog) {
        Naming::Untouched => NamesJudged::Stay,
        Naming::Ask(needs) => match catalog.missing(needs, now) {
            Some(question) => NamesJudged::Ask(question),
            None if now.status == TransactionStatus::Aborted => NamesJudged::Wait,
            None => NamesJudged::Refuse(Box::new(
                OwnError::new("54000", "the text names too many relations to be renamed")
                    .with_hint("Send it in several texts."),
            )),
        },
        Naming::Refused(error) => NamesJudged::Refuse(own().map_or(error, Box::new)),
        Naming::Renamed(renamed) => match own() {
            Some(error) => NamesJudged::Refuse(Box::new(error)),
            None => {
                let Renamed {
                    sql: text,
                    replacements,
                    changes,
                    tables_by_source,
                    fields,
                    completions,
                    names,
                    seen,
                    parameters,
                    masked,
                    ..
                } = *renamed;
                if let Some(names) = &names {
                    catalog.note_seen_names(Arc::clone(&names.relations));
                }
                if let Some(seen) = &seen {
                    catalog.add_seen_names(seen);
                }
                let encoding = rules.lexing.encoding;
                let named = NamedText {
                    positions: Arc::new(
                        PositionMap::new(sql, &replacements, encoding)
                            .naming(tables_by_source)
                            .replying(names),
                    ),
                    changes,
                    fields,
                    completions,
                    parameters,
                    masked,
                    not_understood: (script.not_understood, script.types.unknown),
                };
                NamesJudged::Become(text, TextNames::Renamed(Box::new(named)))
            }
        },
    }
}

impl TextNames {
    fn renamed(&self) -> Option<&NamedText> {
        match self {
            TextNames::Renamed(renamed) => Some(renamed),
            TextNames::Source | TextNames::Target => None,
        }
    }

    /// Whether they have been decided over.
    pub(super) fn are_judged(&self) -> bool {
        !matches!(self, TextNames::Source)
    }

    /// The changes to names and types.
    pub(super) fn changes(&self) -> Vec<Change> {
        self.renamed().map(|renamed| renamed.changes.clone()).unwrap_or_default()
    }

    /// The parameters that hold names, which are declared to be of these types.
    pub(super) fn parameters(&self, declared: &[u32]) -> Option<NameParameters> {
        let parameters = self.renamed()?.parameters.clone()?;
        Some(parameters.declared(declared))
    }

    /// Columns to which the text gives values that are masked.
    pub(super) fn masked(&self) -> &[MaskedTable] {
        self.renamed().map_or(&[], |renamed| renamed.masked.as_slice())
    }

    /// What is left of statements and streams without the columns that do not reach the target.
    pub(super) fn take_out_of(&self, rewrite: &mut Rewrite) {
        let Some(renamed) = self.renamed() else { return };
        for removed in &renamed.fields {
            if let Some(copy) = rewrite.copies.get_mut(removed.copy) {
                copy.remove(removed);
            }
        }
        rewrite.completions.extend(&renamed.completions);
    }

    /// What the reading of the client's own text passed over, where another text was read since.
    pub(super) fn first_not_understood(&self) -> Option<(usize, usize)> {
        Some(self.renamed()?.not_understood)
    }

    /// The map of positions behind that of the rules which came after names.
    pub(super) fn positions_behind(
        &self,
        own: Option<Arc<PositionMap>>,
    ) -> Option<Arc<PositionMap>> {
        let Some(renamed) = self.renamed() else { return own };
        Some(match own {
            None => Arc::clone(&renamed.positions),
            Some(own) => Arc::new(PositionMap::clone(&own).behind(&renamed.positions)),
        })
    }

    /// An error about the text that was read, as one about the client's.
    pub(super) fn about_source(&self, error: OwnError) -> OwnError {
        let Some(renamed) = self.renamed() else { return error };
        let position = error.position.map(|position| renamed.positions.to_client(position));
        let mut error = OwnError { position, ..error };
        if let (Some(names), Some(about)) = (renamed.positions.reply_names(), &mut error.about) {
            let (schema, table) = (about.schema.as_deref(), about.table.as_deref());
            let (new_schema, new_table) = (
                schema.and_then(|one| names.schema(one)),
                table.and_then(|one| names.table(schema, one)),
            );
            let column = about.column.as_deref().zip(table);
            let column = column.and_then(|(column, table)| names.column_of(schema, table, column));
            about.column = column.or(about.column.take());
            about.table = new_table.or(about.table.take());
            about.schema = new_schema.or(about.schema.take());
        }
        error
    }
}

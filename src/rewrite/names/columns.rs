//! Columns: of which source of a block a name is one, and what it is called on the target.

use super::found::NamesFound;
use super::{DEPTH_MAX, Placed, Placing, RenamedText, Unplaced};
use crate::rewrite::names::relations::Place;
use crate::statement::scope::{Block, OutputColumn, RowSource, SourceKind};

impl RenamedText<'_> {
    /// A column with what stands in front of it.
    pub(super) fn put_column(
        &mut self,
        at_hand: &Placing,
        block: u32,
        number: usize,
        parts: &[u32],
    ) -> Placed<()> {
        let [qualifier @ .., column] = parts else { return Ok(()) };
        let source = self.part(*column)?;
        let found = match qualifier {
            [] => self.bare(at_hand, block, number, &source)?,
            _ => {
                let found = self.qualified(at_hand, block, qualifier, &source)?;
                self.put_qualifier(at_hand, block, qualifier)?;
                found
            }
        };
        let target = self.decided(*column, found, &source)?;
        self.note_column(&source, &target);
        self.put(*column, &source, &target)
    }

    /// A column without anything in front of it: the innermost block that has it counts.
    pub(super) fn bare(
        &self,
        at_hand: &Placing,
        block: u32,
        number: usize,
        column: &str,
    ) -> Placed<NamesFound> {
        let mut all = NamesFound::default();
        let mut next = Some(block);
        while let Some(block) = next.and_then(|at| at_hand.scopes.blocks.get(at as usize)) {
            let mut found = self.label(at_hand, block, number, column)?;
            if !found.certain.is_empty() {
                return Ok(found);
            }
            for source in &block.sources {
                found.add(self.in_source(at_hand, block, source, column)?);
                found.add(self.whole_row(at_hand, source, column)?);
            }
            let is_certain = !found.certain.is_empty();
            if is_certain {
                // Of two sources with it the text would not have meant either.
                found.removed = None;
            } else if found.removed.is_some() {
                all.add(found);
                break;
            }
            if is_certain && all.possible.is_empty() {
                return Ok(found);
            }
            // An outer column is meant only if no inner source has one of its name.
            all.possible.append(&mut found.certain);
            all.add(found);
            if is_certain {
                break;
            }
            next = block.parent;
        }
        all.possible.sort();
        all.possible.dedup();
        Ok(all)
    }

    /// A name of ORDER BY or GROUP BY that is one of the outputs.
    fn label(
        &self,
        at_hand: &Placing,
        block: &Block,
        number: usize,
        column: &str,
    ) -> Placed<NamesFound> {
        let mut found = NamesFound::default();
        let by_label = block.by_label.iter().find(|(name, _)| *name as usize == number);
        let Some((_, sorts)) = by_label else { return Ok(found) };
        for output in &block.outputs {
            let OutputColumn::Label(token) = output else { continue };
            if self.part(*token)? == column {
                let new = self.label_target(at_hand, *token, column);
                found.add(if *sorts {
                    NamesFound::certain(new)
                } else {
                    NamesFound::possible(new)
                });
            }
        }
        Ok(found)
    }

    /// What a label is called: those of the query that defines a relation are columns of that.
    pub(super) fn label_target(&self, at_hand: &Placing, token: u32, label: &str) -> String {
        let implied = at_hand.scopes.implied.iter();
        let defines = implied.filter(|implied| implied.output == OutputColumn::Label(token));
        let place = defines
            .filter_map(|implied| at_hand.places.get(implied.relation as usize)?.as_ref())
            .next();
        place.map_or_else(|| label.to_owned(), |place| place.column(self.names, label))
    }

    /// The name of a source stands for its whole row.
    fn whole_row(&self, at_hand: &Placing, source: &RowSource, name: &str) -> Placed<NamesFound> {
        match (source.alias, &source.of) {
            (Some(alias), _) => Ok(match self.part(alias)? == name {
                true => NamesFound::possible(name),
                false => NamesFound::default(),
            }),
            (None, SourceKind::Relation(relation)) => {
                let place = at_hand.places.get(*relation as usize).and_then(Option::as_ref);
                let place = place.filter(|place| place.source_table == name);
                Ok(place.map_or_else(NamesFound::default, |place| {
                    NamesFound::possible(place.target_table.clone())
                }))
            }
            _ => Ok(NamesFound::default()),
        }
    }

    /// A column of a source.
    pub(super) fn in_source(
        &self,
        at_hand: &Placing,
        block: &Block,
        source: &RowSource,
        column: &str,
    ) -> Placed<NamesFound> {
        let left = at_hand.budget.get().checked_sub(1);
        let (Some(left), true) = (left, at_hand.depth.get() < DEPTH_MAX) else {
            return Err(self.too_deep());
        };
        at_hand.budget.set(left);
        at_hand.depth.set(at_hand.depth.get() + 1);
        let found = self.in_source_at_depth(at_hand, block, source, column);
        at_hand.depth.set(at_hand.depth.get() - 1);
        found
    }

    fn in_source_at_depth(
        &self,
        at_hand: &Placing,
        block: &Block,
        source: &RowSource,
        column: &str,
    ) -> Placed<NamesFound> {
        for name in &source.columns {
            if self.part(*name)? == column {
                return Ok(NamesFound::certain(column));
            }
        }
        match &source.of {
            SourceKind::Relation(relation) => {
                let place = at_hand.places.get(*relation as usize).and_then(Option::as_ref);
                Ok(place.map_or_else(NamesFound::default, |place| self.in_relation(place, column)))
            }
            SourceKind::Query(query) => {
                let first = at_hand.scopes.queries.get(*query as usize).copied().flatten();
                let given = first.and_then(|first| at_hand.scopes.blocks.get(first as usize));
                given.map_or_else(
                    || Ok(NamesFound::default()),
                    |given| self.in_outputs(at_hand, given, column),
                )
            }
            SourceKind::Joined(range) => {
                let mut found = NamesFound::default();
                let sources = block.sources.iter().take(range.end as usize);
                for inner in sources.skip(range.start as usize) {
                    if !matches!(inner.of, SourceKind::Joined(_)) {
                        found.add(self.in_source(at_hand, block, inner, column)?);
                    }
                }
                Ok(found)
            }
            SourceKind::Rows => Ok(NamesFound::possible(column)),
        }
    }

    fn in_relation(&self, place: &Place, column: &str) -> NamesFound {
        let removal = self.names.removal(&place.source_schema, &place.source_table, column);
        if let Some(removal) = removal {
            let removed = Some(removal.origin.clone());
            return NamesFound { removed, ..NamesFound::default() };
        }
        let target = place.column(self.names, column);
        match self.catalog.relation(&place.key()).filter(|relation| !relation.is_missing()) {
            Some(relation) => match relation.position(target.as_bytes()) {
                Some(_) => NamesFound::certain(target),
                None => NamesFound::default(),
            },
            None => NamesFound {
                possible: vec![target],
                undecided: vec![place.clone()],
                ..NamesFound::default()
            },
        }
    }

    /// A column that a block gives.
    fn in_outputs(&self, at_hand: &Placing, block: &Block, column: &str) -> Placed<NamesFound> {
        let mut found = NamesFound::default();
        for output in &block.outputs {
            match output {
                OutputColumn::Label(token) => {
                    if self.part(*token)? == column {
                        return Ok(NamesFound::certain(self.label_target(at_hand, *token, column)));
                    }
                }
                OutputColumn::Column(number) => {
                    let Some(name) = at_hand.scopes.names.get(*number as usize) else { continue };
                    let parts: Vec<u32> = name.tokens.clone().step_by(2).collect();
                    let Some((last, qualifier)) = parts.split_last() else { continue };
                    if self.part(*last)? != column {
                        continue;
                    }
                    let inner = match qualifier {
                        [] => self.bare(at_hand, name.block, *number as usize, column)?,
                        _ => self.qualified(at_hand, name.block, qualifier, column)?,
                    };
                    if inner.removed.is_some() {
                        return Ok(inner);
                    }
                    return Ok(match (inner.certain.as_slice(), inner.possible.as_slice()) {
                        ([one], _) | ([], [one]) => NamesFound::certain(one.clone()),
                        ([], []) => NamesFound::certain(column),
                        _ => inner,
                    });
                }
                OutputColumn::Star(None) => {
                    for source in &block.sources {
                        found.add(self.in_source(at_hand, block, source, column)?);
                    }
                }
                OutputColumn::Star(Some(number)) => {
                    let Some(name) = at_hand.scopes.names.get(*number as usize) else { continue };
                    let qualifier: Vec<u32> = name.tokens.clone().step_by(2).collect();
                    found.add(self.qualified(at_hand, name.block, &qualifier, column)?);
                }
                OutputColumn::Unnamed => {}
            }
        }
        Ok(found)
    }

    /// A column of the source that a qualifier names.
    pub(super) fn qualified(
        &self,
        at_hand: &Placing,
        block: u32,
        qualifier: &[u32],
        column: &str,
    ) -> Placed<NamesFound> {
        match self.source_named(at_hand, block, qualifier)? {
            NamedSource::Source(block, source) => self.in_source(at_hand, block, source, column),
            NamedSource::Target(relation) => {
                let place = at_hand.places.get(relation as usize).and_then(Option::as_ref);
                Ok(place.map_or_else(NamesFound::default, |place| self.in_relation(place, column)))
            }
            NamedSource::Nothing => Ok(NamesFound::default()),
        }
    }

    /// The source that a qualifier names, in the block or in one around it.
    fn source_named<'s>(
        &self,
        at_hand: &'s Placing,
        block: u32,
        qualifier: &[u32],
    ) -> Placed<NamedSource<'s>> {
        let [front @ .., last] = qualifier else { return Ok(NamedSource::Nothing) };
        let name = self.part(*last)?;
        let schema = front.last().map(|schema| self.part(*schema)).transpose()?;
        let mut next = Some(block);
        while let Some(block) = next.and_then(|at| at_hand.scopes.blocks.get(at as usize)) {
            for source in &block.sources {
                let is_it = match (source.alias, &source.of) {
                    (Some(alias), _) => schema.is_none() && self.part(alias)? == name,
                    (None, SourceKind::Relation(relation)) => {
                        let place = at_hand.places.get(*relation as usize);
                        place.and_then(Option::as_ref).is_some_and(|place| {
                            let in_schema = schema.as_ref();
                            place.source_table == name
                                && in_schema.is_none_or(|schema| {
                                    *schema == place.source_schema || !place.is_qualified
                                })
                        })
                    }
                    _ => false,
                };
                if is_it {
                    return Ok(NamedSource::Source(block, source));
                }
            }
            if schema.is_none()
                && matches!(name.as_str(), "excluded" | "old" | "new")
                && let Some(target) = block.target
            {
                return Ok(NamedSource::Target(target));
            }
            next = block.parent;
        }
        Ok(NamedSource::Nothing)
    }

    /// What stands in front of a column, or of `.*`.
    pub(super) fn put_qualifier(
        &mut self,
        at_hand: &Placing,
        block: u32,
        qualifier: &[u32],
    ) -> Placed<()> {
        match self.source_named(at_hand, block, qualifier)? {
            NamedSource::Target(_) => Ok(()),
            NamedSource::Source(_, RowSource { alias: Some(_), .. }) => Ok(()),
            NamedSource::Source(_, RowSource { of: SourceKind::Relation(relation), .. }) => {
                let place = at_hand.places.get(*relation as usize).and_then(Option::as_ref);
                self.put_relation(qualifier, place)
            }
            _ => {
                for token in qualifier {
                    let name = self.part(*token)?;
                    if self.names.may_change(&name) {
                        let hint = "Rules about names may be about it, and no source of the query \
                                    has this name.";
                        return Err(self.refusal(*token, "cannot be placed", hint));
                    }
                }
                Ok(())
            }
        }
    }

    fn too_deep(&self) -> Unplaced {
        let hint = "It reads from too many queries inside of queries for its names to be placed.";
        self.error("54001", &(0..0), "the statement is too deep to be renamed".to_owned(), hint)
    }
}

/// What a qualifier names.
enum NamedSource<'s> {
    /// A source of a block.
    Source(&'s Block, &'s RowSource),
    /// The relation that is written to, by the number of its name.
    Target(u32),
    /// Nothing that the statement reads from.
    Nothing,
}

//! Statements that use the places of columns, or the columns of a whole relation, where some of these columns do
//! not reach the target: they are refused unless nothing depends on it. Replaces nothing.

use super::relations::Place;
use super::unlisted::UnlistedInsert;
use super::{Placed, Placing, RenamedText};
use crate::statement::scope::{Block, NameRole, OutputColumn, SourceKind};
use crate::statement::script::Statement;

const LIST: &str = "A rule removes columns of it, so the values cannot be told apart by their places. \
                    List the columns.";

impl RenamedText<'_> {
    pub(super) fn check_places(
        &self,
        statement: &Statement,
        at_hand: &Placing,
        known: Option<&UnlistedInsert>,
    ) -> Placed<()> {
        for relation in &at_hand.scopes.shapes.unlisted {
            if known.is_none() && self.loses_columns(at_hand, *relation) {
                return Err(self.without_list(at_hand, *relation));
            }
        }
        for (relation, other) in &at_hand.scopes.shapes.shaped {
            let (Some(place), Some(other)) = (place(at_hand, *relation), place(at_hand, *other))
            else {
                continue;
            };
            let agree = self.names.removals_agree(
                (&place.source_schema, &place.source_table),
                (&other.source_schema, &other.source_table),
            );
            if !agree {
                let hint = "Rules remove columns of one of the two relations and not of the other. \
                            Name both in the rules.";
                return Err(self.about(at_hand, *relation, "has the columns of another one", hint));
            }
        }
        self.check_stars(statement, at_hand)
    }

    pub(super) fn without_list(&self, at_hand: &Placing, relation: u32) -> super::Unplaced {
        self.about(at_hand, relation, "is written to without a list", LIST)
    }

    fn loses_columns(&self, at_hand: &Placing, relation: u32) -> bool {
        place(at_hand, relation).is_some_and(|place| self.removal_from(place).is_some())
    }

    fn about(&self, at_hand: &Placing, relation: u32, what: &str, hint: &str) -> super::Unplaced {
        let name = at_hand.scopes.names.get(relation as usize);
        let token = name.map_or(0, |name| name.tokens.end.saturating_sub(1));
        self.refusal(token, what, hint)
    }

    /// `*` gives fewer columns than at the source, which matters where their places do.
    fn check_stars(&self, statement: &Statement, at_hand: &Placing) -> Placed<()> {
        let scopes = &at_hand.scopes;
        let loses: Vec<bool> =
            scopes.blocks.iter().map(|block| self.star_loses(at_hand, block, 0)).collect();
        let from_sources: Vec<u32> = scopes
            .blocks
            .iter()
            .flat_map(|block| &block.sources)
            .filter_map(|source| match source.of {
                SourceKind::Query(query) if source.columns.is_empty() => Some(query),
                _ => None,
            })
            .collect();
        let first = |query: &u32| scopes.queries.get(*query as usize).copied().flatten();
        let mut allowed: Vec<u32> =
            from_sources.iter().chain(&scopes.shapes.tested).filter_map(first).collect();
        let lists_new =
            scopes.names.iter().any(|name| matches!(name.role, NameRole::NewColumnOf(_)));
        if !lists_new {
            allowed.extend(first(&0));
        }
        let uses_places = self.script.uses_places(statement, self.sql);
        for (number, block) in scopes.blocks.iter().enumerate() {
            if !loses.get(number).copied().unwrap_or_default() {
                continue;
            }
            let is_allowed =
                block.target.is_some() || allowed.iter().any(|allowed| *allowed as usize == number);
            if !is_allowed || uses_places {
                return Err(self.star_refusal(at_hand, block));
            }
        }
        let expands_rows = self.script.expands_rows(statement, self.sql);
        for block in &scopes.blocks {
            let loses_natural = (block.is_natural || expands_rows)
                && block.sources.iter().any(|source| self.source_loses(at_hand, &source.of, 0));
            let renames = block.sources.iter().any(|source| {
                !source.columns.is_empty() && self.source_loses(at_hand, &source.of, 0)
            });
            if loses_natural || renames {
                return Err(self.star_refusal(at_hand, block));
            }
        }
        Ok(())
    }

    fn star_refusal(&self, at_hand: &Placing, block: &Block) -> super::Unplaced {
        let relation = block.sources.iter().find_map(|source| match source.of {
            SourceKind::Relation(relation) => Some(relation),
            _ => None,
        });
        let hint = "A rule removes columns of what it reads, and all of them are used, or their \
                    places. Name the columns.";
        self.about(at_hand, relation.unwrap_or(0), "gives all its columns", hint)
    }

    /// Whether `*` of a block gives fewer columns than at the source.
    fn star_loses(&self, at_hand: &Placing, block: &Block, depth: u32) -> bool {
        let has_star = block.outputs.iter().any(|output| matches!(output, OutputColumn::Star(_)));
        has_star && block.sources.iter().any(|source| self.source_loses(at_hand, &source.of, depth))
    }

    fn source_loses(&self, at_hand: &Placing, of: &SourceKind, depth: u32) -> bool {
        match of {
            SourceKind::Relation(relation) => self.loses_columns(at_hand, *relation),
            SourceKind::Query(query) => {
                let first = at_hand.scopes.queries.get(*query as usize).copied().flatten();
                let block = first.and_then(|first| at_hand.scopes.blocks.get(first as usize));
                // What is too deep may.
                depth >= super::DEPTH_MAX
                    || block.is_some_and(|block| self.star_loses(at_hand, block, depth + 1))
            }
            SourceKind::Joined(_) | SourceKind::Rows => false,
        }
    }
}

fn place(at_hand: &Placing, relation: u32) -> Option<&Place> {
    at_hand.places.get(relation as usize).and_then(Option::as_ref)
}

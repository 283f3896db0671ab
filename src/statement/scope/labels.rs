//! Names of result columns: what a select list calls its items.

use super::{
    Clause, FrameKind, Lost, NameRole, OutputColumn, ScopeItem, ScopeWalker, Walked, narrow,
};
use crate::statement::cursor::is_text;
use crate::statement::lexer::TokenKind;

impl ScopeWalker<'_> {
    /// The end of an item of a select list: what its column is called.
    pub(super) fn end_item(&mut self) {
        let Some(frame) = self.frames.last() else { return };
        let (block, ScopeItem { first, names, label, is_given }) = (frame.block, frame.item);
        if frame.clause != Clause::Items || !frame.has_operand {
            return;
        }
        let output = match label {
            Some(label) => OutputColumn::Label(label),
            None => self.unlabelled(first, names),
        };
        // A word that ended nothing, such as AS, has asked before.
        if let Ok(block) = self.block(block) {
            if is_given {
                block.outputs.pop();
            }
            block.outputs.push(output);
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.item.is_given = true;
        }
    }

    fn unlabelled(&self, first: usize, names: usize) -> OutputColumn {
        let end = self.cursor.index();
        let mut at = self.cursor;
        at.go_to(first);
        let name = self.scopes.names.get(names).filter(|name| name.tokens.start as usize == first);
        let Some(name) = name else {
            return match at.is_operator("*") && first + 1 == end {
                true => OutputColumn::Star(None),
                false => OutputColumn::Unnamed,
            };
        };
        at.go_to(name.tokens.end as usize);
        match name.role {
            NameRole::SourceName => OutputColumn::Star(Some(narrow(names))),
            // A cast keeps the name.
            NameRole::Column if at.index() == end || at.at(TokenKind::Cast) => {
                OutputColumn::Column(narrow(names))
            }
            _ => OutputColumn::Unnamed,
        }
    }

    /// AS behind an operand: a type in a cast, else a label.
    pub(super) fn behind_as(&mut self, kind: FrameKind, block: u32) -> Walked {
        let text = narrow(self.cursor.index().saturating_sub(1));
        let is_constant = is_text(self.cursor.previous().kind);
        self.cursor.bump();
        if self.cursor.at(TokenKind::Open) && kind == FrameKind::Words {
            return self.alias_columns(block).map(drop);
        }
        if kind == FrameKind::Cast || kind == FrameKind::Words && self.is_call_of("xmlserialize") {
            let is_relation = self.cursor.is("regclass");
            self.pass_type(block)?;
            if is_relation && is_constant {
                self.note_constant(text, false);
            }
            return Ok(());
        }
        let takes_label = self.top()?.clause == Clause::Items && kind == FrameKind::Query;
        if !takes_label && !matches!(kind, FrameKind::Words | FrameKind::Json) {
            return Err(Lost);
        }
        let label = self.part(block, NameRole::Label)?;
        self.top()?.item.label = Some(label);
        Ok(())
    }

    pub(super) fn bare_label(&mut self) -> Walked {
        let frame = self.top()?;
        let takes_label = frame.clause == Clause::Items
            && frame.kind == FrameKind::Query
            && frame.item.label.is_none()
            && frame.cases == 0;
        if !takes_label || self.at_reserved() {
            return Err(Lost);
        }
        let block = self.top()?.block;
        let label = self.part(block, NameRole::Label)?;
        self.top()?.item.label = Some(label);
        Ok(())
    }
}

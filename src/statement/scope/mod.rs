//! Query blocks and the names in them: which relation, column, alias or other thing each name of a
//! statement stands for, by its place alone. Finds, changes nothing and asks nothing.
//!
//! The walk goes from left to right over the tokens with a stack of open brackets. Precedence of operators
//! does not matter for a name: what matters is in which clause of which query block it stands, and what
//! that block reads from.

mod alter;
mod attached;
mod calls;
mod constraints;
mod copied;
mod create;
mod ctes;
mod data;
mod expression;
mod from;
mod heads;
mod labels;
mod listed_names;
mod look_up_parameters;
mod look_ups;
mod objects;
mod operand;
mod placed;
mod query;
mod tokens;
mod types;

use std::borrow::Cow;
use std::ops::Range;

use super::cursor::{Cursor, NotUnderstood, Understood, is_name, is_reserved, narrow};
use super::lexer::{Token, TokenKind};
use super::name::kept_at;
use crate::encoding::Encoding;
pub use look_up_parameters::{ParameterRole, RoleOfParameter};
pub use look_ups::{ComparedColumn, Comparison};
use objects::WITHOUT_RELATIONS;
pub use placed::{
    Block, CreatedTable, DefinitionPart, ImpliedColumn, NameConstant, NameRole, OutputColumn,
    PartKind, RowSource, ScopeName, Scopes, SourceKind,
};

/// What is left when the walk does not know how to go on.
type Walked = Understood;
use NotUnderstood as Lost;

/// A clause, or what is expected next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clause {
    /// The first word of a query.
    Start,
    /// The next common table expression.
    Ctes,
    /// In front of the list of what a query gives.
    ItemsStart,
    /// The list of what a query gives.
    Items,
    /// An expression, or several with commas between them.
    Expression,
    /// The condition of a join.
    On,
    /// GROUP BY, whose names may be labels where they are not columns.
    GroupBy,
    /// ORDER BY, whose names are labels before they are columns.
    OrderBy,
    /// A source in FROM.
    FromItem,
    /// What may follow a source in FROM.
    FromNext,
    /// A column in SET.
    SetTarget,
    /// Its value.
    SetValue,
    /// The condition behind the columns of ON CONFLICT.
    Conflict,
    /// Behind a query in parentheses.
    AfterQuery,
    /// A name in WINDOW.
    Windows,
    /// ROWS, RANGE or GROUPS in a window.
    WindowFrame,
}

/// What a pair of parentheses is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameKind {
    /// A query.
    Query,
    /// Joins.
    Joins,
    /// The value of a DEFAULT, which ends in front of a word that no operand can be followed by.
    Default,
    /// An expression, or arguments.
    Plain,
    /// CAST: a type stands behind AS.
    Cast,
    /// A window.
    Window,
    /// The arguments of a function with words of its own among them.
    Words,
    /// The arguments of an SQL/JSON function.
    Json,
    /// A subscript.
    Subscript,
}

/// An open bracket, or the statement.
#[derive(Clone, Debug)]
struct ScopeFrame {
    /// The token at which it ends.
    close: usize,
    kind: FrameKind,
    clause: Clause,
    block: u32,
    /// The block around it.
    outer: u32,
    /// An operand stands in front, so that an operator or the end of the expression follows.
    has_operand: bool,
    /// The item of a list that is being read.
    item: ScopeItem,
    /// The number of the query.
    query: u32,
    /// The common table expressions around it.
    around: CtesAround,
    /// Open CASEs.
    cases: u32,
    /// It is a MERGE.
    is_merge: bool,
    /// The bracket at which it ends belongs to what is around it.
    ends_outside: bool,
}

/// An item of a list.
#[derive(Clone, Copy, Debug)]
struct ScopeItem {
    /// Its first token.
    first: usize,
    /// The number of names in front of it.
    names: usize,
    /// The label that was read for it.
    label: Option<u32>,
    /// What it gives is among the outputs of the block.
    is_given: bool,
}

/// What a query has to do with common table expressions.
#[derive(Clone, Debug)]
struct CtesAround {
    /// How many were visible in front of it.
    visible: usize,
    /// The one that it is.
    defines: Option<Cte>,
}

/// A common table expression.
#[derive(Clone, Debug)]
struct Cte {
    name: u32,
    columns: Vec<u32>,
    query: u32,
}

struct ScopeWalker<'a> {
    cursor: Cursor<'a>,
    encoding: Encoding,
    scopes: Scopes,
    frames: Vec<ScopeFrame>,
    ctes: Vec<Cte>,
    /// Walks inside of walks.
    runs: u8,
}

/// Walks inside of walks: what is deeper is not placed.
const RUNS_MAX: u8 = 8;

impl<'a> ScopeWalker<'a> {
    fn new(cursor: Cursor<'a>, encoding: Encoding) -> ScopeWalker<'a> {
        let scopes = Scopes { blocks: vec![Block::default()], ..Scopes::default() };
        ScopeWalker { cursor, encoding, scopes, frames: Vec::new(), ctes: Vec::new(), runs: 0 }
    }

    fn walk(mut self) -> Scopes {
        let is_whole = self.statement().is_ok()
            && matches!(self.cursor.token.kind, TokenKind::End | TokenKind::Semicolon);
        if !is_whole {
            self.scopes.lost = Some(narrow(self.cursor.index()));
        }
        self.scopes
    }

    /// Walks over a frame and all that is in it.
    fn run(&mut self, frame: ScopeFrame) -> Walked {
        if self.runs == RUNS_MAX {
            return Err(Lost);
        }
        self.runs += 1;
        let depth = self.frames.len();
        self.frames.push(frame);
        while self.frames.len() > depth {
            self.step()?;
        }
        self.runs -= 1;
        Ok(())
    }

    fn step(&mut self) -> Walked {
        let Some(frame) = self.frames.last() else { return Ok(()) };
        let (clause, block) = (frame.clause, frame.block);
        if self.cursor.index() >= frame.close {
            return self.close();
        }
        match clause {
            Clause::Start => self.query_start(),
            Clause::Ctes => self.cte(),
            Clause::ItemsStart => self.items_start(),
            Clause::FromItem => self.source_item(block),
            Clause::FromNext => self.behind_source(block),
            Clause::SetTarget => self.set_target(block),
            Clause::AfterQuery => self.after_query(),
            Clause::Windows => self.window_name(),
            Clause::Items
            | Clause::Expression
            | Clause::On
            | Clause::GroupBy
            | Clause::OrderBy
            | Clause::SetValue
            | Clause::Conflict
            | Clause::WindowFrame => self.expression(),
        }
    }

    fn close(&mut self) -> Walked {
        self.end_item();
        let Some(frame) = self.frames.pop() else { return Err(Lost) };
        let is_finished = match frame.clause {
            Clause::Start | Clause::Ctes | Clause::FromItem | Clause::SetTarget => false,
            Clause::Windows if !frame.has_operand => false,
            _ => frame.cases == 0,
        };
        if !is_finished {
            return Err(Lost);
        }
        if frame.kind == FrameKind::Query {
            self.ctes.truncate(frame.around.visible);
            self.ctes.extend(frame.around.defines);
        }
        let closes = self.cursor.at(TokenKind::Close) || self.cursor.at(TokenKind::CloseBracket);
        if closes && frame.kind != FrameKind::Default && !frame.ends_outside {
            self.cursor.bump();
        }
        if let Some(outer) = self.frames.last_mut() {
            outer.has_operand = true;
        }
        Ok(())
    }

    fn frame(&self, close: usize, kind: FrameKind, clause: Clause, block: u32) -> ScopeFrame {
        ScopeFrame {
            close,
            kind,
            clause,
            block,
            outer: block,
            has_operand: false,
            item: self.item(),
            query: 0,
            around: CtesAround { visible: self.ctes.len(), defines: None },
            cases: 0,
            is_merge: false,
            ends_outside: false,
        }
    }

    /// An item that begins at the cursor.
    fn item(&self) -> ScopeItem {
        ScopeItem {
            first: self.cursor.index(),
            names: self.scopes.names.len(),
            label: None,
            is_given: false,
        }
    }

    /// The frame for a query, which has a number.
    fn query_frame(&mut self, close: usize, block: u32) -> ScopeFrame {
        let query = narrow(self.scopes.queries.len());
        self.scopes.queries.push(None);
        ScopeFrame { query, ..self.frame(close, FrameKind::Query, Clause::Start, block) }
    }

    /// Enters the bracket at the cursor.
    fn enter(&mut self, kind: FrameKind, clause: Clause, block: u32) -> Walked {
        let close = self.partner()?;
        self.cursor.bump();
        let frame = match kind {
            FrameKind::Query => self.query_frame(close, block),
            _ => self.frame(close, kind, clause, block),
        };
        self.frames.push(frame);
        Ok(())
    }

    /// An expression in the parentheses at the cursor, walked over to their end.
    fn bracketed_expression(&mut self, block: u32) -> Walked {
        let close = self.partner()?;
        self.cursor.bump();
        self.run(self.frame(close, FrameKind::Plain, Clause::Expression, block))
    }

    fn top(&mut self) -> Result<&mut ScopeFrame, Lost> {
        self.frames.last_mut().ok_or(Lost)
    }

    /// The token that closes the bracket at the cursor.
    fn partner(&self) -> Result<usize, Lost> {
        let mut behind = self.cursor;
        behind.skip_brackets()?;
        Ok(behind.index() - 1)
    }

    fn new_block(&mut self, parent: Option<u32>) -> u32 {
        self.scopes.blocks.push(Block { parent, ..Block::default() });
        narrow(self.scopes.blocks.len() - 1)
    }

    fn block(&mut self, block: u32) -> Result<&mut Block, Lost> {
        self.scopes.blocks.get_mut(block as usize).ok_or(Lost)
    }

    /// Notes the name of one token at the cursor and passes it.
    fn part(&mut self, block: u32, role: NameRole) -> Result<u32, Lost> {
        if !self.cursor.at_name() {
            return Err(Lost);
        }
        let at = narrow(self.cursor.index());
        self.cursor.bump();
        self.note(at..at + 1, block, role);
        Ok(at)
    }

    /// The same for a name that no keyword in its place can be; reserved words are not taken.
    fn column_name(&mut self, block: u32, role: NameRole) -> Result<u32, Lost> {
        if self.at_reserved() { Err(Lost) } else { self.part(block, role) }
    }

    /// Notes the name at the cursor, with all its parts, and passes it. Gives its number.
    fn name(&mut self, block: u32, role: NameRole) -> Result<u32, Lost> {
        if self.at_reserved() {
            return Err(Lost);
        }
        let first = narrow(self.cursor.index());
        self.cursor.qualified_name()?;
        Ok(self.note(first..narrow(self.cursor.index()), block, role))
    }

    fn note(&mut self, tokens: Range<u32>, block: u32, role: NameRole) -> u32 {
        self.scopes.names.push(ScopeName { tokens, block, role });
        narrow(self.scopes.names.len() - 1)
    }

    fn at_reserved(&self) -> bool {
        self.cursor.at(TokenKind::Word) && is_reserved(self.cursor.bytes(self.cursor.token))
    }

    fn expect(&mut self, word: &str) -> Walked {
        if self.cursor.eat(word) { Ok(()) } else { Err(Lost) }
    }

    fn expect_kind(&mut self, kind: TokenKind) -> Walked {
        if self.cursor.eat_kind(kind) { Ok(()) } else { Err(Lost) }
    }

    /// Whether the token so far behind the cursor is this word.
    fn ahead(&self, count: usize) -> Token {
        let mut cursor = self.cursor;
        cursor.go_to(cursor.index() + count);
        cursor.token
    }

    fn ahead_is(&self, count: usize, word: &str) -> bool {
        self.cursor.token_is(self.ahead(count), word)
    }

    fn kept(&self, token: u32) -> Cow<'a, [u8]> {
        kept_at(self.cursor, token, self.encoding)
    }

    fn at_statement_end(&self) -> bool {
        matches!(self.cursor.token.kind, TokenKind::End | TokenKind::Semicolon)
    }
}

//! What a walk over a statement finds: names with their roles, and the query blocks they stand in.

use std::ops::Range;

/// The names of a statement.
#[derive(Debug, Default)]
pub struct Scopes {
    /// The names, in the order of the walk.
    pub names: Vec<ScopeName>,
    /// The query blocks; the first one is the statement's own.
    pub blocks: Vec<Block>,
    /// The first block of each query in parentheses, or of a common table expression.
    pub queries: Vec<Option<u32>>,
    /// String constants that hold the name of a relation.
    pub constants: Vec<NameConstant>,
    /// Columns of a new relation that have the name of a column of a query.
    pub implied: Vec<ImpliedColumn>,
    /// Tables that it creates.
    pub tables: Vec<CreatedTable>,
    /// What depends on which columns relations have.
    pub shapes: Shapes,
    /// Relations whose rows COPY writes, by the numbers of their names.
    pub copied: Vec<u32>,
    /// String constants with code in them, by their tokens.
    pub bodies: Vec<u32>,
    /// The token at which the walk lost its way: what is behind it is not placed.
    pub lost: Option<u32>,
}

/// What depends on which columns relations have.
#[derive(Debug, Default)]
pub struct Shapes {
    /// Parts of definitions that can go without the others.
    pub parts: Vec<DefinitionPart>,
    /// Relations that have columns of other ones, as the numbers of both names.
    pub shaped: Vec<(u32, u32)>,
    /// Relations that are written to by place, without a list of columns, by the numbers of their names.
    pub unlisted: Vec<u32>,
    /// The numbers of queries of which only whether they give rows matters.
    pub tested: Vec<u32>,
}

/// A table that a statement creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreatedTable {
    /// The number of its name.
    pub relation: u32,
    /// The parenthesis behind its columns, where it lists them with their types.
    pub close: Option<u32>,
    /// The list is empty.
    pub is_empty: bool,
    /// The list has a primary key.
    pub has_key: bool,
    /// It is a temporary table, or the partition of another one, whose columns it has.
    pub is_plain: bool,
}

/// A part of a definition that can go without the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionPart {
    /// The indexes of its tokens.
    pub tokens: Range<u32>,
    /// The list that it is one of, by its first token.
    pub list: u32,
    /// What it is.
    pub kind: PartKind,
    /// It has the words PRIMARY KEY.
    pub has_key: bool,
}

/// A part of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A column of a table, or a change of one: the token of its name.
    Column(u32),
    /// A constraint of a table.
    Constraint,
    /// LIKE.
    Like,
    /// The same for what ALTER TABLE adds or changes; without the last one nothing is left to do.
    ChangedColumn(u32),
    /// A constraint that ALTER TABLE adds.
    AddedConstraint,
    /// The statement: an index, a comment, the owner of a sequence. This is its command tag.
    Whole(&'static str),
}

/// A name, of one part or of several with points between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeName {
    /// The indexes of its tokens, the points among them.
    pub tokens: Range<u32>,
    /// The block that it stands in.
    pub block: u32,
    /// What it stands for.
    pub role: NameRole,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRole {
    /// A table, view or sequence.
    Relation,
    /// One that the statement creates.
    NewRelation,
    /// A name without a schema for a relation in the schema of another one, by its number.
    RelationBeside(u32),
    /// A schema.
    Schema,
    /// Something else that lies in a schema: a function, type, index, collation.
    InSchema,
    /// A column of one of the sources of its block, or of a block around it.
    Column,
    /// Columns of the same name on both sides of a join: of the first sources of the block, which are this many.
    Shared(u32),
    /// A source of the block: what stands in front of `.*`, or behind FOR UPDATE OF.
    SourceName,
    /// A column of the relation whose name has this number.
    ColumnOf(u32),
    /// The same, for a column that the statement creates.
    NewColumnOf(u32),
    /// A column of a relation, whose name stands in front of it: `schema.table.column`.
    RelationColumn,
    /// A name that the statement itself gives to a source, or to a common table expression.
    Alias,
    /// The name of a result column.
    Label,
    /// Nothing that lies in a schema: a role, constraint, cursor, parameter, field.
    Other,
}

/// A query block: what it reads from, and what it gives.
#[derive(Debug, Default)]
pub struct Block {
    /// The block around it, whose columns it may use.
    pub parent: Option<u32>,
    /// What it reads from.
    pub sources: Vec<RowSource>,
    /// The columns that it gives.
    pub outputs: Vec<OutputColumn>,
    /// Names that stand alone in ORDER BY, or in GROUP BY, where an output may have them: their numbers, and
    /// whether an output goes before a column, as in ORDER BY.
    pub by_label: Vec<(u32, bool)>,
    /// The relation that it writes to, as the number of its name.
    pub target: Option<u32>,
    /// It has a NATURAL JOIN.
    pub is_natural: bool,
}

/// Something that a block reads from.
#[derive(Clone, Debug)]
pub struct RowSource {
    /// The token of its alias.
    pub alias: Option<u32>,
    /// The tokens of the names that the text gives to its columns.
    pub columns: Vec<u32>,
    /// What it is.
    pub of: SourceKind,
}

/// What a block reads from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A relation, by the number of its name.
    Relation(u32),
    /// A query, by its number.
    Query(u32),
    /// Sources of the same block that have a name as a join.
    Joined(Range<u32>),
    /// A function or VALUES, whose columns no rule touches.
    Rows,
}

/// A column that a block gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputColumn {
    /// With a name that the text gives, by its token.
    Label(u32),
    /// With the name of the column that it is, by the number of the name.
    Column(u32),
    /// All columns of a source, or of all of them.
    Star(Option<u32>),
    /// With a name that the server finds.
    Unnamed,
}

/// A string constant that holds the name of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameConstant {
    /// Its token.
    pub token: u32,
    /// It holds the column of the relation in the constant in front of it.
    pub is_column: bool,
}

/// A column of a new relation that gets its name from a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImpliedColumn {
    /// The output of the query.
    pub output: OutputColumn,
    /// The block that gives it.
    pub block: u32,
    /// The number of the relation's name.
    pub relation: u32,
}

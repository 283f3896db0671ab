//! What is asked of the target's catalogs: the SQL that asks, and what its rows say. Knows nothing of what
//! is known already.
//!
//! A question must not fail, since a failure would abort the client's transaction: names are compared and
//! not looked up, which needs no right to a schema and takes any spelling. Nor may it run what another role
//! has planted: every operator, function and type is qualified, and nothing is written that finds an
//! operator by search_path (IN, NULLIF, BETWEEN, CASE x WHEN, USING).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use super::relation::{Relation, RelationColumn};
use super::rows::{number, text};
use super::silenced::Silenced;
use super::{Name, Subject};
use crate::encoding::Encoding;
use crate::parking::spelling::quoted_literal;
use crate::value::type_oid::kind_of;
use crate::value::{Column, UserType, ValueKind};
use crate::wire::{Answer, AnswerRow};

const COLUMNS: &str = include_str!("columns.sql");
const PREPARED: &str = include_str!("prepared.sql");
const ROUTINES: &str = include_str!("routines.sql");
const SEARCH_PATH: &str = include_str!("search_path.sql");
const USER_TYPES: &str = include_str!("user_types.sql");
const ARGUMENTS: &str = include_str!("arguments.sql");
const CALLS: &str = include_str!("calls.sql");

/// What the replica role silences: triggers and rules. Those of a constraint are named by it, see
/// [`Silenced::note`].
const SILENCED: &str = include_str!("silenced.sql");

/// The constraint that a trigger's constraint comes from: that of the partitioned table.
const ROOT: &str = include_str!("root.sql");

/// What is under the type `t`, where `b` is under a domain `t` and `d` under a domain `b`. For an array of
/// a domain it is the array of the type under that.
const TYPE_UNDER: &str = include_str!("type_under.sql");

/// The type of the elements of that where it is an array, and 0 where it is none.
const TYPE_ELEMENT: &str = include_str!("type_element.sql");

/// Its category and its name, where a user has made it.
const USER_TYPE: &str = include_str!("user_type.sql");

/// What is asked of the target in one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogQuestion {
    /// The columns of relations, what the replica role silences on them, and the parameters of prepared
    /// statements.
    Relations(Vec<Subject>),
    /// The same without what the role silences.
    Columns(Vec<Subject>),
    /// The types of the arguments of the function with this OID.
    Arguments(u32),
    /// What is under the types with these OIDs.
    UserTypes(Vec<u32>),
    /// Which functions of these names may write.
    Calls(Vec<Vec<u8>>),
}

/// What an answer says about one subject.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SubjectAnswer {
    Relation(Relation),
    /// Its parameters, as the columns of a relation without a name.
    Prepared(Relation),
    Routines(Vec<Vec<u32>>),
    /// The schemas in which names without one are looked up.
    SearchPath(Vec<String>),
}

/// Which questions a target answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    /// All.
    #[default]
    All,
    /// Not what the replica role silences.
    Columns,
    /// None about relations.
    Nothing,
}

impl Answers {
    /// What may still be answered where this is refused.
    pub fn less(self) -> Answers {
        match self {
            Answers::All => Answers::Columns,
            _ => Answers::Nothing,
        }
    }
}

impl CatalogQuestion {
    /// The question about these subjects, as far as such a target answers one.
    pub fn about(subjects: Vec<Subject>, answers: Answers) -> Option<CatalogQuestion> {
        match answers {
            Answers::All => Some(CatalogQuestion::Relations(subjects)),
            Answers::Columns => Some(CatalogQuestion::Columns(subjects)),
            Answers::Nothing => None,
        }
    }

    /// The question that tries whether the target answers: about what cannot be there.
    pub fn trial(answers: Answers) -> Option<CatalogQuestion> {
        let relation = Subject::Relation(vec![Vec::new()]);
        CatalogQuestion::about(vec![relation, Subject::Prepared(Vec::new())], answers)
    }

    /// The SQL text, one SELECT, for a server of this major version (0 where it is not known) and for a
    /// client that speaks `encoding`.
    ///
    /// A name that cannot be spelled here, one beyond ASCII in another encoding than UTF-8, is left out:
    /// nothing is found under it.
    pub fn sql(&self, server_major: u32, encoding: Encoding) -> String {
        match self {
            CatalogQuestion::Relations(subjects) => {
                relations_sql(subjects, true, server_major, encoding)
            }
            CatalogQuestion::Columns(subjects) => {
                relations_sql(subjects, false, server_major, encoding)
            }
            CatalogQuestion::Arguments(oid) => ARGUMENTS.replace("{oid}", &oid.to_string()),
            CatalogQuestion::Calls(names) => calls_sql(names, encoding),
            CatalogQuestion::UserTypes(oids) => {
                let oids: Vec<String> = oids.iter().map(u32::to_string).collect();
                let sql = USER_TYPES.replace("{type_under}", TYPE_UNDER);
                sql.replace("{{oids}}", &format!("{{{}}}", oids.join(",")))
            }
        }
    }
}

fn calls_sql(names: &[Vec<u8>], encoding: Encoding) -> String {
    let spelled = names.iter().enumerate().filter_map(|(number, name)| {
        Some(format!("({number}, {}::pg_catalog.name)", spelled(name, encoding)?))
    });
    let list: Vec<String> = spelled.collect();
    match list.is_empty() {
        true => NOTHING.to_owned(),
        false => CALLS.replace("{subjects}", &list.join(", ")),
    }
}

/// A question whose answer has no rows, as where nothing is found.
const NOTHING: &str = "SELECT WHERE false";

fn relations_sql(
    subjects: &[Subject],
    asks_silenced: bool,
    server_major: u32,
    encoding: Encoding,
) -> String {
    let (mut relations, mut statements) = (Vec::new(), Vec::new());
    let (mut routines, mut paths) = (Vec::new(), Vec::new());
    for (number, subject) in subjects.iter().enumerate() {
        match subject {
            Subject::Relation(name) => relations.extend(named_row(number, name, encoding)),
            Subject::Routine(name) => routines.extend(named_row(number, name, encoding)),
            Subject::Prepared(name) => {
                let Some(name) = spelled(name, encoding) else { continue };
                statements.push(format!("({number}, {name}::pg_catalog.text)"));
            }
            Subject::SearchPath => paths.push(format!("({number})")),
        }
    }
    let [silenced_before, silenced] = &*SILENCED_FILLED;
    let silenced = if server_major >= 11 { silenced } else { silenced_before };
    let [relations, statements, routines, paths] =
        [relations, statements, routines, paths].map(|subjects| subjects.join(", "));
    let nothing = String::new();
    let selects = [
        (COLUMNS_BY_VERSION.of(server_major), &relations),
        (silenced, if asks_silenced { &relations } else { &nothing }),
        (&*PREPARED_FILLED, &statements),
        (&*ROUTINES_FILLED, &routines),
        (&*SEARCH_PATH_FILLED, &paths),
    ];
    let mut sql = String::new();
    for (template, subjects) in selects.into_iter().filter(|(_, subjects)| !subjects.is_empty()) {
        let union = if sql.is_empty() { "" } else { "UNION ALL\n" };
        let Template { front, back } = template;
        sql.extend([union, front, subjects, back]);
    }
    match sql.is_empty() {
        true => NOTHING.to_owned(),
        false => sql + "ORDER BY 1, 2",
    }
}

/// A row of the list of subjects: its number, its schema if it has one, and its name.
fn named_row(number: usize, name: &Name, encoding: Encoding) -> Option<String> {
    let mut parts = name.iter().rev().map(|part| spelled(part, encoding));
    let last = parts.next()??;
    let schema = match parts.next() {
        None => "NULL::pg_catalog.name".to_owned(),
        Some(schema) => schema? + "::pg_catalog.name",
    };
    Some(format!("({number}, {schema}, {last}::pg_catalog.name)"))
}

/// A text around the list of subjects, filled once, and without what indents its lines: it is sent often.
struct Template {
    front: String,
    back: String,
}

impl Template {
    fn new(sql: &str) -> Template {
        let parts =
            [("type_under", TYPE_UNDER), ("type_element", TYPE_ELEMENT), ("user_type", USER_TYPE)];
        let fill =
            |sql: String, (name, part): (&str, &str)| sql.replace(&format!("{{{name}}}"), part);
        let sql = parts.into_iter().fold(sql.to_owned(), fill);
        let sql: String = sql.lines().flat_map(|line| [line.trim_start(), "\n"]).collect();
        let (front, back) = sql.split_once("{subjects}").unwrap_or((&sql, ""));
        Template { front: front.to_owned(), back: back.to_owned() }
    }
}

/// The question for columns, by what the catalog of the server has.
struct ColumnsByVersion {
    plain: Template,
    /// From 10 on.
    with_identity: Template,
    /// From 12 on.
    with_generated: Template,
}

impl ColumnsByVersion {
    fn of(&self, server_major: u32) -> &Template {
        match server_major {
            12.. => &self.with_generated,
            10.. => &self.with_identity,
            _ => &self.plain,
        }
    }
}

static COLUMNS_BY_VERSION: LazyLock<ColumnsByVersion> = LazyLock::new(|| {
    let filled = |identity, generated| {
        Template::new(&COLUMNS.replace("{identity}", identity).replace("{generated}", generated))
    };
    ColumnsByVersion {
        plain: filled("NULL", "NULL"),
        with_identity: filled("a.attidentity", "NULL"),
        with_generated: filled("a.attidentity", "a.attgenerated"),
    }
});

static ROUTINES_FILLED: LazyLock<Template> = LazyLock::new(|| Template::new(ROUTINES));
/// What the role silences, before PostgreSQL 11 and from then on.
static SILENCED_FILLED: LazyLock<[Template; 2]> = LazyLock::new(|| {
    ["t.tgconstraint", ROOT.trim()].map(|root| Template::new(&SILENCED.replace("{root}", root)))
});

static SEARCH_PATH_FILLED: LazyLock<Template> = LazyLock::new(|| Template::new(SEARCH_PATH));

static PREPARED_FILLED: LazyLock<Template> = LazyLock::new(|| Template::new(PREPARED));

/// A name as a string constant that reads alike whatever `standard_conforming_strings` is.
fn spelled(name: &[u8], encoding: Encoding) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let speaks = encoding == Encoding::Utf8 || name.is_ascii();
    // The server refuses a zero byte anywhere.
    let can_be = speaks && !name.contains('\0');
    can_be.then(|| quoted_literal(name))
}

/// A category and the name of a type, as [`COLUMNS`] has them.
fn user_type_of(value: &[u8]) -> Option<UserType> {
    let (category, name) = value.split_first()?;
    let is_enum = *category == b'E';
    Some(UserType { name: std::str::from_utf8(name).ok()?.to_owned(), is_enum })
}

/// What the rows say about each of the subjects, in their order. A relation that is not there has no
/// columns, a statement that is not there no parameters.
pub(super) fn said(subjects: &[Subject], answer: &Answer) -> Vec<SubjectAnswer> {
    let mut names: HashMap<usize, (String, String)> = HashMap::new();
    let mut columns: HashMap<usize, Vec<RelationColumn>> = HashMap::new();
    let mut routines: HashMap<usize, Vec<Vec<u32>>> = HashMap::new();
    let mut keys: HashMap<usize, BTreeMap<usize, usize>> = HashMap::new();
    let mut schemas = Vec::new();
    let mut silenced: HashMap<usize, Silenced> = HashMap::new();
    for row in &answer.rows {
        let Some(subject) = number::<usize>(row, 0) else { continue };
        let [_, place, schema, table, ..] = row.as_slice() else { continue };
        let key = row.get(12).unwrap_or(&None);
        if matches!(subjects.get(subject), Some(Subject::Prepared(_))) {
            columns.entry(subject).or_default().extend(column_of(row));
            continue;
        }
        if matches!(subjects.get(subject), Some(Subject::Routine(_))) {
            let oids = text(key);
            let oids = oids.split(' ').filter_map(|oid| oid.parse().ok()).collect();
            routines.entry(subject).or_default().push(oids);
            continue;
        }
        if matches!(subjects.get(subject), Some(Subject::SearchPath)) {
            schemas.push(text(schema));
            continue;
        }
        if number(row, 1) == Some(0_i16) {
            silenced.entry(subject).or_default().note(row);
            continue;
        }
        names.entry(subject).or_insert_with(|| (text(schema), text(table)));
        // The numbers of the columns of the primary key, in its order.
        let (place, key) = (text(place), text(key));
        let at_key = key.split(' ').position(|number| number == place);
        let at_column = columns.get(&subject).map_or(0, Vec::len);
        keys.entry(subject).or_default().extend(at_key.map(|at_key| (at_key, at_column)));
        columns.entry(subject).or_default().extend(column_of(row));
    }
    let each = subjects.iter().enumerate().map(|(number, subject)| match subject {
        Subject::Prepared(_) => {
            let parameters = columns.remove(&number).unwrap_or_default();
            SubjectAnswer::Prepared(Relation::new(String::new(), String::new(), parameters))
        }
        Subject::Routine(_) => {
            SubjectAnswer::Routines(routines.remove(&number).unwrap_or_default())
        }
        Subject::SearchPath => SubjectAnswer::SearchPath(std::mem::take(&mut schemas)),
        Subject::Relation(_) => {
            let (schema, table) = names.remove(&number).unwrap_or_default();
            let columns = columns.remove(&number).unwrap_or_default();
            let keys = keys.remove(&number).unwrap_or_default().into_values().collect();
            let silenced = silenced.remove(&number).unwrap_or_default();
            let relation = Relation::new(schema, table, columns)
                .with_primary_key(keys)
                .with_silenced(silenced);
            SubjectAnswer::Relation(relation)
        }
    });
    each.collect()
}

/// The column that a row is about.
fn column_of(row: &AnswerRow) -> Option<RelationColumn> {
    let [_, _, _, _, name, _, _, _, not_null, identity, generated, rest @ ..] = row.as_slice()
    else {
        return None;
    };
    Some(RelationColumn {
        name: name.clone().unwrap_or_default(),
        column: Arc::new(Column {
            name: text(name),
            type_oid: number(row, 5).unwrap_or_default(),
            element_oid: number(row, 6).unwrap_or_default(),
            modifier: number(row, 7).unwrap_or(-1),
            is_nullable: text(not_null) != "t",
            user_type: rest.first().and_then(|name| user_type_of(name.as_deref()?)),
        }),
        is_identity_always: text(identity) == "a",
        is_generated: text(generated) == "s",
    })
}

/// Which of the functions may write, as the answer to [`CatalogQuestion::Calls`] says.
pub(super) fn writing_calls(answer: &Answer) -> Vec<usize> {
    answer.rows.iter().filter_map(|row| number(row, 0)).collect()
}

/// What the arguments of a function hold, as the answer to [`CatalogQuestion::Arguments`] says.
pub(super) fn arguments(answer: &Answer) -> Vec<ValueKind> {
    let oids = answer.rows.first().and_then(|row| row.first()?.as_deref());
    let oids = oids.and_then(|oids| std::str::from_utf8(oids).ok()).unwrap_or_default();
    oids.split(' ').map(|oid| oid.parse().map_or(ValueKind::Other, kind_of)).collect()
}

/// The pairs of a type and what is under it, as the answer to [`CatalogQuestion::UserTypes`] has them.
pub(super) fn user_types(answer: &Answer) -> impl Iterator<Item = (u32, u32)> {
    answer.rows.iter().filter_map(|row| Some((number(row, 0)?, number(row, 1)?)))
}

#[cfg(test)]
mod tests;

//! What each parameter of a statement stands for, as far as it may hold the name of a schema, a relation or a column.
//! Finds, changes nothing.

use std::collections::HashMap;

use super::calls::TAKE_RELATIONS;
use super::look_ups::{ComparedColumn, Comparison, pass_text_type};
use super::narrow;
use crate::statement::cursor::Cursor;
use crate::statement::lexer::TokenKind;
use crate::statement::parts::Statement;
use crate::statement::script::Script;
use crate::statement::slots::parameter;

/// One place at which a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterRole {
    /// Its number.
    pub number: u16,
    /// What it stands for there.
    pub role: RoleOfParameter,
}

/// What a parameter stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleOfParameter {
    /// It is compared with the column of this token.
    Compared {
        /// The token of the column's name.
        column: u32,
        /// How it is compared.
        by: Comparison,
        /// What differs is wanted.
        is_negated: bool,
    },
    /// The name of a relation, with or without a schema.
    Relation {
        /// The server takes it for a text, and not for an OID.
        is_text: bool,
    },
    /// A column of the relation that another parameter names.
    ColumnOf(u16),
    /// Whether it is NULL.
    Tested,
    /// Anything else.
    Other,
}

impl Script {
    /// The places of all parameters of a statement.
    pub fn parameter_roles(&self, statement: &Statement, sql: &[u8]) -> Vec<ParameterRole> {
        let mut cursor = self.statement_cursor(statement, sql);
        let (mut roles, mut compared) = (Vec::new(), None);
        while !cursor.at(TokenKind::End) {
            if cursor.at(TokenKind::Parameter)
                && let Some(number) = parameter(cursor.bytes(cursor.token))
            {
                let token = narrow(cursor.index());
                let compared = compared.get_or_insert_with(|| self.compared_values(statement, sql));
                let role = compared.get(&token).copied().unwrap_or_else(|| role_of(cursor));
                roles.push(ParameterRole { number, role });
            }
            cursor.bump();
        }
        roles
    }

    /// What is compared with columns, by tokens.
    fn compared_values(&self, statement: &Statement, sql: &[u8]) -> HashMap<u32, RoleOfParameter> {
        let mut roles = HashMap::new();
        for ComparedColumn { column, values, by, is_negated } in
            self.compared_columns(statement, sql)
        {
            let role = RoleOfParameter::Compared { column, by, is_negated };
            for token in values {
                // NOT looks like a name, too; the column stands in front of it.
                roles.entry(token).or_insert(role);
            }
        }
        roles
    }
}

/// What the parameter at the cursor stands for, where it is not compared with a column.
fn role_of(cursor: Cursor<'_>) -> RoleOfParameter {
    let mut behind = cursor;
    behind.bump();
    let cast_before = cursor.previous().kind == TokenKind::Open
        && cursor.token_is(cursor.back(2), "cast")
        && behind.eat("as");
    if cast_before {
        return match is_relation_type(&mut behind) && behind.at(TokenKind::Close) {
            true => RoleOfParameter::Relation { is_text: false },
            false => RoleOfParameter::Other,
        };
    }
    let mut is_text = false;
    while behind.eat_kind(TokenKind::Cast) {
        if is_relation_type(&mut behind) {
            return RoleOfParameter::Relation { is_text };
        }
        if !pass_text_type(&mut behind) {
            return RoleOfParameter::Other;
        }
        is_text = true;
    }
    if behind.eat("is") {
        behind.eat("not");
        return if behind.is("null") { RoleOfParameter::Tested } else { RoleOfParameter::Other };
    }
    let ends = behind.at(TokenKind::Comma) || behind.at(TokenKind::Close);
    let word = cursor.back(2);
    let is_argument = cursor.previous().kind == TokenKind::Open && ends;
    if is_argument && TAKE_RELATIONS.iter().any(|known| cursor.token_is(word, known)) {
        is_text |= TAKE_TEXTS.iter().any(|known| cursor.token_is(word, known));
        return RoleOfParameter::Relation { is_text };
    }
    let is_second = cursor.previous().kind == TokenKind::Comma
        && cursor.back(2).kind == TokenKind::Parameter
        && cursor.back(3).kind == TokenKind::Open
        && cursor.token_is(cursor.back(4), "pg_get_serial_sequence");
    match parameter(cursor.bytes(cursor.back(2))).filter(|_| is_second && ends) {
        Some(relation) => RoleOfParameter::ColumnOf(relation),
        None => RoleOfParameter::Other,
    }
}

/// Functions that take the name of a relation as a text.
const TAKE_TEXTS: &[&str] = &["to_regclass", "pg_get_serial_sequence"];

/// Passes `regclass`, if it is there.
fn is_relation_type(cursor: &mut Cursor<'_>) -> bool {
    let mut ahead = *cursor;
    if ahead.eat("pg_catalog") {
        ahead.bump();
    }
    let is_relation = ahead.eat("regclass");
    if is_relation {
        *cursor = ahead;
    }
    is_relation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Mapping, MappingOptions};
    use crate::statement::Lexing;
    use crate::statement::script::Scratch;

    #[test]
    fn parameters_have_the_roles_of_their_places() {
        let mapping = Mapping::new(MappingOptions::default()).unwrap();
        for (sql, expected) in [
            ("SELECT 1 FROM pg_class c WHERE c.relname = $1", "1c"),
            (
                "SELECT 1 FROM pg_class WHERE relname IN ($1::varchar(5), 'x', $2) AND $3 = relkind",
                "1c2c3c",
            ),
            (
                "SELECT 1 FROM n WHERE nspname != CAST($1 AS pg_catalog.text) OR $1 IS NOT NULL",
                "1n1t",
            ),
            (
                "SELECT to_regclass($1), $2::text::regclass, CAST($3 AS regclass), nextval($4)",
                "1r2r3i4i",
            ),
            ("SELECT pg_get_serial_sequence($1, $2), lower($3), relname = $4::int", "1r2o1 3-4-"),
            ("SELECT 1 FROM c WHERE relname LIKE $1 AND nspname NOT IN ($2)", "1l2n"),
        ] {
            let mut scratch = Scratch::default();
            let script = Script::read(sql.as_bytes(), Lexing::default(), &mapping, &mut scratch);
            let roles = script.parameter_roles(&script.statements[0], sql.as_bytes());
            let spelled = |role: &ParameterRole| {
                let kind = match role.role {
                    RoleOfParameter::Compared { is_negated: true, .. } => "n".to_owned(),
                    RoleOfParameter::Compared { by: Comparison::Like, .. } => "l".to_owned(),
                    RoleOfParameter::Compared { .. } => "c".to_owned(),
                    RoleOfParameter::Relation { is_text: true } => "r".to_owned(),
                    RoleOfParameter::Relation { is_text: false } => "i".to_owned(),
                    RoleOfParameter::ColumnOf(of) => format!("o{of} "),
                    RoleOfParameter::Tested => "t".to_owned(),
                    RoleOfParameter::Other => "-".to_owned(),
                };
                format!("{}{kind}", role.number)
            };
            assert_eq!(roles.iter().map(spelled).collect::<String>(), expected, "{sql}");
        }
    }
}

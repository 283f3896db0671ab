//! The questions that are asked of the target's catalogs, asked of a real one.

use dms_proxy::catalog::{
    Catalog, CatalogQuestion, Freshness, Moment, Name, Need, RelationColumn, Subject,
};
use dms_proxy::encoding::Encoding;
use dms_proxy::value::{ValueKind, type_oid};
use dms_proxy::wire::{Answer, AnswerRow};

use crate::support::{Cluster, Database};

/// Operators that a role with a schema of its own can plant in front of the server's: all that the
/// questions would find by the search_path if they were not qualified.
pub fn plant(database: &Database) {
    let pairs = [
        ("oid", "oid"),
        ("name", "name"),
        ("text", "text"),
        ("int2", "int2"),
        ("int4", "int4"),
        ("\"char\"", "\"char\""),
        ("oid", "int4"),
        ("oid", "regtype"),
        ("oid", "regclass"),
        ("int4[]", "int4[]"),
        ("int4[]", "int4"),
        ("text", "name"),
    ];
    let mut sql = String::new();
    for (left, right) in pairs {
        sql += &format!(
            "CREATE FUNCTION planted({left}, {right}) RETURNS boolean LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'planted'; END $$;"
        );
        for operator in ["=", "<>", ">", ">=", "||"] {
            sql += &format!(
                "CREATE OPERATOR public.{operator} (FUNCTION = planted, LEFTARG = {left}, RIGHTARG = {right});"
            );
        }
    }
    database.query(&sql);
}

pub const PLANTED_FIRST: &str = "SET search_path = public, pg_catalog;";

fn ask(database: &Database, before: &str, question: &CatalogQuestion) -> Answer {
    let major = Cluster::shared().query("postgres", "SHOW server_version_num");
    let major: u32 = major[0][0].parse().unwrap();
    let sql = question.sql(major / 10_000, Encoding::Utf8);
    let value = |value: String| (value != "NULL").then(|| value.into_bytes());
    let rows = database.query(&format!("{before}{sql}"));
    let rows: Vec<AnswerRow> =
        rows.into_iter().map(|row| row.into_iter().map(value).collect()).collect();
    Answer::from(rows)
}

fn name(parts: &[&str]) -> Name {
    parts.iter().map(|part| part.as_bytes().to_vec()).collect()
}

/// What is known once all of these are asked about in one question.
fn known(database: &Database, before: &str, subjects: Vec<Subject>) -> Catalog {
    let mut catalog = Catalog::default();
    let freshness = Freshness::MayBeOld;
    let needs = subjects.into_iter().map(|subject| Need { subject, freshness }).collect();
    let question = catalog.missing(needs, Moment::default()).unwrap();
    let answer = ask(database, before, &question);
    catalog.on_answer(&question, &answer);
    catalog
}

#[test]
fn relations_of_all_kinds_are_found_in_one_question() {
    let database = Cluster::shared().create_database();
    database.query(
        "CREATE DOMAIN code AS varchar(7); CREATE DOMAIN inner_code AS code;
        CREATE DOMAIN codes AS text[]; CREATE DOMAIN flag AS boolean;
        CREATE SCHEMA \"S'x\";
        CREATE TABLE \"S'x\".\"T\\y\" (a inner_code NOT NULL, b code[], c codes, gone int, d numeric(9, 2),
            e flag, id int GENERATED ALWAYS AS IDENTITY, g int GENERATED ALWAYS AS (id * 2) STORED);
        ALTER TABLE \"S'x\".\"T\\y\" DROP COLUMN gone;
        CREATE TABLE plain (j jsonb); CREATE TABLE shadowed (a int);",
    );
    plant(&database);
    let before = "CREATE TEMP TABLE shadowed (t text); PREPARE p (jsonb, code, int[]) AS SELECT $1, $2, $3;\
        SET search_path = pg_temp, public, pg_catalog;";
    let relation = |parts: &[&str]| Subject::Relation(name(parts));
    let subjects = vec![
        relation(&["nothing"]),
        relation(&["S'x", "T\\y"]),
        Subject::Prepared(b"p".to_vec()),
        relation(&["shadowed"]),
        relation(&["public", "shadowed"]),
        relation(&["pg_temp", "shadowed"]),
        relation(&["some_database", "public", "plain"]),
        Subject::Prepared(b"nothing".to_vec()),
    ];
    let catalog = known(&database, before, subjects);
    let types = |parts: &[&str]| -> Vec<u32> {
        let relation = catalog.relation(&name(parts)).unwrap();
        relation.columns().iter().map(|column| column.column.type_oid).collect()
    };
    assert!(catalog.relation(&name(&["nothing"])).unwrap().is_missing());
    assert_eq!(types(&["shadowed"]), [type_oid::TEXT]);
    assert_eq!(types(&["pg_temp", "shadowed"]), [type_oid::TEXT]);
    assert_eq!(types(&["public", "shadowed"]), [type_oid::INT4]);
    assert_eq!(types(&["some_database", "public", "plain"]), [type_oid::JSONB]);
    let kinds = [ValueKind::Json, ValueKind::Character, ValueKind::Other];
    let parameters = catalog.prepared(b"p").unwrap();
    let found: Vec<_> = parameters.columns().iter().map(|found| found.column.kind()).collect();
    assert_eq!(found, kinds);
    assert!(catalog.prepared(b"nothing").unwrap().is_missing());
    let odd = catalog.relation(&name(&["S'x", "T\\y"])).unwrap();
    assert_eq!((odd.schema.as_str(), odd.table.as_str()), ("S'x", "T\\y"));
    let column =
        |name: &str| -> &RelationColumn { &odd.columns()[odd.position(name.as_bytes()).unwrap()] };
    let about = |name: &str| {
        let column = &column(name).column;
        (column.type_oid, column.element_oid != 0, column.modifier, column.is_nullable)
    };
    assert_eq!(about("a"), (type_oid::VARCHAR, false, 11, false));
    assert_eq!(about("b"), (type_oid::VARCHAR_ARRAY, true, -1, true));
    assert_eq!(about("c"), (type_oid::TEXT_ARRAY, true, -1, true));
    assert_eq!(about("d"), (type_oid::NUMERIC, false, ((9 << 16) | 2) + 4, true));
    assert_eq!(about("e"), (type_oid::BOOL, false, -1, true));
    assert!(column("id").is_identity_always && !column("id").is_generated);
    assert!(column("g").is_generated && !column("g").is_identity_always);
    assert_eq!(odd.position(b"gone"), None);
}

#[test]
fn a_role_without_rights_learns_the_columns_too() {
    let database = Cluster::shared().create_database();
    database.query(
        "CREATE SCHEMA closed; CREATE TABLE closed.t (a uuid);
        REVOKE ALL ON SCHEMA closed FROM PUBLIC",
    );
    let before = "SET ROLE pg_monitor;";
    let catalog = known(&database, before, vec![Subject::Relation(name(&["closed", "t"]))]);
    let relation = catalog.relation(&name(&["closed", "t"])).unwrap();
    assert_eq!(relation.columns()[0].column.type_oid, type_oid::UUID);
}

#[test]
fn functions_and_types_are_found() {
    let database = Cluster::shared().create_database();
    database.query(
        "CREATE DOMAIN code AS varchar(7); CREATE DOMAIN codes AS code[]; CREATE TYPE mood AS ENUM ('a');
        CREATE FUNCTION f(text, jsonb, int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    );
    plant(&database);
    let number = |sql: &str| -> u32 { database.query(sql)[0][0].parse().unwrap() };
    let mut catalog = Catalog::default();
    let function = number("SELECT 'f(text, jsonb, int)'::regprocedure::oid");
    let question = CatalogQuestion::Arguments(function);
    catalog.on_answer(&question, &ask(&database, PLANTED_FIRST, &question));
    let kinds = [ValueKind::Character, ValueKind::Json, ValueKind::Other];
    assert_eq!(catalog.function(function).unwrap().as_ref(), kinds);
    let types = ["code", "code[]", "codes", "mood"]
        .map(|name| number(&format!("SELECT '{name}'::regtype::oid")));
    let question = CatalogQuestion::UserTypes(types.to_vec());
    catalog.on_answer(&question, &ask(&database, PLANTED_FIRST, &question));
    let kinds = types.map(|oid| catalog.kind_of(oid));
    let expected = [
        ValueKind::Character,
        ValueKind::CharacterArray,
        ValueKind::CharacterArray,
        ValueKind::Other,
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn the_planted_operators_are_found_where_nothing_is_qualified() {
    let database = Cluster::shared().create_database();
    plant(&database);
    let planted = database.query(
        "SET search_path = public, pg_catalog;
        SELECT count(*) FROM pg_operator WHERE oprnamespace OPERATOR(pg_catalog.=) 'public'::regnamespace",
    );
    assert_eq!(planted, [["60"]]);
    // The test would say nothing if the server did not take them.
    let sql = format!(
        "{PLANTED_FIRST} DO $$ BEGIN PERFORM 1 FROM pg_class WHERE oid = 'pg_class'::regclass::oid;
        RAISE NOTICE 'not taken'; EXCEPTION WHEN raise_exception THEN
        CREATE TABLE public.taken (); END $$; SELECT to_regclass('taken')"
    );
    assert_eq!(database.query(&sql), [["taken"]]);
}

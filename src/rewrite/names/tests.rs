use super::*;
use crate::mapping::{
    Mapping, MappingOptions, NameChange, NamePattern, NameRule, TableSelection, name_rule as rule,
};
use crate::policy::Policy;
use crate::statement::Lexing;
use crate::statement::script::Scratch;

fn lower() -> Vec<NameRule> {
    vec![
        rule(&["%"], NameChange::Lowercase),
        rule(&["%", "%"], NameChange::Lowercase),
        rule(&["%", "%", "%"], NameChange::Lowercase),
    ]
}

/// Rules for one schema, as a file for an Oracle source has them.
fn hr() -> Vec<NameRule> {
    vec![
        rule(&["HR"], NameChange::Rename("people".into())),
        rule(&["HR", "%"], NameChange::Lowercase),
        rule(&["HR", "EMP", "ID"], NameChange::Rename("emp_id".into())),
        rule(&["HR", "%", "%"], NameChange::Lowercase),
    ]
}

fn policy(rules: Vec<NameRule>) -> Policy {
    let mut policy = crate::config::Config::default().policy().unwrap();
    policy.names = NameRules::new(Vec::new(), rules, None).unwrap();
    policy
}

fn named(policy: &Policy, catalog: &Catalog, sql: &str) -> String {
    let lexing = Lexing::default();
    let script = Script::read(sql.as_bytes(), lexing, &policy.mapping, &mut Scratch::default());
    let rules = Rules { policy, settings: policy.defaults, lexing, masks: &[] };
    match rename(&script, sql.as_bytes(), &rules, catalog) {
        Naming::Untouched => "untouched".to_owned(),
        Naming::Ask(needs) => format!("asks for {}", needs.len()),
        Naming::Refused(error) => {
            format!("{} at {}: {}", error.sqlstate, error.position.unwrap(), error.message)
        }
        Naming::Renamed(renamed) => String::from_utf8(renamed.sql).unwrap(),
    }
}

/// Renames each text and compares it with the one behind it.
fn check(rules: Vec<NameRule>, path: &[&str], texts: &[(&str, &str)]) {
    let policy = policy(rules);
    let mut catalog = Catalog::default();
    catalog.define_search_path(path.iter().map(|schema| (*schema).to_owned()).collect());
    for (sql, expected) in texts {
        assert_eq!(named(&policy, &catalog, sql), *expected, "{sql}");
    }
}

#[test]
fn statements_of_every_kind_are_renamed() {
    check(lower(), &[], &[
        (r#"CREATE TABLE "HR"."EMP" ("ID" int PRIMARY KEY, "Name" text DEFAULT 'X', CONSTRAINT "C" CHECK ("ID" > 0))"#,
         r#"CREATE TABLE "hr"."emp" ("id" int PRIMARY KEY, "name" text DEFAULT 'X', CONSTRAINT "C" CHECK ("id" > 0))"#),
        (r#"ALTER TABLE "HR"."EMP" ADD FOREIGN KEY ("Dept") REFERENCES "HR"."DEPT" ("ID") ON DELETE SET NULL ("Dept")"#,
         r#"ALTER TABLE "hr"."emp" ADD FOREIGN KEY ("dept") REFERENCES "hr"."dept" ("id") ON DELETE SET NULL ("dept")"#),
        (r#"INSERT INTO "HR"."EMP" ("ID", "Name") VALUES (1, 'ID'), ($1, "f"("x")) ON CONFLICT ("ID") DO UPDATE SET "Name" = EXCLUDED."Name" RETURNING "ID", "EMP"."Name" AS "N""#,
         r#"INSERT INTO "hr"."emp" ("id", "name") VALUES (1, 'ID'), ($1, "f"("x")) ON CONFLICT ("id") DO UPDATE SET "name" = EXCLUDED."name" RETURNING "id", "emp"."name" AS "N""#),
        (r#"UPDATE "HR"."EMP" E SET "Name" = 'x', ("A", "B") = (1, 2) FROM "HR"."DEPT" D WHERE E."Dept" = D."ID""#,
         r#"UPDATE "hr"."emp" E SET "name" = 'x', ("a", "b") = (1, 2) FROM "hr"."dept" D WHERE E."dept" = D."id""#),
        (r#"DELETE FROM ONLY "EMP" USING "DEPT" WHERE "EMP"."ID" = "DEPT"."ID""#,
         r#"DELETE FROM ONLY "emp" USING "dept" WHERE "emp"."id" = "dept"."id""#),
        (r#"MERGE INTO "T" t USING (SELECT "A" FROM "S") s ON t."ID" = s."A" WHEN MATCHED AND s."A" > 1 THEN UPDATE SET "V" = s."A" WHEN NOT MATCHED THEN INSERT ("ID", "V") VALUES (s."A", 1)"#,
         r#"MERGE INTO "t" t USING (SELECT "a" FROM "s") s ON t."id" = s."a" WHEN MATCHED AND s."a" > 1 THEN UPDATE SET "v" = s."a" WHEN NOT MATCHED THEN INSERT ("id", "v") VALUES (s."a", 1)"#),
        (r#"SELECT "A", E.*, count(*) AS "N", max("B") OVER (PARTITION BY "C" ORDER BY "D") FROM "HR"."EMP" AS E LEFT JOIN "X" USING ("ID") WHERE E."A"::text LIKE 'A%' GROUP BY "A" HAVING count("B") > 1 ORDER BY "N", "A""#,
         r#"SELECT "a", E.*, count(*) AS "N", max("b") OVER (PARTITION BY "c" ORDER BY "d") FROM "hr"."emp" AS E LEFT JOIN "x" USING ("id") WHERE E."a"::text LIKE 'A%' GROUP BY "a" HAVING count("b") > 1 ORDER BY "N", "a""#),
        (r#"WITH RECURSIVE "C"("X", y) AS (SELECT "ID", 1 FROM "T" UNION ALL SELECT "X", y FROM "C") SELECT "X" FROM "C" UNION SELECT "Z" FROM "U" ORDER BY "X""#,
         r#"WITH RECURSIVE "C"("X", y) AS (SELECT "id", 1 FROM "t" UNION ALL SELECT "X", y FROM "C") SELECT "X" FROM "C" UNION SELECT "z" FROM "u" ORDER BY "X""#),
        (r#"SELECT q."A", q."L", "L" FROM (SELECT "A", "B" AS "L" FROM "T") q"#,
         r#"SELECT q."a", q."L", "L" FROM (SELECT "a", "B" AS "L" FROM "T") q"#.replace("\"T\"", "\"t\"").replace("\"B\" AS", "\"b\" AS").leak()),
        (r#"COPY "HR"."EMP" ("ID", "Name") FROM STDIN WITH (FORMAT csv, FORCE_NULL ("Name"))"#,
         r#"COPY "hr"."emp" ("id", "name") FROM STDIN WITH (FORMAT csv, FORCE_NULL ("name"))"#),
        (r#"COPY (SELECT "ID" FROM "EMP") TO STDOUT"#, r#"COPY (SELECT "id" FROM "emp") TO STDOUT"#),
        (r#"TRUNCATE "A", ONLY "B" CASCADE"#, r#"TRUNCATE "a", ONLY "b" CASCADE"#),
        (r#"LOCK TABLE "A" IN SHARE MODE; ANALYZE "A" ("B"); VACUUM (ANALYZE) "A""#,
         r#"LOCK TABLE "a" IN SHARE MODE; ANALYZE "a" ("b"); VACUUM (ANALYZE) "a""#),
        (r#"CREATE UNIQUE INDEX "IX" ON "HR"."EMP" USING btree (lower("Name"), "ID" DESC) INCLUDE ("A") WHERE "B" IS NULL"#,
         r#"CREATE UNIQUE INDEX "IX" ON "hr"."emp" USING btree (lower("name"), "id" DESC) INCLUDE ("a") WHERE "b" IS NULL"#),
        (r#"COMMENT ON COLUMN "HR"."EMP"."ID" IS 'the ID'; COMMENT ON TABLE "EMP" IS NULL"#,
         r#"COMMENT ON COLUMN "hr"."emp"."id" IS 'the ID'; COMMENT ON TABLE "emp" IS NULL"#),
        (r#"GRANT SELECT ("ID"), INSERT ON "HR"."EMP" TO "R""#,
         r#"GRANT SELECT ("id"), INSERT ON "hr"."emp" TO "R""#),
        (r#"CREATE TRIGGER "TR" AFTER UPDATE OF "ID" ON "EMP" FOR EACH ROW WHEN (OLD."ID" <> NEW."ID") EXECUTE FUNCTION "HR"."F"()"#,
         r#"CREATE TRIGGER "TR" AFTER UPDATE OF "id" ON "emp" FOR EACH ROW WHEN (OLD."id" <> NEW."id") EXECUTE FUNCTION "hr"."F"()"#),
        (r#"CREATE SEQUENCE "HR"."SEQ" OWNED BY "HR"."EMP"."ID"; SELECT nextval('"HR"."SEQ"'), 'HR.x'::regclass, setval('"SEQ"', 3)"#,
         r#"CREATE SEQUENCE "hr"."seq" OWNED BY "hr"."emp"."id"; SELECT nextval('"hr"."seq"'), 'HR.x'::regclass, setval('"seq"', 3)"#),
        (r#"CREATE VIEW "V" AS SELECT "A" AS "Label", "B" FROM "T""#,
         r#"CREATE VIEW "v" AS SELECT "a" AS "label", "b" FROM "t""#),
        (r#"PREPARE "P" (int) AS SELECT "A" FROM "T" WHERE "B" = $1"#,
         r#"PREPARE "P" (int) AS SELECT "a" FROM "t" WHERE "b" = $1"#),
        (r#"DECLARE "Cur" CURSOR FOR SELECT "A" FROM "T"; FETCH 1 FROM "Cur""#,
         r#"DECLARE "Cur" CURSOR FOR SELECT "a" FROM "t"; FETCH 1 FROM "Cur""#),
        (r#"SET search_path = "HR", public; CREATE SCHEMA "HR" AUTHORIZATION "Me"; DROP TABLE IF EXISTS "HR"."A", "B""#,
         r#"SET search_path = "hr", public; CREATE SCHEMA "hr" AUTHORIZATION "Me"; DROP TABLE IF EXISTS "hr"."a", "b""#),
        (r#"ALTER DATABASE "D" SET search_path TO public, "HR"; ALTER ROLE "Me" IN DATABASE "D" SET search_path = 'HR'"#,
         r#"ALTER DATABASE "D" SET search_path TO public, "hr"; ALTER ROLE "Me" IN DATABASE "D" SET search_path = 'hr'"#),
        (r#"ALTER FUNCTION "HR"."F"(int) SET search_path = "HR", public; ALTER ROLE "Me" SET work_mem TO "HR""#,
         r#"ALTER FUNCTION "hr"."F"(int) SET search_path = "hr", public; ALTER ROLE "Me" SET work_mem TO "HR""#),
        (r#"ALTER TABLE "T" RENAME COLUMN "A" TO "B"; ALTER TABLE "T" RENAME TO "U"; ALTER TABLE "T" ALTER COLUMN "A" TYPE text USING "B"::text, DROP COLUMN "C""#,
         r#"ALTER TABLE "t" RENAME COLUMN "a" TO "b"; ALTER TABLE "t" RENAME TO "u"; ALTER TABLE "t" ALTER COLUMN "a" TYPE text USING "b"::text, DROP COLUMN "c""#),
        (r#"REFRESH MATERIALIZED VIEW CONCURRENTLY "MV""#, r#"REFRESH MATERIALIZED VIEW CONCURRENTLY "mv""#),
        ("SELECT a FROM t WHERE b = 'B'", "untouched"),
        (r#"SELECT 'A' AS "A""#, "untouched"),
    ]);
}

#[test]
fn schemas_decide_where_rules_are_about_some() {
    check(
        hr(),
        &["people", "public"],
        &[
            (
                r#"SELECT "ID", "NAME" FROM "HR"."EMP""#,
                r#"SELECT "emp_id", "name" FROM "people"."emp""#,
            ),
            (r#"SELECT "ID" FROM "Other"."EMP""#, "untouched"),
            (r#"CREATE TABLE "NEW" ("ID" int)"#, r#"CREATE TABLE "new" ("id" int)"#),
            (r#"SET search_path = "Other"; SELECT "ID" FROM "EMP""#, "untouched"),
            (
                r#"SET search_path = 'HR'; SELECT "ID" FROM "EMP""#,
                r#"SET search_path = 'people'; SELECT "emp_id" FROM "emp""#,
            ),
            (
                r#"SELECT set_config('search_path', 'x', false); SELECT "ID" FROM "EMP""#,
                r#"0A000 at 64: the name "EMP" may be in any schema"#,
            ),
            // Whether it is in the first schema or in the second one has to be looked up.
            (r#"SELECT "ID" FROM "EMP""#, "asks for 2"),
            (r#"SELECT "ID" FROM "HR"."EMP", "Other"."X""#, "asks for 2"),
            (
                r#"SELECT e."ID", x."ID" FROM "HR"."EMP" e, "Other"."X" x"#,
                r#"SELECT e."emp_id", x."ID" FROM "people"."emp" e, "Other"."X" x"#,
            ),
        ],
    );
}

#[test]
fn what_cannot_be_placed_is_refused() {
    check(
        lower(),
        &[],
        &[
            (
                r#"SELECT * FROM "T", XMLTABLE('/r' PASSING "X" COLUMNS "A" int)"#,
                r#"0A000 at 42: the name "X" cannot be placed"#,
            ),
            (
                r#"SELECT "Nobody"."A" FROM "T""#,
                r#"0A000 at 8: the name "Nobody" cannot be placed"#,
            ),
            (r#"SELECT U&"\0041" FROM "T""#, r#"0A000 at 8: the name U&"\0041" cannot be read"#),
            (
                r#"CREATE TABLE "T" ("A" int, "a" int)"#,
                r#"42701 at 28: columns "A" and "a" both become "a""#,
            ),
        ],
    );
    let long = "A".repeat(60);
    let prefix = vec![rule(&["%", "%"], NameChange::AddPrefix("long_".into()))];
    let policy = policy(prefix);
    let sql = format!(r#"CREATE TABLE "{long}" (a int)"#);
    assert!(named(&policy, &Catalog::default(), &sql).starts_with("42622 at 14: "));
}

#[test]
fn code_in_constants_stays() {
    let policy = policy(lower());
    let catalog = Catalog::default();
    let sql = r#"DO $$ BEGIN DELETE FROM "T"; END $$"#;
    assert_eq!(named(&policy, &catalog, sql), sql);
    assert_eq!(named(&policy, &catalog, "DO $$ BEGIN DELETE FROM t; END $$"), "untouched");
    let sql =
        r#"CREATE FUNCTION "S"."F"("A" int) RETURNS int LANGUAGE sql AS 'SELECT "B" FROM "T"'"#;
    let expected = sql.replace("\"S\"", "\"s\"");
    assert_eq!(named(&policy, &catalog, sql), expected);
}

#[test]
fn tables_that_are_left_out_keep_all_their_names() {
    let selections = vec![TableSelection {
        schema: NamePattern::new("%").unwrap(),
        table: NamePattern::new("TMP%").unwrap(),
        excludes: true,
    }];
    let mut policy = crate::config::Config::default().policy().unwrap();
    policy.names = NameRules::new(selections, lower(), None).unwrap();
    let catalog = Catalog::default();
    assert_eq!(named(&policy, &catalog, r#"SELECT "A" FROM "S"."TMP1""#), "untouched");
    let _ = Mapping::new(MappingOptions::default());
}

#[test]
fn names_in_places_of_their_own_are_placed() {
    let texts = [
        // What a query gives gets the name that the rules have for the new relation.
        (
            r#"CREATE VIEW "HR"."V" AS SELECT "ID", e."NAME" FROM "HR"."EMP" e"#,
            r#"CREATE VIEW "people"."v" AS SELECT "emp_id" AS "id", e."name" FROM "people"."emp" e"#,
        ),
        (
            r#"CREATE TABLE "HR"."T" AS SELECT 1 AS "A", e."ID" FROM "HR"."EMP" e"#,
            r#"CREATE TABLE "people"."t" AS SELECT 1 AS "a", e."emp_id" AS "id" FROM "people"."emp" e"#,
        ),
        (
            r#"CREATE TABLE "HR"."D" ("ID" int GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME "HR"."S") NOT NULL)"#,
            r#"CREATE TABLE "people"."d" ("id" int GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME "people"."s") NOT NULL)"#,
        ),
        (
            r#"COPY (SELECT "ID", "NAME" AS "X" FROM "HR"."EMP") TO STDOUT (FORMAT csv, FORCE_QUOTE ("ID", "X"))"#,
            r#"COPY (SELECT "emp_id", "name" AS "X" FROM "people"."emp") TO STDOUT (FORMAT csv, FORCE_QUOTE ("emp_id", "X"))"#,
        ),
        (
            r#"CREATE VIEW "HR"."V" AS SELECT "ID"::text FROM "HR"."EMP""#,
            "0A000 at 32: the name \"ID\" has columns with names of a query",
        ),
    ];
    check(hr(), &["people"], &texts);
}

//! Real tools load under the names of a source, which rules rename: what arrives is what a load under the target's
//! names makes directly.

use std::path::Path;
use std::process::Command;

use super::{arguments, python};
use crate::support::{
    Cluster, Database, Proxy, assert_same, command, program, psql, run, setup_directory,
};

const RULES: &str = "[mapping]\nreply_names = \"source\"\n[mapping.names]\nschemas = { HR = \"people\" }\n\
                     tables = \"lower\"\ncolumns = \"lower\"\n";

/// What there is in a schema, and how many bytes its rows have.
pub(super) fn contents(database: &Database, schema: &str) -> Vec<Vec<String>> {
    let columns = format!(
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns \
         WHERE table_schema = '{schema}' ORDER BY table_name, ordinal_position"
    );
    let keys = format!(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = \
         '{schema}'::regnamespace ORDER BY 1, 2"
    );
    let tables =
        format!("SELECT tablename FROM pg_tables WHERE schemaname = '{schema}' ORDER BY 1");
    let rows = database.query(&tables).into_iter().flatten().map(|table| {
        let sql = format!("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {schema}.\"{table}\" t");
        [vec![table], database.query(&sql).concat()].concat()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    [database.query(&columns), database.query(&keys), rows].concat()
}

/// A load under the target's names directly, and one under the source's through rules: both print the same, and leave
/// the same, in that many tables.
fn same_load(tables: usize, load: impl Fn(&Database, &Proxy, bool) -> String) {
    let proxy = Proxy::start(RULES, &[]);
    let [direct, proxied] = [false, true].map(|is_source| {
        let database = Cluster::shared().create_database();
        let said = load(&database, &proxy, is_source);
        let contents = contents(&database, "people");
        let found = database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'people'");
        assert_eq!(found, [[tables.to_string()]]);
        (said, contents)
    });
    assert_same(&direct, &proxied);
}

fn script(
    mut load: Command,
    database: &Database,
    proxy: &Proxy,
    is_source: bool,
    rest: &[&str],
) -> String {
    let endpoint = database.endpoint();
    let proxied = proxy.endpoint(endpoint);
    let (endpoint, names) = if is_source { (&proxied, "source") } else { (endpoint, "target") };
    load.current_dir(setup_directory().with_file_name("clients"));
    run(load.args(arguments(endpoint)).arg(names).args(rest), b"").success()
}

#[cfg(client = "sqlalchemy")]
#[test]
fn sqlalchemy_and_pandas() {
    same_load(3, |database, proxy, is_source| {
        script(python("names_sqlalchemy.py"), database, proxy, is_source, &[])
    });
}

#[cfg(client = "pgjdbc")]
#[test]
fn batches_of_pgjdbc() {
    for rewrites in ["false", "true"] {
        same_load(1, |database, proxy, is_source| {
            let mut java = program("java");
            java.arg("-classpath").arg(setup_directory().join("lib/postgresql.jar"));
            java.arg("NamesPgjdbc.java");
            script(java, database, proxy, is_source, &[rewrites])
        });
    }
}

#[cfg(client = "psqlodbc")]
#[test]
fn arrays_and_catalog_functions_of_psqlodbc() {
    same_load(1, |database, proxy, is_source| {
        script(python("names_psqlodbc.py"), database, proxy, is_source, &[])
    });
}

/// pgloader keeps the case of names, or makes them lower-case itself. Its SQLite source has no schema.
#[cfg(all(client = "pgloader", client = "sqlite3"))]
#[test]
fn pgloader_from_sqlite_in_mixed_case() {
    const SOURCE: &str = r#"
        CREATE TABLE "Dept" ("DeptId" INTEGER PRIMARY KEY, "Name" VARCHAR(30) NOT NULL);
        CREATE TABLE "EMP" ("EmpId" INTEGER PRIMARY KEY, "DeptId" INTEGER REFERENCES "Dept" ("DeptId"),
            "Hired" DATETIME, "Pay" DECIMAL(9,2) DEFAULT 1.5, "Photo" BLOB);
        CREATE INDEX "EmpHired" ON "EMP" ("Hired");
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
        INSERT INTO "Dept" SELECT i, 'Dept ' || i FROM n;
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO "EMP" SELECT i, i % 20 + 1, datetime('2000-01-01', '+' || i || ' minutes'), i / 4.0,
            CASE i % 3 WHEN 0 THEN x'00ff' END FROM n;"#;
    let directory = std::env::temp_dir().join(format!("pgloader-names-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let source = directory.join("source.sqlite");
    run(program("sqlite3").arg("-bail").arg(&source), SOURCE.as_bytes()).success();
    let proxy = Proxy::start("[mapping.names]\ntables = \"lower\"\ncolumns = \"lower\"\n", &[]);
    let [direct, proxied] = [false, true].map(|is_source| {
        let database = Cluster::shared().create_database();
        let endpoint = match is_source {
            true => proxy.endpoint(database.endpoint()),
            false => database.endpoint().clone(),
        };
        let names = if is_source { "quote identifiers" } else { "downcase identifiers" };
        let mut pgloader = program("pgloader");
        pgloader.env("HOME", &directory).arg("--root-dir").arg(&directory);
        pgloader.args(["--quiet", "--with", names]).arg(format!("sqlite://{}", source.display()));
        let (user, address) = (&endpoint.user, endpoint.address);
        pgloader.arg(format!("postgresql://{user}@{address}/{}", endpoint.database));
        let finished = run(&mut pgloader, b"");
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert_eq!(finished.status, Some(0), "{said}");
        assert!(!said.contains("ERROR") && !said.contains("FATAL"), "{said}");
        contents(&database, "public")
    });
    assert!(direct.len() > 10, "{direct:?}");
    assert_same(&direct, &proxied);
    std::fs::remove_dir_all(directory).unwrap();
}

/// A schema of a source in mixed case, and the same as somebody would rename it by hand.
fn dumped(is_source: bool) -> String {
    let sql = r#"CREATE SCHEMA "HR";
        CREATE TABLE "HR"."DEPT" ("DEPT_ID" serial PRIMARY KEY, "NAME" varchar(30) NOT NULL UNIQUE);
        CREATE TABLE "HR"."EMP" ("EMP_ID" int PRIMARY KEY, "DEPT_ID" int NOT NULL REFERENCES "HR"."DEPT",
            "BOSS" int REFERENCES "HR"."EMP" ("EMP_ID") ON DELETE CASCADE, "PAY" numeric(9,2) CHECK ("PAY" > 0),
            "NOTE" text DEFAULT 'NOTE of EMP');
        CREATE INDEX ON "HR"."EMP" (lower("NOTE"), "PAY" DESC) WHERE "PAY" > 1;
        CREATE VIEW "HR"."RICH" AS SELECT e."EMP_ID", d."NAME" FROM "HR"."EMP" e JOIN "HR"."DEPT" d USING ("DEPT_ID");
        COMMENT ON COLUMN "HR"."EMP"."PAY" IS 'PAY of "HR"."EMP"';
        INSERT INTO "HR"."DEPT" ("NAME") SELECT 'dept ' || i FROM generate_series(1, 20) i;
        INSERT INTO "HR"."EMP" SELECT i, i % 20 + 1, nullif(i / 2, 0), i, E'line\n' || i FROM
            generate_series(1, 2000) i;"#;
    match is_source {
        true => sql.to_owned(),
        false => {
            let (mut renamed, mut is_name) = (String::new(), false);
            for piece in sql.split_inclusive('"') {
                renamed += &if is_name { piece.to_lowercase() } else { piece.to_owned() };
                is_name = !is_name;
            }
            renamed
                .replace("\"hr\"", "\"people\"")
                .replace("'PAY of \"people\".\"emp\"'", "'PAY of \"HR\".\"EMP\"'")
        }
    }
}

#[cfg(all(client = "pg_dump", client = "pg_restore", client = "psql"))]
#[test]
fn an_archive_of_pg_dump() {
    let directory = std::env::temp_dir();
    for form in
        [&["--format=custom"][..], &["--format=plain"], &["--format=plain", "--column-inserts"]]
    {
        same_load(2, |database, proxy, is_source| {
            let source = Cluster::shared().create_database();
            psql(source.endpoint(), &["--set=ON_ERROR_STOP=1"], &dumped(is_source)).success();
            let file = directory.join(format!("{}.dump", source.endpoint().database));
            let mut pg_dump = tool("pg_dump", &source, None);
            run(pg_dump.args(form).arg("--file").arg(&file), b"").success();
            restore(&file, database, is_source.then_some(proxy), form[0] == "--format=custom");
            std::fs::remove_file(file).unwrap();
            String::new()
        });
    }
}

#[cfg(all(client = "pg_dump", client = "pg_restore", client = "psql"))]
fn restore(file: &Path, database: &Database, proxy: Option<&Proxy>, is_archive: bool) {
    let name = if is_archive { "pg_restore" } else { "psql" };
    let mut restore = tool(name, database, proxy);
    match is_archive {
        true => restore
            .args(["--exit-on-error", "--no-owner"])
            .arg("--dbname")
            .arg(&database.endpoint().database),
        false => restore.args(["--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file"]),
    };
    run(restore.arg(file), b"").success();
}

/// One of PostgreSQL's own programs.
#[cfg(all(client = "pg_dump", client = "pg_restore", client = "psql"))]
fn tool(name: &str, database: &Database, proxy: Option<&Proxy>) -> Command {
    let endpoint = match proxy {
        Some(proxy) => proxy.endpoint(database.endpoint()),
        None => database.endpoint().clone(),
    };
    let mut tool = command(setup_directory().join("bin").join(name));
    tool.env("PGHOST", endpoint.address.ip().to_string());
    tool.env("PGPORT", endpoint.address.port().to_string());
    tool.env("PGUSER", &endpoint.user).env("PGDATABASE", &endpoint.database);
    tool
}

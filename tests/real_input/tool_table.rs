//! The table of tools in docs/start.md, row by row: the proxy is started with the options that the page names, and
//! the tool is pointed at it as the page says. What it leaves has to be what it leaves on the server itself.

use std::fs;
use std::path::Path;

use super::Scratch;
use crate::support::{
    Cluster, Endpoint, Proxy, both_through, command, program, run, setup_directory,
};

/// A row of the table.
struct Row {
    /// What the proxy is started with.
    options: Vec<String>,
    /// What stands in the second column besides.
    words: Vec<String>,
    /// How the tool is pointed at the proxy, with HOST and the rest in it.
    pointed: String,
}

/// The tools whose rows are tried below.
const TOOLS: [&str; 10] = [
    "AWS DMS",
    "psql, with scripts of a source",
    "psql, with scripts of PostgreSQL",
    "pg_restore",
    "pgcopydb",
    "pgloader",
    "ora2pg",
    "Debezium and other JDBC sinks",
    "dlt",
    "SQLAlchemy",
];

/// The cells of the rows of the table on the page.
fn cells() -> Vec<[String; 3]> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/start.md");
    let page = fs::read_to_string(page).unwrap();
    let table = page.split("| Tool | Start the proxy with | In the tool |\n").nth(1).unwrap();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let cut = |row: &str| {
        let cells = row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
        cells.collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{row}"))
    };
    rows.map(cut).collect()
}

/// The pieces of a cell that are code.
fn code(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn row(tool: &str) -> Row {
    let found = cells().into_iter().find(|[name, ..]| name == tool);
    let [_, start, pointed] = found.unwrap_or_else(|| panic!("no row for {tool}"));
    let mut words = code(&start);
    let options = match words.first() {
        Some(first) if first.starts_with("--") => {
            words.remove(0).split(' ').map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let pointed = code(&pointed).into_iter().next().unwrap_or_default();
    Row { options, words, pointed }
}

impl Row {
    /// The proxy that it asks for.
    fn proxy(&self) -> Proxy {
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        Proxy::start("", &options)
    }

    /// How the tool is pointed at an endpoint.
    fn pointed_at(&self, endpoint: &Endpoint) -> String {
        let Endpoint { address, user, database } = endpoint;
        self.pointed
            .replace("HOST", &address.ip().to_string())
            .replace("6432", &address.port().to_string())
            .replace("app", user)
            .replace("mydb", database)
    }

    /// Runs the tool directly and through its proxy; gives what both leave: definitions, then what `rows` gives.
    fn tried(&self, rows: &str, load: impl Fn(&Endpoint) -> String) -> Vec<Vec<String>> {
        both_through(&self.proxy(), |endpoint| {
            let said = load(endpoint);
            let query = |sql: &str| Cluster::shared().query(&endpoint.database, sql);
            let left = [query(DEFINITIONS), query(rows)].concat();
            assert!(left.len() > 5, "{left:?}");
            [left, vec![vec![said]]].concat()
        })
    }
}

/// Columns, constraints and indexes. pgloader puts the OID of the table into the names of indexes. An enum is
/// VARCHAR through the proxy, as AWS DMS makes it.
const DEFINITIONS: &str = "
    SELECT relation, name, regexp_replace(text, 'idx_[0-9]+_', '') FROM (
        SELECT c.oid::regclass, a.attname, CASE typtype WHEN 'e' THEN 'character varying'
            ELSE format_type(a.atttypid, a.atttypmod) END || ' ' || a.attnotnull
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
            JOIN pg_type ON pg_type.oid = a.atttypid
        WHERE c.relkind IN ('r', 'v')
        UNION ALL
        SELECT conrelid, 'constraint', pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid > 0
        UNION ALL
        SELECT indrelid, 'index', pg_get_indexdef(indexrelid) FROM pg_index
    ) AS found (relation, name, text) JOIN pg_class ON pg_class.oid = relation
    WHERE relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'dms_proxy')
    ORDER BY relation::text, 2, 3";

/// A schema of PostgreSQL's own, that breaks where JSON does not stay JSON.
const WITH_JSON: &str = "
    CREATE TABLE doc (id int PRIMARY KEY, j json NOT NULL, b jsonb, at timestamptz, amount numeric);
    CREATE INDEX by_k ON doc ((j ->> 'k'));
    CREATE VIEW names AS SELECT id, j ->> 'k' AS name FROM doc;
    CREATE TABLE line (doc_id int NOT NULL REFERENCES doc, no smallint, PRIMARY KEY (doc_id, no));
    INSERT INTO doc SELECT i, format('{\"k\": \"n%s\"}', i)::json, '[1]', '2024-02-29Z', i / 3.0
    FROM generate_series(1, 500) i;
    INSERT INTO line SELECT i, 1 FROM generate_series(1, 500) i;";

const OF_JSON: &str =
    "SELECT count(*), sum(hashtext(d::text)), min(name), count(no) FROM doc d JOIN names USING (id)
     JOIN line ON doc_id = id";

/// Whether a column of one of these has this type.
fn has_type(left: &[Vec<String>], relation: &str, column: &str, type_name: &str) -> bool {
    left.iter().any(|line| {
        line.len() == 3
            && line[0] == relation
            && line[1] == column
            && line[2].starts_with(type_name)
    })
}

#[test]
fn every_row_is_tried() {
    let on_page: Vec<String> = cells().into_iter().map(|[tool, ..]| tool).collect();
    assert_eq!(on_page, TOOLS);
}

#[cfg(client = "psql")]
mod by_psql {
    use super::*;

    /// Runs a script by the command of the row.
    fn psql(row: &Row, endpoint: &Endpoint, script: &str) -> String {
        let pointed = row.pointed_at(endpoint);
        let mut words = pointed.split(' ');
        let mut psql = program(words.next().unwrap());
        psql.args(words).args(["--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1"]);
        psql.args(["-U", &endpoint.user, "-d", &endpoint.database]);
        run(&mut psql, script.as_bytes()).success()
    }

    #[test]
    fn scripts_of_postgresql() {
        let row = row("psql, with scripts of PostgreSQL");
        let left = row.tried(OF_JSON, |endpoint| psql(&row, endpoint, WITH_JSON));
        assert!(has_type(&left, "doc", "j", "json"), "{left:?}");
    }

    /// A table of a source, and the types of its columns on the target.
    const SCRIPTS: &[(&str, &str, &[&str])] = &[
        (
            "oracle",
            "CREATE TABLE t (id NUMBER(9) NOT NULL, name VARCHAR2(30 CHAR), born DATE, photo BLOB, cv CLOB);
             INSERT INTO t (id, name) VALUES (1, 'a');",
            &["integer", "character varying(30)", "timestamp without time zone", "bytea", "text"],
        ),
        (
            "mysql",
            "CREATE TABLE t (id INT(11) NOT NULL, tiny TINYINT(4), at DATETIME, doc JSON, data LONGBLOB);
             INSERT INTO t (id, doc) VALUES (1, '{}');",
            &["integer", "smallint", "timestamp without time zone", "text", "bytea"],
        ),
        (
            "sqlserver",
            "CREATE TABLE t (id INT NOT NULL, name NVARCHAR(30), flag BIT, price MONEY, data IMAGE);
             INSERT INTO t (id, name) VALUES (1, N'a');",
            &["integer", "character varying(30)", "boolean", "numeric(19,4)", "bytea"],
        ),
    ];

    #[test]
    fn scripts_of_each_source_that_is_named() {
        let row = row("psql, with scripts of a source");
        let [flag, first] = row.options.as_slice() else { panic!("{:?}", row.options) };
        assert_eq!(flag, "--source");
        let named: Vec<&String> = [first].into_iter().chain(&row.words).collect();
        assert_eq!(named, SCRIPTS.iter().map(|(source, ..)| source).collect::<Vec<_>>());
        for (source, script, types) in SCRIPTS {
            let database = Cluster::shared().create_database();
            let proxy = Proxy::start("", &[flag, source]);
            psql(&row, &proxy.endpoint(database.endpoint()), script);
            let types_of = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                            WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum";
            assert_eq!(database.query(types_of).concat(), *types, "{source}");
            assert_eq!(database.query("SELECT count(*) FROM t"), [["1"]]);
        }
    }

    /// AWS DMS is a service and is not fetched: the statements of a task are replayed, as its documentation and the
    /// server's log of one show them.
    #[test]
    fn statements_of_aws_dms() {
        const TASK: &str = "
            CREATE SCHEMA \"HR\";
            CREATE TABLE \"HR\".\"EMP\" (\"ID\" INTEGER NOT NULL, \"NAME\" VARCHAR(30), \"BORN\" TIMESTAMP,
                \"SALARY\" NUMERIC(10,2), \"PHOTO\" BYTEA, \"CV\" TEXT);
            TRUNCATE TABLE \"HR\".\"EMP\";
            COPY \"HR\".\"EMP\" (\"ID\",\"NAME\",\"BORN\",\"SALARY\",\"PHOTO\",\"CV\") FROM STDIN
                WITH DELIMITER ',' CSV NULL 'attNULL' ESCAPE '\\';\n\
            1,\"naïve \\\"☃\",\"2024-02-29 01:02:03.123456\",1.25,\"\\\\\\\\x00ff\",attNULL\n\
            2,attNULL,attNULL,attNULL,attNULL,\"text\"\n\
            \\.\n\
            ALTER TABLE \"HR\".\"EMP\" ADD CONSTRAINT \"EMP_PK\" PRIMARY KEY (\"ID\");
            CREATE TABLE \"public\".\"awsdms_apply_exceptions\" (\"TASK_NAME\" VARCHAR(128) NOT NULL,
                \"TABLE_OWNER\" VARCHAR(128) NOT NULL, \"TABLE_NAME\" VARCHAR(128) NOT NULL,
                \"ERROR_TIME\" TIMESTAMP NOT NULL, \"STATEMENT\" TEXT NOT NULL, \"ERROR\" TEXT NOT NULL);
            BEGIN;
            PREPARE c1 AS INSERT INTO \"HR\".\"EMP\" (\"ID\",\"NAME\") VALUES ($1,$2);
            EXECUTE c1 (3, 'drei');
            UPDATE \"HR\".\"EMP\" SET \"NAME\"='zwei' WHERE \"ID\"=2;
            DELETE FROM \"HR\".\"EMP\" WHERE \"ID\"=1;
            COMMIT;";
        let row = Row { pointed: "psql -h HOST -p 6432".into(), ..row("AWS DMS") };
        assert_eq!(
            (row.options.len(), &*row.words),
            (0, &["mapping.source".into(), "dms".into()][..])
        );
        let left = row.tried("SELECT e::text FROM \"HR\".\"EMP\" e ORDER BY 1", |endpoint| {
            psql(&row, endpoint, TASK)
        });
        assert!(left.iter().flatten().any(|cell| cell == "(2,zwei,,,,text)"), "{left:?}");
        // Types by its own names.
        let database = Cluster::shared().create_database();
        let proxy = row.proxy();
        psql(
            &row,
            &proxy.endpoint(database.endpoint()),
            "CREATE TABLE t (a INT4, b STRING(10), c REAL8, d DATETIME, e BLOB)",
        );
        let types = "SELECT string_agg(format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
                     FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0";
        let expected =
            "integer, character varying(10), double precision, timestamp without time zone, bytea";
        assert_eq!(database.query(types), [[expected]]);
    }

    #[cfg(all(client = "pg_dump", client = "pg_restore"))]
    #[test]
    fn pg_restore() {
        let row = row("pg_restore");
        let files = Scratch::new();
        let archive = files.path().join("archive");
        let source = Cluster::shared().create_database();
        source.query(WITH_JSON);
        let mut pg_dump = crate::real_input::libpq_program("pg_dump", source.endpoint());
        run(pg_dump.args(["-Fc", "-f"]).arg(&archive), b"").success();
        let left = row.tried(OF_JSON, |endpoint| {
            let pointed = row.pointed_at(endpoint);
            let mut words = pointed.split(' ');
            let mut pg_restore = program(words.next().unwrap());
            pg_restore.args(words).args(["--exit-on-error", "-U", &endpoint.user]);
            let finished = run(pg_restore.args(["-d", &endpoint.database]).arg(&archive), b"");
            assert_eq!(finished.stderr, "");
            finished.success()
        });
        assert!(has_type(&left, "doc", "j", "json"), "{left:?}");
    }

    #[cfg(client = "pgcopydb")]
    #[test]
    fn pgcopydb() {
        let row = row("pgcopydb");
        let source = Cluster::shared().create_database();
        source.query(WITH_JSON);
        let Endpoint { address, user, database } = source.endpoint();
        let source = format!("postgresql://{user}@{address}/{database}");
        let left = row.tried(OF_JSON, |endpoint| {
            let pointed = row.pointed_at(endpoint);
            let (variable, target) = pointed.split_once('=').unwrap();
            let files = Scratch::new();
            let mut pgcopydb = program("pgcopydb");
            pgcopydb.env(variable, target).args(["clone", "--source", &source, "--dir"]);
            // It says how long everything took.
            run(pgcopydb.arg(files.path().join("work")), b"").success();
            String::new()
        });
        assert!(has_type(&left, "doc", "j", "json"), "{left:?}");
    }
}

#[cfg(all(client = "pgloader", client = "sqlite3"))]
#[test]
fn pgloader() {
    const SOURCE: &str = "
        CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL, doc JSON, born DATE);
        CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer (id), amount REAL);
        INSERT INTO customer VALUES (1, 'naïve ☃', '{\"k\": 1}', '2024-02-29'), (2, 'b', NULL, NULL);
        INSERT INTO purchase VALUES (1, 2, 1.5), (2, 1, NULL);";
    let row = row("pgloader");
    let files = Scratch::new();
    let source = files.path().join("source.db");
    run(program("sqlite3").arg(&source), SOURCE.as_bytes()).success();
    let rows =
        "SELECT c.*, p.* FROM customer c JOIN purchase p ON p.customer_id = c.id ORDER BY c.id";
    let left = row.tried(rows, |endpoint| {
        let load = files.path().join("load");
        let into = row.pointed_at(endpoint);
        let text = format!("LOAD DATABASE FROM sqlite://{} {into};\n", source.display());
        fs::write(&load, text).unwrap();
        let mut pgloader = program("pgloader");
        pgloader.env("HOME", files.path()).arg("--root-dir").arg(files.path());
        let finished = run(pgloader.arg("--quiet").arg(&load), b"");
        assert_eq!((finished.status, &*finished.stderr), (Some(0), ""), "{}", finished.stdout);
        String::new()
    });
    assert!(has_type(&left, "customer", "doc", "json"), "{left:?}");
}

/// ora2pg reads a script of Oracle in place of the database, and loads what it has made of it over its own connection.
#[cfg(client = "ora2pg")]
#[test]
fn ora2pg() {
    const SOURCE: &str = "
        CREATE TABLE EMP (ID NUMBER(9) NOT NULL, NAME VARCHAR2(80 CHAR) DEFAULT 'none' NOT NULL, HIRED DATE,
            SALARY NUMBER(10,2), PHOTO BLOB, CV CLOB, CONSTRAINT EMP_PK PRIMARY KEY (ID));
        CREATE TABLE BADGE (EMP_ID NUMBER(9) NOT NULL, CODE RAW(16), AT TIMESTAMP(6) WITH TIME ZONE,
            CONSTRAINT BADGE_FK FOREIGN KEY (EMP_ID) REFERENCES EMP (ID));\n";
    let row = row("ora2pg");
    let left = row.tried("SELECT count(*) FROM emp", |endpoint| {
        let files = Scratch::new();
        let file = |name: &str| files.path().join(name);
        let settings = format!(
            "{}\nPG_USER {}\nPG_PWD none\nPG_VERSION 15\n",
            row.pointed_at(endpoint),
            endpoint.user
        );
        fs::write(file("ora2pg.conf"), settings).unwrap();
        fs::write(file("source.sql"), SOURCE).unwrap();
        let ora2pg = |kind: &str, input: &str| {
            let mut ora2pg = program("ora2pg");
            ora2pg.current_dir(files.path()).args(["-q", "-c"]).arg(file("ora2pg.conf"));
            run(ora2pg.args(["-t", kind, "-j", "2", "-i", input, "-o", "made.sql"]), b"").success();
        };
        ora2pg("TABLE", "source.sql");
        ora2pg("LOAD", "made.sql");
        String::new()
    });
    assert!(has_type(&left, "badge", "code", "uuid"), "{left:?}");
}

/// Debezium runs inside of Kafka Connect and is not fetched: the statements of its sink are replayed by the driver that
/// it uses.
#[cfg(client = "pgjdbc")]
#[test]
fn statements_of_a_jdbc_sink() {
    let row = row("Debezium and other JDBC sinks");
    let rows = "SELECT count(*), sum(hashtext(o::text)), sum((doc ->> 'round')::int) FROM orders o";
    let left = row.tried(rows, |endpoint| {
        let mut java = program("java");
        java.current_dir(setup_directory().with_file_name("clients"));
        java.arg("-classpath").arg(setup_directory().join("lib/postgresql.jar"));
        java.args(["SinkPgjdbc.java", &row.pointed_at(endpoint), &endpoint.user]);
        run(&mut java, b"").success()
    });
    assert!(has_type(&left, "orders", "doc", "json"), "{left:?}");
}

#[cfg(any(client = "dlt", client = "sqlalchemy"))]
fn python(script: &str, url: &str) -> String {
    let mut python = command(setup_directory().join("venv/bin/python"));
    python.current_dir(setup_directory().with_file_name("clients"));
    run(python.args([script, url]), b"").success()
}

#[cfg(client = "dlt")]
#[test]
fn dlt() {
    let row = row("dlt");
    let rows = "SELECT id, doc -> 'k' FROM shop.orders ORDER BY id";
    let left = row.tried(rows, |endpoint| python("tool_dlt.py", &row.pointed_at(endpoint)));
    assert!(has_type(&left, "shop.orders", "doc", "jsonb"), "{left:?}");
}

#[cfg(client = "sqlalchemy")]
#[test]
fn sqlalchemy() {
    let row = row("SQLAlchemy");
    let rows = "SELECT id, profile -> 'n', name FROM customer ORDER BY id";
    let left = row.tried(rows, |endpoint| python("tool_sqlalchemy.py", &row.pointed_at(endpoint)));
    assert!(has_type(&left, "customer", "profile", "json"), "{left:?}");
}

//! `check`, `fk` and `finish` through the built program, on databases of their own.

mod check;
// Only there the program has points to be killed at.
#[cfg(debug_assertions)]
mod crash;
mod elsewhere;
mod finish;
mod interrupted;
mod leftovers;
mod modes;
mod orphans;
mod parking;
mod rejects;
mod source_names;

use std::path::Path;
use std::process::Command;

use dms_proxy::target::embedded::Embedded;
use serde_json::Value;

use crate::support::{Cluster, Database, Finished, command, run};

/// A database of one test, and the server that it is on.
pub struct Target<'a> {
    server: &'a Embedded,
    name: String,
    user: String,
}

impl<'a> Target<'a> {
    /// A database of the shared server, by its superuser.
    pub fn shared(database: &Database) -> Target<'static> {
        let server = Cluster::shared().embedded();
        let name = database.endpoint().database.clone();
        Target { server, name, user: server.superuser().to_owned() }
    }

    /// The first database of a server of its own.
    pub fn of(server: &'a Embedded) -> Target<'a> {
        Target { server, name: "postgres".into(), user: server.superuser().to_owned() }
    }

    pub fn as_user(&self, user: &str) -> Target<'a> {
        Target { server: self.server, name: self.name.clone(), user: user.to_owned() }
    }

    pub fn url(&self) -> String {
        let socket = self.server.socket_directory().to_str().unwrap().replace('/', "%2F");
        let (user, port, name) = (&self.user, self.server.port(), &self.name);
        format!("postgresql://{user}@{socket}:{port}/{name}")
    }

    /// The program with these words, and this target behind them.
    pub fn program(&self, words: &str) -> Command {
        let mut program = dms_proxy(words);
        program.args(["--target", &self.url()]);
        program
    }

    pub fn run(&self, words: &str) -> Finished {
        run(&mut self.program(words), b"")
    }

    /// Runs it for its JSON and wants this exit code.
    pub fn json(&self, words: &str, code: i32) -> Value {
        let finished = self.run(&format!("{words} --format json"));
        assert_eq!(finished.status, Some(code), "{words}: {finished:?}");
        serde_json::from_str(&finished.stdout).unwrap()
    }

    pub fn query(&self, sql: &str) -> Vec<Vec<String>> {
        self.try_query(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    pub fn try_query(&self, sql: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut config = tokio_postgres::Config::new();
            config.host_path(self.server.socket_directory()).port(self.server.port());
            config.user(&self.user).dbname(&self.name);
            let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            let rows = client.simple_query(sql).await?.into_iter().filter_map(|row| match row {
                tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            });
            let text = |value: Option<&str>| value.unwrap_or("NULL").to_owned();
            Ok(rows.map(|row| (0..row.len()).map(|at| text(row.get(at))).collect()).collect())
        })
    }

    /// What `pg_dump -s` says of everything but the journal, the keys that it makes up left out; and
    /// the foreign keys that partitions have, of which it says nothing. Some servers come without a
    /// pg_dump, and another version's may refuse: then it is what the catalogs say of all constraints.
    pub fn schema(&self) -> String {
        let pg_dump = self.server.binaries_directory().join("pg_dump");
        let text = if pg_dump.exists() {
            let mut dump = command(Path::new(&pg_dump));
            dump.args(["-s", "-N", "dms_proxy", "-d", &self.url()]);
            run(&mut dump, b"").success()
        } else {
            let constraints = "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid),
                convalidated, obj_description(oid, 'pg_constraint') FROM pg_constraint
                WHERE connamespace::regnamespace::text NOT IN ('dms_proxy', 'information_schema')
                ORDER BY conrelid::regclass::text, conname";
            self.query(constraints).into_iter().map(|row| row.join(" ") + "\n").collect()
        };
        let lines = text.lines().filter(|line| !line.contains("restrict ")).map(str::to_owned);
        let of_partitions = "SELECT conrelid::regclass, confrelid::regclass,
            pg_get_constraintdef(oid), convalidated FROM pg_constraint
            WHERE contype = 'f' AND conparentid <> 0
            ORDER BY conrelid::regclass::text, confrelid::regclass::text, 3";
        let of_partitions = self.query(of_partitions).into_iter().map(|row| row.join(" "));
        lines.chain(of_partitions).collect::<Vec<_>>().join("\n")
    }
}

pub fn dms_proxy(words: &str) -> Command {
    let mut program = command(env!("CARGO_BIN_EXE_dms-proxy"));
    // No proxy.toml lies here.
    program.current_dir(std::env::temp_dir()).args(words.split_whitespace());
    program
}

/// A role of its own for one test, dropped with what it owns and may do in the database.
pub struct Role<'a> {
    target: &'a Target<'a>,
    pub name: String,
}

impl<'a> Role<'a> {
    pub fn create(target: &'a Target<'a>, kind: &str) -> Self {
        let name = format!("{kind}_{}", target.name);
        target.query(&format!("CREATE ROLE {name} LOGIN"));
        Role { target, name }
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let name = &self.name;
            let sql = format!("DROP OWNED BY {name} CASCADE; DROP ROLE {name}");
            self.target.query(&sql);
        }
    }
}

/// A schema with everything that makes foreign keys hard to bring back as they were.
const NASTY: &str = r#"
CREATE SCHEMA "Odd ""S"; CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('a', 'b');
CREATE TABLE app.customer (id int PRIMARY KEY, code varchar(10) UNIQUE,
    boss int REFERENCES app.customer DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "Odd ""S"."Order's" ("Id" bigint PRIMARY KEY, "Cust Omer" bigint DEFAULT 1,
    CONSTRAINT "fk ""x $dms_proxy$" FOREIGN KEY ("Cust Omer") REFERENCES app.customer
        ON DELETE SET NULL ON UPDATE CASCADE);
ALTER TABLE "Odd ""S"."Order's" ADD CONSTRAINT not_valid FOREIGN KEY ("Cust Omer")
    REFERENCES app.customer ON DELETE SET DEFAULT NOT VALID;
COMMENT ON CONSTRAINT "fk ""x $dms_proxy$" ON "Odd ""S"."Order's" IS 'it''s a \ comment';
CREATE TABLE app.a (x int, y int, m app.mood, PRIMARY KEY (x, y), UNIQUE (y, x), UNIQUE (m, x));
CREATE TABLE app.b (x int, y int8, m app.mood, c bpchar(10),
    CONSTRAINT full_key FOREIGN KEY (x, y) REFERENCES app.a MATCH FULL ON DELETE CASCADE,
    CONSTRAINT simple_key FOREIGN KEY (y, x) REFERENCES app.a (y, x) DEFERRABLE,
    CONSTRAINT mood FOREIGN KEY (m, x) REFERENCES app.a (m, x),
    CONSTRAINT ch FOREIGN KEY (c) REFERENCES app.customer (code));
ALTER TABLE app.a ADD CONSTRAINT into_cycle FOREIGN KEY (x) REFERENCES app.customer
    ON UPDATE RESTRICT;
ALTER TABLE app.customer ADD b int REFERENCES "Odd ""S"."Order's";
CREATE TABLE app.p (id int PRIMARY KEY, c int REFERENCES app.customer ON DELETE RESTRICT)
    PARTITION BY RANGE (id);
CREATE TABLE app.p1 PARTITION OF app.p FOR VALUES FROM (0) TO (10);
CREATE TABLE app.p2 PARTITION OF app.p FOR VALUES FROM (10) TO (20);
CREATE TABLE app.q (id int REFERENCES app.p);
INSERT INTO app.customer (id, code) VALUES (1, 'one');
INSERT INTO app.p VALUES (5, 1), (15, 1);
INSERT INTO app.q VALUES (5), (15), (NULL);
"#;

/// Foreign keys in [`NASTY`].
const NASTY_KEYS: usize = 11;

#[test]
fn a_target_that_cannot_be_logged_in_to_is_said() {
    let said = |words: &str| {
        let finished = run(&mut dms_proxy(words), b"");
        assert_eq!(finished.status, Some(2), "{words}: {finished:?}");
        finished.stderr
    };
    for command in ["check", "fk status", "fk park", "fk restore", "fk validate", "finish"] {
        assert!(said(command).contains("embedded"), "{command}");
        let no_user = said(&format!("{command} --target postgresql://127.0.0.1/db"));
        assert!(no_user.contains("names no user"), "{no_user}");
        let down = said(&format!("{command} --target postgresql://u:geheim@127.0.0.1:1/db"));
        assert!(down.contains("cannot connect to 127.0.0.1:1"), "{down}");
        assert!(!down.contains("geheim"), "{down}");
        let tls = said(&format!("{command} --target postgresql://u@h/db?sslmode=always"));
        assert!(tls.contains("sslmode"), "{tls}");
    }
}

#[test]
fn passwords_come_from_the_url_the_environment_or_the_file() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    let address = target.server.tcp_address().unwrap();
    let user = "scram-sha-256";
    let url = |password: &str| format!("postgresql://{user}{password}@{address}/{}", target.name);
    let status = |program: &mut Command| run(program, b"").status;
    let fk_status = |url: &str| {
        let mut program = dms_proxy("fk status --target");
        program.arg(url);
        program
    };
    assert_eq!(status(&mut fk_status(&url(":s3cret%20%27%C3%BC"))), Some(0));
    assert_eq!(status(&mut fk_status(&url(":wrong"))), Some(2));
    assert_eq!(status(fk_status(&url("")).env("HOME", "/nowhere")), Some(2));
    assert_eq!(status(fk_status(&url("")).env("PGPASSWORD", Cluster::PASSWORD)), Some(0));
    let file = std::env::temp_dir().join(format!("dms-proxy-passfile-{}", std::process::id()));
    let line = format!("127.0.0.1:*:*:{user}:{}\n", Cluster::PASSWORD);
    std::fs::write(&file, line).unwrap();
    let mode = |mode| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o600);
    assert_eq!(status(fk_status(&url("")).env("PGPASSFILE", &file)), Some(0));
    mode(0o644);
    let finished = run(fk_status(&url("")).env("PGPASSFILE", &file), b"");
    assert!(finished.stderr.contains("0600"), "{finished:?}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn names_that_are_not_there_are_errors() {
    let database = Cluster::shared().create_database();
    let target = Target::shared(&database);
    for words in [
        "check --schema nowhere",
        "fk park --table nothing",
        "fk validate --table a.b",
        "fk restore --schema \"Q\"",
        "finish --table nothing",
    ] {
        let finished = target.run(words);
        assert_eq!(finished.status, Some(2), "{words}: {finished:?}");
        assert!(finished.stderr.contains("there is no"), "{words}: {finished:?}");
    }
}

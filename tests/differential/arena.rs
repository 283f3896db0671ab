//! Two databases with the same contents, one reached directly and one through the proxy, in which
//! sequences are played and compared.

use std::time::{Duration, Instant};

use super::play::{Said, play};
use super::sequence::Sequence;
use super::server::{crashes, create_database};
use crate::support::{Endpoint, Frame, Proxy, Wire};

/// What every sequence begins with. `$GID` in a sequence would be the same in both databases, so
/// prepared transactions are ended before the second database is used.
const TABLES: &str = "
    DROP SCHEMA IF EXISTS public, other, dms_proxy CASCADE;
    CREATE SCHEMA public; CREATE SCHEMA other; GRANT ALL ON SCHEMA public TO PUBLIC;
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
    CREATE TABLE t_int (id int PRIMARY KEY, v int);
    CREATE TABLE t_bool (id int PRIMARY KEY, b boolean);
    CREATE TABLE t_json (id int, j json, k jsonb);
    CREATE TABLE t_uuid (id int, u uuid);
    CREATE TABLE t_bytes (id int, d bytea);
    CREATE TABLE t_text (id int, s varchar(40), t text, c char(5));
    CREATE TABLE t_time (id int, d date, ts timestamp, n numeric(12, 3), f float8);
    CREATE TABLE t_mood (id int, m mood, a int[], b boolean);
    CREATE TABLE t_late (id int, b boolean);
    CREATE TABLE other.t_bool (id int PRIMARY KEY, b text);
    CREATE TABLE parent (id int PRIMARY KEY);
    CREATE TABLE child (id int, parent int REFERENCES parent, b boolean);
    INSERT INTO t_int SELECT n, n * 10 FROM generate_series(1, 10) n;
    INSERT INTO t_bool VALUES (1000, true), (1001, false);
    INSERT INTO parent VALUES (1), (2), (3);
    CREATE VIEW v_bool AS SELECT * FROM t_bool WHERE id < 100;
    CREATE FUNCTION sets_phase() RETURNS text LANGUAGE sql
        AS $$ SELECT set_config('dms.phase', 'cdc', false) $$;
    CREATE PROCEDURE commits() LANGUAGE plpgsql
        AS $$ BEGIN DELETE FROM t_late; COMMIT; INSERT INTO t_late VALUES (1, true); END $$;
    GRANT ALL ON SCHEMA other TO PUBLIC;
    GRANT ALL ON ALL TABLES IN SCHEMA public, other TO PUBLIC;
    CREATE FUNCTION fails_late() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE 'too late for %', NEW.id; END $$;
    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t_late DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NOT NEW.b) EXECUTE FUNCTION fails_late();
    ALTER TABLE t_late ENABLE ALWAYS TRIGGER late;
    CREATE FUNCTION fails(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'failed %', $1; END $$;";

/// Both databases.
pub struct Arena {
    direct: Side,
    proxied: Side,
    proxied_endpoint: Endpoint,
    /// Crashes of the server that are known of.
    crashes: usize,
}

struct Side {
    endpoint: Endpoint,
    admin: Wire,
}

/// How the two sides differ.
#[derive(Clone, Debug)]
pub struct Difference {
    pub direct: Vec<String>,
    pub proxied: Vec<String>,
    /// The first reply, or row of a table, that is not the same.
    pub at: usize,
    /// The proxy did not answer in time.
    pub timed_out: bool,
}

impl Difference {
    /// What sort of difference this is: the beginnings of the first replies that are not the same.
    pub fn sort(&self) -> String {
        let begin = |lines: &[String]| {
            let line = lines.get(self.at).map_or("nothing", String::as_str);
            let code = line.split(" C=\"").nth(1).and_then(|rest| rest.split('"').next());
            let name = line.split([' ', '(', '=']).next().unwrap_or_default();
            format!("{name} {}", code.unwrap_or_default())
        };
        let timed_out = if self.timed_out { ", times out" } else { "" };
        format!("{}/ {}{timed_out}", begin(&self.direct), begin(&self.proxied))
    }
}

/// What a sequence has brought to light.
#[derive(Clone, Debug)]
pub enum Outcome {
    Same,
    Different(Box<Difference>),
    /// The server itself did not answer in time, or crashed: not a matter of the proxy.
    ServerFailed(String),
}

impl Side {
    fn new() -> Side {
        let endpoint = create_database();
        let admin = log_in(&endpoint).expect("a session");
        Side { endpoint, admin }
    }

    fn ask(&mut self, sql: &str) -> Vec<String> {
        let frames = self.admin.query(sql).until_ready();
        let error = frames.iter().find(|frame| frame.tag == b'E');
        assert!(error.is_none(), "{sql}: {error:?}");
        assert!(frames.last().is_some_and(|frame| frame.tag == b'Z'), "{sql}: closed");
        frames.iter().filter(|frame| frame.tag == b'D').map(column).collect()
    }

    fn reset(&mut self) {
        self.ask(TABLES);
    }

    /// Waits for the end of all sessions but this one; ends what does not end by itself.
    fn end_sessions(&mut self, grace: Duration) {
        let others = "FROM pg_stat_activity WHERE datname = current_database() \
                      AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        let begin = Instant::now();
        loop {
            let ends = if begin.elapsed() < grace { "pid" } else { "pg_terminate_backend(pid)" };
            if self.ask(&format!("SELECT {ends}::text {others}")).is_empty() {
                return;
            }
            assert!(begin.elapsed() < grace + Duration::from_secs(20), "sessions do not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What is in all tables, a line each.
    fn contents(&mut self) -> Vec<String> {
        let mut lines = self.ask(
            "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY gid",
        );
        for gid in &lines {
            self.ask(&format!("ROLLBACK PREPARED '{gid}'"));
        }
        let tables = self.ask(
            "SELECT format('SELECT %L || t FROM %s t', c.oid::regclass, c.oid::regclass)
             FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
             WHERE relkind IN ('r', 'p', 'm') AND nspname !~ '^pg_|^information_schema$|^dms_proxy$'
             ORDER BY c.oid::regclass::text",
        );
        if !tables.is_empty() {
            lines.extend(self.ask(&tables.join("; ")));
        }
        lines.extend(self.ask(
            "SELECT attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
             FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
             JOIN pg_namespace n ON n.oid = relnamespace
             WHERE attnum > 0 AND nspname !~ '^pg_|^information_schema$|^dms_proxy$'
             ORDER BY attrelid::regclass::text, attnum",
        ));
        lines
    }
}

fn column(frame: &Frame) -> String {
    String::from_utf8_lossy(frame.body.get(6..).unwrap_or_default()).into_owned()
}

impl Arena {
    /// Databases of their own; the proxy is in front of [`super::server::server`].
    pub fn new(proxy: &Proxy) -> Arena {
        let (direct, proxied) = (Side::new(), Side::new());
        let proxied_endpoint = proxy.endpoint(&proxied.endpoint);
        Arena { direct, proxied, proxied_endpoint, crashes: crashes() }
    }

    /// Plays a sequence on both sides.
    pub fn compare(&mut self, sequence: &Sequence, timeout: Duration) -> Outcome {
        let endpoint = self.direct.endpoint.clone();
        let direct = run(&mut self.direct, &endpoint, sequence, None, timeout);
        let proxied = match &direct {
            Ok((said, _)) => {
                let endpoint = self.proxied_endpoint.clone();
                run(&mut self.proxied, &endpoint, sequence, Some(said), timeout)
            }
            Err(()) => Err(()),
        };
        let (Ok((direct, direct_rows)), Ok((proxied, proxied_rows))) = (direct, proxied) else {
            self.recover();
            return Outcome::ServerFailed("a connection to the server is gone".to_owned());
        };
        if direct.timed_out {
            let last = direct.lines.last().cloned().unwrap_or_default();
            return Outcome::ServerFailed(format!("the server does not answer behind {last}"));
        }
        let timed_out = proxied.timed_out;
        let direct = [direct.lines, vec!["-- tables".to_owned()], direct_rows].concat();
        let proxied = [proxied.lines, vec!["-- tables".to_owned()], proxied_rows].concat();
        if direct == proxied && !timed_out {
            return Outcome::Same;
        }
        if crashes() > self.crashes {
            self.recover();
            return Outcome::ServerFailed("the server has crashed".to_owned());
        }
        let at = direct.iter().zip(&proxied).take_while(|(one, other)| one == other).count();
        Outcome::Different(Box::new(Difference { direct, proxied, at, timed_out }))
    }

    /// Connects again when the server has come back.
    fn recover(&mut self) {
        for side in [&mut self.direct, &mut self.proxied] {
            let endpoint = side.endpoint.clone();
            let deadline = Instant::now() + Duration::from_secs(120);
            loop {
                // A server that recovers refuses sessions, or does not listen.
                let logged_in = std::panic::catch_unwind(|| log_in(&endpoint));
                if let Ok(Some(admin)) = logged_in {
                    side.admin = admin;
                    break;
                }
                assert!(Instant::now() < deadline, "the server does not come back");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        self.crashes = crashes();
    }
}

fn log_in(endpoint: &Endpoint) -> Option<Wire> {
    let (wire, said) = Wire::log_in(endpoint, &[("lock_timeout", "10s")]);
    said.last().is_some_and(|frame| frame.tag == b'Z').then_some(wire)
}

/// An error is a server that is gone.
fn run(
    side: &mut Side,
    endpoint: &Endpoint,
    sequence: &Sequence,
    expected: Option<&Said>,
    timeout: Duration,
) -> Result<(Said, Vec<String>), ()> {
    let whole = || {
        side.reset();
        let said = play(endpoint, sequence, expected, timeout);
        side.end_sessions(if said.timed_out { Duration::ZERO } else { timeout });
        let contents = side.contents();
        (said, contents)
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(whole)).map_err(drop)
}

//! The console: who gets in, what it answers, and that it looks like pgbouncer's to what reads that.

use super::proxy;
use crate::protocol::{log_in, say};
use crate::support::{Cluster, Endpoint, Proxy, Wire, transcript};

pub(super) fn console(proxy: &Proxy, database: &str, user: &str) -> (Wire, String) {
    let direct = Cluster::shared().create_database();
    let endpoint = Endpoint {
        database: database.to_owned(),
        user: user.to_owned(),
        ..proxy.endpoint(direct.endpoint())
    };
    let mut wire = Wire::open(&endpoint);
    wire.startup(&endpoint, &[("search_path", "x"), ("extra_float_digits", "3")]);
    let said = transcript(&wire.until_ready());
    (wire, said)
}

/// The names in a RowDescription with the OIDs of their types, and the rows.
#[allow(clippy::type_complexity)]
fn answer(wire: &mut Wire, command: &str) -> (Vec<(String, u32)>, Vec<Vec<Option<String>>>) {
    let frames = wire.query(command).until_ready();
    let description = frames.iter().find(|frame| frame.tag == b'T');
    let body = &description.unwrap_or_else(|| panic!("{command}: {frames:?}")).body;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut rest = &body[2..];
    let mut columns = Vec::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == 0).unwrap();
        let oid = rest[end + 7..].first_chunk().unwrap();
        columns.push((text(&rest[..end]), u32::from_be_bytes(*oid)));
        rest = &rest[end + 1 + 18..];
    }
    let rows = frames.iter().filter(|frame| frame.tag == b'D').map(|frame| {
        let mut rest = &frame.body[2..];
        let mut cells = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(i32::from_be_bytes(*length)).ok();
            cells.push(length.map(|length| text(&after[..length])));
            rest = &after[length.unwrap_or(0)..];
        }
        cells
    });
    (columns, rows.collect())
}

/// The names of the columns, as a reader by number sees them.
fn columns(wire: &mut Wire, command: &str) -> Vec<String> {
    answer(wire, command).0.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn columns_are_those_of_pgbouncer() {
    let (proxy, _) = proxy("");
    let (mut wire, said) = console(&proxy, "pgbouncer", "postgres");
    assert!(said.contains("ParameterStatus server_version=17"), "{said}");
    for (command, count, first, last) in [
        ("SHOW STATS", 25, "database", "avg_client_login_count"),
        ("SHOW STATS_TOTALS", 13, "database", "client_login_count"),
        ("SHOW STATS_AVERAGES", 13, "database", "avg_client_login_count"),
        ("SHOW TOTALS", 2, "name", "value"),
        ("SHOW POOLS", 17, "database", "load_balance_hosts"),
        ("SHOW CLIENTS", 21, "type", "id"),
        ("SHOW SERVERS", 21, "type", "id"),
        ("SHOW SOCKETS", 21, "type", "id"),
        ("SHOW DATABASES", 17, "name", "disabled"),
        ("SHOW USERS", 8, "name", "current_client_connections"),
        ("SHOW LISTS", 2, "list", "items"),
        ("SHOW CONFIG", 4, "key", "changeable"),
        ("SHOW STATE", 2, "key", "value"),
        ("SHOW VERSION;", 1, "version", "version"),
        ("SHOW MEM", 5, "name", "memtotal"),
        ("SHOW TABLES", 19, "database", "last_sqlstate"),
        ("SHOW SESSIONS", 21, "id", "target_pid"),
        ("SHOW REWRITES", 11, "database", "last_seen"),
        ("SHOW ERRORS", 11, "at", "constraint"),
        ("SHOW FOREIGN_KEYS", 10, "database", "looked_at"),
        ("SHOW MAPPING", 7, "source", "count"),
        ("SHOW LATENCY", 4, "what", "share"),
        ("SHOW TARGET", 7, "target", "last_error"),
        ("show help", 3, "command", "who"),
    ] {
        let names = columns(&mut wire, command);
        assert_eq!(names.len(), count, "{command}: {names:?}");
        let ends = (names.first().unwrap().as_str(), names.last().unwrap().as_str());
        assert_eq!(ends, (first, last), "{command}");
    }
    let config = transcript(&wire.query("SHOW CONFIG").until_ready());
    assert!(config.contains("DataRow max_client_conn"), "{config}");
}

/// What the Go exporter of prometheus-community reads by name: labels have to be texts or integers, and figures what
/// `strconv.ParseFloat` takes and no boolean. A command that fails it takes for a pooler that is down.
#[test]
fn what_the_exporter_of_prometheus_reads_is_there() {
    const LABELS: [(&str, &[&str]); 4] = [
        ("DATABASES", &["name", "host", "port", "database", "force_user", "pool_mode"]),
        ("STATS_TOTALS", &["database"]),
        ("POOLS", &["database", "user"]),
        ("CLIENTS", &["database", "user", "state", "application_name"]),
    ];
    const FIGURES: [(&str, &str); 3] = [
        (
            "DATABASES",
            "pool_size reserve_pool_size max_connections current_connections paused disabled",
        ),
        (
            "STATS_TOTALS",
            "query_count query_time bytes_received bytes_sent wait_time xact_count xact_time \
             client_parse_count server_parse_count bind_count server_assignment_count",
        ),
        (
            "POOLS",
            "cl_active cl_active_cancel_req cl_waiting cl_waiting_cancel_req sv_active \
             sv_active_cancel sv_being_canceled sv_idle sv_used sv_tested sv_login maxwait",
        ),
    ];
    let (proxy, _) = proxy("");
    let database = Cluster::shared().create_database();
    let mut session = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut session, "SELECT 1");
    let (mut wire, _) = console(&proxy, "pgbouncer", "postgres");
    wire.query(format!("PAUSE {}", database.endpoint().database)).until_ready();
    for (command, labels) in LABELS {
        let (columns, rows) = answer(&mut wire, &format!("SHOW {command};"));
        assert!(!rows.is_empty(), "{command}");
        for label in labels {
            let column = columns.iter().find(|(name, _)| name == label);
            let (_, oid) = column.unwrap_or_else(|| panic!("{command}: {label}: {columns:?}"));
            assert!([20, 23, 25].contains(oid), "{command}: {label} is of type {oid}");
        }
    }
    // As the exporter labels its series with them.
    let target = Cluster::shared().embedded().tcp_address().unwrap();
    let row = answer(&mut wire, "SHOW DATABASES").1.remove(0);
    assert_eq!(row[1..3], [target.ip().to_string(), target.port().to_string()].map(Some));
    for (command, figures) in FIGURES {
        let (columns, rows) = answer(&mut wire, &format!("SHOW {command};"));
        for figure in figures.split_whitespace() {
            let at = columns.iter().position(|(name, _)| name == figure);
            let at = at.unwrap_or_else(|| panic!("{command}: {figure}: {columns:?}"));
            assert_ne!(columns[at].1, 16, "{command}: {figure}");
            for row in &rows {
                assert!(row[at].as_ref().unwrap().parse::<f64>().is_ok(), "{command}: {row:?}");
            }
        }
    }
    let lists = answer(&mut wire, "SHOW LISTS;").1;
    let names = "databases users pools free_clients used_clients login_clients free_servers \
        used_servers dns_names dns_zones dns_queries";
    for name in names.split_whitespace() {
        let row = lists.iter().find(|row| row[0].as_deref() == Some(name)).unwrap();
        assert!(row[1].as_ref().unwrap().parse::<f64>().is_ok(), "{row:?}");
    }
    let config = answer(&mut wire, "SHOW CONFIG;").1;
    for name in ["max_client_conn", "max_user_connections"] {
        let row = config.iter().find(|row| row[0].as_deref() == Some(name)).unwrap();
        assert!(row[1].as_ref().unwrap().parse::<f64>().is_ok(), "{row:?}");
        assert!(row.iter().all(Option::is_some), "{row:?}");
    }
    // Scanned into strings, which take no NULL.
    for row in &config {
        assert!(row[0].is_some() && row[3].is_some(), "{row:?}");
    }
}

#[test]
fn rows_are_fetched_a_few_at_a_time() {
    let (proxy, _) = proxy("");
    let (mut wire, _) = console(&proxy, "dms_proxy", "postgres");
    wire.query("BEGIN").until_ready();
    wire.parse("", "SHOW STATE", &[]).bind("p", "", &[], &[], 0);
    wire.execute("p", 3).sync();
    let first = transcript(&wire.until_ready());
    assert_eq!(first.matches("DataRow").count(), 3, "{first}");
    assert!(first.contains("PortalSuspended") && !first.contains("CommandComplete"), "{first}");
    wire.execute("p", 3).sync();
    let last = transcript(&wire.until_ready());
    assert!(last.matches("DataRow").count() < 3 && last.contains("CommandComplete SHOW"), "{last}");
    wire.query("COMMIT").until_ready();
    wire.describe(b'P', "p").sync();
    assert!(transcript(&wire.until_ready()).contains("34000"));
    wire.describe(b'S', "none").sync();
    let said = transcript(&wire.until_ready());
    assert!(said.contains("26000") && !said.contains("ParameterDescription"), "{said}");
}

/// What PostgreSQL says of names that are not there, or are there already, the console says as well.
#[test]
fn names_of_statements_and_portals_are_as_postgresql_has_them() {
    let (proxy, _) = proxy("");
    let database = Cluster::shared().create_database();
    let (mut direct, _) = Wire::log_in(database.endpoint(), &[]);
    let (mut console, _) = console(&proxy, "dms_proxy", "postgres");
    type Sends = fn(&mut Wire);
    let cases: [(&str, Sends); 12] = [
        ("26000", |wire| {
            wire.describe(b'S', "none").sync();
        }),
        ("26000", |wire| {
            wire.describe(b'S', "").sync();
        }),
        ("26000", |wire| {
            wire.bind("", "no\"ne", &[], &[], 0).sync();
        }),
        ("26000", |wire| {
            wire.bind("", "", &[], &[], 0).sync();
        }),
        ("26000", |wire| {
            wire.query("DEALLOCATE none");
        }),
        ("34000", |wire| {
            wire.describe(b'P', "none").sync();
        }),
        ("34000", |wire| {
            wire.execute("", 0).sync();
        }),
        ("34000", |wire| {
            wire.execute("none", 0).sync();
        }),
        ("42P05", |wire| {
            wire.parse("s", "SELECT 1", &[]).parse("s", "SELECT 1", &[]).sync();
        }),
        ("42P03", |wire| {
            wire.bind("p", "s", &[], &[], 0).bind("p", "s", &[], &[], 0).sync();
        }),
        ("26000", |wire| {
            wire.query("/* */ DEALLOCATE s; DEALLOCATE \"s\"");
        }),
        ("26000", |wire| {
            wire.parse("t", "SELECT 1", &[]).sync().until_ready();
            wire.query("DISCARD ALL").until_ready();
            wire.describe(b'S', "t").sync();
        }),
    ];
    for (sqlstate, send) in cases {
        let [said, expected] = [&mut console, &mut direct].map(|wire| {
            send(wire);
            let frames = wire.until_ready();
            let frame = frames.iter().find(|frame| frame.tag == b'E');
            let fields = frame.unwrap_or_else(|| panic!("{}", transcript(&frames)));
            let field = |code: u8| {
                let mut fields = fields.body.split(|byte| *byte == 0);
                let text = fields.find(|field| field.first() == Some(&code)).unwrap_or_default();
                String::from_utf8(text.to_vec()).unwrap()
            };
            [field(b'C'), field(b'M')]
        });
        assert_eq!(said, expected);
        assert_eq!(said[0], format!("C{sqlstate}"));
    }
}

#[test]
fn what_runs_is_shown_by_both_protocols() {
    let (proxy, _) = proxy("");
    let database = Cluster::shared().create_database();
    let mut session = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut session, "CREATE TABLE public.shown (a int); INSERT INTO public.shown VALUES (1)");
    let (mut wire, _) = console(&proxy, "dms_proxy", "postgres");
    let simple = transcript(&wire.query("SHOW TABLES LIKE 'show%'").until_ready());
    assert!(simple.contains("shown") && simple.contains("CommandComplete SHOW"), "{simple}");
    wire.parse("", "SHOW TABLES LIKE 'show%'", &[]).bind("", "", &[], &[], 0);
    wire.describe(b'P', "").execute("", 0).sync();
    let extended = transcript(&wire.until_ready());
    assert!(extended.contains("shown") && extended.contains("ParseComplete"), "{extended}");
    let json = transcript(&wire.query("SHOW SESSIONS FORMAT JSON").until_ready());
    assert!(json.contains("state\\\":\\\"idle"), "{json}");
    for (sql, tag) in [
        ("BEGIN", "BEGIN"),
        ("COMMIT", "COMMIT"),
        ("SET a = 1", "SET"),
        ("DISCARD ALL", "DISCARD"),
        ("SELECT 1", "SELECT 1"),
        ("SELECT version()", "SELECT 1"),
        ("SHOW ALL", "SHOW"),
        ("SHOW DateStyle", "SHOW"),
    ] {
        let said = transcript(&wire.query(sql).until_ready());
        assert!(said.contains(&format!("CommandComplete {tag}\n")), "{sql}: {said}");
    }
    let said = transcript(&wire.query("SELECT 2").until_ready());
    assert!(said.contains("0A000") && said.contains("this is the console of dms-proxy"), "{said}");
    assert!(transcript(&wire.query("").until_ready()).contains("EmptyQueryResponse"));
}

#[test]
fn verbs_hold_clients_back_and_end_sessions() {
    let (proxy, _) = proxy("stats_users = ['reader']\n");
    let database = Cluster::shared().create_database();
    let endpoint = proxy.endpoint(database.endpoint());
    let mut session = log_in(&endpoint);
    let (mut wire, _) = console(&proxy, "dms_proxy", "postgres");
    let number = say(&mut session, "SHOW dms.session");
    let number = number.lines().find_map(|line| line.strip_prefix("DataRow ")).unwrap();
    let said = transcript(&wire.query(format!("KILL_CLIENT {number}")).until_ready());
    assert!(said.contains("CommandComplete KILL_CLIENT"), "{said}");
    let end = transcript(&session.until(b'E'));
    assert!(end.contains("57P01"), "{end}");
    wire.query(format!("DISABLE {}", endpoint.database)).until_ready();
    let mut refused = Wire::open(&endpoint);
    refused.startup(&endpoint, &[]);
    assert!(transcript(&refused.until(b'E')).contains("57P03"));
    wire.query(format!("ENABLE {}", endpoint.database)).until_ready();
    wire.query("PAUSE").until_ready();
    let mut waiting = Wire::open(&endpoint);
    waiting.startup(&endpoint, &[]);
    let state = transcript(&wire.query("SHOW STATE").until_ready());
    assert!(state.contains("paused"), "{state}");
    let is_here = |row: &&Vec<Option<String>>| row[0].as_ref() == Some(&endpoint.database);
    super::wait_for(|| {
        let (columns, rows) = answer(&mut wire, "SHOW POOLS");
        let Some(row) = rows.iter().find(is_here) else { return false };
        let cell = |name: &str| {
            let at = columns.iter().position(|(column, _)| column == name).unwrap();
            row[at].as_ref().unwrap().parse::<u64>().unwrap()
        };
        cell("cl_waiting") == 1 && cell("sv_login") == 1 && cell("maxwait_us") > 0
    });
    wire.query("RESUME").until_ready();
    waiting.until_ready();
    assert!(
        answer(&mut wire, "SHOW LISTS")
            .1
            .contains(&vec![Some("login_clients".into()), Some("0".into())])
    );
    for (command, tag) in [
        ("RELOAD", "RELOAD"),
        ("SET log.level = 'debug'", "SET"),
        ("RESET STATS", "RESET"),
        ("KILL nowhere", "KILL"),
    ] {
        let said = transcript(&wire.query(command).until_ready());
        assert!(said.contains(&format!("CommandComplete {tag}\n")), "{command}: {said}");
    }
    assert!(transcript(&wire.query("SUSPEND").until_ready()).contains("the proxy has no pools"));
}

#[test]
fn who_is_not_named_does_not_get_in() {
    let (proxy, _) = proxy("users = ['somebody']\n");
    let direct = Cluster::shared().create_database();
    let endpoint = Endpoint { database: "dms_proxy".into(), ..proxy.endpoint(direct.endpoint()) };
    let mut wire = Wire::open(&endpoint);
    wire.startup(&endpoint, &[]);
    let said = transcript(&wire.until(b'E'));
    assert!(said.contains("28000") && said.contains("may not use the console"), "{said}");
}

#[test]
fn without_the_section_there_is_no_console() {
    let direct = Cluster::shared().create_database();
    let endpoint =
        Endpoint { database: "dms_proxy".into(), ..Proxy::shared().endpoint(direct.endpoint()) };
    let mut wire = Wire::open(&endpoint);
    wire.startup(&endpoint, &[]);
    assert!(transcript(&wire.until(b'E')).contains("3D000"));
}

#[test]
fn shutdown_cuts_sessions_and_cancels_what_they_run() {
    let (proxy, _) = proxy("");
    let database = Cluster::shared().create_database();
    let mut session = log_in(&proxy.endpoint(database.endpoint()));
    session.query("SELECT pg_sleep(100)");
    let (mut wire, _) = console(&proxy, "dms_proxy", "postgres");
    wire.query("SHUTDOWN");
    let end = transcript(&session.until(b'E'));
    assert!(end.contains("57P01"), "{end}");
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()";
    let began = std::time::Instant::now();
    while database.query(sleeping) != [["0"]] {
        assert!(began.elapsed().as_secs() < 20, "it is not cancelled");
    }
    assert_eq!(proxy.stop(), Some(1));
}

/// Users of `admin.users_file` get in without the target.
#[test]
#[cfg(client = "psql")]
fn the_console_is_there_while_the_target_is_not() {
    let users = crate::protocol::UsersFile::new("\"postgres\" \"pw\"\n");
    let config = format!("[admin]\nusers_file = {:?}\n", users.path());
    // Nobody listens there.
    let proxy = Proxy::start_to("postgresql://127.0.0.1:1", &config);
    let port = proxy.address().port();
    let shown = |password: &str| {
        let login = format!("host=127.0.0.1 port={port} dbname=pgbouncer user=postgres");
        crate::support::psql_to(
            &format!("{login} password={password}"),
            "SHOW TARGET; SHOW POOLS; SHOW TABLES",
        )
    };
    super::wait_for(|| shown("pw").success().contains("refused"));
    let wrong = shown("no");
    assert_eq!(wrong.status, Some(2), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("password authentication failed"), "{}", wrong.stderr);
}

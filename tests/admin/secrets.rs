//! Neither secrets nor data are shown anywhere: passwords by every way that they come, values, texts of
//! SQL. Logged at trace, read from every path and every list of the console.

use std::collections::BTreeSet;

use super::{admin_address, get_with};
use crate::protocol::{UsersFile, log_in_by_password};
use crate::protocol::{log_in, say};
use crate::support::{
    Cluster, Endpoint, Proxy, TlsCluster, Wire, command, psql_to, run, transcript,
};

/// In every secret of this file, so that one search finds all of them.
const MARK: &str = "geheim";

/// The lists of the console.
const LISTS: &str = "STATS STATS_TOTALS STATS_AVERAGES TOTALS POOLS CLIENTS SERVERS SOCKETS DATABASES USERS LISTS \
    CONFIG STATE VERSION MEM TABLES SESSIONS REWRITES ERRORS FOREIGN_KEYS MAPPING LATENCY TARGET HELP";

/// Every answer of the HTTP side and of the console, by where it comes from.
fn shown(proxy: &Proxy, token: &str) -> Vec<(String, String)> {
    let address = admin_address(proxy);
    let authorization = format!("Authorization: Bearer {token}\r\n");
    let ask = |path: &str| get_with(address, path, &authorization);
    let description = ask("/api/openapi.json").json();
    let paths: BTreeSet<&String> = description["paths"].as_object().unwrap().keys().collect();
    let mut all = Vec::new();
    for path in paths.into_iter().filter(|path| *path != "/api/events") {
        let answer = ask(path);
        all.push((path.clone(), format!("{}{}", answer.head, answer.body)));
    }
    let direct = Cluster::shared().create_database();
    let console = Endpoint { database: "dms_proxy".into(), ..proxy.endpoint(direct.endpoint()) };
    let mut wire = Wire::open(&console);
    wire.startup(&console, &[]);
    wire.until_ready();
    for list in LISTS.split_whitespace() {
        let said = transcript(&wire.query(format!("SHOW {list}")).until_ready());
        all.push((format!("SHOW {list}"), said));
    }
    all
}

fn assert_silent(what: &str, said: &str) {
    let at = said.find(MARK);
    assert!(at.is_none(), "{what}: {:.300}", &said[at.unwrap_or(0).saturating_sub(100)..]);
}

#[test]
fn nothing_that_is_secret_is_shown() {
    let database = Cluster::shared().create_database();
    let direct = database.endpoint();
    let folder = std::env::temp_dir().join(format!("dms-proxy-shown-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let place = |name: &str| folder.join(name).display().to_string();
    std::fs::write(place("token"), format!("{MARK}-token\n")).unwrap();
    std::fs::write(place("pgpass"), format!("*:*:*:*:{MARK}-pgpass\n")).unwrap();
    let config = format!(
        "[target]\nurl = 'postgresql://{}:{MARK}-url@{}/{}'\n[log]\nlevel = 'trace'\n\
         [admin]\naddress = '127.0.0.1:0'\ntoken_file = '{}'\nlook_interval = 1\n\
         [mapping]\nsource = 'oracle'\n",
        direct.user,
        direct.address,
        direct.database,
        place("token"),
    );
    let variable = format!("PGPASSFILE={}", place("pgpass"));
    let program =
        ["env", &variable, env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--listen", "127.0.0.1:0"];
    let proxy = Proxy::start_program(&config, &program).unwrap();
    let endpoint = proxy.endpoint(direct);
    // Passwords of clients: wrong ones by every method, and in statements; values, and errors that quote them.
    for method in Cluster::LOGIN_METHODS {
        let Endpoint { address, database, .. } = &endpoint;
        let (host, port) = (address.ip(), address.port());
        let login = format!("host={host} port={port} dbname={database} user={method}");
        let finished = psql_to(&format!("{login} password={MARK}-{method}"), "SELECT 1");
        assert_ne!(finished.status, Some(0));
    }
    let mut wire = log_in(&endpoint);
    for sql in [
        "CREATE TABLE t (a NUMBER(5) PRIMARY KEY, b VARCHAR2(20) CHECK (b <> 'geheim-check'))",
        "CREATE ROLE geheim_role PASSWORD 'geheim-role'",
        "DROP ROLE geheim_role",
        "INSERT INTO t VALUES (1, 'geheim-value'), (1, 'geheim-double')",
        "INSERT INTO t VALUES (2, 'geheim-check')",
        "INSERT INTO t VALUES ('geheim-number', 'x')",
        "SELECT 'geheim-text' FROM missing",
        "SELECT 'geheim-broken",
        "SET application_name = 'named'",
        "SET dms.rewrite = 'geheim-setting'",
        "DO $$ BEGIN RAISE EXCEPTION 'geheim-raised'; END $$",
    ] {
        say(&mut wire, sql);
    }
    wire.query("COPY t FROM STDIN").until(b'G');
    wire.copy_data(b"3\tgeheim-row\\000\nx\tgeheim-bad\n").copy_done().until_ready();
    wire.parse("", "INSERT INTO t VALUES ($1, $2)", &[]).sync().until_ready();
    wire.terminate();
    super::wait_for(|| proxy.log().contains("session ended"));
    for (what, said) in shown(&proxy, "geheim-token") {
        assert_silent(&what, &said);
    }
    proxy.signal("HUP");
    super::wait_for(|| proxy.log().contains("reloaded"));
    assert_silent("the log", &proxy.log());
    // Trace was on, so that there was something to see.
    assert!(proxy.log().contains("tag=Q"), "{}", proxy.log());
    let file = folder.join("proxy.toml");
    std::fs::write(&file, &config).unwrap();
    for words in [&["config", "show"][..], &["config", "check"], &["config", "print"]] {
        let mut program = command(env!("CARGO_BIN_EXE_dms-proxy"));
        program.current_dir(&folder).args(words).env("PGPASSWORD", format!("{MARK}-variable"));
        let finished = run(&mut program, b"");
        assert_eq!(finished.status, Some(0), "{words:?}: {}", finished.stderr);
        assert_silent(&format!("{words:?}"), &format!("{}{}", finished.stdout, finished.stderr));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// Passwords of a users file and of logins by SCRAM, those of the console among them, and one in the environment of the
/// proxy, which the server that it starts does not get.
#[test]
fn passwords_of_users_are_not_shown() {
    let users = UsersFile::new("\"scram\" \"pw\"\n\"postgres\" \"geheim-console\"\n");
    let folder = std::env::temp_dir().join(format!("dms-proxy-users-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let token = folder.join("token");
    std::fs::write(&token, format!("{MARK}-token\n")).unwrap();
    let more = format!(
        "[log]\nlevel = 'trace'\n[admin]\naddress = '127.0.0.1:0'\ntoken_file = {token:?}\nusers_file = {:?}\n",
        users.path()
    );
    let url = TlsCluster::shared().url("sslmode=disable");
    let proxy = Proxy::start_to(&url, &users.config(&more));
    assert_eq!(log_in_by_password(&proxy, "scram", "pw"), Ok("scram".to_owned()));
    for password in ["geheim-wrong", "pw2"] {
        assert!(log_in_by_password(&proxy, "scram", password).is_err());
    }
    let port = proxy.address().port();
    let console = |password: &str| {
        let login = format!("host=127.0.0.1 port={port} dbname=dms_proxy user=postgres");
        psql_to(&format!("{login} password={password}"), "SHOW TABLES; SHOW USERS; SHOW CONFIG")
    };
    let shown = console("geheim-console");
    assert_eq!(shown.status, Some(0), "{}", shown.stderr);
    assert_silent("the console", &format!("{}{}", shown.stdout, shown.stderr));
    assert_ne!(console("geheim-other").status, Some(0));
    for path in ["/api/config", "/api/sessions", "/api/errors", "/api/overview", "/metrics"] {
        let authorization = format!("Authorization: Bearer {MARK}-token\r\n");
        assert_silent(path, &get_with(admin_address(&proxy), path, &authorization).body);
    }
    users.write("\"scram\" \"geheim\" broken\n");
    assert!(log_in_by_password(&proxy, "scram", "geheim").is_err());
    proxy.signal("HUP");
    super::wait_for(|| proxy.log().contains("SIGHUP"));
    assert_silent("the log", &proxy.log());
    std::fs::remove_dir_all(folder).unwrap();
    let variable = format!("PGPASSWORD={MARK}-{}", std::process::id());
    let program = ["env", &variable, env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--listen"];
    let proxy = Proxy::start_program("", &[&program[..], &["127.0.0.1:0"]].concat()).unwrap();
    let mut servers = 0;
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let read = |name: &str| std::fs::read(process.path().join(name)).unwrap_or_default();
        let children_of = format!(" {} ", proxy.pid());
        let status = String::from_utf8(read("stat")).unwrap_or_default();
        if status.rsplit(')').next().unwrap_or_default().contains(&children_of) {
            servers += 1;
            let environment = String::from_utf8(read("environ")).unwrap();
            assert_silent("the environment of a child", &environment);
        }
    }
    assert!(servers > 0);
    assert_silent("the log", &proxy.log());
}

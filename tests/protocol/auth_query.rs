//! Users that the proxy looks up on the target.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::sqlstate;
use super::terminate::{UsersFile, initial, log_in};
use crate::support::{Endpoint, Proxy, TlsCluster, Wire};

/// The service account of these tests, by SCRAM at the target.
const ASKER: &str = "\"asker\" \"a\"\"sker\"\n";

/// The server, on which the service account may read secrets.
fn cluster() -> &'static TlsCluster {
    static ROLES: std::sync::Once = std::sync::Once::new();
    let cluster = TlsCluster::shared();
    ROLES.call_once(|| {
        add_role(cluster, "asker", "PASSWORD 'a\"sker'");
        query("GRANT SELECT ON pg_catalog.pg_shadow TO asker");
    });
    cluster
}

fn query(sql: &str) -> Vec<Vec<String>> {
    TlsCluster::shared().query("postgres", sql)
}

/// A role that the target asks for SCRAM.
fn add_role(cluster: &TlsCluster, name: &str, more: &str) {
    let name = name.replace('"', "\"\"");
    let sql = format!("CREATE ROLE \"{name}\" LOGIN IN ROLE by_scram {more}");
    cluster.query("postgres", &sql);
}

/// A proxy that asks as that account. `auth` is more of `[auth]`, with whatever follows it.
fn proxy(users: &UsersFile, parameters: &str, auth: &str) -> Proxy {
    let config = users.config(&format!("query_user = \"asker\"\n{auth}"));
    Proxy::start_to(&cluster().url(parameters), &config)
}

fn refused(user: &str) -> Result<String, String> {
    Err(format!("28P01 password authentication failed for user \"{user}\" "))
}

/// What the client is told when the proxy cannot ask.
const CANNOT_ASK: &str = "58000 the proxy cannot look up who may log in Its auth.query or \
    auth.query_user is at fault; its log says why.";

/// Passes connections on to the server and counts them.
fn counted() -> (String, Arc<AtomicUsize>) {
    let target = cluster().endpoint().address;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgresql://{}?sslmode=disable", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    thread::spawn(move || {
        for client in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            let (client, target) = (client.unwrap(), TcpStream::connect(target).unwrap());
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), target.try_clone().unwrap()), (target, client)]
            {
                thread::spawn(move || {
                    // Either end may go first.
                    let _ = copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        }
    });
    (url, count)
}

#[test]
fn scram_secret_of_the_target_lets_a_client_in() {
    let users = UsersFile::new(ASKER);
    for parameters in ["sslmode=disable", "sslmode=require"] {
        let proxy = proxy(&users, parameters, "");
        assert_eq!(log_in(&proxy, "scram", "pw"), Ok("scram".to_owned()), "{parameters}");
        assert_eq!(log_in(&proxy, "scram", "wrong"), refused("scram"), "{parameters}");
        // The account itself stands in the file.
        assert_eq!(log_in(&proxy, "asker", "a\"sker"), Ok("asker".to_owned()), "{parameters}");
    }
}

#[test]
fn whoever_cannot_log_in_looks_the_same_and_opens_no_session() {
    let cluster = cluster();
    add_role(cluster, "q_null", "");
    add_role(cluster, "q_expired", "PASSWORD 'pw' VALID UNTIL '2001-01-01'");
    add_role(cluster, "q_valid", "PASSWORD 'pw' VALID UNTIL '2999-01-01'");
    cluster.query("postgres", "CREATE ROLE q_nologin NOLOGIN PASSWORD 'pw'");
    let users = UsersFile::new(&format!("{ASKER}\"q_in_file\" \"\"\n"));
    let (url, connections) = counted();
    let proxy = Proxy::start_to(&url, &users.config("query_user = \"asker\"\n"));
    let mut expected = 0;
    for (user, password, asked) in [
        ("scram", "wrong", 1),
        ("q_nobody", "pw", 1),
        ("q_null", "pw", 1),
        ("q_null", "", 1),
        ("q_expired", "pw", 1),
        ("q_nologin", "pw", 1),
        // Its hash does not serve SCRAM.
        ("md5", "pw", 1),
        // A line of the file says that there is no login.
        ("q_in_file", "", 0),
        ("asker", "wrong", 0),
    ] {
        let began = Instant::now();
        // A client without a password does not begin.
        let password = if password.is_empty() { " " } else { password };
        assert_eq!(log_in(&proxy, user, password), refused(user));
        assert!(began.elapsed() >= Duration::from_secs(1), "{user}: {:?}", began.elapsed());
        expected += asked;
        assert_eq!(connections.load(Ordering::SeqCst), expected, "{user}");
    }
    assert_eq!(log_in(&proxy, "q_valid", "pw"), Ok("q_valid".to_owned()));
    assert_eq!(connections.load(Ordering::SeqCst), expected + 2);
    let log = logged(&proxy, "auth.query: an md5 hash does not do for SCRAM");
    assert!(!log.contains("SCRAM-SHA-256$") && !log.contains("md5c1a5298f"), "{log}");
    // Nor is there anything in a challenge.
    let endpoint = proxy.endpoint(&cluster.endpoint());
    let challenge = |user: &str| {
        let endpoint = Endpoint { user: user.to_owned(), ..endpoint.clone() };
        let mut wire = Wire::open(&endpoint);
        wire.startup(&endpoint, &[]);
        wire.read_frame().unwrap();
        let (tag, body) = initial("SCRAM-SHA-256", "n,,n=,r=abc");
        wire.send(tag, body);
        let text = String::from_utf8(wire.read_frame().unwrap().body[4..].to_vec()).unwrap();
        text.split_once(",s=").unwrap().1.to_owned()
    };
    let real = challenge("scram");
    for user in ["q_nobody", "q_null", "q_expired", "md5"] {
        let salt = challenge(user);
        assert_eq!((salt.len(), &salt), (real.len(), &challenge(user)), "{user}");
        assert_ne!(salt, real, "{user}");
    }
}

#[test]
fn changed_password_counts_at_once() {
    add_role(cluster(), "q_changed", "PASSWORD 'old'");
    let users = UsersFile::new(ASKER);
    let proxy = proxy(&users, "", "");
    assert_eq!(log_in(&proxy, "q_changed", "old"), Ok("q_changed".to_owned()));
    query("ALTER ROLE q_changed PASSWORD 'new'");
    assert_eq!(log_in(&proxy, "q_changed", "new"), Ok("q_changed".to_owned()));
    assert_eq!(log_in(&proxy, "q_changed", "old"), refused("q_changed"));
    query("DROP ROLE q_changed");
    assert_eq!(log_in(&proxy, "q_changed", "new"), refused("q_changed"));
}

#[test]
fn names_are_never_sql() {
    let name = "o'brien \"x\" \\ $1; ä";
    add_role(cluster(), name, "PASSWORD 'pw'");
    let users = UsersFile::new(ASKER);
    let proxy = proxy(&users, "", "");
    assert_eq!(log_in(&proxy, name, "pw"), Ok(name.to_owned()));
    for name in [
        "x' OR usename='scram",
        "scram'--",
        "scram' OR ''='",
        "'; DROP ROLE scram; --",
        "$1",
        "\\",
        "SCRAM",
        " scram",
        &format!("scram{}", "x".repeat(70)),
    ] {
        assert_eq!(log_in(&proxy, name, "pw"), refused(name));
    }
    assert!(!proxy.log().contains("auth.query failed"), "{}", proxy.log());
    assert_eq!(log_in(&proxy, "scram", "pw"), Ok("scram".to_owned()));
}

#[test]
fn service_account_that_cannot_ask_is_said_and_not_why() {
    let cluster = cluster();
    add_role(cluster, "q_powerless", "PASSWORD 'pw'");
    for (account, user, expected) in [
        ("\"asker\" \"hush\"\n", "asker", "28P01 password authentication failed"),
        ("", "asker", "does not have. A SCRAM secret"),
        ("\"q_powerless\" \"pw\"\n", "q_powerless", "42501 permission denied for view pg_shadow"),
        ("\"q_none\" \"pw\"\n", "q_none", "28000 role"),
    ] {
        let users = UsersFile::new(account);
        let config = users.config(&format!("query_user = {user:?}\n"));
        let proxy = Proxy::start_to(&cluster.url("sslmode=require"), &config);
        assert_eq!(log_in(&proxy, "scram", "pw"), Err(CANNOT_ASK.to_owned()), "{expected}");
        let log = logged(&proxy, "auth.query failed");
        assert!(log.contains(expected) && !log.contains("hush"), "{log}");
    }
    let users = UsersFile::new(ASKER);
    let config = users.config("query_user = \"asker\"\n");
    let proxy = Proxy::start_to("postgresql://127.0.0.1:1", &config);
    assert!(log_in(&proxy, "scram", "pw").unwrap_err().starts_with("08001"));
    // Only users who are looked up need it.
    assert_eq!(log_in(&proxy, "asker", "wrong"), refused("asker"));
}

#[test]
fn queries_that_cannot_be_right_are_said() {
    let users = UsersFile::new(ASKER);
    for (sql, expected) in [
        ("SELECT FROM pg_catalog.pg_shadow WHERE usename = $1", "it gives 0 columns"),
        ("SELECT passwd FROM pg_catalog.pg_shadow WHERE usename = $1", "it gives 1 columns"),
        ("SELECT usename, passwd, 1 FROM pg_shadow WHERE usename = $1", "it gives 3 columns"),
        // Seen where there is no row, too.
        ("SELECT 1 WHERE $1 = 'never'", "it gives 1 columns"),
        ("DELETE FROM pg_class WHERE $1 = 'never' AND false", "42501"),
        ("SELECT $1, 'pw' FROM generate_series(1, 3)", "more than one row"),
        ("SELECT $1, 'pw' ORDER", "42601 syntax error"),
        ("SELECT $1, $2", "08P01 bind message"),
        ("SELECT u, p FROM q_no_such_table WHERE u = $1", "42P01 relation"),
        ("SELECT $1, repeat('x', 100000)", "too long a one"),
    ] {
        let proxy = proxy(&users, "", &format!("query = {sql:?}\n"));
        assert_eq!(log_in(&proxy, "scram", "pw"), Err(CANNOT_ASK.to_owned()), "{sql}");
        let log = logged(&proxy, "auth.query failed");
        assert!(log.contains(expected), "{sql}: {log}");
    }
    // What is wrong with single users is no reason to tell them apart.
    for (sql, expected) in [
        ("SELECT 'another', 'pw' WHERE $1 <> ''", "auth.query: the row is another user's"),
        ("SELECT NULL, 'pw' WHERE $1 <> ''", "auth.query: the row is another user's"),
        ("SELECT $1, 'SCRAM-SHA-256$x'", "auth.query: a broken SCRAM secret"),
        ("SELECT $1, ''", "auth.query: no password"),
    ] {
        let proxy = proxy(&users, "", &format!("query = {sql:?}\n"));
        assert_eq!(log_in(&proxy, "scram", "pw"), refused("scram"), "{sql}");
        logged(&proxy, expected);
    }
}

#[test]
fn function_of_another_database_gives_passwords() {
    cluster();
    query("CREATE DATABASE q_accounts");
    let accounts = |sql: &str| TlsCluster::shared().query("q_accounts", sql);
    accounts(
        "CREATE SCHEMA app; CREATE TABLE app.people (who text, word text); \
         INSERT INTO app.people VALUES ('scram', 'pw'), ('md5', 'pw'), ('anna', 'hers'); \
         REVOKE ALL ON app.people FROM public; GRANT USAGE ON SCHEMA app TO asker; \
         CREATE FUNCTION app.find(text) RETURNS TABLE (who text, word text) LANGUAGE sql \
         SECURITY DEFINER AS 'SELECT who, word FROM app.people WHERE who = $1'",
    );
    let users = UsersFile::new(&format!("{ASKER}\"password\" \"pw\"\n"));
    let auth = "query = \"SELECT * FROM app.find($1)\"\nquery_database = \"q_accounts\"\n";
    let asking = proxy(&users, "sslmode=require", auth);
    // A password serves every method.
    for user in ["scram", "md5"] {
        assert_eq!(log_in(&asking, user, "pw"), Ok(user.to_owned()));
        assert_eq!(log_in(&asking, user, "hers"), refused(user));
    }
    assert_eq!(log_in(&asking, "q_nobody", "pw"), refused("q_nobody"));
    // Somebody whom the target need not know.
    let asking = proxy(&users, "", &format!("{auth}target_user = \"password\"\n"));
    assert_eq!(log_in(&asking, "anna", "hers"), Ok("password".to_owned()));
    assert_eq!(log_in(&asking, "anna", "pw"), refused("anna"));
}

/// The function that docs/security.md recommends, as it stands there.
#[test]
fn function_of_the_documentation_needs_no_superuser() {
    let page = include_str!("../../docs/security.md");
    let blocks = page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let block = blocks.into_iter().find(|sql| sql.contains("dms_proxy_users.find")).unwrap();
    cluster();
    query("CREATE DATABASE q_documented");
    let documented = |sql: &str| TlsCluster::shared().query("q_documented", sql);
    documented(block);
    documented("GRANT by_scram TO dms_proxy");
    let users = UsersFile::new("\"dms_proxy\" \"its password\"\n");
    let auth = "query_user = \"dms_proxy\"\nquery = \"SELECT * FROM dms_proxy_users.find($1)\"\n\
        query_database = \"q_documented\"\n";
    let proxy = Proxy::start_to(&cluster().url(""), &users.config(auth));
    assert_eq!(log_in(&proxy, "scram", "pw"), Ok("scram".to_owned()));
    assert_eq!(log_in(&proxy, "scram", "wrong"), refused("scram"));
    assert_eq!(log_in(&proxy, "q_nobody", "pw"), refused("q_nobody"));
    // Superusers are left out.
    assert_eq!(log_in(&proxy, "postgres", "pw"), refused("postgres"));
}

#[test]
fn owner_of_a_database_runs_nothing_as_the_service_account() {
    cluster();
    query("CREATE DATABASE q_trap");
    let trap = |sql: &str| TlsCluster::shared().query("q_trap", sql);
    trap("GRANT SELECT ON pg_catalog.pg_shadow TO asker");
    trap(
        "CREATE SCHEMA trap; GRANT USAGE ON SCHEMA trap TO public; \
         CREATE FUNCTION trap.same(name, name) RETURNS bool LANGUAGE plpgsql \
         AS 'BEGIN RAISE EXCEPTION ''trapped by %'', current_user; END'; \
         CREATE OPERATOR trap.= (LEFTARG = name, RIGHTARG = name, FUNCTION = trap.same); \
         ALTER DATABASE q_trap SET search_path = trap, pg_catalog; \
         ALTER ROLE asker IN DATABASE q_trap SET search_path = trap, pg_catalog",
    );
    let by_hand = "SELECT count(*) FROM pg_shadow WHERE usename = 'scram'::name";
    let sprung = trap(&format!(
        "CREATE TABLE public.said (what text); DO 'BEGIN PERFORM 1 FROM ({}) one; EXCEPTION WHEN \
         OTHERS THEN INSERT INTO public.said VALUES (SQLERRM); END'; SELECT what FROM public.said",
        by_hand.replace('\'', "''")
    ));
    assert_eq!(sprung, [["trapped by postgres"]]);
    let users = UsersFile::new(ASKER);
    let proxy = proxy(&users, "", "query_database = \"q_trap\"\n");
    assert_eq!(log_in(&proxy, "scram", "pw"), Ok("scram".to_owned()));
}

/// The log once it says this, which it does in its own time.
fn logged(proxy: &Proxy, words: &str) -> String {
    wait_until(words, || proxy.log().contains(words));
    proxy.log()
}

/// Sessions that are asking just now, by a word in their query.
fn asking(word: &str) -> usize {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dms-proxy' \
         AND state = 'active' AND query LIKE '%{word}%' AND pid <> pg_backend_pid()"
    );
    query(&sql)[0][0].parse().unwrap()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what} takes too long");
        thread::sleep(Duration::from_millis(10));
    }
}

fn slow(word: &str, seconds: f32) -> String {
    format!(
        "query = \"SELECT usename, passwd FROM pg_shadow, pg_sleep({seconds}) AS {word} \
         WHERE usename = $1\"\n"
    )
}

#[test]
fn question_ends_with_its_client_and_in_time() {
    let users = UsersFile::new(ASKER);
    let config = format!("{}[target]\nconnect_timeout = 300\n", slow("leaving", 300.0));
    let sleeper = proxy(&users, "", &config);
    let endpoint = sleeper.endpoint(&cluster().endpoint());
    let begin = || {
        let mut wire = Wire::open(&endpoint);
        wire.startup(&endpoint, &[]);
        wire.read_frame().unwrap();
        let (tag, body) = initial("SCRAM-SHA-256", "n,,n=,r=abc");
        wire.send(tag, body);
        wait_until("asking", || asking("leaving") == 1);
        wire
    };
    drop(begin());
    wait_until("cancelling", || asking("leaving") == 0);
    let mut wire = begin();
    wire.send(b'p', crate::support::Body::default());
    assert_eq!(sqlstate(&wire.until_ready()), "08P01");
    wait_until("cancelling", || asking("leaving") == 0);
    let config = format!("{}[target]\nconnect_timeout = 1\n", slow("timing", 60.0));
    let sleeper = proxy(&users, "", &config);
    let began = Instant::now();
    let said = log_in(&sleeper, "scram", "pw").unwrap_err();
    assert!(said.starts_with("58000") || said.starts_with("08001"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    wait_until("giving up", || asking("timing") == 0);
}

#[test]
fn few_are_asked_for_at_a_time() {
    let users = UsersFile::new(ASKER);
    let proxy = proxy(&users, "", &slow("crowd", 0.3));
    let most = thread::scope(|scope| {
        let logins: Vec<_> =
            (0..20).map(|_| scope.spawn(|| log_in(&proxy, "scram", "pw"))).collect();
        let mut most = 0;
        while logins.iter().any(|login| !login.is_finished()) {
            most = most.max(asking("crowd"));
            thread::sleep(Duration::from_millis(20));
        }
        for login in logins {
            assert_eq!(login.join().unwrap(), Ok("scram".to_owned()));
        }
        most
    });
    assert!((2..=8).contains(&most), "{most}");
}

#[cfg(client = "psql")]
#[test]
fn both_legs_by_tls_with_channel_binding() {
    let cluster = cluster();
    let users = UsersFile::new(ASKER);
    let files = ["crt", "key"].map(|kind| cluster.path(&format!("server.{kind}")));
    let listen = format!(
        "[listen]\nsslmode = \"require\"\nsslcert = {:?}\nsslkey = {:?}\n",
        files[0], files[1]
    );
    let ca = cluster.path("ca.crt");
    let proxy = proxy(&users, &format!("sslmode=verify-full&sslrootcert={ca}"), &listen);
    let port = proxy.address().port();
    let log_in = |user: &str, password: &str| {
        let connection = format!(
            "host=localhost port={port} dbname=postgres user={user} password={password} \
             sslmode=verify-full sslrootcert={ca} channel_binding=require"
        );
        crate::support::psql_to(&connection, "SELECT current_user")
    };
    assert_eq!(log_in("scram", "pw").success(), "scram\n");
    for (user, password) in [("scram", "wrong"), ("q_nobody", "pw")] {
        let said = format!("password authentication failed for user \"{user}\"");
        assert!(log_in(user, password).stderr.contains(&said), "{user}");
    }
}

//! Logins that the proxy checks itself, and its own at the target.

use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

use super::{field, sqlstate};
use crate::support::{Body, Endpoint, Frame, Proxy, TlsCluster, Wire};

/// A directory for one test's users file.
pub(crate) struct UsersFile(std::path::PathBuf);

impl UsersFile {
    pub(crate) fn new(text: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        use std::sync::atomic::{AtomicU32, Ordering};
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("dms-proxy-users-file-{}-{serial}", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        file.write(text);
        std::fs::set_permissions(&file.0, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }

    /// `[auth]` with this file, and more configuration.
    pub(crate) fn config(&self, more: &str) -> String {
        let auth = format!("[auth]\nmode = \"terminate\"\nusers_file = {:?}\n", self.0);
        format!("{auth}{more}\n[fk]\nmode = \"off\"\n")
    }
}

impl Drop for UsersFile {
    fn drop(&mut self) {
        // Gone already, or in the way of nobody.
        let _ = std::fs::remove_file(&self.0);
        let _ = std::fs::remove_file(self.0.with_added_extension("salt"));
    }
}

/// Waits until a condition holds.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Everybody with a password, as the target has it.
const EVERYBODY: &str = "\"scram\" \"pw\"\n\"md5\" \"pw\"\n\"password\" \"pw\"\n\"cert\" \"pw\"\n\
    \"postgres\" \"boss \"\"pw\"\"\"\n\"wrong\" \"not the target's\"\n";

fn proxy(users: &UsersFile, parameters: &str, more: &str) -> Proxy {
    Proxy::start_to(&TlsCluster::shared().url(parameters), &users.config(more))
}

/// Logs in without TLS; gives what `current_user` is, or the error.
pub(crate) fn log_in(proxy: &Proxy, user: &str, password: &str) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(proxy.address().port());
        config.user(user).password(password).dbname("postgres");
        let (client, connection) = config.connect(NoTls).await.map_err(|error| {
            let said = error.as_db_error().map(|error| {
                let hint = error.hint().unwrap_or_default();
                format!("{} {} {hint}", error.code().code(), error.message())
            });
            said.unwrap_or_else(|| error.to_string())
        })?;
        let running = tokio::spawn(connection);
        let row = client.query_one("SELECT current_user::text", &[]).await.unwrap();
        drop(client);
        running.await.unwrap().unwrap();
        Ok(row.get(0))
    })
}

#[test]
fn proxy_logs_in_by_every_method_of_the_target() {
    let users = UsersFile::new(EVERYBODY);
    for parameters in ["sslmode=disable", "sslmode=require"] {
        let proxy = proxy(&users, parameters, "");
        for user in ["scram", "md5", "password"] {
            assert_eq!(log_in(&proxy, user, "pw"), Ok(user.to_owned()), "{parameters}");
        }
        // The target trusts this one.
        assert_eq!(log_in(&proxy, "postgres", "boss \"pw\""), Ok("postgres".to_owned()));
    }
}

#[test]
fn proxy_logs_in_by_its_certificate() {
    let cluster = TlsCluster::shared();
    let files = ["crt", "key"].map(|kind| cluster.path(&format!("cert.{kind}")));
    let parameters = format!("sslmode=require&sslcert={}&sslkey={}", files[0], files[1]);
    let users = UsersFile::new(EVERYBODY);
    let proxy = proxy(&users, &parameters, "");
    assert_eq!(log_in(&proxy, "cert", "pw"), Ok("cert".to_owned()));
}

#[test]
fn failed_login_never_reaches_the_target() {
    let users = UsersFile::new(EVERYBODY);
    // Nobody listens there: only a login that is right gets to know.
    let proxy = Proxy::start_to("postgresql://127.0.0.1:1", &users.config(""));
    let refused = |user: &str, password: &str| {
        let began = Instant::now();
        let said = log_in(&proxy, user, password).unwrap_err();
        let expected = format!("28P01 password authentication failed for user \"{user}\" ");
        assert_eq!(said, expected);
        assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    };
    refused("scram", "wrong");
    refused("nobody", "pw");
    // Nothing that stands for a user who is not there is a password.
    refused("nobody", " ");
    assert!(log_in(&proxy, "scram", "pw").unwrap_err().starts_with("08001"));
    assert!(!proxy.log().contains("pw"), "{}", proxy.log());
}

#[test]
fn what_the_target_says_to_the_proxys_login_is_passed_on() {
    let users = UsersFile::new("\"scram\" \"another\"\n\"stranger\" \"pw\"\n");
    let proxy = proxy(&users, "sslmode=disable", "");
    let said = log_in(&proxy, "scram", "another").unwrap_err();
    assert_eq!(said, "28P01 password authentication failed for user \"scram\" ");
    let said = log_in(&proxy, "stranger", "pw").unwrap_err();
    assert_eq!(said, "28000 role \"stranger\" does not exist ");
}

#[test]
fn secret_that_the_target_has_as_well_is_enough() {
    let cluster = TlsCluster::shared();
    let secret = |role: &str| {
        let sql = format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'");
        cluster.query("postgres", &sql)[0][0].clone()
    };
    let (one, other) = (secret("scram"), secret("password"));
    let users = UsersFile::new(&format!("\"scram\" \"{one}\"\n\"password\" \"{other}\"\n"));
    for parameters in ["sslmode=disable", "sslmode=require"] {
        let proxy = proxy(&users, parameters, "");
        assert_eq!(log_in(&proxy, "scram", "pw"), Ok("scram".to_owned()));
        let said = log_in(&proxy, "scram", "wrong").unwrap_err();
        assert!(said.starts_with("28P01"), "{said}");
        // A target that wants the password itself.
        let said = log_in(&proxy, "password", "pw").unwrap_err();
        assert!(said.contains("a password that the proxy does not have"), "{said}");
    }
    // The same password with another salt.
    users.write(&format!("\"scram\" \"{other}\"\n"));
    let said = log_in(&proxy(&users, "", ""), "scram", "pw").unwrap_err();
    assert!(said.contains("is not the one that the client was checked by"), "{said}");
    assert!(said.contains("pg_authid"), "{said}");
}

#[test]
fn changed_users_file_is_read_again() {
    let users = UsersFile::new("\"scram\" \"old\"\n");
    let proxy = proxy(&users, "", "");
    assert!(log_in(&proxy, "scram", "pw").unwrap_err().starts_with("28P01"));
    users.write(EVERYBODY);
    // A client that comes has it read for those who come after that.
    until("it is read", || log_in(&proxy, "scram", "pw") == Ok("scram".to_owned()));
    users.write("a broken line\n");
    assert_eq!(log_in(&proxy, "scram", "pw"), Ok("scram".to_owned()));
    until("it is refused", || proxy.log().contains("line 1"));
    assert_eq!(log_in(&proxy, "scram", "pw"), Ok("scram".to_owned()));
}

#[test]
fn md5_entries_are_said_to_be_of_no_use() {
    let users = UsersFile::new("\"md5\" \"md5c1a5298f939e87e8f962a5edfc206918\"\n");
    let proxy = proxy(&users, "", "");
    assert!(log_in(&proxy, "md5", "pw").unwrap_err().starts_with("28P01"));
    assert!(proxy.log().contains("an md5 hash does not do"), "{}", proxy.log());
    assert!(!proxy.log().contains("c1a5298f"), "{}", proxy.log());
}

#[test]
fn every_client_is_the_target_user() {
    let users = UsersFile::new("\"anna\" \"hers\"\n\"scram\" \"pw\"\n");
    let proxy = proxy(&users, "sslmode=require", "target_user = \"scram\"\n");
    assert_eq!(log_in(&proxy, "anna", "hers"), Ok("scram".to_owned()));
    assert!(log_in(&proxy, "anna", "pw").unwrap_err().starts_with("28P01"));
}

#[test]
fn single_users_are_other_users_of_the_target() {
    let users =
        UsersFile::new("\"anna\" \"hers\"\n\"bert\" \"his\"\n\"scram\" \"pw\"\n\"md5\" \"pw\"\n");
    let alone = "target_users = { anna = \"scram\" }\n";
    let proxy = proxy(&users, "sslmode=require", &format!("{alone}target_user = \"md5\"\n"));
    assert_eq!(log_in(&proxy, "anna", "hers"), Ok("scram".to_owned()));
    assert_eq!(log_in(&proxy, "bert", "his"), Ok("md5".to_owned()));
    assert!(log_in(&proxy, "anna", "pw").unwrap_err().starts_with("28P01"));
    let proxy = self::proxy(&users, "sslmode=require", alone);
    assert_eq!(log_in(&proxy, "anna", "hers"), Ok("scram".to_owned()));
    assert_eq!(log_in(&proxy, "md5", "pw"), Ok("md5".to_owned()));
}

#[test]
fn session_begins_as_after_a_login_at_the_target() {
    let users = UsersFile::new(EVERYBODY);
    let config = users.config("").replace("mode = \"off\"", "mode = \"replica-role\"");
    let proxy = Proxy::start_to(&TlsCluster::shared().url(""), &config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(proxy.address().port());
        config.user("postgres").password("boss \"pw\"").application_name("a tool");
        config.options("-c dms.rewrite=on -c work_mem=9MB");
        let (client, connection) = config.connect(NoTls).await.unwrap();
        let running = tokio::spawn(connection);
        client.batch_execute("CREATE TEMP TABLE t (n UINT4)").await.unwrap();
        let sql = "SELECT current_setting('session_replication_role'), \
            current_setting('application_name'), current_setting('work_mem'), current_database()::text, \
            (SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum = 1)";
        let row = client.query_one(sql, &[]).await.unwrap();
        let found: Vec<String> = (0..5).map(|column| row.get(column)).collect();
        assert_eq!(found, ["replica", "a tool", "9MB", "postgres", "bigint"]);
        let sleep = client.batch_execute("SELECT pg_sleep(60)");
        let cancel = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            client.cancel_token().cancel_query(NoTls).await.unwrap();
        };
        let (slept, ()) = tokio::join!(sleep, cancel);
        assert_eq!(slept.unwrap_err().code().unwrap().code(), "57014");
        drop(client);
        running.await.unwrap().unwrap();
    });
}

/// What the proxy says to a login of raw messages, until it closes.
fn raw(endpoint: &Endpoint, messages: &[(u8, Body)]) -> Vec<Frame> {
    let mut wire = Wire::open(endpoint);
    wire.startup(endpoint, &[]);
    let mut said = vec![wire.read_frame().unwrap()];
    for (tag, body) in messages {
        wire.send(*tag, body.clone());
        said.extend(wire.read_frame());
    }
    said
}

pub(super) fn initial(mechanism: &str, message: &str) -> (u8, Body) {
    let length = i32::try_from(message.len()).unwrap();
    (b'p', Body::default().string(mechanism).int32(length).bytes(message))
}

#[test]
fn messages_that_are_no_login_are_refused() {
    let users = UsersFile::new(EVERYBODY);
    let proxy = proxy(&users, "", "");
    let endpoint = proxy.endpoint(&TlsCluster::shared().endpoint());
    let offer = raw(&endpoint, &[]).remove(0);
    assert_eq!(offer.body, b"\0\0\0\x0aSCRAM-SHA-256\0\0");
    let too_long = "n".repeat(2000);
    for (messages, code) in [
        (vec![(b'Q', Body::default().string("SELECT 1"))], "08P01"),
        (vec![(b'p', Body::default())], "08P01"),
        (vec![(b'p', Body::default().string("pw"))], "08P01"),
        (vec![initial("SCRAM-SHA-1", "n,,n=,r=abc")], "08P01"),
        (vec![initial("SCRAM-SHA-256-PLUS", "n,,n=,r=abc")], "08P01"),
        (vec![initial("SCRAM-SHA-256", "n,,n=,r=")], "08P01"),
        (vec![initial("SCRAM-SHA-256", &too_long)], "08P01"),
        (
            vec![
                initial("SCRAM-SHA-256", "n,,n=,r=abc"),
                (b'p', Body::default().bytes("c=biws,r=abc,p=AAAA")),
            ],
            "08P01",
        ),
    ] {
        let said = raw(&endpoint, &messages);
        assert_eq!(sqlstate(&said), code, "{messages:?} {said:?}");
    }
}

/// The salt and the iterations that the proxy shows to a user.
fn challenge(proxy: &Proxy, user: &str) -> String {
    let endpoint = proxy.endpoint(&TlsCluster::shared().endpoint());
    let endpoint = Endpoint { user: user.to_owned(), ..endpoint };
    let said = raw(&endpoint, &[initial("SCRAM-SHA-256", "n,,n=,r=abc")]);
    let text = String::from_utf8(said[1].body[4..].to_vec()).unwrap();
    let (nonce, salt) = text.split_once(",s=").unwrap();
    assert!(nonce.starts_with("r=abc") && nonce.len() > 20, "{nonce}");
    salt.to_owned()
}

/// Not within one start, not from one start to the next, and not from one instance to another.
#[test]
fn salt_says_nothing_about_who_is_there() {
    let secret = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let users = UsersFile::new(&format!("{EVERYBODY}\"secret\" \"{secret}\"\n"));
    let shown = |proxy: &Proxy| ["secret", "scram", "nobody"].map(|user| challenge(proxy, user));
    let first = proxy(&users, "", "");
    let salts = shown(&first);
    assert_eq!(shown(&first), salts);
    assert_ne!(salts[1], salts[2]);
    assert!(salts.iter().all(|salt| salt.len() == salts[0].len()), "{salts:?}");
    assert_eq!(shown(&proxy(&users, "", "")), salts, "another instance");
    drop(first);
    assert_eq!(shown(&proxy(&users, "", "")), salts, "another start");
    let key = format!("salt_file = {:?}\n", users.0.with_added_extension("salt"));
    assert_eq!(shown(&proxy(&users, "", &key)), salts, "a copy of the key");
    // Where it cannot be kept, that is said.
    let other = UsersFile::new(EVERYBODY);
    let in_the_way = other.0.with_added_extension("salt");
    std::fs::create_dir(&in_the_way).unwrap();
    let log = proxy(&other, "", "").log();
    std::fs::remove_dir(in_the_way).unwrap();
    assert!(log.contains("auth.salt_file"), "{log}");
}

#[test]
fn login_that_stands_still_ends_in_time() {
    let users = UsersFile::new(EVERYBODY);
    let proxy = proxy(&users, "", "[limits]\nstartup_timeout = 1\n");
    let endpoint = proxy.endpoint(&TlsCluster::shared().endpoint());
    let mut wire = Wire::open(&endpoint);
    wire.startup(&endpoint, &[]);
    let said = wire.until_ready();
    assert_eq!(sqlstate(&said), "08P01");
    assert!(field(&said, b'E', b'M').unwrap().contains("startup_timeout"));
}

#[test]
fn other_versions_of_the_protocol_do_not_get_past_the_login() {
    let users = UsersFile::new(EVERYBODY);
    let proxy = proxy(&users, "", "");
    let mut wire = Wire::open(&proxy.endpoint(&TlsCluster::shared().endpoint()));
    wire.send_raw(&Body::default().int32(8).int32(2 << 16).0);
    assert_eq!(sqlstate(&wire.until_ready()), "0A000");
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    let said = |config: &str| {
        let program = [env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--listen", "127.0.0.1:0"];
        Proxy::start_program(config, &program).err().unwrap()
    };
    assert!(said("[auth]\nmode = \"terminate\"\n").contains("needs auth.users_file"));
    assert!(said("[auth]\ntarget_user = \"a\"\n").contains("needs auth.mode"));
    let program = [env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--target", "postgresql://h"];
    let config = "[auth]\nmode = \"terminate\"\nusers_file = \"none.txt\"\n";
    assert!(Proxy::start_program(config, &program).err().unwrap().contains("none.txt"));
}

#[cfg(client = "psql")]
mod with_psql {
    use super::*;
    use crate::support::psql_to;

    /// Both legs by TLS, which a passthrough cannot do.
    #[test]
    fn both_legs_by_tls_with_channel_binding() {
        let cluster = TlsCluster::shared();
        let users = UsersFile::new(EVERYBODY);
        let files = ["crt", "key"].map(|kind| cluster.path(&format!("server.{kind}")));
        let listen = format!(
            "[listen]\nsslmode = \"allow\"\nsslcert = {:?}\nsslkey = {:?}\n",
            files[0], files[1]
        );
        let ca = cluster.path("ca.crt");
        let proxy = proxy(&users, &format!("sslmode=verify-full&sslrootcert={ca}"), &listen);
        let port = proxy.address().port();
        let log_in = |more: &str| {
            let connection = format!("host=localhost port={port} dbname=postgres {more}");
            psql_to(&connection, "SELECT current_user")
        };
        for binding in ["require", "prefer", "disable"] {
            let more = format!(
                "user=scram password=pw sslmode=verify-full sslrootcert={ca} \
                 channel_binding={binding}"
            );
            assert_eq!(log_in(&more).success(), "scram\n", "{binding}");
        }
        assert_eq!(log_in("user=scram password=pw sslmode=disable").success(), "scram\n");
        let wrong = log_in("user=scram password=no sslmode=require");
        let said = "password authentication failed for user \"scram\"";
        assert!(wrong.stderr.contains(said), "{}", wrong.stderr);
    }
}

#[cfg(client = "psql")]
#[test]
fn walsender_sessions_are_relayed_behind_the_login() {
    let users = UsersFile::new(EVERYBODY);
    let proxy = proxy(&users, "sslmode=require", "");
    let port = proxy.address().port();
    let connection = format!(
        "host=127.0.0.1 port={port} dbname=postgres user=postgres replication=database \
         password='boss \"pw\"'"
    );
    let said = crate::support::psql_to(&connection, "IDENTIFY_SYSTEM;\n").success();
    assert!(said.trim_end().ends_with("|postgres"), "{said}");
}

/// A libpq that opens with a newer version of the protocol, which the target turns down.
#[cfg(client = "psycopg")]
#[test]
fn newest_libpq_negotiates_with_the_target() {
    use crate::support::{command, run, setup_directory};
    let users = UsersFile::new(EVERYBODY);
    let proxy = proxy(&users, "sslmode=require", "");
    let script = "
import sys, psycopg
print(psycopg.connect(sys.argv[1]).execute('SELECT current_user').fetchone()[0])
";
    let connection = format!(
        "host=127.0.0.1 port={} dbname=postgres user=scram password=pw max_protocol_version=latest",
        proxy.address().port()
    );
    let mut python = command(setup_directory().join("venv/bin/python"));
    python.args(["-c", script, &connection]);
    assert_eq!(run(&mut python, b"").success(), "scram\n");
}

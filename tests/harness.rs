//! What the other tests stand on does what it says.

use std::time::Duration;

use crate::support::{Cluster, Endpoint, Proxy, Wire, assert_same, transcript};

const FAKE_PROXY: &str = r#"
cat proxy.toml >&2
trap 'echo drained >&2; exit 7' TERM
echo 'INFO dms_proxy: listening on 127.0.0.1:4711 target=127.0.0.1' >&2
while :; do sleep 0.05; done
"#;

#[test]
fn proxy_is_read_and_stopped() {
    let proxy = Proxy::start_program("a = 1\n", &["/bin/sh", "-c", FAKE_PROXY]).unwrap();
    assert_eq!(proxy.address().to_string(), "127.0.0.1:4711");
    assert!(proxy.log().contains("a = 1"), "{}", proxy.log());
    assert_eq!(proxy.stop(), Some(7));
}

#[test]
fn proxy_that_ends_at_once_is_an_error_with_its_log() {
    let program = ["/bin/sh", "-c", "echo bad config >&2; exit 2"];
    let log = Proxy::start_program("", &program).err().unwrap();
    assert!(log.contains("bad config"), "{log}");
}

#[test]
fn databases_are_fresh_and_dropped() {
    let cluster = Cluster::shared();
    let (one, two) = (cluster.create_database(), cluster.create_database());
    one.query("CREATE TABLE t AS SELECT NULL::int AS n, 'x' AS t");
    assert_eq!(one.query("TABLE t"), [["NULL", "x"]]);
    let exists = "SELECT count(*) FROM pg_class WHERE relname = 't'";
    assert_eq!(two.query(exists), [["0"]]);
    let name = one.endpoint().database.clone();
    drop(one);
    let exists = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(two.query(&exists), [["0"]]);
}

#[test]
fn login_roles_need_their_password() {
    let database = Cluster::shared().create_database();
    for (method, request) in Cluster::LOGIN_METHODS.into_iter().zip([3, 5, 10]) {
        let endpoint = Endpoint { user: method.to_owned(), ..database.endpoint().clone() };
        let mut wire = Wire::open(&endpoint);
        wire.startup(&endpoint, &[]);
        let asked = wire.read_frame().unwrap();
        assert_eq!(asked.to_string(), format!("Authentication {request}"));
    }
}

#[test]
fn transcript_of_the_extended_protocol() {
    let database = Cluster::shared().create_database();
    let (mut wire, _) = Wire::log_in(database.endpoint(), &[]);
    wire.parse("s", "SELECT $1::int AS n, $2::text AS t", &[])
        .describe(b'S', "s")
        .bind("", "s", &[1, 0], &[Some(&7i32.to_be_bytes()), None], 0)
        .execute("", 0)
        .close(b'S', "s")
        .parse("", "SELECT nothing", &[])
        .sync();
    let said = transcript(&wire.until_ready());
    assert_eq!(
        said,
        "ParseComplete
ParameterDescription 23 25
RowDescription n(column 0, type 23 4 -1, format 0) t(column 0, type 25 -1 -1, format 0)
BindComplete
DataRow 7 NULL
CommandComplete SELECT 1
CloseComplete
ErrorResponse S=\"ERROR\" V=\"ERROR\" C=\"42703\" M=\"column \\\"nothing\\\" does not exist\" P=\"8\"
ReadyForQuery I
"
    );
}

#[test]
fn transcript_of_a_copy() {
    let database = Cluster::shared().create_database();
    let (mut wire, _) = Wire::log_in(database.endpoint(), &[("application_name", "copier")]);
    wire.query("CREATE TABLE t (n int); LISTEN c; NOTIFY c, 'x'");
    assert!(transcript(&wire.until_ready()).contains("NotificationResponse c x\n"));
    wire.query("COPY t FROM STDIN");
    assert_eq!(transcript(&wire.until(b'G')), "CopyInResponse \\x00 0\n");
    wire.copy_data("1\n2").copy_data("\n").copy_done();
    assert_eq!(transcript(&wire.until_ready()), "CommandComplete COPY 2\nReadyForQuery I\n");
    wire.query("COPY t TO STDOUT");
    let said = transcript(&wire.until_ready());
    assert!(said.contains("CopyData 1\\n\nCopyData 2\\n\nCopyDone\n"), "{said}");
    wire.terminate();
    assert!(wire.read_frame().is_none());
}

#[test]
fn silence_is_no_reply() {
    let database = Cluster::shared().create_database();
    let (mut wire, greeting) = Wire::log_in(database.endpoint(), &[]);
    let greeting = transcript(&greeting);
    assert!(greeting.starts_with("Authentication 0\n"), "{greeting}");
    assert!(greeting.ends_with("BackendKeyData\nReadyForQuery I\n"), "{greeting}");
    wire.parse("", "SELECT 1", &[]);
    assert!(!wire.has_reply_within(Duration::from_millis(100)));
    wire.flush();
    assert!(wire.has_reply_within(Duration::from_secs(10)));
}

#[cfg(client = "psql")]
#[test]
fn psql_runs_a_script() {
    let database = Cluster::shared().create_database();
    let script = "CREATE TABLE t (n int);\nCOPY t FROM STDIN;\n1\n2\n\\.\nTABLE t;\nSELECT 1/0;\n";
    let finished = crate::support::psql(database.endpoint(), &[], script);
    assert_eq!(finished.stdout, "1\n2\n");
    assert!(finished.stderr.contains("division by zero"), "{}", finished.stderr);
    let strict = ["--set", "ON_ERROR_STOP=1"];
    assert_eq!(crate::support::psql(database.endpoint(), &strict, script).status, Some(3));
}

#[test]
fn difference_is_shown_where_it_begins() {
    assert_same(&"a\nb\nc", &"a\nb\nc");
    let differ = std::panic::catch_unwind(|| assert_same(&"a\nb\nc", &"a\nx\nc"));
    let said = *differ.unwrap_err().downcast::<String>().unwrap();
    assert!(said.contains("after 1 lines\n--- direct\nb\n"), "{said}");
    assert!(said.contains("--- proxied\nx\n"), "{said}");
}

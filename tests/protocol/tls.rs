//! TLS on both legs: libpq's modes, certificates of every kind, cancel and COPY over it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto};

use super::{field, log_in, say, sqlstate};
use crate::support::{Body, Endpoint, Proxy, TlsCluster, Wire, transcript};

/// A proxy in front of the server with TLS: `listen` are keys of `[listen]`, `target` parameters of
/// its URL. The proxy shows the certificate `server`.
fn proxy(listen: &str, target: &str) -> Proxy {
    proxy_with("server", listen, target, "")
}

/// The same with another certificate and more configuration.
fn proxy_with(certificate: &str, listen: &str, target: &str, more: &str) -> Proxy {
    let cluster = TlsCluster::shared();
    let files = ["crt", "key"].map(|kind| cluster.path(&format!("{certificate}.{kind}")));
    let config = format!(
        "[listen]\nsslcert = {:?}\nsslkey = {:?}\n{listen}\n{more}[fk]\nmode = \"off\"\n",
        files[0], files[1]
    );
    Proxy::start_to(&cluster.url(target), &config)
}

fn through(proxy: &Proxy, user: &str) -> Endpoint {
    Endpoint { user: user.to_owned(), ..proxy.endpoint(&TlsCluster::shared().endpoint()) }
}

/// Whether a session's own target leg is TLS, as the server sees it.
const TARGET_LEG: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/// A login without TLS; gives what the target says of its leg, or the error.
fn plain(endpoint: &Endpoint) -> String {
    let (mut wire, said) = Wire::log_in(endpoint, &[]);
    match said.last() {
        Some(frame) if frame.tag == b'Z' => {
            let said = say(&mut wire, TARGET_LEG);
            said.split_once("DataRow ").unwrap().1[..1].to_owned()
        }
        _ => format!("{} {}", sqlstate(&said), field(&said, b'E', b'M').unwrap()),
    }
}

/// A raw client of TLS that trusts `ca`; `direct` sends no SSLRequest.
struct TlsClient(StreamOwned<ClientConnection, TcpStream>);

impl TlsClient {
    fn open(endpoint: &Endpoint, direct: bool, alpn: &[&str]) -> std::io::Result<Self> {
        let ca = TlsCluster::shared().path("ca.crt");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let provider = Arc::new(crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = TcpStream::connect(endpoint.address)?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        if !direct {
            socket.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?;
            let mut answer = [0];
            socket.read_exact(&mut answer)?;
            assert_eq!(answer, *b"S");
        }
        Ok(Self(StreamOwned::new(connection, socket)))
    }

    /// Sends, and reads until the peer closes.
    fn exchange(mut self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        self.0.write_all(bytes)?;
        self.0.flush()?;
        let mut said = Vec::new();
        self.0.read_to_end(&mut said)?;
        Ok(said)
    }
}

fn packet(body: Body) -> Vec<u8> {
    let length = i32::try_from(body.0.len() + 4).unwrap();
    Body::default().int32(length).bytes(body.0).0
}

/// A startup packet, a query and a Terminate at once.
fn short_session(endpoint: &Endpoint) -> Vec<u8> {
    let body = Body::default().int32(3 << 16).string("user").string(&endpoint.user);
    let body = body.string("database").string(&endpoint.database).bytes([0]);
    let mut bytes = packet(body);
    bytes.extend(b"Q\0\0\0\x0eSELECT 42\0X\0\0\0\x04");
    bytes
}

#[test]
fn target_leg_in_every_sslmode() {
    let ca = TlsCluster::shared().path("ca.crt");
    let other = TlsCluster::shared().path("other-ca.crt");
    let unknown = "08001 the target at";
    for (parameters, said) in [
        ("sslmode=disable".to_owned(), "f"),
        ("sslmode=allow".to_owned(), "f"),
        (String::new(), "t"),
        ("sslmode=prefer".to_owned(), "t"),
        ("sslmode=require".to_owned(), "t"),
        (format!("sslmode=require&sslrootcert={ca}"), "t"),
        (format!("sslmode=verify-ca&sslrootcert={ca}"), "t"),
        (format!("sslmode=verify-full&sslrootcert={ca}&sslsni=0"), "t"),
        // A file of authorities makes verify-ca of require, and prefer does without TLS.
        (format!("sslmode=require&sslrootcert={other}"), unknown),
        (format!("sslmode=prefer&sslrootcert={other}"), "f"),
        (format!("sslmode=verify-full&sslrootcert={other}"), unknown),
        ("sslrootcert=system".to_owned(), unknown),
    ] {
        let proxy = proxy("", &parameters);
        let found = plain(&through(&proxy, "postgres"));
        assert!(found.starts_with(said), "{parameters}: {found}");
        if said == unknown {
            assert!(found.contains("certificate"), "{parameters}: {found}");
        }
    }
}

#[test]
fn allow_and_prefer_have_a_second_way() {
    for (mode, user, said) in [
        ("allow", "only_tls", "t"),
        ("allow", "only_plain", "f"),
        ("prefer", "only_tls", "t"),
        ("prefer", "only_plain", "f"),
        ("disable", "only_tls", "28000 pg_hba.conf rejects connection"),
        ("require", "only_plain", "28000 pg_hba.conf rejects connection"),
    ] {
        let proxy = proxy("", &format!("sslmode={mode}"));
        let found = plain(&through(&proxy, user));
        assert!(found.starts_with(said), "{mode} {user}: {found}");
    }
}

/// The server of the other tests has no TLS.
#[test]
fn target_without_tls() {
    let database = crate::support::Cluster::shared().create_database();
    let address = database.endpoint().address;
    for (mode, said) in
        [("prefer", "f"), ("allow", "f"), ("require", "08001 the target at 127.0.0.1")]
    {
        let proxy = Proxy::start_to(&format!("postgresql://{address}?sslmode={mode}"), "");
        let found = plain(&proxy.endpoint(database.endpoint()));
        assert!(found.starts_with(said), "{mode}: {found}");
        assert_eq!(found.contains("has no TLS"), mode == "require", "{found}");
    }
}

/// A second proxy is a target with any certificate.
#[test]
fn certificates_of_targets() {
    let cluster = TlsCluster::shared();
    let full = |ca: &str| format!("sslmode=verify-full&sslrootcert={}", cluster.path(ca));
    let for_ca = |ca: &str| format!("sslmode=verify-ca&sslrootcert={}", cluster.path(ca));
    for (certificate, host, parameters, said) in [
        ("server", "localhost", full("ca.crt"), None),
        ("server", "127.0.0.1", full("ca.crt"), None),
        ("named", "localhost", full("ca.crt"), None),
        ("named", "127.0.0.1", full("ca.crt"), Some("not valid for name")),
        ("elsewhere", "localhost", full("ca.crt"), Some("not valid for name")),
        ("elsewhere", "localhost", for_ca("ca.crt"), None),
        ("expired", "localhost", for_ca("ca.crt"), Some("expired")),
        ("unknown", "localhost", for_ca("ca.crt"), Some("UnknownIssuer")),
        ("unknown", "localhost", "sslmode=require".to_owned(), None),
        ("of-old", "localhost", for_ca("old-ca.crt"), Some("UnknownIssuer")),
        ("self-signed", "localhost", full("self-signed.crt"), None),
        ("self-signed", "localhost", full("ca.crt"), Some("certificate")),
    ] {
        let behind = proxy_with(certificate, "sslmode = \"allow\"", "sslmode=disable", "");
        let url = format!("postgresql://{host}:{}/?{parameters}", behind.address().port());
        let proxy = Proxy::start_to(&url, "[fk]\nmode = \"off\"\n");
        let found = plain(&through(&proxy, "postgres"));
        match said {
            None => assert_eq!(found, "f", "{certificate} {url}"),
            Some(said) => assert!(found.contains(said), "{certificate} {url}: {found}"),
        }
    }
}

#[test]
fn target_that_wants_a_certificate() {
    let cluster = TlsCluster::shared();
    let shown = |name: &str| {
        let files = ["crt", "key"].map(|kind| cluster.path(&format!("{name}.{kind}")));
        format!("sslmode=require&sslcert={}&sslkey={}", files[0], files[1])
    };
    let by_certificate = proxy("", &shown("cert"));
    assert_eq!(plain(&through(&by_certificate, TlsCluster::BY_CERTIFICATE)), "t");
    let another = plain(&through(&proxy("", &shown("postgres")), TlsCluster::BY_CERTIFICATE));
    assert!(another.contains("certificate authentication failed"), "{another}");
}

#[test]
fn direct_tls_on_both_legs() {
    let behind = proxy("sslmode = \"require\"", "sslmode=require");
    let port = behind.address().port();
    let ca = TlsCluster::shared().path("ca.crt");
    let url = format!(
        "postgresql://localhost:{port}/?sslmode=verify-full&sslrootcert={ca}&sslnegotiation=direct"
    );
    let proxy = Proxy::start_to(&url, "[fk]\nmode = \"off\"\n");
    assert_eq!(plain(&through(&proxy, "postgres")), "t");
    // The name of the protocol is a must there, and only there.
    let endpoint = through(&behind, "postgres");
    for (direct, alpn, fine) in [
        (true, &["postgresql"][..], true),
        (true, &[], false),
        (true, &["http/1.1"], false),
        (false, &["postgresql"], true),
        (false, &[], true),
        (false, &["http/1.1"], false),
    ] {
        let client = TlsClient::open(&endpoint, direct, alpn).unwrap();
        let said = client.exchange(&short_session(&endpoint));
        let found = said.is_ok_and(|said| said.windows(2).any(|two| two == b"42"));
        assert_eq!(found, fine, "direct {direct} {alpn:?}");
    }
    // A target that does not know direct TLS.
    let cluster = TlsCluster::shared();
    let parameters = "sslmode=require&sslnegotiation=direct";
    let found = plain(&through(&self::proxy("", parameters), "postgres"));
    assert!(found.starts_with("08001"), "{found} {}", cluster.url(parameters));
}

#[test]
fn clients_without_tls_are_refused_where_it_is_required() {
    let cluster = TlsCluster::shared();
    let authority = format!("sslrootcert = {:?}\n", cluster.path("ca.crt"));
    for mode in ["require", "verify-ca", "verify-full"] {
        let proxy = proxy(&format!("{authority}sslmode = \"{mode}\""), "");
        let (mut wire, said) = Wire::log_in(&through(&proxy, "postgres"), &[]);
        assert_eq!(sqlstate(&said), "28000");
        let hint = field(&said, b'E', b'H').unwrap();
        assert!(hint.contains(mode) && hint.contains("sslmode=require"), "{hint}");
        assert!(wire.read_to_end().is_empty());
    }
    let proxy = proxy("sslmode = \"allow\"", "");
    assert_eq!(plain(&through(&proxy, "postgres")), "t");
}

#[test]
fn bytes_behind_a_request_for_tls_are_not_taken() {
    let proxy = proxy("sslmode = \"allow\"", "");
    let endpoint = through(&proxy, "postgres");
    let request = packet(Body::default().int32(80_877_103));
    let mut wire = Wire::open(&endpoint);
    wire.send_raw(&[request.clone(), short_session(&endpoint)].concat());
    let said = wire.until_ready();
    assert_eq!(sqlstate(&said), "08P01");
    let message = field(&said, b'E', b'M').unwrap();
    assert!(message.contains("unencrypted data"), "{message}");
    // Those that come later break the handshake.
    let mut wire = Wire::open(&endpoint);
    wire.send_raw(&request);
    assert_eq!(wire.read_byte(), b'S');
    wire.send_raw(&short_session(&endpoint));
    let said = wire.read_to_end();
    assert!(!said.windows(2).any(|two| two == b"42"), "{}", said.escape_ascii());
}

#[test]
fn silent_handshake_ends_in_time() {
    let proxy = proxy_with("server", "sslmode = \"allow\"", "", "[limits]\nstartup_timeout = 1\n");
    let mut wire = Wire::open(&through(&proxy, "postgres"));
    wire.send_raw(&packet(Body::default().int32(80_877_103)));
    assert_eq!(wire.read_byte(), b'S');
    assert!(wire.read_to_end().is_empty());
}

#[test]
fn cancel_by_tls_and_without() {
    let proxy = proxy("sslmode = \"allow\"", "sslmode=require");
    let endpoint = through(&proxy, "postgres");
    for by_tls in [true, false] {
        let (mut wire, greeting) = Wire::log_in(&endpoint, &[]);
        let key = greeting.iter().find(|frame| frame.tag == b'K').unwrap().body.clone();
        wire.query("SELECT pg_sleep(60)");
        std::thread::sleep(Duration::from_millis(300));
        let request = packet(Body::default().int32(80_877_102).bytes(key));
        if by_tls {
            let client = TlsClient::open(&endpoint, false, &[]).unwrap();
            assert!(client.exchange(&request).unwrap().is_empty());
        } else {
            let mut cancel = Wire::open(&endpoint);
            cancel.send_raw(&request);
            assert!(cancel.read_to_end().is_empty());
        }
        let said = transcript(&wire.until_ready());
        assert!(said.contains("57014"), "{by_tls}: {said}");
    }
}

#[test]
fn statement_of_a_tls_client_that_vanished_is_cancelled() {
    let cluster = TlsCluster::shared();
    let proxy = proxy("sslmode = \"allow\"", "sslmode=require");
    let endpoint = through(&proxy, "only_tls");
    let mut client = TlsClient::open(&endpoint, false, &[]).unwrap();
    let body = Body::default().int32(3 << 16).string("user").string("only_tls");
    let mut bytes = packet(body.string("database").string("postgres").bytes([0]));
    bytes.extend(b"Q\0\0\0\x18SELECT pg_sleep(60)\0");
    client.0.write_all(&bytes).unwrap();
    client.0.flush().unwrap();
    let count = "SELECT count(*) FROM pg_stat_activity \
         WHERE usename = 'only_tls' AND wait_event = 'PgSleep'";
    let wait_for = |number: &str| {
        for _ in 0..500 {
            if cluster.query("postgres", count) == [[number]] {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("not {number} sleeping");
    };
    wait_for("1");
    drop(client);
    wait_for("0");
}

/// At the end of the drain a client of TLS is told so, and told that no more comes; what it runs is
/// cancelled by TLS.
#[test]
fn tls_client_that_outlasts_the_drain_is_told() {
    let cluster = TlsCluster::shared();
    let limits = "[limits]\ndrain_timeout = 1\n";
    let proxy = proxy_with("server", "sslmode = \"require\"", "sslmode=require", limits);
    let endpoint = through(&proxy, "only_tls");
    let mut client = TlsClient::open(&endpoint, false, &[]).unwrap();
    let body = Body::default().int32(3 << 16).string("user").string("only_tls");
    let mut bytes = packet(body.string("database").string("postgres").bytes([0]));
    bytes.extend(b"Q\0\0\0\x18SELECT pg_sleep(61)\0");
    client.0.write_all(&bytes).unwrap();
    client.0.flush().unwrap();
    let count = "SELECT count(*) FROM pg_stat_activity \
         WHERE wait_event = 'PgSleep' AND query = 'SELECT pg_sleep(61)'";
    let wait_for = |number: &str| {
        let runs = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            cluster.query("postgres", count) == [[number]]
        });
        assert!(runs, "not {number} sleeping");
    };
    wait_for("1");
    proxy.signal("TERM");
    let mut said = Vec::new();
    client.0.read_to_end(&mut said).unwrap();
    assert!(said.windows(6).any(|bytes| bytes == b"C57P01"), "{}", said.escape_ascii());
    wait_for("0");
    assert_eq!(proxy.stop(), Some(1));
}

#[test]
fn changed_certificate_is_shown_to_new_clients() {
    let cluster = TlsCluster::shared();
    let copy = |from: &str| {
        for kind in ["crt", "key"] {
            let from = cluster.path(&format!("{from}.{kind}"));
            std::fs::copy(from, cluster.path(&format!("changing.{kind}"))).unwrap();
        }
    };
    copy("expired");
    let proxy = proxy_with("changing", "sslmode = \"allow\"", "", "");
    let endpoint = through(&proxy, "postgres");
    let try_it = || {
        TlsClient::open(&endpoint, false, &[])
            .unwrap()
            .exchange(&short_session(&endpoint))
            .map_err(|error| error.to_string())
    };
    assert!(try_it().unwrap_err().contains("expired"));
    copy("server");
    let works = || try_it().is_ok_and(|said| said.windows(2).any(|two| two == b"42"));
    // A client that comes has it read for those who come after that.
    let until = Instant::now() + Duration::from_secs(20);
    while !works() {
        assert!(Instant::now() < until, "{}", proxy.log());
    }
    // A file of no use changes nothing.
    std::fs::write(cluster.path("changing.crt"), "nonsense").unwrap();
    assert!(works());
    while !proxy.log().contains("the old one stays") {
        assert!(Instant::now() < until, "{}", proxy.log());
    }
    assert!(works());
}

#[test]
fn files_that_are_missing_are_named() {
    let program = |config: &str| {
        let arguments = [env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--listen", "127.0.0.1:0"];
        let target = ["--target", "postgresql://127.0.0.1:1?sslrootcert=/no/ca&sslmode=verify-ca"];
        Proxy::start_program(config, &[&arguments[..], &target].concat()).err().unwrap()
    };
    assert!(program("").contains("/no/ca"));
    let said = program("[listen]\nsslmode = \"require\"\nsslcert = \"a.crt\"\n");
    assert!(said.contains("needs listen.sslkey"), "{said}");
    let config = "[listen]\nsslmode = \"require\"\nsslcert = \"a.crt\"\nsslkey = \"a.key\"\n";
    let arguments = [env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--target", "postgresql://h"];
    let said = Proxy::start_program(config, &arguments).err().unwrap();
    assert!(said.contains("a.crt"), "{said}");
}

#[test]
fn plain_client_logs_in_by_scram_to_a_target_with_tls() {
    let proxy = proxy("", "sslmode=require");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(proxy.address().port());
        config.user("scram").password("pw").dbname("postgres");
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        let running = tokio::spawn(connection);
        let row = client.query_one("SELECT current_user::text", &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), "scram");
        drop(client);
        running.await.unwrap().unwrap();
    });
}

#[test]
fn plain_client_that_could_bind_is_told_what_to_do() {
    let proxy = proxy("", "sslmode=require");
    let endpoint = through(&proxy, "scram");
    let mut wire = Wire::open(&endpoint);
    wire.startup(&endpoint, &[]);
    let offered = wire.read_frame().unwrap();
    assert!(!transcript(&[offered]).contains("PLUS"));
    let (tag, body) = super::terminate::initial("SCRAM-SHA-256", "y,,n=,r=abc");
    wire.send(tag, body);
    let said = wire.until_ready();
    assert_eq!(sqlstate(&said), "28000");
    assert!(field(&said, b'E', b'H').unwrap().contains("auth.mode"), "{}", transcript(&said));
}

#[test]
fn a_session_without_tls_is_as_before() {
    let proxy = proxy("sslmode = \"allow\"", "sslmode=disable");
    let mut wire = log_in(&through(&proxy, "postgres"));
    assert!(say(&mut wire, "SELECT 'plain'").contains("plain"));
}

#[cfg(client = "psql")]
mod with_psql {
    use super::*;
    use crate::support::{Finished, psql_to};

    fn connect(proxy: &Proxy, more: &str) -> Finished {
        let port = proxy.address().port();
        let connection = format!("host=localhost port={port} dbname=postgres {more}");
        psql_to(&connection, &format!("\\conninfo\n{TARGET_LEG};\n"))
    }

    /// Whether each leg is TLS, or what was said instead.
    fn legs(proxy: &Proxy, more: &str) -> String {
        let finished = connect(proxy, more);
        if finished.status != Some(0) {
            return finished.stderr;
        }
        let client = finished.stdout.contains("SSL connection");
        let target = finished.stdout.lines().last().unwrap().to_owned();
        format!("{} {target}", if client { "t" } else { "f" })
    }

    #[test]
    fn client_leg_in_every_sslmode() {
        let cluster = TlsCluster::shared();
        let ca = cluster.path("ca.crt");
        let modes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
        for (listen, expected) in [
            ("disable", ["f f", "f f", "f f", "SSL", "SSL", "SSL"]),
            ("allow", ["f f", "f f", "t f", "t f", "t f", "t f"]),
            ("require", ["without TLS", "t f", "t f", "t f", "t f", "t f"]),
        ] {
            let proxy = proxy(&format!("sslmode = \"{listen}\""), "sslmode=disable");
            for (mode, expected) in modes.iter().zip(expected) {
                let more = format!("user=postgres sslmode={mode} sslrootcert={ca}");
                let found = legs(&proxy, &more);
                assert!(found.contains(expected), "{listen} {mode}: {found}");
            }
        }
    }

    #[test]
    fn certificates_of_the_proxy() {
        let cluster = TlsCluster::shared();
        for (certificate, said) in [
            ("server", "t f"),
            ("elsewhere", "does not match host name"),
            ("expired", "certificate verify failed"),
            ("unknown", "certificate verify failed"),
        ] {
            let listen = "sslmode = \"allow\"";
            let proxy = proxy_with(certificate, listen, "sslmode=disable", "");
            let ca = cluster.path("ca.crt");
            let more = format!("user=postgres sslmode=verify-full sslrootcert={ca}");
            let found = legs(&proxy, &more);
            assert!(found.contains(said), "{certificate}: {found}");
        }
    }

    #[test]
    fn certificates_of_clients() {
        let cluster = TlsCluster::shared();
        let shown = |user: &str, name: &str| {
            let files = ["crt", "key"].map(|kind| cluster.path(&format!("{name}.{kind}")));
            format!("user={user} sslmode=require sslcert={} sslkey={}", files[0], files[1])
        };
        let two = ["ca.crt", "old-ca.crt"]
            .map(|file| std::fs::read_to_string(cluster.path(file)).unwrap())
            .concat();
        std::fs::write(cluster.path("two-cas.crt"), two).unwrap();
        let none = "user=postgres sslmode=require sslcert=/none sslkey=/none".to_owned();
        let other = "certificate authentication failed for user \"postgres\"";
        for (mode, login, said) in [
            ("verify-ca", shown("postgres", "postgres"), "t t"),
            ("verify-ca", shown("postgres", "cert"), "t t"),
            ("verify-ca", shown("postgres", "stranger"), "error"),
            ("verify-ca", shown("postgres", "of-old-client"), "error"),
            ("verify-ca", none.clone(), "error"),
            ("verify-full", shown("postgres", "postgres"), "t t"),
            ("verify-full", shown("postgres", "cert"), other),
            ("verify-full", shown("postgres", "stranger"), "error"),
            ("verify-full", none, "error"),
        ] {
            let listen =
                format!("sslmode = \"{mode}\"\nsslrootcert = {:?}", cluster.path("two-cas.crt"));
            let found = legs(&proxy(&listen, "sslmode=require"), &login);
            assert!(found.contains(said), "{mode} {login}: {found}");
        }
    }

    #[test]
    fn scram_passes_unless_both_legs_are_tls_and_the_client_binds() {
        let both = proxy("sslmode = \"allow\"", "sslmode=require");
        let found = legs(&both, "user=scram password=pw sslmode=require");
        assert!(found.contains("TLS on both legs") && found.contains("terminate"), "{found}");
        let unbound = "user=scram password=pw sslmode=require channel_binding=disable";
        assert_eq!(legs(&both, unbound), "t t");
        let wrong = legs(&both, &unbound.replace("pw", "no"));
        assert!(wrong.contains("password authentication failed for user \"scram\""), "{wrong}");
        assert_eq!(legs(&both, "user=scram password=pw sslmode=disable"), "f t");
        assert_eq!(legs(&both, "user=md5 password=pw sslmode=require"), "t t");
        let one = proxy("sslmode = \"allow\"", "sslmode=disable");
        assert_eq!(legs(&one, "user=scram password=pw sslmode=require"), "t f");
    }

    #[test]
    fn copy_over_tls_both_ways() {
        let proxy = proxy("sslmode = \"allow\"", "sslmode=require");
        let port = proxy.address().port();
        let connection =
            format!("host=localhost port={port} dbname=postgres user=postgres sslmode=require");
        let rows: String = (0..200_000).map(|n| format!("{n}\tsome text of row {n}\n")).collect();
        let script = format!(
            "CREATE TEMP TABLE rows (n UINT4, t STRING(100));\nCOPY rows FROM STDIN;\n{rows}\\.\n\
             COPY rows TO STDOUT;\n"
        );
        let finished = psql_to(&connection, &script);
        assert_eq!(finished.stderr, "");
        assert!(finished.stdout == rows, "{} bytes", finished.stdout.len());
    }
}

/// psycopg brings a libpq of its own, which knows direct TLS and cancels by TLS.
#[cfg(client = "psycopg")]
#[test]
fn newest_libpq_by_direct_tls() {
    use crate::support::{command, run, setup_directory};
    let proxy = proxy("sslmode = \"require\"", "sslmode=require");
    let script = "
import sys, threading, time, psycopg
connection = psycopg.connect(sys.argv[1])
timer = threading.Timer(0.5, lambda: connection.cancel_safe(timeout=20))
timer.start()
try:
    connection.execute('SELECT pg_sleep(60)')
except psycopg.errors.QueryCanceled:
    print('cancelled')
";
    let port = proxy.address().port();
    let ca = TlsCluster::shared().path("ca.crt");
    let connection = format!(
        "host=localhost port={port} dbname=postgres user=postgres sslmode=verify-full \
         sslrootcert={ca} sslnegotiation=direct"
    );
    let mut python = command(setup_directory().join("venv/bin/python"));
    python.args(["-c", script, &connection]);
    assert_eq!(run(&mut python, b"").success(), "cancelled\n");
}

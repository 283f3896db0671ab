//! Certificates of every kind, and a server with TLS that trusts some of them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dms_proxy::target::embedded::{Embedded, EmbeddedOptions};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::Endpoint;
use super::cluster::query;

/// A server with TLS, and beside it a directory of certificates, NAME.crt and NAME.key:
///
/// - `ca`, the authority of most, `other-ca`, which nobody here knows, and `old-ca`, which has expired
/// - `server`, for localhost and 127.0.0.1; the server's own and mostly the proxy's
/// - `elsewhere` for another host, `expired`, `named` by its common name only, `unknown` of
///   `other-ca`, `of-old`, and `self-signed`
/// - for clients `postgres`, `cert`, `stranger` of `other-ca` and `of-old-client`
pub struct TlsCluster {
    embedded: Embedded,
    directory: PathBuf,
}

impl TlsCluster {
    /// Role that logs in by its certificate.
    pub const BY_CERTIFICATE: &str = "cert";

    /// The only one of this test binary.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TlsCluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let pg_hba = [
            "hostssl all cert 127.0.0.1/32 cert",
            "hostssl all only_tls 127.0.0.1/32 trust",
            "host all only_tls 127.0.0.1/32 reject",
            "hostnossl all only_plain 127.0.0.1/32 trust",
            "host all only_plain 127.0.0.1/32 reject",
            "host all scram 127.0.0.1/32 scram-sha-256",
            "host all +by_scram 127.0.0.1/32 scram-sha-256",
            "host all md5 127.0.0.1/32 md5",
            "host all password 127.0.0.1/32 password",
        ];
        let options = EmbeddedOptions {
            listen_tcp: Some(0),
            pg_hba: pg_hba.map(str::to_owned).to_vec(),
            ..EmbeddedOptions::default()
        };
        let embedded = Embedded::start(&options).unwrap();
        let directory = embedded.socket_directory().join("tls");
        make_certificates(&directory);
        let cluster = Self { embedded, directory };
        let owner = fs::metadata(cluster.embedded.data_directory()).unwrap();
        for path in [cluster.directory.clone(), cluster.path("server.key").into()] {
            std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        for (name, file) in
            [("cert_file", "server.crt"), ("key_file", "server.key"), ("ca_file", "ca.crt")]
        {
            let path = cluster.path(file);
            cluster.query("postgres", &format!("ALTER SYSTEM SET ssl_{name} = '{path}'"));
        }
        for role in ["cert", "only_tls", "only_plain"] {
            cluster.query("postgres", &format!("CREATE ROLE {role} LOGIN"));
        }
        cluster.query("postgres", "CREATE ROLE by_scram");
        for (role, stored) in
            [("scram", "scram-sha-256"), ("password", "scram-sha-256"), ("md5", "md5")]
        {
            cluster.query(
                "postgres",
                &format!(
                    "SET password_encryption = '{stored}'; CREATE ROLE {role} LOGIN PASSWORD 'pw'"
                ),
            );
        }
        cluster.query("postgres", "ALTER SYSTEM SET ssl = on");
        cluster.query("postgres", "SELECT pg_reload_conf()");
        let log = || fs::read_to_string(cluster.embedded.log_path()).unwrap();
        while cluster.query("postgres", "SHOW ssl") != [["on"]] {
            assert!(!log().contains("SSL configuration was not reloaded"), "{}", log());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        cluster
    }

    /// The whole path of a certificate or a key.
    pub fn path(&self, file: &str) -> String {
        self.directory.join(file).to_str().unwrap().to_owned()
    }

    /// Where a client finds it without a proxy.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            address: self.embedded.tcp_address().unwrap(),
            user: "postgres".to_owned(),
            database: "postgres".to_owned(),
        }
    }

    /// A URL for `target.url` with these parameters.
    pub fn url(&self, parameters: &str) -> String {
        format!("postgresql://localhost:{}/?{parameters}", self.embedded.port())
    }

    /// Runs statements past any proxy, by the superuser; gives all rows as text.
    pub fn query(&self, database: &str, sql: &str) -> Vec<Vec<String>> {
        query(&self.embedded, database, sql)
    }
}

/// Makes a certificate and its key in `directory`.
pub fn issue(
    directory: &Path,
    name: &str,
    issuer: Option<&Issuer<'static, KeyPair>>,
    edit: impl FnOnce(&mut CertificateParams),
) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    edit(&mut params);
    let certificate = match issuer {
        Some(issuer) => params.signed_by(&key, issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    write_pair(directory, name, &certificate.pem(), &key.serialize_pem());
}

fn write_pair(directory: &Path, name: &str, certificate: &str, key: &str) {
    fs::write(directory.join(format!("{name}.crt")), certificate).unwrap();
    let path = directory.join(format!("{name}.key"));
    fs::write(&path, key).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

fn authority(
    directory: &Path,
    name: &str,
    edit: impl FnOnce(&mut CertificateParams),
) -> Issuer<'static, KeyPair> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    edit(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    write_pair(directory, name, &certificate.pem(), &key.serialize_pem());
    Issuer::new(params, key)
}

fn make_certificates(directory: &Path) {
    fs::create_dir(directory).unwrap();
    fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    let past = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    };
    let ca = authority(directory, "ca", |_| {});
    let other = authority(directory, "other-ca", |_| {});
    let old = authority(directory, "old-ca", past);
    let hosts = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        move |params: &mut CertificateParams| {
            params.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
        }
    };
    issue(directory, "server", Some(&ca), hosts(&["localhost", "127.0.0.1"]));
    issue(directory, "elsewhere", Some(&ca), hosts(&["elsewhere.example"]));
    issue(directory, "unknown", Some(&other), hosts(&["localhost"]));
    issue(directory, "expired", Some(&ca), |params| {
        hosts(&["localhost"])(params);
        past(params);
    });
    issue(directory, "of-old", Some(&old), hosts(&["localhost"]));
    issue(directory, "of-old-client", Some(&old), |params| {
        params.distinguished_name.push(DnType::CommonName, "postgres");
    });
    issue(directory, "named", Some(&ca), |params| {
        params.distinguished_name.push(DnType::CommonName, "localhost");
    });
    issue(directory, "self-signed", None, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        hosts(&["localhost"])(params);
    });
    issue(directory, "postgres", Some(&ca), |_| {});
    issue(directory, TlsCluster::BY_CERTIFICATE, Some(&ca), |_| {});
    issue(directory, "stranger", Some(&other), |params| {
        params.distinguished_name.push(DnType::CommonName, "postgres");
    });
}

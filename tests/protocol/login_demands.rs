//! `require_auth` and `channel_binding` of the target's URL: nothing that they forbid is sent, by
//! clients' logins nor by the commands'.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use super::terminate::{UsersFile, log_in};
use crate::support::{Finished, Proxy, TlsCluster, command, run};

/// A false target without TLS that says these bytes to a startup packet. Gives its URL, and what
/// each client of it has sent after that.
fn false_target(said: &'static [u8]) -> (String, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, sent) = mpsc::channel();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = [0; 8];
            client.read_exact(&mut head).unwrap();
            if head[4..] == [4, 210, 22, 47] {
                client.write_all(b"N").unwrap();
                client.read_exact(&mut head).unwrap();
            }
            let mut rest = vec![0; usize::from(head[3]) + 256 * usize::from(head[2]) - 8];
            client.read_exact(&mut rest).unwrap();
            client.write_all(said).unwrap();
            let mut answer = Vec::new();
            // The proxy may reset it.
            let _ = client.read_to_end(&mut answer);
            let _ = sender.send(answer);
        }
    });
    (format!("postgresql://loader:geheim@{address}/d"), sent)
}

fn check(url: &str) -> Finished {
    run(command(env!("CARGO_BIN_EXE_dms-proxy")).args(["check", "--target", url]), b"")
}

const CLEARTEXT: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
const MD5: &[u8] = b"R\0\0\0\x0c\0\0\0\x05salt";
const SASL: &[u8] = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0";
const NOTHING: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
const NOT_EVEN_THAT: &[u8] = b"Z\0\0\0\x05I";

#[test]
fn false_target_gets_no_password() {
    let users = UsersFile::new("\"loader\" \"geheim\"\n");
    for (says, parameters, named) in [
        (CLEARTEXT, "require_auth=scram-sha-256", "require_auth=scram-sha-256"),
        (CLEARTEXT, "channel_binding=require&require_auth=scram-sha-256", "require_auth"),
        (CLEARTEXT, "channel_binding=require", "channel_binding=require"),
        (CLEARTEXT, "require_auth=!password", "require_auth=!password"),
        (MD5, "require_auth=password,scram-sha-256", "require_auth="),
        (MD5, "channel_binding=require", "channel_binding=require"),
        (SASL, "channel_binding=require", "without TLS"),
        (SASL, "require_auth=none", "require_auth=none"),
        (NOTHING, "require_auth=scram-sha-256", "require_auth=scram-sha-256"),
        (NOTHING, "channel_binding=require", "channel_binding=require"),
        (NOT_EVEN_THAT, "require_auth=scram-sha-256", "broken request"),
    ] {
        let (url, sent) = false_target(says);
        let url = format!("{url}?{parameters}");
        let proxy = Proxy::start_to(&url, &users.config(""));
        let said = log_in(&proxy, "loader", "geheim").unwrap_err();
        assert!(said.starts_with("28000 ") && said.contains(named), "{parameters}: {said}");
        assert_eq!(sent.recv().unwrap(), b"", "{parameters}");
        assert!(!proxy.log().contains("geheim"), "{}", proxy.log());
        let finished = check(&url);
        assert_eq!(finished.status, Some(2));
        assert!(finished.stderr.contains(named), "{parameters}: {}", finished.stderr);
        assert!(!finished.stderr.contains("geheim"), "{}", finished.stderr);
        assert_eq!(sent.recv().unwrap(), b"", "{parameters}");
    }
}

/// A target that says that all is well in the middle of SCRAM has not shown that it knows the
/// password.
#[test]
fn target_that_breaks_scram_off_is_not_believed() {
    let users = UsersFile::new("\"loader\" \"geheim\"\n");
    let said: &[u8] = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    for parameters in ["require_auth=scram-sha-256", "sslmode=disable"] {
        let (url, _sent) = false_target(said);
        let url = format!("{url}?{parameters}");
        let proxy = Proxy::start_to(&url, &users.config(""));
        let said = log_in(&proxy, "loader", "geheim").unwrap_err();
        assert!(said.contains("broken request to log in"), "{said}");
        assert!(check(&url).stderr.contains("broken request to log in"));
    }
}

#[test]
fn true_target_that_does_what_is_demanded_is_loaded_into() {
    let cluster = TlsCluster::shared();
    let users = UsersFile::new("\"scram\" \"pw\"\n\"md5\" \"pw\"\n\"postgres\" \"pw\"\n");
    for (parameters, works) in [
        (
            "sslmode=require&channel_binding=require&require_auth=scram-sha-256",
            ["scram"].as_slice(),
        ),
        ("sslmode=require&channel_binding=require", &["scram"]),
        ("sslmode=disable&require_auth=scram-sha-256", &["scram"]),
        ("sslmode=require&channel_binding=disable", &["scram", "md5", "postgres"]),
        ("sslmode=require&require_auth=!scram-sha-256,!none", &["md5"]),
        ("sslmode=disable&require_auth=none", &["postgres"]),
        ("sslmode=disable&channel_binding=require", &[]),
    ] {
        let url = cluster.url(parameters);
        let proxy = Proxy::start_to(&url, &users.config(""));
        for user in ["scram", "md5", "postgres"] {
            let said = log_in(&proxy, user, "pw");
            assert_eq!(said.is_ok(), works.contains(&user), "{parameters} {user}: {said:?}");
            let url = url.replace("://", &format!("://{user}:pw@"));
            let url = url.replace("/?", "/postgres?");
            let status = check(&url).status;
            assert_eq!(status != Some(2), works.contains(&user), "{parameters} {user}");
        }
    }
}

#[test]
fn options_of_the_url_and_of_the_environment_act_in_the_commands() {
    let cluster = TlsCluster::shared();
    let url = cluster.url("sslmode=disable").replace("://", "://postgres@");
    let url = url.replace("/?", "/postgres?");
    let wrong = "-c work_mem=nothing";
    let finished = check(&format!("{url}&options={}", wrong.replace(' ', "%20")));
    assert!(finished.stderr.contains("work_mem"), "{}", finished.stderr);
    let mut program = command(env!("CARGO_BIN_EXE_dms-proxy"));
    program.args(["check", "--target", &url]).env("PGOPTIONS", wrong).env("PGSSLMODE", "require");
    let finished = run(&mut program, b"");
    assert!(finished.stderr.contains("work_mem"), "{}", finished.stderr);
    let warned = "warning: PGSSLMODE has no effect: write sslmode into the URL";
    assert!(finished.stderr.contains(warned), "{}", finished.stderr);
}

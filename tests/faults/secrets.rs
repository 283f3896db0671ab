//! A password in a target's URL is shown nowhere: not in help, in an error, nor in the log.

use std::process::Command;

use super::wait_for;
use crate::support::{Finished, Proxy, command, run};

const GOOD: &str = "postgresql://u:geheim@127.0.0.1:1/d";

/// URLs with something wrong in each part.
const BAD: [&str; 9] = [
    "postgresql://u:geheim@h:port/d",
    "postgresql://u:geheim@h/d?sslmod=require",
    "postgresql://u:geheim@h/d?sslmode=maybe",
    "postgresql://u:geheim@h/d?sslcert=x",
    "postgresql://u:ge/geheim@h:x/d",
    "postgresql://u@h/d?password=a&geheim=1",
    "postgresql://u@h/d?password=geheim&port=x",
    "postgresql://u:geheim@h1,h2/d",
    "u:geheim@h/d",
];

fn dms_proxy(words: &[&str]) -> Command {
    let mut program = command(env!("CARGO_BIN_EXE_dms-proxy"));
    // In a place without a configuration file.
    program.args(words).current_dir(std::env::temp_dir());
    program
}

fn shows_nothing(what: &str, finished: &Finished) {
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(!said.contains("geheim"), "{what}: {said}");
}

#[test]
fn help_shows_no_password() {
    for words in [
        &["--help"][..],
        &["-h"],
        &["serve", "--help"],
        &["serve", "-h"],
        &["check", "--help"],
        &["fk", "park", "--help"],
        &["fk", "validate", "--help"],
        &["finish", "--help"],
        &["rewrite", "--help"],
        &["types", "--help"],
    ] {
        let mut program = dms_proxy(words);
        for name in ["TARGET", "CONFIG", "SOURCE", "LISTEN"] {
            program.env(format!("DMS_PROXY_{name}"), GOOD);
        }
        let finished = run(&mut program, b"");
        assert_eq!(finished.status, Some(0), "{words:?}: {}", finished.stderr);
        assert!(finished.stdout.contains("Usage"), "{words:?}");
        shows_nothing(&format!("{words:?}"), &finished);
    }
}

#[test]
fn errors_show_no_password() {
    for url in BAD {
        for command in [&["serve"][..], &["check"], &["fk", "status"], &["finish"]] {
            let by_flag = run(dms_proxy(command).args(["--target", url]), b"");
            let by_variable = run(dms_proxy(command).env("DMS_PROXY_TARGET", url), b"");
            for finished in [by_flag, by_variable] {
                assert_eq!(finished.status, Some(2), "{url}: {}", finished.stderr);
                shows_nothing(url, &finished);
            }
        }
    }
    // In the wrong place, too.
    for words in [
        &["check", GOOD][..],
        &["serve", GOOD],
        &[GOOD],
        &["check", "--targt", GOOD],
        &["rewrite", GOOD],
        &["serve", "--listen", GOOD],
        &["serve", "--config", GOOD],
        &["types", "--source", GOOD],
    ] {
        let finished = run(&mut dms_proxy(words), b"");
        assert_eq!(finished.status, Some(2), "{words:?}: {}", finished.stderr);
        shows_nothing(&format!("{words:?}"), &finished);
    }
    // Of a target that cannot be reached.
    let finished = run(dms_proxy(&["check"]).args(["--target", GOOD]), b"");
    assert_eq!(finished.status, Some(2));
    shows_nothing("check", &finished);
}

#[test]
fn file_and_log_show_no_password() {
    let serve = [env!("CARGO_BIN_EXE_dms-proxy"), "serve", "--listen", "127.0.0.1:0"];
    for url in BAD {
        let config = format!("[target]\nurl = \"{url}\"\n");
        let said = Proxy::start_program(&config, &serve).err().unwrap();
        assert!(said.contains("proxy.toml:2: target.url: "), "{said}");
        assert!(!said.contains("geheim"), "{said}");
    }
    let proxy = Proxy::start_program(&format!("[target]\nurl = \"{GOOD}\"\n"), &serve).unwrap();
    let file = format!("/proc/{}/cwd/proxy.toml", proxy.pid());
    for (count, url) in BAD.iter().enumerate() {
        std::fs::write(&file, format!("[target]\nurl = \"{url}\"\n")).unwrap();
        proxy.signal("HUP");
        let stays = "the configuration stays as it was";
        wait_for("it is refused", || proxy.log().matches(stays).count() > count);
    }
    assert!(!proxy.log().contains("geheim"), "{}", proxy.log());
}

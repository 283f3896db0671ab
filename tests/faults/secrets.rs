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
    // Every command, as the program itself lists them, and those of `fk`, `config` and `rejects`.
    let listed = |words: &[&str]| -> Vec<String> {
        let help = run(&mut dms_proxy(&[words, &["--help"]].concat()), b"").success();
        let commands = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
        let commands = commands.split("\n\n").next().unwrap_or_default();
        let names = commands.lines().filter_map(|line| line.strip_prefix("  "));
        let names = names.filter(|line| !line.starts_with(' '));
        let names = names.filter_map(|line| line.split_whitespace().next());
        names.filter(|name| *name != "help").map(str::to_owned).collect()
    };
    let top = listed(&[]);
    assert!(top.len() > 15, "{top:?}");
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    for command in &top {
        all.push(vec![command.clone()]);
        all.extend(listed(&[command]).into_iter().map(|below| vec![command.clone(), below]));
    }
    assert!(all.len() > top.len() + 10, "{all:?}");
    for words in all
        .iter()
        .flat_map(|words| ["-h", "--help"].map(|help| [words, &[help.to_owned()][..]].concat()))
    {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let words = words.as_slice();
        let mut program = dms_proxy(words);
        for name in ["TARGET", "CONFIG", "SOURCE", "LISTEN", "ADMIN", "LOG_LEVEL", "LOG_FORMAT"] {
            program.env(format!("DMS_PROXY_{name}"), GOOD);
        }
        program.env("PGPASSWORD", "geheim").env("PGPASSFILE", "/geheim");
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

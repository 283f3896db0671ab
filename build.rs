//! Tells the program which compiler made it, and the tests which real clients `tests/setup` found, as
//! `cfg(client = "NAME")`. A test whose client is missing does not exist, and a warning names what is
//! left out.

use std::error::Error;
use std::fs;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(compiler).arg("--version").output()?.stdout;
    println!("cargo::rustc-env=DMS_PROXY_RUSTC={}", String::from_utf8(version)?.trim());
    let names = fs::read_to_string("tests/clients/names").unwrap_or_default();
    let found = fs::read_to_string("tests/.setup/clients").unwrap_or_default();
    let values: Vec<String> = names.lines().map(|name| format!("{name:?}")).collect();
    println!("cargo::rustc-check-cfg=cfg(client, values({}))", values.join(", "));
    // Not the list of clients: cargo would take its absence for a change at every build, so
    // tests/setup touches this file instead.
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=tests/clients/names");
    let is_found = |name: &&str| found.lines().any(|client| client == *name);
    let (there, missing): (Vec<&str>, Vec<&str>) = names.lines().partition(is_found);
    for client in there {
        println!("cargo::rustc-cfg=client={client:?}");
    }
    if !missing.is_empty() {
        println!(
            "cargo::warning=tests with these clients are left out (tests/setup fetches them): {}",
            missing.join(", ")
        );
    }
    Ok(())
}

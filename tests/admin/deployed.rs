//! What is in `deploy` for Prometheus, Grafana and Kubernetes fits what the proxy shows.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{get, proxy};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The names of metrics in a text, those of a histogram's parts as the histogram's.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names = words.filter(|word| word.starts_with("dms_proxy_") || word.starts_with("process_"));
    let whole = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"];
        parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name).to_owned()
    };
    names.map(whole).collect()
}

#[test]
fn dashboards_and_rules_ask_for_metrics_that_are_there() {
    let (_proxy, address) = proxy("");
    let page = get(address, "/metrics").body;
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let there: BTreeSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    let dashboard: Value = serde_json::from_str(&file("grafana/dms-proxy.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut asked = BTreeSet::new();
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let expression = target["expr"].as_str().unwrap();
        let found = metrics_in(expression);
        assert!(!found.is_empty(), "{expression}");
        asked.extend(found);
    }
    asked.extend(metrics_in(&file("prometheus/rules.yml")));
    assert!(asked.len() > 15, "{asked:?}");
    for name in &asked {
        assert!(there.contains(name.as_str()), "{name} is no metric");
    }
}

#[test]
fn pods_have_the_time_that_a_drain_takes() {
    let manifest = file("kubernetes.yaml");
    let number = |name: &str| -> u64 {
        let line = manifest.lines().find(|line| line.trim().starts_with(name)).unwrap();
        line.rsplit([' ', ':']).next().unwrap().parse().unwrap()
    };
    let drain = number("drain_delay = ") + number("drain_timeout = ");
    assert!(number("terminationGracePeriodSeconds:") > drain + 5);
    for path in ["/readyz?exclude=target", "/healthz"] {
        assert!(manifest.contains(&format!("path: {path}\n")), "{path}");
    }
    // The configuration in it is one that serve takes.
    let (_, rest) = manifest.split_once("proxy.toml: |\n").unwrap();
    let (config, _) = rest.split_once("---").unwrap();
    let config: String = config.lines().map(|line| format!("{}\n", line.trim_start())).collect();
    toml::from_str::<dms_proxy::config::Config>(&config).unwrap();
}

#[test]
fn rules_are_what_promtool_takes() {
    let mut promtool = std::process::Command::new("promtool");
    promtool.args(["check", "rules"]);
    promtool.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/rules.yml"));
    // Where there is none, the names alone are looked at.
    let Ok(said) = promtool.output() else { return };
    assert!(said.status.success(), "{}", said.stderr.escape_ascii());
}

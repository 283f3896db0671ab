//! Every metric is documented: its name, its type and its labels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{get, proxy};
use crate::protocol::{log_in, say};
use crate::support::Cluster;

/// Name, type and labels of the metrics in the table of docs/operate.md.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operate.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once("\n### Metrics\n").unwrap();
    let rows = rest.lines().take_while(|line| !line.starts_with("###"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?.to_owned();
        let labels = cells[3].split(", ").filter(|label| !label.is_empty()).map(str::to_owned);
        Some((name, (cells[2].to_owned(), labels.collect())))
    };
    rows.filter_map(row).collect()
}

/// The labels of a sample, but for that of a bucket.
fn labels(sample: &str) -> BTreeSet<String> {
    let inside = sample.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
    let pairs = inside.map_or("", |(labels, _)| labels).split("\",");
    let names = pairs.filter_map(|pair| pair.split_once("=\"").map(|(name, _)| name.to_owned()));
    names.filter(|name| name != "le").collect()
}

#[test]
fn metrics_are_those_that_are_documented() {
    let database = Cluster::shared().create_database();
    let (proxy, address) = proxy("");
    let mut wire = log_in(&proxy.endpoint(database.endpoint()));
    say(&mut wire, "CREATE TABLE public.t (a int PRIMARY KEY, b STRING(50))");
    say(&mut wire, "INSERT INTO public.t VALUES (1, 'x')");
    say(&mut wire, "INSERT INTO public.t VALUES (1, 'x')");
    wire.query("COPY public.t FROM STDIN").until(b'G');
    wire.copy_data(b"2\t\\000\n").copy_done().until_ready();
    say(&mut wire, "BEGIN; INSERT INTO public.t VALUES (3, 'x'); ROLLBACK");
    say(&mut wire, "SET dms.errors = 'set-aside'");
    wire.query("COPY public.t FROM STDIN").until(b'G');
    wire.copy_data(b"3\tx\n3\ty\n").copy_done().until_ready();
    wire.terminate();
    let _stays = log_in(&proxy.endpoint(database.endpoint()));
    super::wait_for(|| get(address, "/metrics").body.contains("end=\"client_closed\"} 1\n"));
    let page = get(address, "/metrics").body;
    let documented = documented();
    let types: BTreeMap<&str, &str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let names: Vec<&str> = documented.keys().map(String::as_str).collect();
    assert_eq!(types.keys().copied().collect::<Vec<_>>(), names);
    let mut seen = BTreeSet::new();
    for sample in page.lines().filter(|line| !line.starts_with('#')) {
        let name = sample.split(['{', ' ']).next().unwrap();
        let parts = ["_bucket", "_sum", "_count"].map(|part| name.strip_suffix(part));
        let family = parts.into_iter().flatten().find(|name| documented.contains_key(*name));
        let family = family.unwrap_or(name);
        let (kind, wanted) = &documented[family];
        assert_eq!((kind.as_str(), &labels(sample)), (types[family], wanted), "{sample}");
        seen.insert(family);
    }
    // By looks at the target alone, which needs a login.
    let unseen: Vec<&str> = names.into_iter().filter(|name| !seen.contains(name)).collect();
    assert_eq!(unseen, ["dms_proxy_foreign_keys"]);
}

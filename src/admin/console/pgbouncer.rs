//! The console's answers that pgbouncer has, column for column, so that what reads pgbouncer reads this.
//!
//! Source: pgbouncer manual, "Admin console".

use std::collections::BTreeMap;

use super::super::life::LifePhase;
use super::super::listing::{Cell, Listing};
use super::super::operator::Operator;
use crate::statistics::{Collected, DatabaseTotals, SessionView};
use crate::target::TargetAddress;

const STATS: &str = "database \
    total_server_assignment_count:int total_xact_count:int total_query_count:int \
    total_received:int total_sent:int total_xact_time:int total_query_time:int \
    total_wait_time:int total_client_parse_count:int total_server_parse_count:int \
    total_bind_count:int total_client_login_count:int \
    avg_server_assignment_count:int avg_xact_count:int avg_query_count:int avg_recv:int \
    avg_sent:int avg_xact_time:int avg_query_time:int avg_wait_time:int \
    avg_client_parse_count:int avg_server_parse_count:int avg_bind_count:int \
    avg_client_login_count:int";
const STATS_TOTALS: &str = "database server_assignment_count:int xact_count:int query_count:int \
    bytes_received:int bytes_sent:int xact_time:int query_time:int wait_time:int \
    client_parse_count:int server_parse_count:int bind_count:int client_login_count:int";
const STATS_AVERAGES: &str = "database avg_server_assignment_count:int avg_xact_count:int \
    avg_query_count:int avg_recv:int avg_sent:int avg_xact_time:int avg_query_time:int \
    avg_wait_time:int avg_client_parse_count:int avg_server_parse_count:int avg_bind_count:int \
    avg_client_login_count:int";
const POOLS: &str = "database user cl_active:int cl_waiting:int cl_active_cancel_req:int \
    cl_waiting_cancel_req:int sv_active:int sv_active_cancel:int sv_being_canceled:int \
    sv_idle:int sv_used:int sv_tested:int sv_login:int maxwait:int maxwait_us:int pool_mode \
    load_balance_hosts";
const SOCKETS: &str = "type user database replication state addr port:int local_addr \
    local_port:int connect_time:time request_time:time wait:int wait_us:int close_needed:int ptr \
    link remote_pid:int tls application_name prepared_statements:int id:int";
const DATABASES: &str = "name host port:int database force_user pool_size:int min_pool_size:int \
    reserve_pool_size:int server_lifetime:int pool_mode load_balance_hosts max_connections:int \
    current_connections:int max_client_connections:int current_client_connections:int paused:int \
    disabled:int";
const USERS: &str = "name pool_size:int reserve_pool_size:int pool_mode max_user_connections:int \
    current_connections:int max_user_client_connections:int current_client_connections:int";

fn int(value: usize) -> Cell {
    Cell::Int(u64::try_from(value).unwrap_or(u64::MAX))
}

fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

/// The twelve figures of a database: assignments, transactions, statements, bytes from and to clients, times
/// of transactions, statements and waiting, Parses twice, Binds, logins.
fn figures(totals: &DatabaseTotals) -> [u64; 12] {
    let commands: u64 = totals.commands.iter().sum();
    let transactions: u64 = totals.transactions.iter().sum();
    let ([received, sent], [parses, binds]) = (totals.bytes, totals.prepared);
    let (sessions, waited) = totals.begun;
    let (in_transactions, in_statements) =
        (totals.transaction_micros, totals.statements.sum_micros);
    [
        sessions,
        transactions,
        commands,
        received,
        sent,
        in_transactions,
        in_statements,
        waited,
        parses,
        parses,
        binds,
        sessions,
    ]
}

/// The same a second since the start, times by how often they were taken.
fn averages(figures: [u64; 12], seconds: u64) -> [u64; 12] {
    let [
        sessions,
        transactions,
        commands,
        received,
        sent,
        in_tx,
        in_st,
        waited,
        parses,
        _,
        binds,
        logins,
    ] = figures;
    let rate = |count: u64| count / seconds.max(1);
    let each = |time: u64, count: u64| time.checked_div(count).unwrap_or(0);
    [
        rate(sessions),
        rate(transactions),
        rate(commands),
        rate(received),
        rate(sent),
        each(in_tx, transactions),
        each(in_st, commands),
        each(waited, sessions),
        rate(parses),
        rate(parses),
        rate(binds),
        rate(logins),
    ]
}

/// The answer of this name; `None` for one that pgbouncer does not have.
pub(super) fn show(name: &str, operator: &Operator) -> Option<Listing> {
    let collected = operator.collected();
    let seconds = collected.now.saturating_sub(operator.started) / 1_000_000;
    let by_database = |columns, row: &dyn Fn([u64; 12]) -> Vec<u64>| {
        let mut listing = Listing::new(columns);
        for (database, totals) in &collected.databases {
            let cells = row(figures(totals)).into_iter().map(Cell::Int);
            listing.rows.push([text(database)].into_iter().chain(cells).collect());
        }
        listing
    };
    Some(match name {
        "STATS" => by_database(STATS, &|totals| {
            totals.into_iter().chain(averages(totals, seconds)).collect()
        }),
        "STATS_TOTALS" => by_database(STATS_TOTALS, &|totals| totals.to_vec()),
        "STATS_AVERAGES" => {
            by_database(STATS_AVERAGES, &|totals| averages(totals, seconds).to_vec())
        }
        "TOTALS" => totals(&collected, seconds),
        "POOLS" => pools(&collected, operator),
        "CLIENTS" => sockets(&collected, operator, &["C"]),
        "SERVERS" => sockets(&collected, operator, &["S"]),
        "SOCKETS" => sockets(&collected, operator, &["C", "S"]),
        "DATABASES" => databases(&collected, operator),
        "USERS" => users(&collected),
        "LISTS" => lists(&collected, operator),
        "STATE" => state(operator),
        "MEM" => Listing::new("name size:int used:int free:int memtotal:int"),
        "FDS" => Listing::new("fd:int task user database addr port:int cancel:int link:int"),
        "DNS_HOSTS" => Listing::new("hostname ttl:int addrs"),
        "DNS_ZONES" => Listing::new("zonename serial:int count:int"),
        "PEERS" => Listing::new("peer_id:int host port:int pool_size:int"),
        "PEER_POOLS" => Listing::new(
            "peer_id:int cl_active_cancel_req:int cl_waiting_cancel_req:int \
             sv_active_cancel:int sv_login:int",
        ),
        _ => return None,
    })
}

fn totals(collected: &Collected, seconds: u64) -> Listing {
    let mut sums = [0; 12];
    for totals in collected.databases.values() {
        for (sum, figure) in sums.iter_mut().zip(figures(totals)) {
            *sum += figure;
        }
    }
    let mut listing = Listing::new("name value:int");
    let names = Listing::new(STATS).columns;
    let values = sums.into_iter().chain(averages(sums, seconds));
    for ((name, _), value) in names.into_iter().skip(1).zip(values) {
        listing.rows.push(vec![text(name), Cell::Int(value)]);
    }
    listing
}

fn pools(collected: &Collected, operator: &Operator) -> Listing {
    let mut waiting = operator.waiting.by_pool();
    let mut active: BTreeMap<(String, String), u64> =
        waiting.keys().map(|pool| (pool.clone(), 0)).collect();
    for session in &collected.sessions {
        let pool = (session.facts.database.clone(), session.facts.user.clone());
        *active.entry(pool).or_default() += 1;
    }
    let mut listing = Listing::new(POOLS);
    for (pool, active) in active {
        let (waiting, longest) = waiting.remove(&pool).unwrap_or_default();
        let [none, active, waiting] = [0, active, waiting].map(Cell::Int);
        let longest = [longest.as_secs(), longest.subsec_micros().into()].map(Cell::Int);
        let mut row = vec![text(&pool.0), text(&pool.1), active.clone(), waiting.clone()];
        row.extend([none.clone(), none.clone(), active]);
        row.extend(std::iter::repeat_n(none, 5));
        row.extend(std::iter::once(waiting).chain(longest).chain([text("session"), Cell::Null]));
        listing.rows.push(row);
    }
    listing
}

fn sockets(collected: &Collected, operator: &Operator, kinds: &[&str]) -> Listing {
    let mut listing = Listing::new(SOCKETS);
    for kind in kinds {
        for session in &collected.sessions {
            listing.rows.push(socket(session, kind, operator));
        }
    }
    listing
}

fn socket(session: &SessionView, kind: &str, operator: &Operator) -> Vec<Cell> {
    let facts = &session.facts;
    let is_client = kind == "C";
    let (own, other) = if is_client { (0, 1) } else { (1, 0) };
    // The two sockets of a session name each other.
    let pointer = |leg: u64| Cell::Text(format!("0x{:x}", facts.id * 2 + leg));
    let address = if facts.client_addr.is_empty() { "unix" } else { &facts.client_addr };
    let (address, port) = match is_client {
        true => (address.to_owned(), u64::from(facts.client_port)),
        false => target_place(operator),
    };
    vec![
        text(kind),
        text(&facts.user),
        text(&facts.database),
        text(if facts.is_replication { "logical" } else { "none" }),
        text(if session.state == "starting" { "waiting" } else { "active" }),
        Cell::Text(address),
        Cell::Int(port),
        Cell::Null,
        Cell::Int(0),
        Cell::moment(facts.connected_at),
        Cell::moment(session.state_since),
        Cell::Int(0),
        Cell::Int(0),
        Cell::Int(0),
        pointer(own),
        pointer(other),
        Cell::Int(u64::from(facts.target_pid)),
        text(if facts.tls && is_client { "TLS" } else { "" }),
        text(&facts.application_name),
        Cell::Int(0),
        Cell::Int(facts.id),
    ]
}

/// The host of the target, or the path of its socket, and its port.
fn target_place(operator: &Operator) -> (String, u64) {
    match operator.target.address() {
        TargetAddress::Tcp { host, port } => (host.clone(), u64::from(*port)),
        TargetAddress::Unix(path) => (path.display().to_string(), 0),
    }
}

fn databases(collected: &Collected, operator: &Operator) -> Listing {
    let held = operator.life.held();
    let mut listing = Listing::new(DATABASES);
    let limit = int(operator.clients_limit());
    let (host, port) = target_place(operator);
    for database in collected.databases.keys() {
        let of = collected.sessions.iter().filter(|session| session.facts.database == *database);
        let count = int(of.count());
        let [none, paused, disabled] =
            [0, u64::from(held.holds(database)), u64::from(held.disabled.contains(database))]
                .map(Cell::Int);
        listing.rows.push(vec![
            text(database),
            Cell::Text(host.clone()),
            Cell::Int(port),
            text(database),
            Cell::Null,
            limit.clone(),
            none.clone(),
            none.clone(),
            none.clone(),
            text("session"),
            Cell::Null,
            none.clone(),
            count.clone(),
            none,
            count,
            paused,
            disabled,
        ]);
    }
    listing
}

fn users(collected: &Collected) -> Listing {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for session in &collected.sessions {
        *counts.entry(&session.facts.user).or_default() += 1;
    }
    let mut listing = Listing::new(USERS);
    for (user, count) in counts {
        let (none, count) = (Cell::Int(0), int(count));
        listing.rows.push(vec![
            text(user),
            none.clone(),
            none.clone(),
            text("session"),
            none.clone(),
            count.clone(),
            none,
            count,
        ]);
    }
    listing
}

fn lists(collected: &Collected, operator: &Operator) -> Listing {
    let mut users: Vec<_> = collected.sessions.iter().map(|session| &session.facts.user).collect();
    users.sort_unstable();
    users.dedup();
    let sessions = collected.sessions.len();
    let waiting = operator.waiting.count();
    let mut listing = Listing::new("list items:int");
    for (name, items) in [
        ("databases", collected.databases.len()),
        ("users", users.len()),
        ("peers", 0),
        ("pools", pools(collected, operator).rows.len()),
        ("peer_pools", 0),
        ("free_clients", 0),
        ("used_clients", sessions),
        ("login_clients", waiting),
        ("free_servers", 0),
        ("used_servers", sessions),
        ("dns_names", 0),
        ("dns_zones", 0),
        ("dns_queries", 0),
        ("dns_pending", 0),
    ] {
        listing.rows.push(vec![text(name), int(items)]);
    }
    listing
}

fn state(operator: &Operator) -> Listing {
    let held = operator.life.held();
    let draining = held.phase == LifePhase::Draining;
    let yes = |is_so: bool| text(if is_so { "yes" } else { "no" });
    let mut listing = Listing::new("key value");
    for (key, is_so) in [
        ("active", !held.is_paused && !draining),
        ("paused", held.is_paused),
        ("suspended", false),
        ("draining", draining),
    ] {
        listing.rows.push(vec![text(key), yes(is_so)]);
    }
    listing
}

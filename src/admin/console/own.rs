//! The console's answers that only this proxy has: tables, sessions, what was changed, errors.

use super::super::listing::{Cell, Listing};
use super::super::operator::{Operator, lock};
use crate::statistics::{Collected, Histogram, OwnKind};

const TABLES: &str = "database schema table state phase copy_rows:int insert_rows:int \
    update_rows:int delete_rows:int merge_rows:int rolled_back_rows:int ddls:int rewrites:int \
    errors:int bytes:int rows_per_second:int first_seen:time last_activity:time last_sqlstate";
const SESSIONS: &str = "id:int user database application_name client_addr client_port:int tls:bool \
    state phase fk rewrite table_prep connected_at:time state_since:time statement rows:int \
    bytes_received:int bytes_sent:int rewrites:int errors:int target_pid:int";
const REWRITES: &str = "database schema table column rule road count:int before after \
    first_seen:time last_seen:time";
const ERRORS: &str = "at:time session:int user database sqlstate condition origin schema table \
    column constraint";
const FOREIGN_KEYS: &str = "database schema table constraint referenced state orphans:int \
    parked_at:time parked_by looked_at:time";

fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

/// The answer of this name; `None` for one that there is not.
pub(super) fn show(name: &str, operator: &Operator) -> Option<Listing> {
    let collected = operator.collected();
    Some(match name {
        "TABLES" => tables(&collected),
        "SESSIONS" => sessions(&collected),
        "REWRITES" => rewrites(&collected),
        "ERRORS" => errors(&collected),
        "FOREIGN_KEYS" => foreign_keys(operator),
        "MAPPING" => {
            drop(collected);
            mapping(operator)
        }
        "LATENCY" => latency(&collected),
        "TARGET" => target(operator),
        "CONFIG" => config(operator),
        "VERSION" => {
            let mut listing = Listing::new("version");
            listing.rows.push(vec![Cell::Text(format!("dms-proxy {}", env!("CARGO_PKG_VERSION")))]);
            listing
        }
        _ => return None,
    })
}

/// The columns by which LIKE finds rows; empty where it does not.
pub(super) fn like_columns(name: &str) -> &'static [&'static str] {
    match name {
        "TABLES" | "REWRITES" => &["table", "schema", "rule"],
        "SESSIONS" => &["user", "database", "application_name"],
        "CONFIG" => &["key"],
        "MAPPING" => &["source_type", "rule"],
        "ERRORS" => &["sqlstate", "table", "condition"],
        _ => &[],
    }
}

fn tables(collected: &Collected) -> Listing {
    let mut listing = Listing::new(TABLES);
    for (key, table) in &collected.tables {
        let counted = &table.counted;
        let rows = (0..5).map(|index| {
            let of = counted.rows.iter().filter_map(|phase| phase.get(index));
            Cell::Int(of.sum())
        });
        let phase = if counted.phase == 1 { "cdc" } else { "full-load" };
        let mut row = vec![text(&key.database), text(&key.schema), text(&key.table)];
        row.extend([text(table.state(collected.now).name()), text(phase)]);
        row.extend(rows);
        let bytes = counted.bytes.iter().sum();
        let figures = [counted.rolled_back, counted.ddls, counted.rewrites, counted.errors, bytes];
        row.extend(figures.map(Cell::Int));
        row.extend([
            Cell::Int(table.rates().0),
            Cell::moment(table.first_seen),
            Cell::moment(counted.last_activity),
            Cell::optional(counted.last_sqlstate.as_deref().unwrap_or("")),
        ]);
        listing.rows.push(row);
    }
    listing
}

fn sessions(collected: &Collected) -> Listing {
    let mut listing = Listing::new(SESSIONS);
    for session in &collected.sessions {
        let (facts, totals, shown) = (&session.facts, &session.totals, &session.shown);
        let table =
            session.statement_table.as_ref().map(|key| format!(" {}.{}", key.schema, key.table));
        let statement = format!("{}{}", session.statement_kind, table.unwrap_or_default());
        listing.rows.push(vec![
            Cell::Int(facts.id),
            text(&facts.user),
            text(&facts.database),
            text(&facts.application_name),
            Cell::optional(&facts.client_addr),
            Cell::Int(u64::from(facts.client_port)),
            Cell::Bool(facts.tls),
            text(session.state),
            text(shown.phase),
            text(shown.fk),
            text(shown.rewrite),
            text(shown.table_prep),
            Cell::moment(facts.connected_at),
            Cell::moment(session.state_since),
            Cell::Text(statement),
            Cell::Int(totals.rows),
            Cell::Int(totals.bytes_received),
            Cell::Int(totals.bytes_sent),
            Cell::Int(totals.rewrites),
            Cell::Int(totals.errors),
            Cell::Int(u64::from(facts.target_pid)),
        ]);
    }
    listing
}

fn rewrites(collected: &Collected) -> Listing {
    let mut listing = Listing::new(REWRITES);
    for ((database, place), entry) in &collected.rewrites {
        let (before, after) = entry.types();
        let types = [before, after].map(|text| Cell::optional(text.unwrap_or("")));
        let mut row: Vec<Cell> =
            [database, &place.schema, &place.table, &place.column, &place.rule]
                .map(|name| text(name))
                .into();
        row.push(text(place.road.name()));
        row.push(Cell::Int(entry.count));
        row.extend(types);
        row.push(Cell::moment(entry.first_seconds * 1_000_000));
        row.push(Cell::moment(entry.last_seconds * 1_000_000));
        listing.rows.push(row);
    }
    listing
}

fn errors(collected: &Collected) -> Listing {
    let mut listing = Listing::new(ERRORS);
    for error in collected.errors.iter().rev() {
        let mut row = vec![
            Cell::moment(error.at),
            Cell::Int(error.session),
            text(&error.user),
            text(&error.database),
            text(&error.sqlstate),
            Cell::optional(crate::wire::condition_name(&error.sqlstate).unwrap_or("")),
            text(error.origin.name()),
        ];
        row.extend(error.names.iter().map(|name| Cell::optional(name)));
        listing.rows.push(row);
    }
    listing
}

fn mapping(operator: &Operator) -> Listing {
    let mapping = operator.mapping();
    let collected = operator.collected();
    let mut listing =
        Listing::new("source rule source_type condition dms_type postgresql_type count:int");
    for rule in mapping.rules() {
        let of = collected.rewrites.iter().filter(|((_, place), _)| place.rule == rule.id);
        let count = of.map(|(_, entry)| entry.count).sum();
        listing.rows.push(vec![
            text(&mapping.options().source),
            text(&rule.id),
            text(&rule.source_type),
            Cell::optional(&rule.condition),
            text(&rule.dms),
            text(&rule.target),
            Cell::Int(count),
        ]);
    }
    listing
}

fn latency(collected: &Collected) -> Listing {
    let mut listing = Listing::new("what le:float count:int share:float");
    let added = ["added to_target", "added to_client"].into_iter().zip(&collected.added);
    let own = OwnKind::NAMES.into_iter().zip(&collected.own);
    let all: Vec<(String, &Histogram)> = added
        .map(|(name, histogram)| (name.to_owned(), histogram))
        .chain(own.map(|(name, histogram)| (format!("own {name}"), histogram)))
        .collect();
    for (name, histogram) in all {
        for (bound, count) in histogram.cumulative(0, u64::MAX) {
            #[expect(clippy::cast_precision_loss, reason = "figures to look at")]
            let (bound, share) =
                (bound as f64 / 1e6, count as f64 / (histogram.count.max(1) as f64));
            let row = vec![text(&name), Cell::Float(bound), Cell::Int(count), Cell::Float(share)];
            listing.rows.push(row);
        }
    }
    listing
}

fn target(operator: &Operator) -> Listing {
    let health = operator.health();
    let mut listing =
        Listing::new("target up:bool since:time version tls connect_ms:int last_error");
    listing.rows.push(vec![
        text(&operator.target_name),
        health.up.map_or(Cell::Null, Cell::Bool),
        Cell::moment(health.since),
        Cell::optional(&health.version),
        Cell::Text(operator.target_tls()),
        Cell::Int(health.connect_ms),
        Cell::optional(&health.last_error),
    ]);
    listing
}

fn config(operator: &Operator) -> Listing {
    let mut listing = Listing::new("key value default changeable");
    let clients = operator.clients_limit().to_string();
    let aliases = [("max_client_conn", clients, "1000"), ("max_user_connections", "0".into(), "0")];
    for (key, value, default) in aliases {
        listing.rows.push(vec![text(key), Cell::Text(value), text(default), text("yes")]);
    }
    for row in operator.config_rows() {
        let changeable = if row.changeable { "yes" } else { "no" };
        let cells = [row.key, row.value, row.default].map(Cell::Text);
        listing.rows.push(cells.into_iter().chain([text(changeable)]).collect());
    }
    listing
}

fn foreign_keys(operator: &Operator) -> Listing {
    let mut listing = Listing::new(FOREIGN_KEYS);
    for (database, look) in &*lock(&operator.found) {
        for key in &look.foreign_keys {
            listing.rows.push(vec![
                text(database),
                text(&key.schema),
                text(&key.table),
                text(&key.constraint),
                text(&key.referenced),
                text(key.state),
                key.orphans.map_or(Cell::Null, Cell::Int),
                Cell::moment(key.parked_at),
                Cell::optional(&key.parked_by),
                Cell::moment(look.at),
            ]);
        }
    }
    listing
}

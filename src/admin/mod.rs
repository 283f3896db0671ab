//! What an operator sees and asks: HTTP with probes, metrics, JSON and a page, and the console's answers. Shows
//! figures and takes orders; may not touch sessions.

mod answers;
mod api;
mod api_tables;
mod body;
mod config_rows;
pub mod console;
mod dms;
mod events;
mod found;
mod found_keys;
mod glob;
mod guard;
mod health;
mod http;
mod http_places;
mod life;
mod listing;
mod metrics;
mod operator;
mod orders;
mod probing;
mod process;
mod progress;
mod routes;
mod series;
mod time;
mod unstalled;
mod waiting;

pub use config_rows::ConfigRow;
pub use found_keys::{FoundCommand, FoundKey, TargetFound};
pub use http::{AdminListener, serve};
pub use life::{HeldBack, Killable, Life, LifePhase, Order, ReloadOutcome};
pub use operator::{Operator, OperatorParts, ThreadQuestion, answer_questions};
pub use time::rfc3339;

//! What sessions do, in numbers: each relay thread counts for itself in plain integers, and gives a copy of
//! what has changed when it is asked, about once a second. No locks, no IO; knows no frames and no SQL.

mod clock;
mod collected;
mod counted_words;
mod histogram;
mod history;
mod pending;
mod proxy_counters;
mod report;
mod session_entry;
mod session_map;
mod session_view;
mod table;
mod table_totals;
mod thread;
mod told;

pub use collected::{Collected, DatabaseTotals};
pub use counted_words::{CommandKind, ErrorOrigin, Operation, SessionState, SettingNames};
pub use histogram::{Histogram, SHORT_BOUNDS};
pub use history::GoneSince;
pub use pending::Pending;
pub use proxy_counters::{ConnectFailure, LoginOutcome, ProxyCounters};
pub use report::{OTHER, OwnKind, ThreadReport};
pub use session_entry::{CopyFigures, CountedSession, ErrorEntry, SessionTotals};
pub use session_view::SessionView;
pub use table::{CountedAction, CountedStatement, Fate, TableDelta, TableKey};
pub use table_totals::{RATE_SECONDS, Table, TableState};
pub use thread::{Added, Watched, answer, begin, put_back};

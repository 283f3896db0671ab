//! Lines of the log about a load that runs.

use std::time::Duration;

use super::operator::Operator;
use crate::statistics::TableState;

/// How a load stands.
#[derive(Debug, Default, PartialEq, Eq)]
struct LoadProgress {
    tables_loading: usize,
    rows: u64,
    rows_per_second: u64,
    bytes_per_second: u64,
    oldest_transaction_s: u64,
}

impl Operator {
    /// Says every `log.progress_interval` seconds how the load stands, if there is one. Does not end.
    pub(super) async fn log_progress(&self) {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        let mut silent = 0;
        loop {
            seconds.tick().await;
            silent += 1;
            let interval = self.progress_interval();
            if interval == 0 || silent < interval {
                continue;
            }
            let progress = self.progress();
            if progress.tables_loading == 0 {
                continue;
            }
            silent = 0;
            let LoadProgress { tables_loading, rows, rows_per_second, .. } = progress;
            let LoadProgress { bytes_per_second, oldest_transaction_s, .. } = progress;
            tracing::info!(
                event = "progress",
                tables_loading,
                rows,
                rows_per_second,
                bytes_per_second,
                oldest_transaction_s,
                "tables are being loaded"
            );
        }
    }

    /// How the load stands, in one line: `3 tables loading, 240,000 rows/s, 8 sessions`.
    pub fn load_in_words(&self) -> String {
        let LoadProgress { tables_loading, rows_per_second, .. } = self.progress();
        let sessions = self.collected().sessions.len();
        format!(
            "{tables_loading} tables loading, {} rows/s, {sessions} sessions",
            grouped(rows_per_second)
        )
    }

    fn progress(&self) -> LoadProgress {
        let collected = self.collected();
        let mut progress = LoadProgress::default();
        for table in collected.tables.values() {
            let state = table.state(collected.now);
            if matches!(state, TableState::Loading | TableState::Changing | TableState::Reloading) {
                progress.tables_loading += 1;
            }
            let (rows, bytes) = table.rates();
            progress.rows += table.counted.all_rows();
            progress.rows_per_second += rows;
            progress.bytes_per_second += bytes;
        }
        let writing = collected.sessions.iter().filter(|session| session.uncommitted_rows > 0);
        let since = writing.map(|session| session.transaction_since).filter(|since| *since > 0);
        let oldest = since.min().map_or(0, |since| collected.now.saturating_sub(since));
        progress.oldest_transaction_s = oldest / 1_000_000;
        progress
    }
}

/// A number with a comma in front of each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three_digits() {
        let numbers = [0, 12, 999, 1000, 240_000, 1_234_567];
        let words = numbers.map(grouped).join(" ");
        assert_eq!(words, "0 12 999 1,000 240,000 1,234,567");
    }
}

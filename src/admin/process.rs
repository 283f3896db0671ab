//! What the system says of this process; Linux's /proc, and nothing elsewhere.

use std::fs;

/// Figures of the process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProcessFigures {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) open_fds: u64,
    pub(super) max_fds: u64,
}

/// Ticks of a second in /proc; the same on every Linux that there is.
const TICKS: f64 = 100.0;

/// Bytes of a page as Linux counts them on most machines.
const PAGE_BYTES: u64 = 4096;

impl ProcessFigures {
    /// The figures now; `None` where they cannot be had.
    pub(super) fn now() -> Option<ProcessFigures> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name in parentheses may have blanks.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
        let pages: u64 = fields.get(21).and_then(|text| text.parse().ok())?;
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let line = limits.lines().find(|line| line.starts_with("Max open files"));
        let max_fds = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
        let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Some(ProcessFigures {
            cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS,
            resident_bytes: pages * PAGE_BYTES,
            open_fds: u64::try_from(open).unwrap_or(0),
            max_fds: max_fds.unwrap_or(0),
        })
    }
}

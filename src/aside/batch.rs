//! Rows that are held to be sent again, and which of them go next: all of a batch, then what is left
//! around the rows that were refused. Knows neither frames nor SQL.

use std::ops::Range;

/// Rows that one batch has at most, whatever their size.
pub(super) const ROWS_MAX: usize = 64 * 1024;

/// The least rows of an attempt behind a refused one.
const LEAST_ATTEMPT: usize = 16;

/// What an attempt costs beside its rows, in bytes of rows: what the target takes in the time of a round trip and of a
/// COPY without rows.
const ATTEMPT_BYTES: usize = 4096;

/// Rows go on as they come where refused ones are further apart.
pub(super) const CALM_ROWS: usize = 4 * ROWS_MAX;

/// Rows behind one another.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    rows: Vec<HeldRow>,
    /// The number of the first line.
    first_line: u64,
}

#[derive(Clone, Copy, Debug)]
struct HeldRow {
    end: u32,
    /// The lines up to its end, from that of the batch on.
    lines: u32,
}

impl Batch {
    pub(super) fn new(first_line: u64) -> Batch {
        Batch { first_line, ..Batch::default() }
    }

    pub(super) fn push(&mut self, row: &[u8], more_lines: u32) {
        self.bytes.extend_from_slice(row);
        let end = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let lines = self.rows.last().map_or(0, |row| row.lines).saturating_add(1 + more_lines);
        self.rows.push(HeldRow { end, lines });
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows that cost as much as an attempt.
    pub(super) fn attempt_rows(&self) -> usize {
        ATTEMPT_BYTES * self.len() / self.bytes.len().max(1)
    }

    /// The bytes of rows.
    pub(super) fn slice(&self, rows: &Range<usize>) -> &[u8] {
        let end = |count: usize| self.before(count).map_or(0, |row| row.end as usize);
        self.bytes.get(end(rows.start)..end(rows.end)).unwrap_or_default()
    }

    /// The last row of that count.
    fn before(&self, count: usize) -> Option<&HeldRow> {
        self.rows.get(count.checked_sub(1)?)
    }

    /// The lines of the first rows.
    fn lines(&self, count: usize) -> u64 {
        self.before(count).map_or(0, |row| u64::from(row.lines))
    }

    /// The line of the stream on which a row ends.
    pub(super) fn line(&self, row: usize) -> u64 {
        (self.first_line + self.lines(row + 1)).saturating_sub(1)
    }

    /// The line of the stream behind the batch.
    pub(super) fn next_line(&self) -> u64 {
        self.first_line + self.lines(self.rows.len())
    }

    /// The row of `sent` that the server means by a line of what was sent, of which `head_lines` came
    /// first; and whether that is certain.
    pub(super) fn row_at(
        &self,
        sent: &Range<usize>,
        line: u64,
        head_lines: u64,
    ) -> Option<NamedRow> {
        let before = self.lines(sent.start);
        let line = before + line.checked_sub(head_lines).filter(|line| *line > 0)?;
        let row = self.rows.partition_point(|row| u64::from(row.lines) < line);
        // Which bytes inside of quotes count as lines depends on rows in front of them.
        let is_certain = self.lines(row + 1) - before == count(row + 1 - sent.start.min(row));
        sent.contains(&row).then_some(NamedRow { row, is_certain })
    }
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// A row that the server has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NamedRow {
    pub(super) row: usize,
    pub(super) is_certain: bool,
}

/// Rows that go in a COPY of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) rows: Range<usize>,
    /// The row behind them looks like those which were refused: it goes alone, behind a savepoint of its own.
    pub(super) has_suspect: bool,
    /// The target has read these rows before without an error.
    pub(super) is_read: bool,
}

impl Attempt {
    pub(super) fn unread(rows: Range<usize>) -> Attempt {
        Attempt { rows, has_suspect: false, is_read: false }
    }

    /// The rows, and the suspect.
    pub(super) fn all(&self) -> Range<usize> {
        self.rows.start..self.rows.end + usize::from(self.has_suspect)
    }

    /// The suspect.
    pub(super) fn suspect(&self) -> Option<usize> {
        self.has_suspect.then_some(self.rows.end)
    }
}

/// Which rows of a batch go next.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// What is still to be sent, the next one last.
    left: Vec<Attempt>,
    /// How far refused rows are apart; none while nothing was refused.
    pace: Option<Pace>,
    /// The rows that cost as much as an attempt.
    attempt_rows: usize,
}

/// How far refused rows are apart, which says how many rows go at a time. Where one is refused, those in front of it
/// are sent twice: half of an attempt on average. So the cheapest attempt of `n` rows, with one refused in `gap`, is
/// where `n / 2` rows are as much as `gap / n` attempts. Rows that are tried alone do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    gap: usize,
    /// Rows that went in behind the last refused one.
    since: usize,
}

impl Pace {
    fn rows(self, attempt_rows: usize) -> usize {
        (2 * attempt_rows * self.gap).isqrt().clamp(LEAST_ATTEMPT, ROWS_MAX)
    }

    /// Whether refused rows are so far apart that whole batches go at a time.
    pub(super) fn is_calm(self) -> bool {
        self.gap >= CALM_ROWS
    }

    fn on_success(self, rows: usize) -> Pace {
        let since = self.since + rows;
        Pace { gap: self.gap.max(since), since }
    }

    /// A row was refused behind this number of others.
    fn on_refused(before: Option<Pace>, others: usize) -> Pace {
        let gap = match before {
            Some(pace) => pace.gap.midpoint(pace.since + others),
            None => others,
        };
        Pace { gap, since: 0 }
    }
}

/// What follows an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterFailure {
    /// This row, alone.
    Row(usize),
    /// One of them; they are sent again in parts.
    Among,
}

impl Attempts {
    /// The attempts at rows of a batch; `pace` goes on from the batch before.
    pub(super) fn of(rows: Range<usize>, attempt_rows: usize, pace: Option<Pace>) -> Attempts {
        let left = std::iter::once(Attempt::unread(rows)).filter(|left| !left.rows.is_empty());
        Attempts { left: left.collect(), pace, attempt_rows }
    }

    /// Whether no rows go any more.
    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The unread rows that go at a time.
    pub(super) fn rows_at_a_time(&self) -> usize {
        self.pace.map_or(ROWS_MAX, |pace| pace.rows(self.attempt_rows))
    }

    /// The rows that go next.
    pub(super) fn next(&mut self) -> Option<Range<usize>> {
        self.next_of(|_| None).map(|attempt| attempt.rows)
    }

    /// The same where `suspect` gives the first of some rows that will probably be refused.
    pub(super) fn next_of(
        &mut self,
        suspect: impl Fn(&Range<usize>) -> Option<usize>,
    ) -> Option<Attempt> {
        let next = self.left.pop()?;
        if next.is_read {
            return Some(next);
        }
        let rows = next.rows;
        let limit = rows.end.min(rows.start.saturating_add(self.rows_at_a_time()));
        let suspect = suspect(&(rows.start..limit));
        let next = Attempt {
            has_suspect: suspect.is_some(),
            ..Attempt::unread(rows.start..suspect.unwrap_or(limit))
        };
        self.put_back(Attempt::unread(next.all().end..rows.end));
        Some(next)
    }

    /// These rows go next after all.
    pub(super) fn put_back(&mut self, attempt: Attempt) {
        let rows = attempt.all();
        match self.left.last_mut() {
            _ if rows.is_empty() => {}
            _ if attempt.is_read => self.left.push(attempt),
            Some(next) if next.rows.start == rows.end && !next.is_read => {
                next.rows.start = rows.start;
            }
            _ => self.left.push(Attempt::unread(rows)),
        }
    }

    /// The attempt is in, but for its suspect.
    pub(super) fn on_success(&mut self, attempt: &Attempt) {
        if !attempt.is_read {
            self.pace = self.pace.map(|pace| pace.on_success(attempt.rows.len()));
        }
    }

    /// What holds for the next batch.
    pub(super) fn pace(&self) -> Option<Pace> {
        self.pace
    }

    /// The attempt at `sent` has failed, by the row that the server names.
    pub(super) fn on_failure(
        &mut self,
        sent: Range<usize>,
        named: Option<NamedRow>,
    ) -> AfterFailure {
        if sent.len() == 1 {
            return AfterFailure::Row(sent.start);
        }
        let Some(NamedRow { row, is_certain }) = named else {
            // Not in one piece again.
            let middle = sent.start + sent.len() / 2;
            self.push(Attempt::unread(middle..sent.end));
            self.push(Attempt::unread(sent.start..middle));
            return AfterFailure::Among;
        };
        self.push(Attempt::unread(row + 1..sent.end));
        if !is_certain {
            self.push(Attempt::unread(row..row + 1));
        }
        self.push(Attempt { is_read: true, ..Attempt::unread(sent.start..row) });
        self.pace = Some(Pace::on_refused(self.pace, row - sent.start));
        if is_certain { AfterFailure::Row(row) } else { AfterFailure::Among }
    }

    fn push(&mut self, attempt: Attempt) {
        if !attempt.rows.is_empty() {
            self.left.push(attempt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a batch of `count` rows of which these are refused; gives those that were set aside, those
    /// that went in, and the number of attempts.
    fn run(count: usize, bad: &[usize], names: Option<bool>) -> (Vec<usize>, Vec<usize>, usize) {
        let mut attempts = Attempts::of(0..count, 128, None);
        let (mut aside, mut loaded, mut tries) = (Vec::new(), Vec::new(), 0);
        while let Some(attempt) = attempts.next_of(|_| None) {
            tries += 1;
            let Some(&row) = bad.iter().find(|row| attempt.rows.contains(row)) else {
                attempts.on_success(&attempt);
                loaded.extend(attempt.rows);
                continue;
            };
            let named = names.map(|is_certain| NamedRow { row, is_certain });
            if let AfterFailure::Row(row) = attempts.on_failure(attempt.rows, named) {
                aside.push(row);
            }
        }
        aside.sort_unstable();
        loaded.sort_unstable();
        (aside, loaded, tries)
    }

    #[test]
    fn each_row_goes_in_once_or_is_set_aside_once() {
        let every_hundredth: Vec<usize> = (0..10_000).step_by(100).collect();
        let all: Vec<usize> = (0..50).collect();
        for (count, bad) in [
            (10_000, every_hundredth),
            (50, all),
            (50, vec![0]),
            (50, vec![49]),
            (50, vec![25, 26]),
            (1, vec![0]),
            (1, vec![]),
            (7, vec![]),
        ] {
            let good: Vec<usize> = (0..count).filter(|row| !bad.contains(row)).collect();
            for names in [Some(true), Some(false), None] {
                let (aside, loaded, _) = run(count, &bad, names);
                assert_eq!((&aside, &loaded), (&bad, &good), "{names:?}");
            }
        }
    }

    #[test]
    fn named_rows_take_few_attempts() {
        let bad: Vec<usize> = (0..10_000).step_by(100).collect();
        let (_, _, tries) = run(10_000, &bad, Some(true));
        assert!(tries < 450, "{tries}");
        let (_, _, tries) = run(100_000, &[5, 60_000], Some(true));
        assert!(tries < 250, "{tries}");
        assert_eq!(run(10_000, &[], Some(true)).2, 1);
    }

    #[test]
    fn suspects_go_alone_in_their_place() {
        let mut attempts = Attempts::of(0..10, 128, None);
        let suspect = |rows: &Range<usize>| rows.clone().find(|row| [0, 4, 5].contains(row));
        let mut next = || {
            let next = attempts.next_of(suspect).unwrap();
            (next.suspect(), next.rows)
        };
        let expected = [(Some(0), 0..0), (Some(4), 1..4), (Some(5), 5..5), (None, 6..10)];
        assert_eq!([next(), next(), next(), next()], expected);
        for rows in [5..5, 1..4] {
            attempts.put_back(Attempt { has_suspect: true, ..Attempt::unread(rows) });
        }
        assert_eq!(attempts.left, [Attempt::unread(1..6)]);
        let read = Attempt { is_read: true, ..Attempt::unread(0..1) };
        attempts.put_back(read.clone());
        assert_eq!(attempts.next_of(suspect), Some(read));
    }

    #[test]
    fn lines_are_those_of_the_stream() {
        let mut batch = Batch::new(10);
        batch.push(b"a\n", 0);
        batch.push(b"\"b\nb\"\n", 1);
        batch.push(b"c\n", 0);
        assert_eq!((batch.line(0), batch.line(1), batch.line(2)), (10, 12, 13));
        assert_eq!(batch.next_line(), 14);
        assert_eq!(batch.slice(&(1..2)), b"\"b\nb\"\n");
        let named = |sent: Range<usize>, line| batch.row_at(&sent, line, 1);
        assert_eq!(named(0..3, 2), Some(NamedRow { row: 0, is_certain: true }));
        assert_eq!(named(0..3, 4), Some(NamedRow { row: 1, is_certain: false }));
        assert_eq!(named(0..3, 5), Some(NamedRow { row: 2, is_certain: false }));
        assert_eq!(named(2..3, 2), Some(NamedRow { row: 2, is_certain: true }));
        assert_eq!((named(0..3, 1), named(0..3, 9)), (None, None));
    }
}

//! The text formats of Prometheus: families, samples, labels. Knows no names of metrics.
//!
//! Sources: Prometheus, "Text-based format" 0.0.4; OpenMetrics 1.0.

use std::fmt::{self, Write as _};

use crate::statistics::Histogram;

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeriesKind {
    Counter,
    Gauge,
    Histogram,
}

/// A page of metrics that is being written.
#[derive(Debug, Default)]
pub(super) struct Series {
    text: String,
    is_open_metrics: bool,
    family: &'static str,
}

/// A text as the value of a label.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

impl Series {
    pub(super) fn new(is_open_metrics: bool) -> Series {
        Series { is_open_metrics, ..Series::default() }
    }

    /// Begins a family.
    pub(super) fn family(&mut self, name: &'static str, kind: SeriesKind, help: &str) {
        self.family = name;
        let kind_name = match kind {
            SeriesKind::Counter => "counter",
            SeriesKind::Gauge => "gauge",
            SeriesKind::Histogram => "histogram",
        };
        // There the name of a counter is without its end.
        let shown = match (self.is_open_metrics, kind) {
            (true, SeriesKind::Counter) => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        self.put(format_args!("# HELP {shown} {help}\n# TYPE {shown} {kind_name}\n"));
    }

    /// A sample of the family.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl fmt::Display) {
        let family = self.family;
        self.line(family, "", labels, None, value);
    }

    /// The samples of a histogram whose buckets are between two bounds in microseconds.
    pub(super) fn histogram(
        &mut self,
        labels: &[(&str, &str)],
        histogram: &Histogram,
        (from, to): (u64, u64),
    ) {
        let family = self.family;
        for (bound, count) in histogram.cumulative(from, to) {
            let bound = seconds(bound);
            self.line(family, "_bucket", labels, Some(&bound), count);
        }
        self.line(family, "_bucket", labels, Some("+Inf"), histogram.count);
        self.line(family, "_sum", labels, None, seconds(histogram.sum_micros));
        self.line(family, "_count", labels, None, histogram.count);
    }

    fn line(
        &mut self,
        family: &str,
        end: &str,
        labels: &[(&str, &str)],
        bound: Option<&str>,
        value: impl fmt::Display,
    ) {
        self.put(format_args!("{family}{end}"));
        let all = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        let mut separator = '{';
        for (name, label) in all {
            self.put(format_args!("{separator}{name}=\"{}\"", Escaped(label)));
            separator = ',';
        }
        let close = if separator == ',' { "}" } else { "" };
        self.put(format_args!("{close} {value}\n"));
    }

    fn put(&mut self, text: fmt::Arguments<'_>) {
        // A text takes all that is written to it.
        let _ = self.text.write_fmt(text);
    }

    /// The whole page.
    pub(super) fn finish(mut self) -> String {
        if self.is_open_metrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

/// Microseconds as seconds, without trailing zeros.
pub(super) fn seconds(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    if rest == 0 {
        return whole.to_string();
    }
    format!("{whole}.{rest:06}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut series = Series::new(false);
        series.family("a_total", SeriesKind::Counter, "help");
        series.sample(&[("t", "a\\b\"c\nd")], 7);
        series.sample(&[], 8);
        let expected = "# HELP a_total help\n# TYPE a_total counter\na_total{t=\"a\\\\b\\\"c\\nd\"} 7\na_total 8\n";
        assert_eq!(series.finish(), expected);
    }

    #[test]
    fn open_metrics_differ_in_names_of_counters_and_in_their_end() {
        let mut series = Series::new(true);
        series.family("a_total", SeriesKind::Counter, "help");
        series.sample(&[], 7);
        assert_eq!(series.finish(), "# HELP a help\n# TYPE a counter\na_total 7\n# EOF\n");
    }

    #[test]
    fn a_histogram_ends_with_all() {
        let mut histogram = Histogram::default();
        histogram.add(1500);
        let mut series = Series::new(false);
        series.family("h", SeriesKind::Histogram, "help");
        series.histogram(&[("d", "x")], &histogram, (1000, 2000));
        let text = series.finish();
        assert!(
            text.contains("h_bucket{d=\"x\",le=\"0.001\"} 0\nh_bucket{d=\"x\",le=\"0.002\"} 1\n")
        );
        assert!(text.ends_with(
            "h_bucket{d=\"x\",le=\"+Inf\"} 1\nh_sum{d=\"x\"} 0.0015\nh_count{d=\"x\"} 1\n"
        ));
    }
}

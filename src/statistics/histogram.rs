//! Counts of durations in fixed steps of 1, 2 and 5, so that those of threads and of instances add up.

/// Upper bounds of the buckets, in microseconds: from 5 microseconds to 1000 seconds. What takes longer is in
/// none of them, only in the sum and the count.
pub const SHORT_BOUNDS: [u64; 26] = [
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
];

/// Durations that were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many are in each bucket, and above the bucket below it.
    buckets: [u64; SHORT_BOUNDS.len()],
    /// All of them.
    pub count: u64,
    /// Their sum in microseconds.
    pub sum_micros: u64,
}

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, micros: u64) {
        let at = SHORT_BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum_micros = self.sum_micros.saturating_add(micros);
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: &Histogram) {
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
        self.count += other.count;
        self.sum_micros = self.sum_micros.saturating_add(other.sum_micros);
    }

    /// The buckets between two bounds, both inclusive, with how many durations are at most as long.
    pub fn cumulative(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, u64)> {
        let mut sum = 0;
        let all = SHORT_BOUNDS.into_iter().zip(self.buckets).map(move |(bound, count)| {
            sum += count;
            (bound, sum)
        });
        all.filter(move |(bound, _)| (from..=to).contains(bound))
    }

    /// The bound under which this share of all lies, in microseconds; `None` for none.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        #[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
        let wanted = self.count as f64 * share;
        #[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
        let found = self.cumulative(0, u64::MAX).find(|(_, sum)| *sum as f64 >= wanted);
        found.map(|(bound, _)| bound).filter(|_| self.count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_bucket_that_it_just_fits() {
        let mut histogram = Histogram::default();
        for micros in [0, 5, 6, 1_000_000_000, 2_000_000_000] {
            histogram.add(micros);
        }
        let sums: Vec<_> = histogram.cumulative(5, 10).collect();
        assert_eq!(sums, [(5, 2), (10, 3)]);
        assert_eq!(histogram.cumulative(0, u64::MAX).last(), Some((1_000_000_000, 4)));
        assert_eq!((histogram.count, histogram.sum_micros), (5, 3_000_000_011));
        assert_eq!(histogram.quantile(0.5), Some(10));
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn histograms_add_up() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        one.add(7);
        other.add(7);
        one.merge(&other);
        assert_eq!(one.cumulative(10, 10).next(), Some((10, 2)));
    }
}

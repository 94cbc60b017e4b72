//! Latencies while they are recorded: counters by size that all client threads add to and the watcher reads.
//!
//! Adding is one atomic addition. Eight sizes for each doubling tell latencies apart to within an eighth; what is
//! told at the end comes from the histograms of [`crate::measure::latency`], which are exact.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::LATENCY_MAX_US;

/// Sizes of each doubling, as a power of two.
const STEP_BITS: u32 = 3;
/// Sizes of latencies up to [`LATENCY_MAX_US`].
const SIZES: usize = size_of(LATENCY_MAX_US) + 1;

/// The counters.
#[derive(Debug)]
pub struct LiveLatencies {
    counts: [AtomicU64; SIZES],
}

impl Default for LiveLatencies {
    fn default() -> LiveLatencies {
        LiveLatencies {
            counts: [const { AtomicU64::new(0) }; SIZES],
        }
    }
}

impl LiveLatencies {
    /// Counts a latency in microseconds.
    pub fn record(&self, us: u64) {
        self.counts[size_of(us.min(LATENCY_MAX_US))].fetch_add(1, Ordering::Relaxed);
    }

    /// All that was counted so far.
    pub fn counts(&self) -> Counts {
        Counts(
            self.counts
                .iter()
                .map(|count| count.load(Ordering::Relaxed))
                .collect(),
        )
    }
}

/// Latencies by size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts(Vec<u64>);

impl Default for Counts {
    fn default() -> Counts {
        Counts(vec![0; SIZES])
    }
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: &Counts) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// What has come since `before`, a look at the same counters.
    pub fn since(&self, before: &Counts) -> Counts {
        let pairs = self.0.iter().zip(&before.0);
        Counts(pairs.map(|(now, before)| now - before).collect())
    }

    /// The latency in milliseconds that a share of all, from 0 to 1, do not exceed; `None` if there are none.
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let total: u64 = self.0.iter().sum();
        let rank = ((total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let size = self.0.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(middle_us(size) / 1e3)
    }
}

/// The size of a latency: its highest bit, and the three that follow.
const fn size_of(us: u64) -> usize {
    if us < 1 << STEP_BITS {
        return us as usize;
    }
    let shift = us.ilog2() - STEP_BITS;
    ((shift as usize) << STEP_BITS) + (us >> shift) as usize
}

/// The middle of the latencies of a size.
fn middle_us(size: usize) -> f64 {
    if size < 2 << STEP_BITS {
        return size as f64;
    }
    let shift = (size >> STEP_BITS) - 1;
    let lowest = ((size - (shift << STEP_BITS)) << shift) as f64;
    lowest + (1u64 << shift) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::{LATENCY_MAX_US, LiveLatencies, middle_us, size_of};

    #[test]
    fn sizes_follow_each_other_and_are_an_eighth_wide() {
        let mut before = 0;
        for us in 1..100_000 {
            let size = size_of(us);
            assert!(size == before || size == before + 1, "{us}");
            assert!((middle_us(size) - us as f64).abs() <= us as f64 / 8.0, "{us}");
            before = size;
        }
    }

    #[test]
    fn quantiles_are_those_of_what_came_since() {
        let live = LiveLatencies::default();
        live.record(5_000_000);
        let before = live.counts();
        assert_eq!(before.since(&before).quantile_ms(0.5), None);
        for us in [1000, 1000, 1000, 64_000, u64::MAX] {
            live.record(us);
        }
        let since = live.counts().since(&before);
        let near = |share: f64, ms: f64| {
            let found = since.quantile_ms(share).expect("there are some");
            assert!((found / ms - 1.0).abs() < 0.125, "{share}: {found}");
        };
        near(0.5, 1.0);
        near(0.8, 64.0);
        near(1.0, LATENCY_MAX_US as f64 / 1e3);
    }
}

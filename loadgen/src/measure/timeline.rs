//! What was seen in the course of a scenario, in a bounded number of moments.
//!
//! Goes in: samples, each of the time since the one before. Comes out: moments for plots. Holds: at most
//! [`MOMENTS_MAX`] are kept; when they are full, each two become one and from then on moments are twice as long.
//! Nothing is thrown away by that but the finer resolution: samples are sums, and are added.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::{MOMENTS_MAX, SAMPLE_INTERVAL_MS};
use crate::measure::live::Counts;

/// What was seen in a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Seconds from the beginning of the scenario to the end of the span.
    pub at_s: f64,
    /// Replies and updates per second.
    pub messages_per_s: f64,
    /// Latencies that half and 99 % of those recorded in the span do not exceed, in milliseconds, to within an
    /// eighth; `None` if there were none.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// Processors that the server used; `None` if its process is not known.
    pub cpu: Option<f64>,
    /// Clients that were ready at the end of the span.
    pub ready: u64,
    /// Most resident memory of the server in bytes; `None` if its process is not known.
    pub resident: Option<u64>,
}

/// What was seen since the sample before.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// From the beginning of the scenario to the end of the sample.
    pub at: Duration,
    pub length: Duration,
    pub messages: u64,
    pub ready: u64,
    pub latencies: Counts,
    pub cpu: Option<Duration>,
    pub resident: Option<u64>,
}

impl Sample {
    /// Adds the sample that follows.
    fn extend(&mut self, next: &Sample) {
        self.at = next.at;
        self.length += next.length;
        self.messages += next.messages;
        self.ready = next.ready;
        self.latencies.add(&next.latencies);
        self.cpu = match (self.cpu, next.cpu) {
            (Some(mine), Some(theirs)) => Some(mine + theirs),
            (mine, theirs) => mine.or(theirs),
        };
        self.resident = self.resident.max(next.resident);
    }

    /// Rates instead of sums.
    pub fn moment(&self) -> Moment {
        let seconds = self.length.as_secs_f64().max(f64::MIN_POSITIVE);
        Moment {
            at_s: self.at.as_secs_f64(),
            messages_per_s: self.messages as f64 / seconds,
            ready: self.ready,
            p50_ms: self.latencies.quantile_ms(0.5),
            p99_ms: self.latencies.quantile_ms(0.99),
            cpu: self.cpu.map(|cpu| cpu.as_secs_f64() / seconds),
            resident: self.resident,
        }
    }
}

/// The samples of a scenario.
#[derive(Debug)]
pub struct Timeline {
    /// All but the last are as long as `interval`, or longer where a sample came late.
    samples: Vec<Sample>,
    interval: Duration,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline {
            samples: Vec::new(),
            interval: Duration::from_millis(SAMPLE_INTERVAL_MS),
        }
    }
}

impl Timeline {
    /// How long a sample should be.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Adds a sample.
    pub fn push(&mut self, sample: Sample) {
        match self.samples.last_mut() {
            Some(last) if last.length < self.interval => last.extend(&sample),
            _ => self.samples.push(sample),
        }
        if self.samples.len() == MOMENTS_MAX {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let pairs = std::mem::take(&mut self.samples);
        let mut pairs = pairs.into_iter();
        while let Some(mut first) = pairs.next() {
            if let Some(second) = pairs.next() {
                first.extend(&second);
            }
            self.samples.push(first);
        }
        self.interval *= 2;
    }

    /// What the report shows.
    pub fn moments(&self) -> Vec<Moment> {
        self.samples.iter().map(Sample::moment).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Sample, Timeline};
    use crate::limits::MOMENTS_MAX;

    #[test]
    fn a_long_run_keeps_all_sums_in_few_moments() {
        let mut timeline = Timeline::default();
        let length = timeline.interval();
        let samples = 100 * MOMENTS_MAX as u32 + 7;
        for number in 1..=samples {
            timeline.push(Sample {
                at: length * number,
                length,
                messages: 3,
                cpu: Some(length / 2),
                resident: Some(u64::from(number)),
                ..Sample::default()
            });
            assert!(timeline.samples.len() < MOMENTS_MAX);
        }
        let messages: u64 = timeline.samples.iter().map(|sample| sample.messages).sum();
        let span: Duration = timeline.samples.iter().map(|sample| sample.length).sum();
        assert_eq!((messages, span), (3 * u64::from(samples), length * samples));
        let moments = timeline.moments();
        assert!(moments.len() >= MOMENTS_MAX / 2);
        assert!(
            moments
                .iter()
                .all(|moment| (moment.cpu.unwrap() - 0.5).abs() < 1e-9)
        );
        assert_eq!(moments.last().unwrap().resident, Some(u64::from(samples)));
        assert!(moments.windows(2).all(|pair| pair[0].at_s < pair[1].at_s));
    }
}

//! Counts of events and their rates (`coverage/show`, upstream `lib/coverage.c`).

use crate::tally::{Event, Totals};
use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

/// Between two samples, from which the rates are taken.
pub(super) const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// Samples of a minute.
const MINUTE: usize = 12;

/// Samples of an hour, and as many as are kept.
const HOUR: usize = 720;

/// The totals of the last hour, the latest last.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    samples: VecDeque<Totals>,
}

impl Coverage {
    /// To be called every [`SAMPLE_INTERVAL`].
    pub(super) fn sample(&mut self, totals: Totals) {
        if self.samples.len() > HOUR {
            self.samples.pop_front();
        }
        self.samples.push_back(totals);
    }

    /// The table, with the totals as of now.
    pub(super) fn show(&self, totals: &Totals) -> String {
        let seconds = SAMPLE_INTERVAL.as_secs();
        let mut text = format!(
            "Event coverage, avg rate over last: {seconds} seconds, last minute, last hour,  hash={:08x}:\n",
            hash(totals)
        );
        let mut never = 0;
        for event in Event::ALL {
            let total = totals[event as usize];
            if total == 0 {
                never += 1;
                continue;
            }
            let [latest, minute, hour] = [1, MINUTE, HOUR].map(|samples| self.rate(event, samples));
            writeln!(
                text,
                "{:<24} {latest:5.1}/sec {minute:9.3}/sec {hour:13.4}/sec   total: {total}",
                event.name()
            )
            .expect("a string takes everything");
        }
        text + &format!("{never} events never hit\n")
    }

    /// The total of one event; `None` if there is no such event.
    pub(super) fn read(totals: &Totals, name: &str) -> Option<u64> {
        let event = Event::ALL.into_iter().find(|event| event.name() == name)?;
        Some(totals[event as usize])
    }

    /// Events a second over the time of so many samples, of which a young process has fewer.
    fn rate(&self, event: Event, samples: usize) -> f64 {
        let Some(last) = self.samples.len().checked_sub(1) else {
            return 0.0;
        };
        let first = last.saturating_sub(samples);
        let count = self.samples[last][event as usize] - self.samples[first][event as usize];
        count as f64 / (samples as u64 * SAMPLE_INTERVAL.as_secs()) as f64
    }
}

/// Tells apart which events have been seen (FNV-1a of their names).
fn hash(totals: &Totals) -> u32 {
    let seen = Event::ALL.into_iter().filter(|event| totals[*event as usize] > 0);
    seen.flat_map(|event| event.name().bytes())
        .fold(0x811c_9dc5, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
}

#[cfg(test)]
mod tests {
    use super::Coverage;

    #[test]
    fn rates_are_over_the_time_that_was_sampled() {
        let mut coverage = Coverage::default();
        let mut totals = [0; 5];
        coverage.sample(totals);
        for _ in 0..2 {
            totals[0] += 60;
            coverage.sample(totals);
        }
        let text = coverage.show(&totals);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0]
                .starts_with("Event coverage, avg rate over last: 5 seconds, last minute, last hour,  hash="),
            "{text}"
        );
        assert_eq!(
            lines[1],
            "session_opened            12.0/sec     2.000/sec        0.0333/sec   total: 120"
        );
        assert_eq!(lines[2], "4 events never hit");
        assert_eq!(Coverage::read(&totals, "session_opened"), Some(120));
        assert_eq!(Coverage::read(&totals, "zzz"), None);
    }
}

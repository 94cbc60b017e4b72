//! Open-loop arrivals: times at which something is meant to happen, whether or not what came before has ended.

use std::time::{Duration, Instant};

/// A number of arrivals at a constant rate.
#[derive(Clone, Copy, Debug)]
pub(in crate::scenario) struct Arrivals {
    from: Instant,
    interval: Duration,
    gone: u64,
    count: u64,
}

impl Arrivals {
    /// `count` arrivals, `rate` a second, the first of them at `from`.
    pub(in crate::scenario) fn new(from: Instant, rate: f64, count: u64) -> Arrivals {
        Arrivals {
            from,
            interval: Duration::from_secs_f64(1.0 / rate),
            gone: 0,
            count,
        }
    }

    /// The intended time of the next arrival, if there is one left.
    pub(in crate::scenario) fn next(&self) -> Option<Instant> {
        (self.gone < self.count).then(|| self.from + self.interval.mul_f64(self.gone as f64))
    }

    /// Takes the next arrival if its time has come, and gives that time.
    pub(in crate::scenario) fn take(&mut self, now: Instant) -> Option<Instant> {
        let at = self.next().filter(|at| *at <= now)?;
        self.gone += 1;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Arrivals;

    #[test]
    fn what_was_missed_keeps_its_intended_times() {
        let from = Instant::now();
        let mut arrivals = Arrivals::new(from, 100.0, 3);
        assert_eq!(arrivals.take(from), Some(from));
        assert_eq!(arrivals.take(from + Duration::from_millis(9)), None);
        assert_eq!(arrivals.next(), Some(from + Duration::from_millis(10)));
        let late = from + Duration::from_secs(1);
        let taken: Vec<Instant> = std::iter::from_fn(|| arrivals.take(late)).collect();
        assert_eq!(taken, [10, 20].map(|ms| from + Duration::from_millis(ms)));
        assert_eq!(arrivals.next(), None);
    }
}

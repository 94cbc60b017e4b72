//! Whether a peer is still there: when to probe it and when to give it up
//! (upstream `lib/reconnect.c`, states ACTIVE and IDLE). Pure; time in milliseconds of a monotonic clock.

/// Least interval; a smaller one that is not 0 is raised to it.
const INTERVAL_MIN_MS: u64 = 1000;

/// Interval between probes by default, for peers over a network, in milliseconds.
pub const PROBE_INTERVAL_DEFAULT_MS: u64 = 5000;

/// What to do about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    /// Send it a request.
    Probe,
    /// It has been heard of again after a probe.
    Back,
    /// It has not answered for that many milliseconds: disconnect.
    Dead(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It was heard of within an interval.
    Active,
    /// The interval has passed, though bytes may have come that nobody has read yet. → `Active`, or a probe.
    Overdue,
    /// A probe was sent then. → `Active` or `OverdueProbed`.
    Probed { since_ms: u64 },
    /// Nor an answer within a second interval, as far as was read. → `Active` or dead.
    ProbeOverdue { since_ms: u64 },
}

/// Watches one peer. An interval that has passed counts only at the second look, because a process that was
/// kept busy may not have read yet what the peer has sent long ago.
#[derive(Clone, Copy, Debug)]
pub struct Inactivity {
    interval_ms: u64,
    last_activity_ms: u64,
    phase: Phase,
    /// Since it was last found active.
    was_probed: bool,
}

impl Inactivity {
    /// Starts watching at `now_ms`. `interval_ms` 0 never probes.
    pub fn new(interval_ms: u64, now_ms: u64) -> Inactivity {
        let mut watch = Inactivity {
            interval_ms: 0,
            last_activity_ms: now_ms,
            phase: Phase::Active,
            was_probed: false,
        };
        watch.set_interval(interval_ms);
        watch
    }

    pub fn set_interval(&mut self, interval_ms: u64) {
        self.interval_ms = if interval_ms == 0 {
            0
        } else {
            interval_ms.max(INTERVAL_MIN_MS)
        };
    }

    /// Bytes came, or a blocked backlog shrank.
    pub fn heard(&mut self, now_ms: u64) {
        self.last_activity_ms = now_ms;
        self.phase = Phase::Active;
    }

    /// When the peer was last heard of.
    pub fn last_activity_ms(&self) -> u64 {
        self.last_activity_ms
    }

    /// A look from time to time, between which everything readable is read.
    pub fn look(&mut self, now_ms: u64) -> Verdict {
        if self.interval_ms == 0 {
            return Verdict::Fine;
        }
        match self.phase {
            Phase::Active => {
                if std::mem::take(&mut self.was_probed) {
                    return Verdict::Back;
                }
                if now_ms >= self.last_activity_ms + self.interval_ms {
                    self.phase = Phase::Overdue;
                }
                Verdict::Fine
            }
            Phase::Overdue => {
                self.phase = Phase::Probed { since_ms: now_ms };
                self.was_probed = true;
                Verdict::Probe
            }
            Phase::Probed { since_ms } => {
                if now_ms >= since_ms + self.interval_ms {
                    self.phase = Phase::ProbeOverdue { since_ms };
                }
                Verdict::Fine
            }
            Phase::ProbeOverdue { since_ms } => Verdict::Dead(now_ms - since_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every 200 ms in a range, and tells what was not `Fine` and when.
    fn looks(watch: &mut Inactivity, from_ms: u64, to_ms: u64) -> Vec<(u64, Verdict)> {
        (from_ms..to_ms)
            .step_by(200)
            .map(|now_ms| (now_ms, watch.look(now_ms)))
            .filter(|(_, verdict)| *verdict != Verdict::Fine)
            .collect()
    }

    #[test]
    fn silence_is_probed_then_ends() {
        let mut watch = Inactivity::new(5000, 0);
        let seen = looks(&mut watch, 0, 11_000);
        assert_eq!(
            seen,
            [
                (5200, Verdict::Probe),
                (10_400, Verdict::Dead(5200)),
                (10_600, Verdict::Dead(5400)),
                (10_800, Verdict::Dead(5600))
            ]
        );
    }

    #[test]
    fn any_sign_of_life_starts_over() {
        let mut watch = Inactivity::new(5000, 0);
        assert_eq!(looks(&mut watch, 0, 10_000).len(), 1);
        watch.heard(10_000);
        assert_eq!(looks(&mut watch, 10_200, 15_000), [(10_200, Verdict::Back)]);
        assert_eq!(looks(&mut watch, 15_000, 15_400), [(15_200, Verdict::Probe)]);
    }

    #[test]
    fn bytes_that_were_not_read_in_time_still_count() {
        let mut watch = Inactivity::new(5000, 0);
        assert_eq!(
            watch.look(60_000),
            Verdict::Fine,
            "nothing was read for a minute; that may be our fault"
        );
        watch.heard(60_001);
        assert_eq!(watch.look(60_200), Verdict::Fine);
    }

    #[test]
    fn zero_never_probes_and_little_is_a_second() {
        assert_eq!(looks(&mut Inactivity::new(0, 0), 0, 1_000_000), []);
        assert_eq!(
            looks(&mut Inactivity::new(1, 0), 0, 1400),
            [(1200, Verdict::Probe)]
        );
    }
}

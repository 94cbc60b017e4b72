//! The end of a trial: what every client knows is compared with the database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Failure, Result};
use crate::fleet::{Behaviour, Fleet};
use crate::fold::state::State;
use crate::scenario::Trial;

/// Longest time until the last update has come to everybody.
const SETTLE_MAX: Duration = Duration::from_secs(20);
/// Time between two comparisons.
const PAUSE: Duration = Duration::from_millis(20);

impl Trial<'_> {
    /// Compares every client with the whole database, as a client that comes now is told of it.
    pub fn verify<B: Behaviour>(&mut self, fleet: &Fleet<B>, requests: &Arc<str>) -> Result<()> {
        self.verify_each(fleet, requests, |reference| {
            let digest = reference.digest();
            move |_| Some(digest)
        })
    }

    /// Compares every client with the digest that is expected of it; `None` for one that need not be compared.
    /// `oracle` makes these expectations of a reference that has asked for `requests`.
    pub fn verify_each<B: Behaviour, E: Fn(usize) -> Option<u128>>(
        &mut self,
        fleet: &Fleet<B>,
        requests: &Arc<str>,
        oracle: impl FnOnce(&State) -> E,
    ) -> Result<()> {
        self.own_memory(fleet);
        let reference = self.contents(requests)?;
        let expected = oracle(&reference);

        let deadline = Instant::now() + SETTLE_MAX.min(self.settings.patience);
        loop {
            if let Some(failure) = fleet.board().failure() {
                return Err(failure);
            }
            let known = fleet.known()?;
            let compared = known
                .iter()
                .filter(|known| expected(known.client).is_some())
                .count();
            let different = known
                .iter()
                .find(|known| expected(known.client).is_some_and(|digest| digest != known.digest));
            match different {
                None => {
                    self.outcome.compared = self.outcome.compared.max(compared);
                    return Ok(());
                }
                Some(_) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Some(known) => {
                    return Err(Failure::Wrong(format!(
                        "client {} knows {} rows that are not those of the database, which has {} rows",
                        known.client,
                        known.rows,
                        reference.len()
                    )));
                }
            }
        }
    }
}

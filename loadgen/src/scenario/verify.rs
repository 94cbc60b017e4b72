//! The end of a trial: what every client knows is compared with the database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Failure, Result};
use crate::fleet::{Behaviour, Fleet, Known};
use crate::fold::state::State;
use crate::limits::SETTLE_MAX;
use crate::scenario::Trial;

/// Contents of the database that are asked for while it still changes.
const REFERENCES_MAX: usize = 3;
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
        oracle: impl Fn(&State) -> E,
    ) -> Result<()> {
        self.own_memory(fleet);
        let mut reference = self.contents(requests)?;
        for _ in 0..REFERENCES_MAX {
            let Some(different) = self.compare(fleet, oracle(&reference))? else {
                return Ok(());
            };
            let before = std::mem::replace(&mut reference, self.contents(requests)?);
            if before.digest() == reference.digest() {
                return Err(Failure::Wrong(format!(
                    "client {} knows {} rows that are not those of the database, which has {} rows",
                    different.client,
                    different.rows,
                    reference.len()
                )));
            }
        }
        Err(Failure::Usage(format!(
            "others write to the database {} meanwhile, so that what clients know cannot be compared with it",
            self.database()
        )))
    }

    /// Compares until all are as expected, or until for the longest time that this may take not one more of them is: then
    /// gives one that is not. A server may be slow with clients that have to come back.
    fn compare<B: Behaviour>(
        &mut self,
        fleet: &Fleet<B>,
        expected: impl Fn(usize) -> Option<u128>,
    ) -> Result<Option<Known>> {
        let pause_max = SETTLE_MAX.min(self.settings.patience);
        let (mut deadline, mut fewest) = (Instant::now() + pause_max, usize::MAX);
        loop {
            if let Some(failure) = fleet.board().failure() {
                return Err(failure);
            }
            let known = fleet.known()?;
            let compared = known
                .iter()
                .filter(|known| expected(known.client).is_some())
                .count();
            let is_different =
                |known: &Known| expected(known.client).is_some_and(|digest| digest != known.digest);
            let mut different: Vec<Known> = known.into_iter().filter(is_different).collect();
            if different.len() < fewest {
                (deadline, fewest) = (Instant::now() + pause_max, different.len());
            }
            match different.pop() {
                None => {
                    self.outcome.compared = self.outcome.compared.max(compared);
                    return Ok(None);
                }
                Some(_) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Some(known) => return Ok(Some(known)),
            }
        }
    }
}

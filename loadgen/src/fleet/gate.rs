//! Who may ask for first contents, and when.
//!
//! Long contents are kept whole as far as a thread's memory goes and hashed beyond that, so what one client knows must be
//! parsed before the others get the same: the first that asks for something asks alone. Those who ask for something else need not wait
//! for that, as long as what is kept whole fits into memory.

use std::collections::{HashMap, VecDeque};

use crate::limits::KEPT_WHOLE_BYTES_MAX;

/// Clients by their index, and what they ask for by the hash of their requests.
#[derive(Debug)]
pub(super) struct Gate {
    /// Clients that may be asking at the same time.
    asking_max: usize,
    asking: usize,
    kinds: HashMap<u128, Kind>,
    /// First ones that are asking, at most `asking`.
    firsts: usize,
    /// Bytes of the longest first contents so far.
    longest: usize,
    /// Those who ask when there is room.
    queue: VecDeque<(usize, u128)>,
}

/// What is known of contents.
#[derive(Debug)]
enum Kind {
    /// This client asks for them, and those others wait for its answer. → `Known`, or gone with its connection.
    Asked { by: usize, waiting: Vec<usize> },
    /// A client has got them.
    Known,
}

impl Gate {
    pub(super) fn new(asking_max: usize) -> Gate {
        Gate {
            asking_max,
            asking: 0,
            kinds: HashMap::new(),
            firsts: 0,
            longest: 0,
            queue: VecDeque::new(),
        }
    }

    /// First ones that may be asking at the same time: as many as the memory is for if all get as much as any so far.
    fn firsts_max(&self) -> usize {
        match self.longest {
            0 => 1,
            longest => (KEPT_WHOLE_BYTES_MAX / longest).max(1),
        }
    }

    /// A client wants to ask; [`Gate::next`] says when it may.
    pub(super) fn enqueue(&mut self, client: usize, kind: u128) {
        self.queue.push_back((client, kind));
    }

    /// A client that may ask now, if there is one.
    pub(super) fn next(&mut self) -> Option<usize> {
        let firsts_max = self.firsts_max();
        while self.asking < self.asking_max {
            let (client, kind) = self.queue.front().copied()?;
            match self.kinds.get_mut(&kind) {
                Some(Kind::Known) => {}
                Some(Kind::Asked { waiting, .. }) => {
                    waiting.push(client);
                    self.queue.pop_front();
                    continue;
                }
                None if self.firsts >= firsts_max => return None,
                None => {
                    let waiting = Vec::new();
                    self.kinds.insert(kind, Kind::Asked { by: client, waiting });
                    self.firsts += 1;
                }
            }
            self.queue.pop_front();
            self.asking += 1;
            return Some(client);
        }
        None
    }

    /// A client that was asking has its contents, which had so many bytes.
    pub(super) fn answered(&mut self, client: usize, kind: u128, bytes: usize) {
        if let Some(waiting) = self.leave(client, kind) {
            self.longest = self.longest.max(bytes);
            self.kinds.insert(kind, Kind::Known);
            self.queue
                .extend(waiting.into_iter().map(|client| (client, kind)));
        }
    }

    /// A client that was asking has lost its connection, or does not want to ask any more.
    pub(super) fn lost(&mut self, client: usize, kind: u128) {
        if let Some(waiting) = self.leave(client, kind) {
            self.queue
                .extend(waiting.into_iter().map(|client| (client, kind)));
        }
    }

    /// One client less is asking. If it was the first for its kind, that is forgotten, and those who waited for it are
    /// given.
    fn leave(&mut self, client: usize, kind: u128) -> Option<Vec<usize>> {
        self.asking -= 1;
        let is_first = matches!(self.kinds.get(&kind), Some(Kind::Asked { by, .. }) if *by == client);
        if !is_first {
            return None;
        }
        self.firsts -= 1;
        match self.kinds.remove(&kind) {
            Some(Kind::Asked { waiting, .. }) => Some(waiting),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, KEPT_WHOLE_BYTES_MAX};

    fn ready(gate: &mut Gate) -> Vec<usize> {
        std::iter::from_fn(|| gate.next()).collect()
    }

    #[test]
    fn the_first_of_each_kind_asks_alone() {
        let mut gate = Gate::new(usize::MAX);
        for client in 0..6 {
            gate.enqueue(client, client as u128 % 2);
        }
        assert_eq!(ready(&mut gate), [0], "nobody knows yet how much it is");
        gate.answered(0, 0, 1000);
        assert_eq!(ready(&mut gate), [1, 2, 4]);
        gate.answered(4, 0, 1000);
        assert_eq!(ready(&mut gate), Vec::<usize>::new());
        gate.answered(1, 1, 1000);
        assert_eq!(ready(&mut gate), [3, 5]);
    }

    #[test]
    fn another_asks_first_when_the_first_has_lost_its_connection() {
        let mut gate = Gate::new(usize::MAX);
        for client in 0..3 {
            gate.enqueue(client, 7);
        }
        assert_eq!(ready(&mut gate), [0]);
        gate.lost(0, 7);
        assert_eq!(ready(&mut gate), [1]);
        gate.enqueue(0, 7);
        assert_eq!(ready(&mut gate), Vec::<usize>::new());
        gate.answered(1, 7, 10);
        assert_eq!(ready(&mut gate), [2, 0]);
    }

    #[test]
    fn long_contents_of_many_kinds_come_one_by_one() {
        let mut gate = Gate::new(2);
        for client in 0..4 {
            gate.enqueue(client, client as u128);
        }
        assert_eq!(ready(&mut gate), [0]);
        gate.answered(0, 0, 10);
        assert_eq!(ready(&mut gate), [1, 2], "no more than may be asking");
        gate.answered(1, 1, KEPT_WHOLE_BYTES_MAX);
        assert_eq!(ready(&mut gate), Vec::<usize>::new());
        gate.answered(2, 2, 10);
        assert_eq!(ready(&mut gate), [3]);
    }
}

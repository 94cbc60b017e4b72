//! Keeps handshakes from holding up the other connections of a worker: few steps of theirs in a turn, in the order in
//! which peers asked for them, and a bound on how many are under way and on how long they wait for their peers.

use super::connection::{Connections, Phase};
use super::handler::ConnId;
use crate::limits::{HANDSHAKE_STEPS_PER_TURN, HANDSHAKE_WAIT_MS, HANDSHAKES_PENDING_MAX};
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::sync::Semaphore;

/// The handshakes of a worker.
pub(super) struct Handshakes {
    steps: Rc<Steps>,
    /// Connections in handshake, oldest first; those whose handshake is over are still among them for a while.
    pending: VecDeque<ConnId>,
}

/// The steps that are left in this turn.
pub(super) struct Steps {
    /// Hands them out in the order of asking.
    left: Semaphore,
    /// Connections that ask.
    asking: Cell<usize>,
}

impl Steps {
    /// Waits for a step to be allowed. It must not be dropped while it waits.
    pub(super) async fn take(&self) {
        self.asking.set(self.asking.get() + 1);
        let step = self.left.acquire().await.expect("it is never closed");
        step.forget();
        self.asking.set(self.asking.get() - 1);
    }

    /// Gives back a step that was not needed.
    pub(super) fn give_back(&self) {
        self.left.add_permits(1);
    }
}

impl Handshakes {
    pub(super) fn new() -> Handshakes {
        let steps = Steps {
            left: Semaphore::new(HANDSHAKE_STEPS_PER_TURN),
            asking: Cell::new(0),
        };
        Handshakes {
            steps: Rc::new(steps),
            pending: VecDeque::new(),
        }
    }

    pub(super) fn steps(&self) -> Rc<Steps> {
        Rc::clone(&self.steps)
    }

    /// A turn ends: the next one may take steps again. Whether somebody waits for that.
    pub(super) fn renew(&self) -> bool {
        let is_asked = self.steps.asking.get() > 0;
        let used =
            HANDSHAKE_STEPS_PER_TURN - self.steps.left.available_permits().min(HANDSHAKE_STEPS_PER_TURN);
        self.steps.left.add_permits(used);
        is_asked
    }

    /// A handshake begins. Returns the connection that has to go for it, if there are too many.
    pub(super) fn begin(&mut self, conn: ConnId, connections: &Connections) -> Option<ConnId> {
        self.pending.push_back(conn);
        if self.pending.len() <= HANDSHAKES_PENDING_MAX {
            return None;
        }
        self.pending.retain(|conn| is_pending(connections, *conn));
        if self.pending.len() <= HANDSHAKES_PENDING_MAX {
            return None;
        }
        let waits_for_peer = |conn: &ConnId| {
            connections
                .get(*conn)
                .is_some_and(|connection| matches!(&connection.phase, Phase::Handshake(entering) if !entering.waits_for_us))
        };
        self.pending.iter().copied().find(waits_for_peer)
    }

    /// `passed_ms` have passed. Returns the connections that have kept us waiting for too long.
    pub(super) fn pass(&mut self, passed_ms: u64, connections: &mut Connections) -> Vec<ConnId> {
        let mut late = Vec::new();
        self.pending.retain(|conn| {
            let Some(connection) = connections.get_mut(*conn) else {
                return false;
            };
            let Phase::Handshake(entering) = &mut connection.phase else {
                return false;
            };
            if !entering.waits_for_us {
                entering.waited_ms += passed_ms;
            }
            if entering.waited_ms >= HANDSHAKE_WAIT_MS {
                late.push(*conn);
                return false;
            }
            true
        });
        late
    }
}

fn is_pending(connections: &Connections, conn: ConnId) -> bool {
    connections
        .get(conn)
        .is_some_and(|connection| matches!(connection.phase, Phase::Handshake(_)))
}

#[cfg(test)]
mod tests {
    use super::super::connection::Entering;
    use super::super::driver::Driver;
    use super::super::handler::{ConnMeta, Transport};
    use super::super::stream::Stream;
    use super::*;
    use std::cell::RefCell;
    use std::future::Future;
    use std::os::unix::net::UnixStream;
    use tokio::task::{LocalSet, spawn_local, yield_now};

    fn run(future: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(LocalSet::new().run_until(future));
    }

    #[test]
    fn steps_are_taken_in_order_and_few_in_a_turn() {
        run(async {
            let handshakes = Handshakes::new();
            let taken: Rc<RefCell<Vec<usize>>> = Rc::default();
            for at in 0..3 * HANDSHAKE_STEPS_PER_TURN {
                let (steps, taken) = (handshakes.steps(), Rc::clone(&taken));
                spawn_local(async move {
                    steps.take().await;
                    taken.borrow_mut().push(at);
                });
            }
            for turn in 1..=3 {
                yield_now().await;
                let expected: Vec<usize> = (0..turn * HANDSHAKE_STEPS_PER_TURN).collect();
                assert_eq!(*taken.borrow(), expected);
                assert_eq!(handshakes.renew(), turn < 3, "somebody waits for the next turn");
            }
        });
    }

    #[test]
    fn only_time_that_the_peer_takes_counts() {
        run(async {
            let mut connections = Connections::default();
            let mut peers = Vec::new();
            let mut begin = |connections: &mut Connections| {
                let (ours, peer) = UnixStream::pair().unwrap();
                peers.push(peer);
                let stream = Stream::new(Driver::Epoll, ours.into(), Transport::Unix).unwrap();
                let meta = ConnMeta {
                    name: "test".to_owned(),
                    transport: Transport::Unix,
                    peer: None,
                    remote: 0,
                    peer_name: None,
                };
                let entering = Entering {
                    meta,
                    waited_ms: 0,
                    waits_for_us: false,
                };
                connections.insert(Rc::new(stream), None, Phase::Handshake(Box::new(entering)))
            };
            let (silent, queued, done) = (
                begin(&mut connections),
                begin(&mut connections),
                begin(&mut connections),
            );
            let mut handshakes = Handshakes::new();
            for conn in [silent, queued, done] {
                assert_eq!(handshakes.begin(conn, &connections), None);
            }
            if let Phase::Handshake(entering) = &mut connections.get_mut(queued).unwrap().phase {
                entering.waits_for_us = true;
            }
            connections.get_mut(done).unwrap().phase = Phase::Open;
            assert_eq!(handshakes.pass(HANDSHAKE_WAIT_MS - 1, &mut connections), []);
            assert_eq!(handshakes.pass(1, &mut connections), [silent]);
            assert_eq!(handshakes.pending, [queued]);
        });
    }
}

//! Keeps handshakes from holding up the other connections of a worker: few steps of theirs in a turn (see `steps`), and
//! a bound on how many are under way and on how long they wait for their peers.

use super::connection::{Connections, Phase};
use super::handler::ConnId;
use super::steps::Steps;
use crate::limits::{HANDSHAKE_WAIT_MS, HANDSHAKES_PENDING_MAX};
use std::collections::VecDeque;
use std::rc::Rc;

/// The handshakes of a worker.
pub(super) struct Handshakes {
    steps: Rc<Steps>,
    /// Connections in handshake, oldest first; those whose handshake is over are still among them for a while.
    pending: VecDeque<ConnId>,
}

impl Handshakes {
    pub(super) fn new() -> Handshakes {
        Handshakes {
            steps: Rc::new(Steps::new()),
            pending: VecDeque::new(),
        }
    }

    pub(super) fn steps(&self) -> Rc<Steps> {
        Rc::clone(&self.steps)
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
    use super::super::steps::Patience;
    use super::super::stream::Stream;
    use super::*;
    use std::future::Future;
    use std::os::unix::net::UnixStream;
    use tokio::task::LocalSet;

    fn run(future: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(LocalSet::new().run_until(future));
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
                    patience: Patience::Unanswered { begun_ms: 0 },
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

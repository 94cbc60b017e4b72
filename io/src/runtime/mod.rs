//! Worker threads that own connections and call a handler that never waits.
//!
//! Each worker is one current-thread runtime: plain tokio on epoll, or tokio-uring where that is asked for
//! and the kernel grants a ring (see `probe`). Its connections, and the [`Handler`] that gives them a
//! meaning, live on that thread alone. What comes in: sockets ([`WorkerHandle::adopt`]), wake-ups from other threads
//! ([`WorkerHandle::wake`]) and time. What goes out: whatever the handler queues through [`Outgoing`].
//!
//! ```text
//!  adopt ─┐        ┌ reader task (one per connection) ─ received ─┐
//!  wake ──┼─ inbox ┤                                              ├─► Handler ─ send ─► queue per connection
//!  tick ──┘        └ woken, tick ────────────────────────────────┘                         │
//!                                                                                           ▼
//!     turn = every event that is ready  →  turn_end  →  one gathered sendmsg per connection, in chunks
//! ```
//!
//! What holds:
//! * A reader's read is never cancelled and never under a timeout (tokio-uring would lose the bytes); a
//!   connection is ended by `shutdown(2)`, which ends its read.
//! * Everything queued for a connection in a turn leaves in one `sendmsg(2)` made directly on the socket;
//!   only what the socket does not take waits for it, one operation in flight per connection.
//! * Bytes of one connection keep their order. Nothing is promised between connections.
//! * A handler is called by one thread, never from within itself.
//! * A connection with TLS is told of when its handshake is over. What is sent on it stays in shared slices until
//!   the socket takes more, and is encrypted then; a turn takes few steps of handshakes (see `handshakes`).
//!
//! Not here: what the bytes mean, probes, listening (see [`crate::net`]), what TLS is configured with
//! (see [`crate::tls`]).

mod connection;
mod driver;
mod handler;
mod handshakes;
mod output;
mod port;
mod probe;
mod reader;
mod start;
mod steps;
mod stream;
#[cfg(test)]
mod tests;
mod turn_time;
mod worker;
mod writer;

pub use driver::Driver;
pub use handler::{Closed, ConnId, ConnMeta, Handler, Outgoing, Security, Transport};
pub use probe::{IoChoice, RingRefused, probe_ring};
pub use start::{Config, WorkerHandle, Workers, default_threads, run};

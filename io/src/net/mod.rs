//! Remotes: their notation, the sockets that listen for clients, and the connections that we make ourselves.
//!
//! A listener accepts in batches on the control thread and hands each connection to the worker that has the
//! fewest. A [`Dial`] keeps one outgoing connection alive, following the state machine in [`reconnect`]. The
//! bytes of all of them belong to [`crate::runtime`].

mod descriptors;
mod dial;
mod first_message;
mod inactivity;
mod inherited;
mod listener;
pub mod reconnect;
mod remote;
mod unix_socket;

pub use descriptors::raise_descriptor_limit;
pub use dial::{Dial, DialStatus, Ended};
pub(crate) use first_message::FirstMessage;
pub use inactivity::{Inactivity, PROBE_INTERVAL_DEFAULT_MS, Verdict};
pub use listener::{ListenError, Listener, Serving, unix_client_name};
pub use remote::{Active, Column, Host, PORT_DEFAULT, Passive, Remote, RemoteError};
pub use unix_socket::{bind_unix, connect_unix};

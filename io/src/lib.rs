//! Everything that waits: worker threads on io_uring or epoll, listeners and outgoing connections, the control
//! socket, the log, and what makes a process a daemon. It carries bytes; what requests mean is `engine`'s.

mod background;
pub mod bounds;
pub mod daemon;
pub mod db;
pub mod dirs;
pub mod errors;
pub mod limits;
pub mod messages;
pub mod net;
pub mod pages;
mod readiness;
mod remotes;
pub mod runtime;
pub mod server;
pub mod settings;
mod tally;
pub mod tls;
pub mod unixctl;
pub mod vlog;
mod worker;

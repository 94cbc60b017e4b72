//! TLS by rustls: what is configured, what is loaded from files, and the pump between a socket's bytes and a
//! connection's.
//!
//! ```text
//!  Settings ──► Context ── files, re-read when they change ──► Configs (one for accepting, one for connecting)
//!                                                                 │
//!      socket ── ciphertext ──► Pump ── plain text ──► Handler    │ one Pump per connection
//!      socket ◄── ciphertext ── Pump ◄── shared slices ── Output ◄┘
//! ```
//!
//! What holds:
//! * Peers verify each other by a chain to the configured authority, not by name, as upstream's do; `none` switches
//!   that off.
//! * A file that cannot be read, or a certificate that does not fit its key, leaves what was loaded before in
//!   use, and is told of once.
//! * Private keys are never logged, nor the secrets of a connection.
//! * No session is resumed, as upstream forbids it too: each handshake verifies the peer anew.
//!
//! The cryptography is aws-lc: it builds with a C compiler alone (no CMake, no Perl, no system library), and signs
//! RSA-2048 handshakes about 1.7 times as fast as ring.

mod asynchronous;
mod blocking;
mod bootstrap;
mod certificate;
mod ciphers;
mod complaint;
mod context;
mod files;
mod protocols;
mod pump;
mod settings;
mod verifier;

pub use blocking::{Reader, Writer, accept, configured, connect};
pub use complaint::{Content, Side};
pub use context::{Configs, Context, Unconfigured};
pub use pump::Pump;
pub use settings::{Settings, Sources};

pub(crate) use asynchronous::shake_hands;
pub(crate) use complaint::{complain_of_read, explain};

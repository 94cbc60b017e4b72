//! TLS with real peers and real certificates: who gets in, who does not and why, and that handshakes disturb nobody.

mod peers;
mod rights;
mod site;
mod sources;
mod strangers;

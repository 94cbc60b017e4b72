//! Bad input: whatever a client sends or an operator has on the disk, the answer is a clear error, other clients are
//! served as before, and nothing is lost.

mod bystander;
mod clients;
mod connections;
mod control;
mod conversions;
mod files;
mod messages;
mod monitors;
mod remotes;
mod requests;
mod secured;
mod sizes;
mod texts;
mod transactions;
mod waits;
mod watch;

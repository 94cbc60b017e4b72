//! The southbound database as OVN uses it: what its clients monitor, and rows like those that it writes.

pub mod controller;
pub mod found;
pub mod monitor;
pub mod site;

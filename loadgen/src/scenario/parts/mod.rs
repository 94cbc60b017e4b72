//! What several scenarios are made of.

pub(super) mod arrivals;
pub(super) mod echoes;
pub(super) mod global;
pub(super) mod views;
pub(super) mod writer;

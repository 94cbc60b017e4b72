//! Bytes to notation and back: framing, JSON values, JSON-RPC messages, OVSDB requests by shape.
//!
//! ```text
//!  stream ─► Framer ─► one complete text ─► parse (SIMD or strict) ─► Value<'a> in an arena ─► Message ─► Request
//!                                                                                              │
//!  output buffer ◄──────────────────────────── write::* ◄──────────────────────────────────────┘
//! ```
//!
//! Two parsers, one result: simd-json for whatever both read alike, and a strict one that is upstream's equal for
//! the rest. The framer, which sees every byte anyway, decides. Random tests hold that a text whose flags are
//! clear means the same to both (`tests/differential.rs`, `fuzz/`).
//!
//! Knows JSON and the *shape* of RFC 7047 §4 and §5 and of upstream's extensions. Knows no schema, no
//! socket, no file, no clock.

pub mod limits;

pub mod frame;
pub mod parse;
pub mod strict;
pub mod value;
pub mod write;

pub mod message;
pub mod object;
pub mod operation;
pub mod request;

mod build;
mod grammar;
mod measure;
mod number;
mod simd;
mod text;

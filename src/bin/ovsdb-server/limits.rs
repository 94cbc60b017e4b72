//! The options that bound what clients may have.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use ovsdb_engine::session::SessionBounds;
use ovsdb_io::bounds::Bounds;

/// Bounds for clients; the defaults hurt no program of OVN.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitOptions {
    /// Sessions at most; further clients are closed at once. By default the system's limit of descriptors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sessions_max: Option<u64>,

    /// Bytes of one message at most, 4 GiB by default; a longer one ends its connection
    #[arg(long, value_name = "BYTES", value_parser = bytes_from(MESSAGE_BYTES_LEAST))]
    message_bytes_max: Option<usize>,

    /// Memory of one message at most, as a multiple of its text, 4 by default (and 12 MiB, whatever the text); one that
    /// needs more ends its connection
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    message_memory_factor_max: Option<u16>,

    /// Bytes of a session's transactions without an answer, 16 MiB by default: beyond it the session is not read. Of
    /// those that wait for a condition as much again: beyond it one more fails with "resources exhausted"
    #[arg(long, value_name = "BYTES", value_parser = bytes())]
    session_input_bytes_max: Option<usize>,

    /// Bytes that a session has not taken, 4 GiB by default; beyond it the session is closed
    #[arg(long, value_name = "BYTES", value_parser = bytes())]
    session_output_bytes_max: Option<usize>,

    /// Transactions of a session that wait for a condition, 4096 by default; one more fails with "resources exhausted"
    #[arg(long, value_name = "N")]
    session_waits_max: Option<usize>,

    /// Bytes of changes that are kept for sessions which do not read, 256 MiB by default for each thread and database;
    /// beyond it those furthest behind are closed, and resume when they come back
    #[arg(long, value_name = "BYTES", value_parser = bytes())]
    stalled_bytes_max: Option<usize>,

    /// Seconds within which a client over TCP or TLS must have sent its first message, 30 by default; 0 for no limit
    #[arg(long, value_name = "SECONDS")]
    first_message_timeout: Option<u32>,
}

/// Bytes that the messages have with which any client begins. Who allows for less has mistaken the unit.
const MESSAGE_BYTES_LEAST: u64 = 512;

/// A number of bytes with which something is possible.
fn bytes() -> RangedU64ValueParser<usize> {
    bytes_from(1)
}

fn bytes_from(least: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..)
}

impl LimitOptions {
    /// The bounds, by default where no option sets them.
    pub(crate) fn bounds(&self) -> Bounds {
        let default = Bounds::default();
        let session = default.session;
        Bounds {
            sessions_max: self.sessions_max,
            message_bytes_max: self.message_bytes_max.unwrap_or(default.message_bytes_max),
            output_bytes_max: self.session_output_bytes_max.unwrap_or(default.output_bytes_max),
            first_message_ms: match self.first_message_timeout {
                None => default.first_message_ms,
                Some(0) => None,
                Some(seconds) => Some(u64::from(seconds) * 1000),
            },
            session: SessionBounds {
                parsed_factor_max: self
                    .message_memory_factor_max
                    .map_or(session.parsed_factor_max, usize::from),
                request_bytes_max: self.session_input_bytes_max.unwrap_or(session.request_bytes_max),
                waits_max: self.session_waits_max.unwrap_or(session.waits_max),
                lagging_bytes_max: self.stalled_bytes_max.unwrap_or(session.lagging_bytes_max),
            },
        }
    }
}

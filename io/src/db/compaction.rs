//! Rewrites a database file as its present contents, while commits go on.
//!
//! The contents come from a view, so nothing waits for them; what is committed meanwhile is copied behind
//! them; only the last short step, the rename and its sync happen in the log's own turn.

use super::clock;
use super::log_role::LogEvent;
use super::rewrite::{Contents, Rewriter};
use ovsdb_storage::error::{Error, Kind, Result};

/// Compacts the file of the database called `name`; to be called on a thread that may wait.
pub(super) fn compact(name: &str, rewriter: &Rewriter, column_diff: bool) -> Result<()> {
    let started_ms = clock::monotonic_ms();
    let Some(_turn) = rewriter.try_turn() else {
        let details = format!("{name}: the file is being compacted or converted");
        return Err(Error::new(Kind::Unspecific, details));
    };
    let (view, mut replacement) = rewriter.begin()?;
    let contents = Contents {
        view,
        comment: "compacting database online",
        now_ms: clock::wall_ms(),
        column_diff,
    };
    rewriter.fill(&mut replacement, contents)?;
    loop {
        let is_short;
        (is_short, replacement) = rewriter.ask(|reply| LogEvent::CatchUp(replacement, reply))?;
        if is_short {
            break;
        }
    }
    // Giving back the old file's blocks can take long; it happens here.
    drop(rewriter.ask(|reply| LogEvent::Adopt(replacement, reply))?);
    let took_ms = clock::monotonic_ms() - started_ms;
    if took_ms > 1000 {
        log::info!(target: "ovsdb", "{name}: Database compaction took {took_ms}ms");
    }
    Ok(())
}

//! The part of a large transaction that has come, compiled by the background threads while its connection receives
//! the rest.
//!
//! ```text
//!  received   ████████▏████████▏████████▏███
//!  given out  └─ 1 ───┘└─ 2 ───┘└─ 3 ───┘      a copy of each piece, in a queue of some; one thread at a time takes them
//! ```
//!
//! The text stays with the connection: whatever is wrong with the message, it is looked at as a whole in the end.

use super::drafts::Drafts;
use crate::limits::AHEAD_PIECES_MAX;
use ovsdb_engine::commit::Drafting;
use ovsdb_engine::session::{Compilation, Compiled, Shared};
use ovsdb_wire::frame::{Flags, Framer};
use ovsdb_wire::limits::LONG_ELEMENT_BYTES;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use uuid::Uuid;

/// One message.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    queue: Mutex<Queue>,
    /// Held by the thread that is at work.
    stage: Mutex<Stage>,
}

#[derive(Debug, Default)]
struct Queue {
    pieces: VecDeque<Piece>,
    /// Cuts up to which pieces were given out.
    cuts_count: usize,
    /// A thread is at work on them, or will be.
    is_taken: bool,
    prospect: Prospect,
}

/// Whether it is worth while to give out more.
#[derive(Clone, Copy, Debug, Default)]
enum Prospect {
    /// The first piece will tell.
    #[default]
    Open,
    Good,
    /// The message is to be looked at as a whole, so pieces of it would only take memory.
    Vain,
}

impl Prospect {
    /// Pieces that may wait.
    fn pieces_max(self) -> usize {
        match self {
            Prospect::Open => 1,
            Prospect::Good => AHEAD_PIECES_MAX,
            Prospect::Vain => 0,
        }
    }
}

/// What lies before the first cut, or between two cuts, and the flags of the text at least that far.
#[derive(Debug)]
struct Piece {
    text: Vec<u8>,
    flags: Flags,
}

/// How far a message has come.
#[derive(Debug, Default)]
enum Stage {
    /// The first piece is next.
    #[default]
    Fresh,
    /// It begins with a transaction.
    Begun(Box<Compilation>),
    /// It is to be looked at as a whole.
    Odd,
}

impl Ahead {
    /// Takes copies of what has become complete of `received`, which begins with the message that `framer` has looked
    /// at; what finds no room is left for later. True if a thread is to be told.
    pub(crate) fn feed(&self, received: &[u8], framer: &Framer) -> bool {
        let mut queue = self.queue.lock();
        while queue.pieces.len() < queue.prospect.pieces_max()
            && let Some(end) = framer.cuts().get(queue.cuts_count)
        {
            let begin = match queue.cuts_count {
                0 => 0,
                count => framer.cuts()[count - 1] + 1,
            };
            if end - begin >= LONG_ELEMENT_BYTES {
                // It is taken from the message itself, without a copy; and so is what follows.
                break;
            }
            queue.cuts_count += 1;
            queue.pieces.push_back(Piece {
                text: received[begin..*end].to_vec(),
                flags: framer.flags(),
            });
        }
        let is_new = !queue.pieces.is_empty() && !queue.is_taken;
        queue.is_taken |= is_new;
        is_new
    }

    /// Compiles what has been given out.
    pub(super) fn work(&self, shared: &Shared, drafts: &Drafts) {
        let mut stage = self.stage.lock();
        while let Some(Piece { text, flags }) = self.next() {
            *stage = std::mem::take(&mut *stage).after(shared, &text, flags);
            if let Stage::Begun(compilation) = &*stage {
                drafts.go_on(compilation.drafting());
            }
            self.queue.lock().prospect = stage.prospect();
        }
    }

    /// Compiles the rest of the message, which has all come.
    pub(super) fn finish(
        &self,
        shared: &Shared,
        drafts: &Drafts,
        text: &[u8],
        cuts: &[usize],
        flags: Flags,
    ) -> Option<Compiled> {
        self.work(shared, drafts);
        let stage = match std::mem::take(&mut *self.stage.lock()) {
            Stage::Fresh => Stage::Fresh.after(shared, &text[..*cuts.first()?], flags),
            stage => stage,
        };
        let Stage::Begun(compilation) = stage else {
            return None;
        };
        let added = &mut |drafting: &Arc<Drafting>| drafts.go_on(drafting);
        compilation.finish(text, cuts, flags, &mut Uuid::new_v4, added)
    }

    fn next(&self) -> Option<Piece> {
        let mut queue = self.queue.lock();
        let piece = queue.pieces.pop_front();
        queue.is_taken = piece.is_some();
        piece
    }
}

impl Stage {
    fn prospect(&self) -> Prospect {
        match self {
            Stage::Fresh => Prospect::Open,
            Stage::Begun(_) => Prospect::Good,
            Stage::Odd => Prospect::Vain,
        }
    }

    fn after(self, shared: &Shared, piece: &[u8], flags: Flags) -> Stage {
        let entropy = &mut Uuid::new_v4;
        let compilation = match self {
            Stage::Fresh => {
                let factor = shared.bounds.parsed_factor_max;
                Compilation::begin(&shared.catalog(), piece, flags, factor, entropy).map(Box::new)
            }
            Stage::Begun(mut compilation) => compilation.push(piece, flags, entropy).map(|()| compilation),
            Stage::Odd => None,
        };
        compilation.map_or(Stage::Odd, Stage::Begun)
    }
}

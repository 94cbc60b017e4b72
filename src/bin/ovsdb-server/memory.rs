//! What the allocator holds back.

use libmimalloc_sys::{mi_collect, mi_option_set_default, mi_option_t};
use std::ffi::c_long;

/// The allocator's `purge_delay`, whose number its C header keeps in all versions; the bindings have no name for it.
const PURGE_DELAY: mi_option_t = 15;

/// How long memory that nobody uses may stay. What a client's large message has taken is gone before its next one comes,
/// so that a row of them takes as much as one; what small ones take is used again long before. The allocator's own second
/// had three large conditions take two and a half times as much, for no less of the processor in any scenario of `loadgen`.
const PURGE_DELAY_MS: c_long = 10;

/// Has it give memory back soon, unless the environment (`MIMALLOC_PURGE_DELAY`) says otherwise.
#[expect(unsafe_code, reason = "the allocator has no other way to be told")]
pub(crate) fn give_back_soon() {
    // SAFETY: it takes no pointer. It is not to race with others that set options, and there is one thread yet.
    unsafe { mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MS) };
}

/// Has it give memory back to the system that nobody uses: what opening the databases has taken for a while, which it
/// would else keep until somebody asks for as much again.
#[expect(unsafe_code, reason = "the allocator has no other way to be asked for this")]
pub(crate) fn give_back() {
    // SAFETY: it takes no pointer, may be called by any thread at any time, and frees only what nobody uses.
    unsafe { mi_collect(true) };
}

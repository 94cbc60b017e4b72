//! What the allocator holds back.

/// Has it give memory back to the system that nobody uses: what opening the databases has taken for a while, which it
/// would else keep until somebody asks for as much again.
#[expect(unsafe_code, reason = "the allocator has no other way to be asked for this")]
pub(crate) fn give_back() {
    // SAFETY: it takes no pointer, may be called by any thread at any time, and frees only what nobody uses.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

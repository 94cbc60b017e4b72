//! Memory of this program itself.

use crate::measure::process::Process;

/// Bytes that are resident now, without what the allocator only holds back of what earlier scenarios have freed: taken
/// for the new clients, that would make these look free.
#[expect(unsafe_code, reason = "the allocator has no other way to be asked for this")]
pub fn resident() -> Option<u64> {
    // SAFETY: it takes no pointer, may be called by any thread at any time, and frees only what nobody uses.
    unsafe { libmimalloc_sys::mi_collect(true) };
    Process::this().resident()
}

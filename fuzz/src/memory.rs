//! Counts what is allocated while an input runs: bytes from outside may claim any length, and get no more memory than a
//! decoder's limit.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What an input may have allocated at one time. A decoder may claim 64 MiB for one value (`src/codec.rs`), a passphrase's
/// stretching takes as much, a relay's longest queue 112 MiB, and there is room for what is read beside it.
pub const BYTES_MAX: usize = 256 << 20;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counted.
pub struct Counted;

fn took(bytes: usize) {
    let now = NOW.fetch_add(bytes, Relaxed) + bytes;
    MOST.fetch_max(now, Relaxed);
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Runs an input and holds what it allocates to [`BYTES_MAX`].
pub fn within(run: impl FnOnce()) {
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    run();
    let most = MOST.load(Relaxed).saturating_sub(before);
    assert!(most <= BYTES_MAX, "an input allocates {most} bytes; {BYTES_MAX} are allowed");
}

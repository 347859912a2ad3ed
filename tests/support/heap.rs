//! Counts the bytes that a thread has on the heap, for tests of how much memory something takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting.
pub struct Counting;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

/// What `work` gives; the most bytes that this thread had meanwhile beyond those it began with, and
/// those that it has at the end.
pub fn heap_of<T>(work: impl FnOnce() -> T) -> (T, i64, i64) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = work();
    (result, PEAK.get() - before, LIVE.get() - before)
}

fn count(bytes: i64) {
    // A thread that ends frees memory after its own variables are gone.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// Layouts have at most isize::MAX bytes.
fn size(layout: Layout) -> i64 {
    layout.size() as i64
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-size(layout));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // What grows may have to move, and is there twice for a moment.
        if new_size > layout.size() {
            count(new_size as i64);
            count(-size(layout));
        } else {
            count(new_size as i64 - size(layout));
        }
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

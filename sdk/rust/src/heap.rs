//! The memory of a component.
//!
//! What Rust brings for WebAssembly begins at a fresh page of 64 KiB, asks its host to grow the memory for it, and marks the end of what
//! it got there: three pages of the machine that a small program never needs, and two changes of a mapping at each opening. This
//! one begins where the statics end, and grows when that is used up. Beyond that it is what allocators are: free chunks in lists by size, known
//! by their sizes at both ends, joined with their neighbours when they are freed.

#![allow(
    unsafe_code,
    reason = "an allocator hands out raw memory; inside of a component, whose sandbox holds it, and tested natively"
)]

#[cfg(target_arch = "wasm32")]
use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::ptr::{null_mut, with_exposed_provenance, with_exposed_provenance_mut};

const WORD: usize = size_of::<usize>();
/// What every size is a multiple of, and every address that is handed out.
const GRAIN: usize = 2 * WORD;
/// A free chunk: its size and flags, the next and the previous one of its list, its size again.
const LEAST: usize = 4 * WORD;
/// In the size of a chunk: it is free.
const FREE: usize = 1;
/// In the size of a chunk: the one before it is free.
const AFTER_FREE: usize = 2;
const FLAGS: usize = FREE | AFTER_FREE;
const BINS: usize = 64;
/// Sizes below 32 grains have a list each; above, two for each power of two.
const EXACT: usize = 32;
/// Chunks of a list that are looked at before a larger one is split.
const LOOKS: usize = 16;

/// Where memory comes from: address and end.
pub(crate) trait Ground {
    /// What is there from the beginning.
    fn first(&mut self) -> (usize, usize);
    /// So many bytes more, or all that is asked for fails.
    fn more(&mut self, bytes: usize) -> Option<(usize, usize)>;
}

/// Chunks one behind the other: a word with size and flags, then what is handed out. Behind `top` nothing was handed out yet.
pub(crate) struct Heap<G> {
    ground: G,
    /// Where the next chunk would begin; 0 before the first.
    top: usize,
    /// Where the last word of the region begins: no chunk reaches beyond it.
    limit: usize,
    /// Heads of the lists.
    bins: [usize; BINS],
    /// Bit by bit, which of them have chunks.
    filled: u64,
}

unsafe fn read(at: usize) -> usize {
    // SAFETY: callers name words of chunks of this heap.
    unsafe { with_exposed_provenance::<usize>(at).read() }
}

unsafe fn write(at: usize, word: usize) {
    // SAFETY: callers name words of chunks of this heap.
    unsafe { with_exposed_provenance_mut::<usize>(at).write(word) }
}

fn bin(size: usize) -> usize {
    let grains = size / GRAIN;
    if grains < EXACT {
        return grains;
    }
    let power = grains.ilog2();
    let half = (grains >> (power - 1)) & 1;
    (EXACT + (power - EXACT.ilog2()) as usize * 2 + half).min(BINS - 1)
}

/// Size of the chunk for so many bytes.
fn chunk(bytes: usize) -> Option<usize> {
    let size = bytes.checked_add(WORD + GRAIN - 1)? & !(GRAIN - 1);
    Some(size.max(LEAST))
}

impl<G: Ground> Heap<G> {
    pub(crate) const fn new(ground: G) -> Self {
        Heap {
            ground,
            top: 0,
            limit: 0,
            bins: [0; BINS],
            filled: 0,
        }
    }

    /// See [`std::alloc::GlobalAlloc::alloc`].
    pub(crate) unsafe fn alloc(&mut self, layout: Layout) -> *mut u8 {
        // SAFETY: what is found or taken is a chunk of that size.
        unsafe {
            let at = if layout.align() <= GRAIN {
                chunk(layout.size()).and_then(|size| self.take(size))
            } else {
                self.take_aligned(layout)
            };
            at.map_or(null_mut(), |at| with_exposed_provenance_mut(at + WORD))
        }
    }

    /// See [`std::alloc::GlobalAlloc::dealloc`].
    pub(crate) unsafe fn dealloc(&mut self, memory: *mut u8) {
        // SAFETY: it was handed out by this heap, so a chunk begins a word before it.
        unsafe { self.give_back(memory.expose_provenance() - WORD) }
    }

    /// See [`std::alloc::GlobalAlloc::realloc`].
    pub(crate) unsafe fn realloc(&mut self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        let Some(size) = chunk(bytes) else { return null_mut() };
        // SAFETY: it was handed out by this heap with that layout.
        unsafe {
            if self.resize(memory.expose_provenance() - WORD, size) {
                return memory;
            }
            let Ok(wanted) = Layout::from_size_align(bytes, layout.align()) else {
                return null_mut();
            };
            let other = self.alloc(wanted);
            if !other.is_null() {
                other.copy_from_nonoverlapping(memory, layout.size().min(bytes));
                self.dealloc(memory);
            }
            other
        }
    }

    unsafe fn take(&mut self, size: usize) -> Option<usize> {
        // SAFETY: what lists hold are free chunks.
        unsafe {
            if let Some(at) = self.find(size) {
                self.unlink(at);
                self.use_part(at, read(at) & !FLAGS, 0, size);
                return Some(at);
            }
            if self.limit - self.top < size {
                self.grow(size)?;
            }
            let at = self.top;
            self.top += size;
            write(at, size);
            Some(at)
        }
    }

    unsafe fn take_aligned(&mut self, layout: Layout) -> Option<usize> {
        let wanted = chunk(layout.size())?;
        // SAFETY: the chunk has room for what is wanted at every multiple of the alignment, and for a chunk before it.
        unsafe {
            let at = self.take(wanted.checked_add(layout.align())?.checked_add(LEAST)?)?;
            let size = read(at) & !FLAGS;
            let place = (at + WORD).next_multiple_of(layout.align()) - WORD;
            let place = if place == at || place - at >= LEAST {
                place
            } else {
                place + layout.align()
            };
            if place != at {
                write(at, (place - at) | (read(at) & FLAGS));
                write(place, at + size - place);
                self.give_back(at);
            }
            self.resize(place, wanted);
            Some(place)
        }
    }

    /// A free chunk of at least that size.
    unsafe fn find(&self, size: usize) -> Option<usize> {
        let own = bin(size);
        // SAFETY: what lists hold are free chunks.
        unsafe {
            let mut at = self.bins[own];
            for _ in 0..LOOKS {
                if at == 0 {
                    break;
                }
                if read(at) & !FLAGS >= size {
                    return Some(at);
                }
                at = read(at + WORD);
            }
        }
        let larger = self.filled & (u64::MAX << own) & !(1 << own);
        (larger != 0).then(|| self.bins[larger.trailing_zeros() as usize])
    }

    /// Uses a chunk of that size and flags, in no list, for less or all of it; the rest becomes free.
    unsafe fn use_part(&mut self, at: usize, size: usize, flags: usize, wanted: usize) {
        // SAFETY: a chunk that was free, or two joined, has a chunk behind it.
        unsafe {
            if size - wanted >= LEAST {
                write(at, wanted | flags);
                self.link(at + wanted, size - wanted);
            } else {
                write(at, size | flags);
                let next = at + size;
                write(next, read(next) & !AFTER_FREE);
            }
        }
    }

    /// Changes the size of a used chunk where it is, if that can be.
    unsafe fn resize(&mut self, at: usize, wanted: usize) -> bool {
        // SAFETY: chunks stand one behind the other up to the top.
        unsafe {
            let (size, flags) = (read(at) & !FLAGS, read(at) & FLAGS);
            let next = at + size;
            if wanted <= size {
                if size - wanted >= LEAST {
                    write(at, wanted | flags);
                    write(at + wanted, size - wanted);
                    self.give_back(at + wanted);
                }
                return true;
            }
            if next == self.top {
                if self.limit - at < wanted && (self.grow(wanted - size).is_none() || self.top != next) {
                    return false;
                }
                self.top = at + wanted;
                write(at, wanted | flags);
                return true;
            }
            let behind = read(next);
            let both = size + (behind & !FLAGS);
            if behind & FREE == 0 || both < wanted {
                return false;
            }
            self.unlink(next);
            self.use_part(at, both, flags, wanted);
            true
        }
    }

    unsafe fn give_back(&mut self, mut at: usize) {
        // SAFETY: chunks stand one behind the other up to the top, and a free one has its size at its end.
        unsafe {
            let mut size = read(at) & !FLAGS;
            let next = at + size;
            if read(at) & AFTER_FREE != 0 {
                let before = read(at - WORD);
                at -= before;
                size += before;
                self.unlink(at);
            }
            if next == self.top {
                self.top = at;
                return;
            }
            let behind = read(next);
            if behind & FREE != 0 {
                self.unlink(next);
                size += behind & !FLAGS;
            }
            self.link(at, size);
        }
    }

    /// Makes a free chunk, between two that are not free and below the top.
    unsafe fn link(&mut self, at: usize, size: usize) {
        let bin = bin(size);
        let first = self.bins[bin];
        // SAFETY: it has room for all four words, and a chunk behind it.
        unsafe {
            write(at, size | FREE);
            write(at + WORD, first);
            write(at + 2 * WORD, 0);
            write(at + size - WORD, size);
            if first != 0 {
                write(first + 2 * WORD, at);
            }
            write(at + size, read(at + size) | AFTER_FREE);
        }
        self.bins[bin] = at;
        self.filled |= 1 << bin;
    }

    /// Takes a free chunk out of its list. What is behind it still takes it for free.
    unsafe fn unlink(&mut self, at: usize) {
        // SAFETY: it is in the list of its size.
        unsafe {
            let (next, previous) = (read(at + WORD), read(at + 2 * WORD));
            if next != 0 {
                write(next + 2 * WORD, previous);
            }
            if previous != 0 {
                write(previous + WORD, next);
                return;
            }
            let bin = bin(read(at) & !FLAGS);
            self.bins[bin] = next;
            if next == 0 {
                self.filled &= !(1 << bin);
            }
        }
    }

    /// Makes room for a chunk of that size at the top.
    unsafe fn grow(&mut self, size: usize) -> Option<()> {
        // SAFETY: the ground gives memory that nobody else uses.
        unsafe {
            if self.top == 0 {
                let (start, end) = self.ground.first();
                self.settle(start, end);
                if self.top != 0 && self.limit - self.top >= size {
                    return Some(());
                }
            }
            let missing = size.checked_sub(self.limit - self.top)?.checked_add(LEAST)?;
            let (start, mut end) = self.ground.more(missing)?;
            if start != self.limit.next_multiple_of(GRAIN) || self.top == 0 {
                // Somebody else has grown the memory meanwhile.
                if end - start < size.checked_add(LEAST)? {
                    end = self.ground.more(size).filter(|(more, _)| *more == end)?.1;
                }
                self.retire();
                self.settle(start, end);
            } else {
                self.limit = end / GRAIN * GRAIN - WORD;
            }
            Some(())
        }
    }

    /// Goes on in another region.
    unsafe fn settle(&mut self, start: usize, end: usize) {
        let top = start.next_multiple_of(GRAIN) + WORD;
        let limit = (end / GRAIN * GRAIN).saturating_sub(WORD);
        if top < limit {
            (self.top, self.limit) = (top, limit);
        }
    }

    /// Leaves a region: what is left of it is free, and ends with a word that never is.
    unsafe fn retire(&mut self) {
        if self.top == 0 {
            return;
        }
        let left = self.limit - self.top;
        // SAFETY: the last word of the region is behind the last chunk.
        unsafe {
            if left >= LEAST {
                write(self.limit, 0);
                self.link(self.top, left);
            } else {
                write(self.top, 0);
            }
        }
    }
}

/// This component's memory, which has one thread.
#[cfg(target_arch = "wasm32")]
pub(crate) struct Component(std::cell::UnsafeCell<Heap<Linear>>);

#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
compile_error!("the allocator of youji-sdk knows one thread; build without the target feature `atomics`");

// SAFETY: there is one thread.
#[cfg(target_arch = "wasm32")]
unsafe impl Sync for Component {}

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static HEAP: Component = Component(std::cell::UnsafeCell::new(Heap::new(Linear)));

// SAFETY: chunks do not overlap, and the heap never calls back while it is borrowed.
#[cfg(target_arch = "wasm32")]
unsafe impl GlobalAlloc for Component {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and nobody else holds it.
        unsafe { (*self.0.get()).alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        // SAFETY: one thread, and nobody else holds it.
        unsafe { (*self.0.get()).dealloc(memory) }
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: one thread, and nobody else holds it.
        unsafe { (*self.0.get()).realloc(memory, layout, bytes) }
    }
}

/// The linear memory behind the statics.
#[cfg(target_arch = "wasm32")]
struct Linear;

#[cfg(target_arch = "wasm32")]
impl Ground for Linear {
    fn first(&mut self) -> (usize, usize) {
        unsafe extern "C" {
            static __heap_base: u8;
            static __heap_end: u8;
        }
        // Addresses that the linker sets; nothing is read there.
        ((&raw const __heap_base).addr(), (&raw const __heap_end).addr())
    }

    fn more(&mut self, bytes: usize) -> Option<(usize, usize)> {
        const PAGE: usize = 64 << 10;
        let pages = bytes.div_ceil(PAGE);
        let before = core::arch::wasm32::memory_grow(0, pages);
        // The last page of the address space has no end that can be named.
        let end = before.checked_add(pages)?.checked_mul(PAGE)?;
        (before != usize::MAX).then(|| (before * PAGE, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::alloc::{alloc, dealloc};

    /// Memory in pages of 4 KiB, now and then with somebody else's between them.
    struct Pages {
        memory: *mut u8,
        used: usize,
        size: usize,
        gap_every: usize,
        grown: usize,
    }

    impl Pages {
        fn new(size: usize, gap_every: usize) -> Self {
            let layout = Layout::from_size_align(size, 4_096).expect("a layout");
            Pages {
                // SAFETY: not empty.
                memory: unsafe { alloc(layout) },
                used: 0,
                size,
                gap_every,
                grown: 0,
            }
        }
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            let layout = Layout::from_size_align(self.size, 4_096).expect("a layout");
            // SAFETY: as it was allocated.
            unsafe { dealloc(self.memory, layout) };
        }
    }

    impl Ground for Pages {
        fn first(&mut self) -> (usize, usize) {
            self.used = 4_096;
            let start = self.memory.expose_provenance();
            (start + 3, start + self.used)
        }
        fn more(&mut self, bytes: usize) -> Option<(usize, usize)> {
            self.grown += 1;
            if self.gap_every > 0 && self.grown.is_multiple_of(self.gap_every) {
                self.used += 4_096;
            }
            let (start, end) = (self.used, self.used + bytes.next_multiple_of(4_096));
            if end > self.size {
                return None;
            }
            self.used = end;
            let base = self.memory.expose_provenance();
            Some((base + start, base + end))
        }
    }

    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % limit
        }
    }

    struct Piece {
        memory: *mut u8,
        layout: Layout,
        mark: u8,
    }

    impl Piece {
        fn fill(&self) {
            // SAFETY: it is this piece's.
            unsafe { self.memory.write_bytes(self.mark, self.layout.size()) };
        }
        fn check(&self, bytes: usize) {
            // SAFETY: it is this piece's, and was filled.
            let seen = unsafe { std::slice::from_raw_parts(self.memory, bytes) };
            assert!(seen.iter().all(|byte| *byte == self.mark), "somebody else wrote here");
            assert_eq!(self.memory.addr() % self.layout.align(), 0);
        }
    }

    fn check(seed: u64, rounds: usize, largest: usize, gap_every: usize) {
        eprintln!("seed {seed}");
        let mut dice = Dice(seed);
        let mut heap = Heap::new(Pages::new(4 << 20, gap_every));
        let mut pieces: Vec<Piece> = Vec::new();
        let mut refused = 0;
        for round in 0..rounds {
            match dice.below(if pieces.len() > 200 { 6 } else { 4 }) {
                0 | 1 => {
                    let limit = if dice.below(8) == 0 { largest } else { 100 };
                    let size = 1 + dice.below(limit);
                    let limit = if dice.below(16) == 0 { 10 } else { 4 };
                    let align = 1 << dice.below(limit);
                    let layout = Layout::from_size_align(size, align).expect("a layout");
                    // SAFETY: not empty.
                    let memory = unsafe { heap.alloc(layout) };
                    if memory.is_null() {
                        refused += 1;
                        continue;
                    }
                    let piece = Piece {
                        memory,
                        layout,
                        mark: round as u8,
                    };
                    piece.fill();
                    pieces.push(piece);
                }
                2 if !pieces.is_empty() => {
                    let at = dice.below(pieces.len());
                    let piece = &mut pieces[at];
                    let size = 1 + dice.below(largest);
                    // SAFETY: it was handed out with that layout.
                    let memory = unsafe { heap.realloc(piece.memory, piece.layout, size) };
                    if memory.is_null() {
                        refused += 1;
                        continue;
                    }
                    let kept = piece.layout.size().min(size);
                    piece.memory = memory;
                    piece.layout = Layout::from_size_align(size, piece.layout.align()).expect("a layout");
                    piece.check(kept);
                    piece.fill();
                }
                _ if !pieces.is_empty() => {
                    let piece = pieces.swap_remove(dice.below(pieces.len()));
                    piece.check(piece.layout.size());
                    // SAFETY: it was handed out.
                    unsafe { heap.dealloc(piece.memory) };
                }
                _ => {}
            }
        }
        for piece in pieces.drain(..) {
            piece.check(piece.layout.size());
            // SAFETY: it was handed out.
            unsafe { heap.dealloc(piece.memory) };
        }
        if gap_every == 0 {
            assert_eq!(heap.filled, 0, "what is free has been joined into one");
            assert_eq!(heap.top % 4_096, GRAIN + WORD, "the top is back at the beginning");
        }
        eprintln!("refused {refused}, grown {}", heap.ground.grown);
    }

    fn seed() -> u64 {
        let given = std::env::var("YOUJI_SEED").ok().and_then(|seed| seed.parse().ok());
        given.unwrap_or_else(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0))
    }

    const ROUNDS: usize = if cfg!(miri) { 2_000 } else { 200_000 };

    #[test]
    fn pieces_never_overlap_and_everything_is_joined_again() {
        check(seed(), ROUNDS, 2_000, 0);
        check(seed(), ROUNDS, 40_000, 0);
    }

    #[test]
    fn somebody_else_may_grow_the_memory_too() {
        check(seed(), ROUNDS, 40_000, 2);
        check(seed(), ROUNDS, 500, 1);
    }

    #[test]
    fn what_is_too_large_is_refused_and_nothing_is_lost() {
        let mut heap = Heap::new(Pages::new(64 << 10, 0));
        for size in [usize::MAX / 2 - 64, 1 << 20] {
            let layout = Layout::from_size_align(size, 8).expect("a layout");
            // SAFETY: not empty.
            assert!(unsafe { heap.alloc(layout) }.is_null());
        }
        let layout = Layout::from_size_align(32 << 10, 8).expect("a layout");
        // SAFETY: not empty, and what was handed out is given back.
        unsafe {
            let memory = heap.alloc(layout);
            assert!(!memory.is_null());
            assert!(heap.realloc(memory, layout, 1 << 20).is_null());
            heap.dealloc(memory);
            assert!(!heap.alloc(layout).is_null());
        }
    }
}

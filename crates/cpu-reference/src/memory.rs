//! Blocks of memory and the slices of them that a step works on. All unsafe code of the executor is here.
//!
//! Why it is sound: a step's slices are cut from base pointers that [`Table::new`] takes once from exclusively borrowed
//! buffers, and the buffers are not touched otherwise while the table lives. [`check`], which every plan passes when it is
//! loaded, makes sure that each place lies inside its region and that no write of a step overlaps another write or a read,
//! except where a whole operand is overwritten in place; such a read is never cut out but named by the write it lies on
//! ([`Source::Written`]). State names are unique, so that no two regions are one buffer.

use std::alloc::Layout;
use std::marker::PhantomData;
use std::ptr::NonNull;

use calotype_graph::plan::{Kernel, Place, Plan, Region, Step};
use calotype_graph::{DeviceError, Expr};

use crate::float::Float;

/// Elements in a line; tensors start at multiples of it.
pub const LINE: usize = 16;

/// Bytes of a huge page. Blocks at least as large are aligned to it, and Linux is asked for huge pages: kernels that walk
/// over images in all directions otherwise wait for address translation.
const HUGE_PAGE: usize = 2 << 20;
/// Alignment of all other blocks: a cache line.
const CACHE_LINE: usize = 64;

/// Memory for elements, aligned to a cache line at least.
pub struct Buffer<T> {
    start: NonNull<T>,
    len: usize,
    /// Elements allocated, the tail of the last line included.
    capacity: usize,
}

// SAFETY: a buffer owns its elements, as a `Vec` does.
unsafe impl<T: Send> Send for Buffer<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Buffer<T> {}

impl<T: Float> Buffer<T> {
    /// No memory at all.
    pub fn none() -> Self {
        Buffer { start: NonNull::dangling(), len: 0, capacity: 0 }
    }

    /// `len` zeros, in at least one line, as plans count it.
    pub fn new(len: usize) -> Self {
        let capacity = len.max(1).next_multiple_of(LINE);
        let layout = Self::layout(capacity);
        // SAFETY: the layout is not of size 0.
        let start = unsafe { std::alloc::alloc(layout) }.cast::<T>();
        let Some(start) = NonNull::new(start) else { std::alloc::handle_alloc_error(layout) };
        ask_for_huge_pages(start.as_ptr().cast(), layout);
        // SAFETY: the block is `layout.size()` bytes; all-zero bytes are the float 0.
        unsafe { start.as_ptr().cast::<u8>().write_bytes(0, layout.size()) };
        Buffer { start, len, capacity }
    }

    fn layout(capacity: usize) -> Layout {
        let bytes = capacity * size_of::<T>();
        let align = if bytes >= HUGE_PAGE { HUGE_PAGE } else { CACHE_LINE };
        Layout::from_size_align(bytes, align).unwrap_or_else(|_| panic!("{capacity} elements are more than any memory"))
    }

    /// Elements allocated, the tail of the last line included.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub fn as_slice(&self) -> &[T] {
        // SAFETY: the block holds `len` elements, all of which were written.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: as in `as_slice`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        let bytes = self.capacity * size_of::<T>();
        if bytes == 0 {
            return;
        }
        let align = if bytes >= HUGE_PAGE { HUGE_PAGE } else { CACHE_LINE };
        // SAFETY: the layout that `new` allocated with, which was valid.
        unsafe { std::alloc::dealloc(self.start.as_ptr().cast(), Layout::from_size_align_unchecked(bytes, align)) };
    }
}

/// A hint; whether it is taken changes nothing but speed.
#[cfg(target_os = "linux")]
fn ask_for_huge_pages(start: *mut u8, layout: Layout) {
    if layout.align() == HUGE_PAGE {
        // SAFETY: whole pages of a block that was just allocated; this advice does not change what they hold.
        unsafe { libc::madvise(start.cast(), layout.size() / 4096 * 4096, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_start: *mut u8, _layout: Layout) {}

/// Where the elements of a read are.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a, T> {
    Slice(&'a [T]),
    /// At the write of this number, which is about to overwrite them, each by the result of its own index.
    Written(usize),
}

/// The memory of one step.
pub struct Operands<'a, T> {
    pub reads: Vec<Source<'a, T>>,
    pub writes: Vec<&'a mut [T]>,
}

impl<'a, T> Operands<'a, T> {
    /// Read `n` of a kernel that does not work in place.
    pub fn slice(&self, n: usize) -> &'a [T] {
        match self.reads[n] {
            Source::Slice(s) => s,
            Source::Written(_) => unreachable!("`check` lets an op work in place on the operand that it says"),
        }
    }

    /// Read `n`, if it lies apart from what is written.
    pub fn apart(&self, n: usize) -> Option<&'a [T]> {
        match self.reads[n] {
            Source::Slice(s) => Some(s),
            Source::Written(_) => None,
        }
    }
}

/// Base pointers of a plan's regions.
pub struct Table<'a, T> {
    states: Vec<*mut T>,
    input: *mut T,
    output: *mut T,
    arenas: Vec<*mut T>,
    regions: PhantomData<&'a mut [T]>,
}

// SAFETY: a table stands for the exclusive borrows it was made from, of elements that may be sent.
unsafe impl<T: Send> Send for Table<'_, T> {}

impl<'a, T: Float> Table<'a, T> {
    /// The slices are a plan's regions, each at least as long as [`Plan::region_len`] says.
    pub fn new(states: Vec<&'a mut [T]>, input: &'a mut [T], output: &'a mut [T], arenas: Vec<&'a mut [T]>) -> Self {
        let bases = |slices: Vec<&'a mut [T]>| slices.into_iter().map(<[T]>::as_mut_ptr).collect();
        Table {
            states: bases(states),
            input: input.as_mut_ptr(),
            output: output.as_mut_ptr(),
            arenas: bases(arenas),
            regions: PhantomData,
        }
    }

    /// Start of a place.
    ///
    /// # Safety
    /// The place is inside its region.
    unsafe fn at(&self, place: &Place) -> *mut T {
        let base = match place.region {
            Region::State(n) => self.states[n as usize],
            Region::Input => self.input,
            Region::Output => self.output,
            Region::Arena(n) => self.arenas[n as usize],
        };
        // SAFETY: the caller's.
        unsafe { base.add(place.offset) }
    }

    /// The memory of one step.
    ///
    /// # Safety
    /// `step` belongs to a plan that passed [`check`] and that this table was made for.
    pub unsafe fn operands(&mut self, step: &Step) -> Operands<'_, T> {
        let reads = step.reads.iter().map(|r| match step.writes.iter().position(|w| w.place.overlaps(&r.place)) {
            Some(k) => Source::Written(k),
            // SAFETY: inside its region, and disjoint from every write, so that it is only read while it lives.
            None => Source::Slice(unsafe { std::slice::from_raw_parts(self.at(&r.place), r.place.len) }),
        });
        let reads = reads.collect();
        let writes = step.writes.iter();
        // SAFETY: inside its region, and disjoint from all other slices of the step; `self` is borrowed exclusively, so
        // that no other step's slices live.
        let writes = writes.map(|w| unsafe { std::slice::from_raw_parts_mut(self.at(&w.place), w.place.len) }).collect();
        Operands { reads, writes }
    }

    /// A copy of what lies at a place of the plan.
    ///
    /// # Safety
    /// As [`Table::operands`].
    pub unsafe fn copy(&mut self, place: &Place) -> Vec<T> {
        // SAFETY: inside its region; `self` is borrowed exclusively, so that nothing writes there.
        unsafe { std::slice::from_raw_parts(self.at(place), place.len) }.to_vec()
    }
}

/// Refuses a plan whose places [`Table::operands`] could not cut out soundly.
///
/// # Errors
/// [`DeviceError::Other`], naming the step: a planner's mistake.
pub fn check(plan: &Plan) -> Result<(), DeviceError> {
    let mut names: Vec<&str> = plan.states.iter().map(|s| s.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
        return Err(DeviceError::Other(format!("plan `{}` has two states `{}`", plan.name, twice[0])));
    }
    let regions = [plan.states.len(), plan.arenas.len()];
    let inside = |p: &Place| {
        let known = match p.region {
            Region::State(n) => (n as usize) < regions[0],
            Region::Arena(n) => (n as usize) < regions[1],
            Region::Input | Region::Output => true,
        };
        known && p.offset.checked_add(p.len).is_some_and(|end| end <= plan.region_len(p.region))
    };
    let ports = plan.inputs.iter().chain(&plan.outputs);
    if let Some(port) = ports.clone().find(|p| !inside(&p.place) || p.place.len != p.ty.numel()) {
        return Err(DeviceError::Other(format!("plan `{}`: the place of `{}` is not inside its region", plan.name, port.name)));
    }
    for step in &plan.steps {
        check_step(step, inside)
            .map_err(|why| DeviceError::Other(format!("plan `{}`, step `{}`: {why}", plan.name, step.name)))?;
    }
    Ok(())
}

fn check_step(step: &Step, inside: impl Fn(&Place) -> bool) -> Result<(), String> {
    let reads = step.reads.iter().map(|r| (&r.place, &r.ty));
    let writes = step.writes.iter().map(|w| (&w.place, &w.ty));
    for (place, ty) in reads.chain(writes) {
        if !inside(place) || place.len != ty.numel() {
            return Err(format!("{place:?} is not a {ty} inside its region"));
        }
    }
    for (k, w) in step.writes.iter().enumerate() {
        if step.writes[..k].iter().any(|v| v.place.overlaps(&w.place)) {
            return Err(format!("writes overlap at {:?}", w.place));
        }
        for (n, r) in step.reads.iter().enumerate().filter(|(_, r)| r.place.overlaps(&w.place)) {
            if !(step.may_overwrite(n) && r.place == w.place) {
                return Err(format!("{:?} is read and written", w.place));
            }
        }
    }
    check_expression(step)
}

/// What an expression loads exists, and what it writes has a place.
fn check_expression(step: &Step) -> Result<(), String> {
    let (expr, operands): (&Expr, usize) = match &step.kernel {
        Kernel::Elementwise(expr) => (expr, step.reads.len()),
        Kernel::Op { op, .. } if step.reads.len() < op.arity() => return Err("operands are missing".into()),
        Kernel::Op { epilogue: None, .. } if step.writes.len() != 1 => return Err("it writes more than its result".into()),
        Kernel::Op { epilogue: None, .. } => return Ok(()),
        Kernel::Op { op, epilogue: Some(expr) } => (expr, step.reads.len() - op.arity()),
    };
    let n = step.writes.first().map(|w| w.place.len);
    if expr.n_operands() > operands || expr.outputs.len() != step.writes.len() || expr.outputs.is_empty() {
        return Err("its expression does not fit its operands".into());
    }
    if step.writes.iter().any(|w| Some(w.place.len) != n) {
        return Err("its writes differ in length".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_zero() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let mut b = Buffer::<f64>::new(len);
            assert_eq!(b.as_slice().len(), len);
            assert_eq!(b.as_mut_slice().as_ptr() as usize % 64, 0);
            assert!(b.as_slice().iter().all(|&v| v == 0.0));
            assert!(b.capacity() >= len && b.capacity() < len.max(1) + LINE);
        }
    }
}

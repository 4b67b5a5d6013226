//! Packing from images: the rows of an im2col matrix, without ever making that matrix.

use std::ops::Range;

use calotype_graph::op::conv2d::ConvDims;

use super::gemm::{Memo, Rows, SourceA, SourceB};
use super::microkernel::{K_STRIDE, NR, Order, ROW_STRIDE};
use super::pack::{copy, copy_rows, prefetch, transpose};

/// An image [batch, height, width, channels] and a grid of positions, each of which sees one pixel for each pair of a row
/// and a column tap: pixel `(i * stride + rows[u], j * stride + cols[v])`, zero outside.
///
/// As a matrix: [batch * grid, rows * cols * channels].
pub struct Patches<'a> {
    pub image: &'a [f32],
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// Positions of each image along both axes.
    pub grid: [usize; 2],
    pub stride: [usize; 2],
    /// Taps along the rows.
    pub rows: Vec<isize>,
    /// Taps along the columns: `step_cols` apart.
    pub first_col: isize,
    pub n_cols: usize,
    pub step_cols: usize,
}

/// A position of the grid.
#[derive(Clone, Copy)]
struct At {
    image: usize,
    row: isize,
    col: isize,
}

impl<'a> Patches<'a> {
    /// What a convolution's outputs see of its input.
    pub fn of(d: &ConvDims, image: &'a [f32]) -> Self {
        let w = &d.window;
        let offset = |axis: usize, t: usize| (t * w.dilation[axis]) as isize - w.pad[axis] as isize;
        Patches {
            image,
            height: d.height,
            width: d.width,
            channels: d.c_in,
            grid: [d.out_height, d.out_width],
            stride: w.stride,
            rows: (0..d.kernel_h).map(|u| offset(0, u)).collect(),
            first_col: offset(1, 0),
            n_cols: d.kernel_w,
            step_cols: w.dilation[1],
        }
    }

    /// Elements that one tap row gives: columns of the matrix that lie on one row of the image.
    fn row_len(&self) -> usize {
        self.n_cols * self.channels
    }

    fn at(&self, position: usize) -> At {
        let [h, w] = self.grid;
        let (rest, j) = (position / w, position % w);
        At { image: rest / h, row: (rest % h * self.stride[0]) as isize, col: (j * self.stride[1]) as isize + self.first_col }
    }

    /// The position after `at`, which has index `position`.
    #[inline(always)]
    fn next(&self, at: At, position: usize) -> At {
        if !(position + 1).is_multiple_of(self.grid[1]) {
            At { col: at.col + self.stride[1] as isize, ..at }
        } else {
            self.at(position + 1)
        }
    }

    /// The row of the image that a tap row sees, if it is inside.
    #[inline(always)]
    fn line(&self, at: At, u: usize) -> Option<&'a [f32]> {
        let row = at.row + self.rows[u];
        if row < 0 || row as usize >= self.height {
            return None;
        }
        let len = self.width * self.channels;
        Some(&self.image[(at.image * self.height + row as usize) * len..][..len])
    }

    /// Writes the matrix' columns `ks` of one position.
    ///
    /// # Safety
    /// `ks` is inside the matrix, `to` has room.
    #[inline(always)]
    unsafe fn write(&self, at: At, ks: Range<usize>, mut to: *mut f32) {
        let row_len = self.row_len();
        let mut k = ks.start;
        while k < ks.end {
            let u = k / row_len;
            let run = k - u * row_len..row_len.min(ks.end - u * row_len);
            k += run.len();
            // SAFETY: the runs add up to `ks`.
            unsafe {
                match self.line(at, u) {
                    None => zero(to, run.len()),
                    Some(line) if self.step_cols == 1 => clipped(line, at.col * self.channels as isize, run.clone(), to),
                    Some(line) => self.spread(line, at.col, run.clone(), to),
                }
                to = to.add(run.len());
            }
        }
    }

    /// Asks for the pixels of the first tap row of `ks`.
    #[inline(always)]
    fn ask(&self, at: At, ks: &Range<usize>) {
        let u = ks.start / self.row_len();
        let first = ks.start - u * self.row_len();
        let n = ks.len().min(self.row_len() - first);
        let row = (at.image * self.height) as isize + at.row + self.rows[u];
        let start = (row * self.width as isize + at.col) * self.channels as isize + first as isize;
        for i in (0..n).step_by(16) {
            prefetch(self.image.as_ptr().wrapping_add((start as usize).wrapping_add(i)));
        }
    }

    /// A run over dilated columns.
    ///
    /// # Safety
    /// As [`Patches::write`].
    unsafe fn spread(&self, line: &[f32], col: isize, run: Range<usize>, mut to: *mut f32) {
        let c = self.channels;
        let mut k = run.start;
        while k < run.end {
            let v = k / c;
            let piece = k - v * c..c.min(run.end - v * c);
            k += piece.len();
            let start = (col + (v * self.step_cols) as isize) * c as isize;
            // SAFETY: the pieces add up to the run.
            unsafe {
                clipped(line, start, piece.clone(), to);
                to = to.add(piece.len());
            }
        }
    }
}

/// # Safety
/// `n` elements can be written.
#[inline(always)]
unsafe fn zero(to: *mut f32, n: usize) {
    let mut i = 0;
    // In pieces: a call to memset costs more than most of these runs. SAFETY: the caller's.
    unsafe {
        while i + 16 <= n {
            to.add(i).cast::<[f32; 16]>().write_unaligned([0.0; 16]);
            i += 16;
        }
        while i < n {
            to.add(i).write_volatile(0.0);
            i += 1;
        }
    }
}

/// Elements `run` of what starts `start` elements after the line's own start, zero outside of the line.
///
/// # Safety
/// `run.len()` elements can be written.
#[inline(always)]
unsafe fn clipped(line: &[f32], start: isize, run: Range<usize>, to: *mut f32) {
    let first = start + run.start as isize;
    let before = (-first).clamp(0, run.len() as isize) as usize;
    let inside = ((line.len() as isize - first).clamp(0, run.len() as isize) as usize).saturating_sub(before);
    // SAFETY: the three parts add up to the run; the middle one was clipped to the line.
    unsafe {
        if before > 0 {
            zero(to, before);
        }
        if inside > 0 {
            copy(line[(first + before as isize) as usize..][..inside].as_ptr(), to.add(before), inside);
        }
        if before + inside < run.len() {
            zero(to.add(before + inside), run.len() - before - inside);
        }
    }
}

/// A [positions, taps]: convolution and its data gradient.
pub struct PixelRows<'a>(pub Patches<'a>);

impl SourceA for PixelRows<'_> {
    const ORDER: Order = Order::RowMajor;

    #[inline(always)]
    unsafe fn pack(&self, rows: Range<usize>, ks: Range<usize>, to: *mut f32, _memo: &mut Memo) {
        let mut at = self.0.at(rows.start);
        for (r, m) in rows.clone().enumerate() {
            // SAFETY: the caller's.
            unsafe { self.0.write(at, ks.clone(), to.add(r * ROW_STRIDE)) };
            at = self.0.next(at, m);
        }
        // The next panel's, while this one is used.
        for m in rows.clone() {
            self.0.ask(at, &ks);
            at = self.0.next(at, m + rows.len());
        }
    }
}

/// A [taps, positions]: the weight gradient.
pub struct TapRows<'a>(pub Patches<'a>);

impl SourceA for TapRows<'_> {
    const ORDER: Order = Order::KMajor;

    #[inline(always)]
    unsafe fn pack(&self, rows: Range<usize>, ks: Range<usize>, to: *mut f32, memo: &mut Memo) {
        let p = &self.0;
        let u = rows.start / p.row_len();
        let first = (rows.start - u * p.row_len()) as isize;
        if p.step_cols != 1 {
            let mut at = p.at(ks.start);
            for (i, k) in ks.enumerate() {
                // SAFETY: the caller's.
                unsafe { p.write(at, rows.clone(), to.add(i * K_STRIDE)) };
                at = p.next(at, k);
            }
            return;
        }
        if memo.key != Some((ks.start, u)) {
            memo.key = Some((ks.start, u));
            p.find_lines(ks.clone(), u, memo);
        }
        let len = (p.width * p.channels) as isize;
        for i in 0..ks.len() {
            // Pixels are too far apart for the CPU to guess the next.
            let ahead = (i + AHEAD).min(ks.len() - 1);
            let at = memo.lines[ahead].wrapping_add_signed(memo.starts[ahead] + first);
            prefetch(p.image.as_ptr().wrapping_add(at));
            prefetch(p.image.as_ptr().wrapping_add(at.wrapping_add(rows.len() - 1)));
            let (line, start) = (memo.lines[i], memo.starts[i] + first);
            // SAFETY: a step of the panel has room for K_STRIDE elements.
            unsafe {
                let to = to.add(i * K_STRIDE);
                if line == NO_LINE {
                    zero(to, rows.len());
                } else if start >= 0 && start + rows.len() as isize <= len {
                    let at = line + start as usize;
                    copy_rows(&p.image[at..], rows.len(), to);
                } else {
                    clipped(&p.image[line..][..len as usize], start, 0..rows.len(), to);
                }
            }
        }
    }

    /// No panel goes over the end of a tap row: all its columns lie on one row of the image.
    fn panel(&self, m: usize, mr: usize) -> usize {
        let row_len = self.0.row_len();
        if self.0.step_cols == 1 { mr.min(row_len - m % row_len) } else { mr }
    }
}

/// Positions ahead that are asked for early.
const AHEAD: usize = 24;
/// In place of a line outside the image.
const NO_LINE: usize = usize::MAX;

impl Patches<'_> {
    /// For each position, the row of the image that tap row `u` sees and where its part of it starts.
    fn find_lines(&self, positions: Range<usize>, u: usize, memo: &mut Memo) {
        let line_len = self.width * self.channels;
        let (mut i, mut k) = (0, positions.start);
        while k < positions.end {
            // The rest of this row of the grid: one line.
            let at = self.at(k);
            let n = (self.grid[1] - k % self.grid[1]).min(positions.end - k);
            let row = at.row + self.rows[u];
            let inside = row >= 0 && (row as usize) < self.height;
            let line = if inside { (at.image * self.height + row as usize) * line_len } else { NO_LINE };
            memo.lines[i..i + n].fill(line);
            for (j, start) in memo.starts[i..i + n].iter_mut().enumerate() {
                *start = (at.col + (j * self.stride[1]) as isize) * self.channels as isize;
            }
            (i, k) = (i + n, k + n);
        }
    }
}

/// One phase of a transposed convolution: the pixels of the large side whose coordinates leave the same remainders by the
/// stride. They see the same taps, densely: a convolution of stride 1 over the small side.
pub struct Phase {
    pub remainder: [usize; 2],
    /// Pixels of an image along both axes.
    pub grid: [usize; 2],
    /// Taps of the kernel along both axes, in the order of the pixels that they see.
    taps: [Vec<usize>; 2],
    offsets: [Vec<isize>; 2],
}

impl Phase {
    /// All phases, by remainder.
    pub fn all(d: &ConvDims) -> Vec<Phase> {
        let [s_h, s_w] = d.window.stride;
        let axis = |axis: usize, r: usize| {
            let w = &d.window;
            let (n, kernel) = ([d.height, d.width][axis], [d.kernel_h, d.kernel_w][axis]);
            let offset = |t: usize| (r + w.pad[axis]) as isize - (t * w.dilation[axis]) as isize;
            let taps: Vec<usize> = (0..kernel).rev().filter(|&t| offset(t) % w.stride[axis] as isize == 0).collect();
            let offsets: Vec<isize> = taps.iter().map(|&t| offset(t) / w.stride[axis] as isize).collect();
            (n.saturating_sub(r).div_ceil(w.stride[axis]), taps, offsets)
        };
        let pairs = (0..s_h).flat_map(|r| (0..s_w).map(move |c| (r, c)));
        let phase = |(r, c)| {
            let ((h, rows, row_offsets), (w, cols, col_offsets)) = (axis(0, r), axis(1, c));
            Phase { remainder: [r, c], grid: [h, w], taps: [rows, cols], offsets: [row_offsets, col_offsets] }
        };
        pairs.map(phase).collect()
    }

    pub fn n_taps(&self) -> usize {
        self.taps[0].len() * self.taps[1].len()
    }

    /// What the phase's pixels see of the small side.
    pub fn patches<'a>(&self, d: &ConvDims, y: &'a [f32]) -> Patches<'a> {
        let cols = &self.offsets[1];
        Patches {
            image: y,
            height: d.out_height,
            width: d.out_width,
            channels: d.c_out,
            grid: self.grid,
            stride: [1, 1],
            rows: self.offsets[0].clone(),
            first_col: cols.first().copied().unwrap_or(0),
            n_cols: cols.len(),
            step_cols: cols.get(1).map_or(1, |second| (second - cols[0]) as usize),
        }
    }
}

/// B [taps of a phase x c_out, c_in]: the weights that a phase sees.
pub struct PhaseWeights<'a> {
    pub d: ConvDims,
    pub phase: &'a Phase,
    pub w: &'a [f32],
}

impl SourceB for PhaseWeights<'_> {
    #[inline(always)]
    unsafe fn pack(&self, ks: Range<usize>, cols: Range<usize>, to: *mut f32) {
        let d = &self.d;
        let n_v = self.phase.taps[1].len();
        let mut k = ks.start;
        while k < ks.end {
            let (tap, o) = (k / d.c_out, k % d.c_out);
            let n = (d.c_out - o).min(ks.end - k);
            let tap = self.phase.taps[0][tap / n_v] * d.kernel_w + self.phase.taps[1][tap % n_v];
            let column = |c: usize| &self.w[(tap * d.c_in + cols.start + c) * d.c_out + o..][..n];
            // SAFETY: the pieces add up to `ks`.
            unsafe { transpose(column, n, cols.len(), to.add((k - ks.start) * NR)) };
            k += n;
        }
    }
}

/// Rows of C: the pixels of a phase in the large side.
pub struct PhasePixels<'a> {
    pub d: ConvDims,
    pub phase: &'a Phase,
}

// SAFETY: different pixels, of c_in elements each.
unsafe impl Rows for PhasePixels<'_> {
    fn offset(&self, row: usize) -> usize {
        let (d, [h, w]) = (&self.d, self.phase.grid);
        let (b, i, j) = (row / (h * w), row / w % h, row % w);
        let (i, j) = (i * d.window.stride[0] + self.phase.remainder[0], j * d.window.stride[1] + self.phase.remainder[1]);
        ((b * d.height + i) * d.width + j) * d.c_in
    }

    fn offsets(&self, rows: Range<usize>, to: &mut [usize]) {
        let step = self.d.window.stride[1] * self.d.c_in;
        let mut next = 0;
        for (at, row) in to.iter_mut().zip(rows.clone()) {
            let along = row != rows.start && !row.is_multiple_of(self.phase.grid[1]);
            *at = if along { next } else { self.offset(row) };
            next = *at + step;
        }
    }
}

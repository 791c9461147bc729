//! The two products that everything is made of, a register tile at a time.

use super::lanes::{LANES, Lanes};

/// Rows of numbers that lie a fixed number of them apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<P> {
    pub(crate) start: P,
    pub(crate) stride: usize,
}

/// out\[row]\[column] = Σ_k a\[row]\[k] · panel\[k]\[column] for any number of rows and up to
/// `VECTORS`·16 columns.
///
/// `panel` is `[depth, width]` with `width` the columns rounded up to whole vectors.
///
/// # Safety
/// The CPU has the instructions of `L`, and there are from 1 to `L::VECTORS`·16 `columns`.
/// Readable: `depth` numbers of each of the `rows` of `a`, and `panel`. Writable, by this task
/// alone: `columns` numbers of each of the `rows` of `out`.
#[inline(always)]
pub(crate) unsafe fn rows_by_panel<L: Lanes>(
    depth: usize,
    a: Rows<*const f32>,
    panel: *const f32,
    columns: usize,
    rows: usize,
    out: Rows<*mut f32>,
) {
    let mut row = 0;
    while row < rows {
        let count = rows - row;
        let a = Rows { start: a.start.add(row * a.stride), ..a };
        let out = Rows { start: out.start.add(row * out.stride), ..out };
        // The constants of the paths, so that the accumulators are registers.
        match (L::ROWS, columns > LANES) {
            (12, true) => tile::<L, 12, 2>(depth, a, panel, columns, count, out),
            (12, false) => tile::<L, 12, 1>(depth, a, panel, columns, count, out),
            (6, _) => tile::<L, 6, 1>(depth, a, panel, columns, count, out),
            _ => tile::<L, 2, 1>(depth, a, panel, columns, count, out),
        }
        row += L::ROWS;
    }
}

/// A register tile of `R` rows and `N` vectors.
///
/// # Safety
/// As of [`rows_by_panel`], with more than (N − 1)·16 and at most N·16 columns, and at least one
/// row: the first `R` of `count` are made.
#[inline(always)]
unsafe fn tile<L: Lanes, const R: usize, const N: usize>(
    depth: usize,
    a: Rows<*const f32>,
    mut panel: *const f32,
    columns: usize,
    count: usize,
    out: Rows<*mut f32>,
) {
    // Rows beyond the last one are that one again, and are not stored.
    let mut rows = [a.start; R];
    for r in 1..R {
        rows[r] = if r < count { rows[r - 1].add(a.stride) } else { rows[r - 1] };
    }
    let mut sums = [[L::zero(); N]; R];
    for k in 0..depth {
        let mut weights = [L::zero(); N];
        for n in 0..N {
            weights[n] = L::load(panel.add(n * LANES));
        }
        panel = panel.add(N * LANES);
        for r in 0..R {
            let x = L::splat(*rows[r].add(k));
            for n in 0..N {
                sums[r][n] = L::mul_add(x, weights[n], sums[r][n]);
            }
        }
    }
    if columns == N * LANES && count >= R {
        for r in 0..R {
            for n in 0..N {
                L::store(out.start.add(r * out.stride + n * LANES), sums[r][n]);
            }
        }
        return;
    }
    for r in 0..R {
        if r < count {
            for n in 0..N {
                let column = n * LANES;
                let lanes = (columns - column).min(LANES);
                L::store_some(out.start.add(r * out.stride + column), lanes, sums[r][n]);
            }
        }
    }
}

/// sums\[row]\[column] += Σ_i a\[i]\[row] · b\[i]\[column], for any number of rows and columns.
///
/// `a` and `b` are `count` lines that lie `a_stride` and `b_stride` numbers apart; of `b`, whole
/// vectors are read. `sums` is `[rows, sums_stride]`, and whole vectors of it are written.
///
/// # Safety
/// The CPU has the instructions of `L`. Readable: `rows` numbers of each of the `count` lines of
/// `a`, and the `columns`, rounded up to whole vectors, of each line of `b`. Writable, by this task
/// alone: as many columns of each of the `rows` of `sums`, which were written before.
#[inline(always)]
pub(crate) unsafe fn columns_by_rows<L: Lanes>(
    count: usize,
    (a, a_stride): (*const f32, usize),
    (b, b_stride): (*const f32, usize),
    rows: usize,
    columns: usize,
    (sums, sums_stride): (*mut f32, usize),
) {
    let width = L::VECTORS * LANES;
    for column in (0..columns).step_by(width) {
        let wide = columns - column > LANES && L::VECTORS == 2;
        let mut row = 0;
        while row < rows {
            let (a, b) = ((a.add(row), a_stride), (b.add(column), b_stride));
            let out = (sums.add(row * sums_stride + column), sums_stride);
            match (rows - row, wide) {
                (8.., true) => outer::<L, 8, 2>(count, a, b, out),
                (8.., false) if L::ROWS > 6 => outer::<L, 8, 1>(count, a, b, out),
                (4.., false) => outer::<L, 4, 1>(count, a, b, out),
                (_, true) => outer::<L, 1, 2>(count, a, b, out),
                (_, false) => outer::<L, 1, 1>(count, a, b, out),
            }
            row += match (rows - row, wide) {
                (8.., true) => 8,
                (8.., false) if L::ROWS > 6 => 8,
                (4.., false) => 4,
                _ => 1,
            };
        }
    }
}

/// A register tile of `R` rows and `N` vectors, added to the sums.
///
/// # Safety
/// As of [`columns_by_rows`], for `R` rows and `N` vectors of columns.
#[inline(always)]
unsafe fn outer<L: Lanes, const R: usize, const N: usize>(
    count: usize,
    (mut a, a_stride): (*const f32, usize),
    (mut b, b_stride): (*const f32, usize),
    (out, out_stride): (*mut f32, usize),
) {
    let mut sums = [[L::zero(); N]; R];
    for _ in 0..count {
        let mut line = [L::zero(); N];
        for n in 0..N {
            line[n] = L::load(b.add(n * LANES));
        }
        for r in 0..R {
            let x = L::splat(*a.add(r));
            for n in 0..N {
                sums[r][n] = L::mul_add(x, line[n], sums[r][n]);
            }
        }
        a = a.add(a_stride);
        b = b.add(b_stride);
    }
    for r in 0..R {
        for n in 0..N {
            let to = out.add(r * out_stride + n * LANES);
            L::store(to, L::add(L::load(to), sums[r][n]));
        }
    }
}

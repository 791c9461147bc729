//! The two products that everything is made of, a register tile at a time.

use super::lanes::{LANES, Lanes};

/// out\[row]\[column] = Σ_k a\[row]\[k] · panel\[k]\[column] for up to [`Lanes::ROWS`] rows and up to
/// `VECTORS`·16 columns.
///
/// `rows` are pointers to `L::ROWS` rows; those from `count` on may be any that can be read. `panel` is
/// `[depth, width]` with `width` the columns rounded up to whole vectors. `outs` are pointers for the
/// rows that count.
#[inline(always)]
pub(crate) unsafe fn rows_by_panel<L: Lanes>(
    depth: usize,
    rows: &[*const f32; 16],
    panel: *const f32,
    columns: usize,
    count: usize,
    outs: &[*mut f32; 16],
) {
    unsafe {
        // The constants of the paths, so that the accumulators are registers.
        match (L::ROWS, columns > LANES) {
            (12, true) => tile::<L, 12, 2>(depth, rows, panel, columns, count, outs),
            (12, false) => tile::<L, 12, 1>(depth, rows, panel, columns, count, outs),
            (6, _) => tile::<L, 6, 1>(depth, rows, panel, columns, count, outs),
            _ => tile::<L, 2, 1>(depth, rows, panel, columns, count, outs),
        }
    }
}

#[inline(always)]
unsafe fn tile<L: Lanes, const R: usize, const N: usize>(
    depth: usize,
    rows: &[*const f32; 16],
    mut panel: *const f32,
    columns: usize,
    count: usize,
    outs: &[*mut f32; 16],
) {
    unsafe {
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
        for r in 0..R {
            if r < count {
                for n in 0..N {
                    let column = n * LANES;
                    let lanes = (columns - column).min(LANES);
                    L::store_some(outs[r].add(column), lanes, sums[r][n]);
                }
            }
        }
    }
}

/// sums\[row]\[column] += Σ_i a\[i]\[row] · b\[i]\[column], for any number of rows and columns.
///
/// `a` and `b` are `count` lines that lie `a_stride` and `b_stride` numbers apart; of `b`, whole
/// vectors are read. `sums` is `[rows, sums_stride]`, and whole vectors of it are written.
#[inline(always)]
pub(crate) unsafe fn columns_by_rows<L: Lanes>(
    count: usize,
    (a, a_stride): (*const f32, usize),
    (b, b_stride): (*const f32, usize),
    rows: usize,
    columns: usize,
    (sums, sums_stride): (*mut f32, usize),
) {
    unsafe {
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
}

#[inline(always)]
unsafe fn outer<L: Lanes, const R: usize, const N: usize>(
    count: usize,
    (mut a, a_stride): (*const f32, usize),
    (mut b, b_stride): (*const f32, usize),
    (out, out_stride): (*mut f32, usize),
) {
    unsafe {
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
}

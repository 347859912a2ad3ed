// out [n, N_WEIGHTS·m] = epilogue( x [n, k] · w [k, m] ), for one to three weights side by side.
//
// All matrices are rows of f32. With TRANSPOSED a weight is [m, k]. With NORM, x is first
// normalised: x / sqrt(mean(x²) + 1e-6) · gain [1, k]; the mean is taken of the rows as they pass
// by, and divided out at the end. With ADD, residual [n, m] is added. With GATED there are two
// weights and one output: silu(x · w0) · (x · w1), [n, m].
//
// A workgroup of 16 × 16 threads makes a tile of 16·ROWS rows and 64 columns of one weight, a
// thread ROWS rows and 4 columns of it. The tile walks along k in steps of 16, which are brought to
// workgroup memory: x as [k][row], w as [k][column]. Workgroup x is the tile of columns (all tiles
// of w0 first), y the tile of rows.
//
// Constants: ROWS (1 or 4), N_WEIGHTS (1 to 3), TRANSPOSED, NORM, ADD, GATED (0 or 1).

struct Params {
    n: u32, k: u32, m: u32, out_stride: u32,
    x_start: u32, x_stride: u32,
    w0_start: u32, w1_start: u32, w2_start: u32,
    gain_start: u32,
    residual_start: u32, residual_stride: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;        // [n, k]
@group(0) @binding(2) var<storage, read> w0: array<f32>;       // [k, m] or [m, k]
@group(0) @binding(3) var<storage, read> w1: array<f32>;       // like w0, from N_WEIGHTS = 2 or GATED on
@group(0) @binding(4) var<storage, read> w2: array<f32>;       // like w0, with N_WEIGHTS = 3
@group(0) @binding(5) var<storage, read> gain: array<f32>;     // [1, k], with NORM
@group(0) @binding(6) var<storage, read> residual: array<f32>; // [n, m], with ADD
@group(0) @binding(7) var<storage, read_write> out: array<f32>;

const STEP = 16u;
const COLS = 64u;
const TILE_ROWS = 16u * ROWS;

var<workgroup> xs: array<f32, STEP * TILE_ROWS>;
var<workgroup> ws: array<f32, STEP * COLS>;
var<workgroup> ups: array<f32, STEP * COLS * GATED + 1u - GATED>;

fn weight(which: u32, row: u32, col: u32) -> f32 {
    if row >= p.k || col >= p.m {
        return 0.0;
    }
    var at = row * p.m + col;
    if TRANSPOSED == 1u {
        at = col * p.k + row;
    }
    if N_WEIGHTS + GATED > 1u && which == 1u {
        return w1[p.w1_start + at];
    }
    if N_WEIGHTS > 2u && which == 2u {
        return w2[p.w2_start + at];
    }
    return w0[p.w0_start + at];
}

fn silu(v: f32) -> f32 {
    // The exponential of a large number would leave the range of f32.
    let e = exp(-abs(v));
    return v * select(1.0, e, v < 0.0) / (1.0 + e);
}

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
    let thread = local.y * 16u + local.x;
    let tiles = (p.m + COLS - 1u) / COLS;
    let which = group.x / tiles;
    let first_col = group.x % tiles * COLS;
    let first_row = group.y * TILE_ROWS;

    var acc: array<vec4f, ROWS>;
    var up: array<vec4f, ROWS>;
    var square: array<f32, ROWS>;
    for (var i = 0u; i < ROWS; i++) {
        acc[i] = vec4f(0.0);
        up[i] = vec4f(0.0);
        square[i] = 0.0;
    }

    for (var k0 = 0u; k0 < p.k; k0 += STEP) {
        for (var i = 0u; i < ROWS; i++) {
            let at = i * 256u + thread;
            let row = at / STEP;
            let kk = at % STEP;
            var value = 0.0;
            if first_row + row < p.n && k0 + kk < p.k {
                value = x[p.x_start + (first_row + row) * p.x_stride + k0 + kk];
                if NORM == 1u {
                    square[i] += value * value;
                    value *= gain[p.gain_start + k0 + kk];
                }
            }
            xs[kk * TILE_ROWS + row] = value;
        }
        for (var i = 0u; i < 4u; i++) {
            let at = i * 256u + thread;
            // Neighbouring threads read neighbouring values.
            var kk = at / COLS;
            var col = at % COLS;
            if TRANSPOSED == 1u {
                kk = at % STEP;
                col = at / STEP;
            }
            ws[kk * COLS + col] = weight(which, k0 + kk, first_col + col);
            if GATED == 1u {
                ups[kk * COLS + col] = weight(1u, k0 + kk, first_col + col);
            }
        }
        workgroupBarrier();
        for (var kk = 0u; kk < STEP; kk++) {
            let at = kk * COLS + local.x * 4u;
            let w = vec4f(ws[at], ws[at + 1u], ws[at + 2u], ws[at + 3u]);
            var u = vec4f(0.0);
            if GATED == 1u {
                u = vec4f(ups[at], ups[at + 1u], ups[at + 2u], ups[at + 3u]);
            }
            for (var i = 0u; i < ROWS; i++) {
                let value = xs[kk * TILE_ROWS + local.y * ROWS + i];
                acc[i] += value * w;
                if GATED == 1u {
                    up[i] += value * u;
                }
            }
        }
        workgroupBarrier();
    }

    if NORM == 1u {
        // The sixteen threads that read a row each have the squares of a sixteenth of it. xs is no
        // longer needed, and workgroup memory is scarce.
        for (var i = 0u; i < ROWS; i++) {
            let at = i * 256u + thread;
            xs[at] = square[i];
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < ROWS; i++) {
        let row = first_row + local.y * ROWS + i;
        if row >= p.n {
            break;
        }
        var value = acc[i];
        var other = up[i];
        if NORM == 1u {
            var sum = 0.0;
            for (var kk = 0u; kk < STEP; kk++) {
                sum += xs[(local.y * ROWS + i) * STEP + kk];
            }
            let scale = 1.0 / sqrt(sum / f32(p.k) + 1e-6);
            value *= scale;
            other *= scale;
        }
        for (var j = 0u; j < 4u; j++) {
            let col = first_col + local.x * 4u + j;
            if col < p.m {
                var result = value[j];
                if GATED == 1u {
                    result = silu(result) * other[j];
                }
                if ADD == 1u {
                    result += residual[p.residual_start + row * p.residual_stride + col];
                }
                out[row * p.out_stride + which * p.m + col] = result;
            }
        }
    }
}

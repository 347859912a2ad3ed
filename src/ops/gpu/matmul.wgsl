// out [n, N_WEIGHTS·m] = epilogue( x [n, k] · w [k, m] ), for one to three weights side by side.
//
// All matrices are rows of f32 but the weights, which are what weight.wgsl reads. Factors are `real` in
// workgroup memory, sums f32. With TRANSPOSED a
// weight is [m, k]. With NORM, x is first normalised: x / sqrt(mean(x²) + 1e-6) · gain [1, k]; the
// mean is taken of the rows as they pass by, and divided out at the end. With ADD, residual [n, m]
// is added. With GATED there are two weights and one output: silu(x · w0) · (x · w1), [n, m].
//
// A workgroup of 16 × 16 threads makes a tile of 16·ROWS rows and 64 columns of one weight, a
// thread ROWS rows and 4 columns of it. The tile walks along k in steps of 16, which are brought to
// workgroup memory: x as [k][row], w as [k][column]. A thread brings four numbers of a weight's
// line, which runs along k or along the columns. Blocks are multiples of the step, so they need no
// care. Workgroup x is the tile of columns (all tiles of w0 first), y the tile of rows.
//
// Constants: ROWS (1 or 4), N_WEIGHTS (1 to 3), TRANSPOSED, NORM, ADD, GATED (0 or 1), and those of
// weight.wgsl.

struct Params {
    n: u32, k: u32, m: u32, out_stride: u32,
    x_start: u32, x_stride: u32, residual_start: u32, residual_stride: u32,
    w0: w0_Place, w1: w1_Place, w2: w2_Place,
    gain_start: u32, out_start: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;        // [n, k]
@group(0) @binding(2) var<storage, read> w0: array<u32>;       // [k, m] or [m, k]
@group(0) @binding(3) var<storage, read> w1: array<u32>;       // like w0, from N_WEIGHTS = 2 or GATED on
@group(0) @binding(4) var<storage, read> w2: array<u32>;       // like w0, with N_WEIGHTS = 3
@group(0) @binding(5) var<storage, read> gain: array<f32>;     // [1, k], with NORM
@group(0) @binding(6) var<storage, read> residual: array<f32>; // [n, m], with ADD
@group(0) @binding(7) var<storage, read_write> out: array<f32>;

const STEP = 16u;
const COLS = 64u;
const TILE_ROWS = 16u * ROWS;

var<workgroup> xs: array<real, STEP * TILE_ROWS>;
var<workgroup> ws: array<real, STEP * COLS>;
var<workgroup> ups: array<real, STEP * COLS * GATED + 1u - GATED>;
// Where xs has no room for sums of squares.
var<workgroup> squares: array<f32, STEP * TILE_ROWS * NORM * F16 + 1u - NORM * F16>;

// Four numbers of a line of a weight, from number i on.
fn quad(which: u32, line: u32, i: u32) -> vec4f {
    if N_WEIGHTS + GATED > 1u && which == 1u {
        return w1_quad(line, i);
    }
    if N_WEIGHTS > 2u && which == 2u {
        return w2_quad(line, i);
    }
    return w0_quad(line, i);
}

// Brings a tile of a weight to workgroup memory: to ups, or to ws.
fn bring(which: u32, to_ups: bool, k0: u32, first_col: u32, thread: u32) {
    let across = select(select(w0_across, w1_across, which == 1u), w2_across, which == 2u);
    let along_k = across != TRANSPOSED;
    // Neighbouring threads write neighbouring columns.
    var kk = thread / 16u;
    var col = thread % 16u * 4u;
    var line = k0 + kk;
    var i = first_col + col;
    if along_k {
        kk = thread / COLS * 4u;
        col = thread % COLS;
        line = first_col + col;
        i = k0 + kk;
    }
    var numbers = vec4f(0.0);
    if k0 + kk < p.k && first_col + col < p.m {
        numbers = quad(which, line, i);
    }
    let end = select(p.m, p.k, along_k);
    let next = select(1u, COLS, along_k);
    for (var j = 0u; j < 4u; j++) {
        let number = real(select(0.0, numbers[j], i + j < end));
        let at = kk * COLS + col + j * next;
        if GATED == 1u && to_ups {
            ups[at] = number;
        } else {
            ws[at] = number;
        }
    }
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
            xs[kk * TILE_ROWS + row] = real(value);
        }
        bring(which, false, k0, first_col, thread);
        if GATED == 1u {
            bring(1u, true, k0, first_col, thread);
        }
        workgroupBarrier();
        for (var kk = 0u; kk < STEP; kk++) {
            let at = kk * COLS + local.x * 4u;
            let w = vec4f(vec4<real>(ws[at], ws[at + 1u], ws[at + 2u], ws[at + 3u]));
            var u = vec4f(0.0);
            if GATED == 1u {
                u = vec4f(vec4<real>(ups[at], ups[at + 1u], ups[at + 2u], ups[at + 3u]));
            }
            for (var i = 0u; i < ROWS; i++) {
                let value = f32(xs[kk * TILE_ROWS + local.y * ROWS + i]);
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
            if F16 == 1u {
                squares[at] = square[i];
            } else {
                xs[at] = real(square[i]);
            }
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
                let at = (local.y * ROWS + i) * STEP + kk;
                sum += select(f32(xs[at]), squares[at * F16], F16 == 1u);
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
                out[p.out_start + row * p.out_stride + which * p.m + col] = result;
            }
        }
    }
}

// out [n, m] = x [n, k] · w [k, m], plus residual [n, m] with ADD; without workgroup memory, for
// adapters on which that is slow: those that compute on a CPU, and some that have large caches.
//
// A thread makes ROWS rows and 4·QUADS columns, its quads 32 columns apart, so that neighbouring
// threads read neighbouring numbers of w where its lines are rows. A workgroup of 8 × 8 threads makes
// 8·ROWS rows and 32·QUADS columns. Where w's lines run along k (ALONG), a thread reads four numbers
// of a column at a time, and k is a multiple of 4. Columns beyond m are computed and not written.
// Factors are rounded to `real`, as those of matmul.wgsl are.
//
// Constants: ROWS, QUADS, LANES (4), ALONG, ADD (0 or 1), and those of weight.wgsl for w0. All sums are
// variables of their own and no array, which some compilers would leave in memory.

struct Params {
    n: u32, k: u32, m: u32, out_stride: u32,
    x_start: u32, x_stride: u32, residual_start: u32, residual_stride: u32,
    w0: w0_Place,
    out_start: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;        // [n, k]
@group(0) @binding(2) var<storage, read> w0: array<u32>;       // [k, m] or, ALONG, [m, k]
@group(0) @binding(3) var<storage, read> residual: array<f32>; // [n, m], with ADD
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

fn rounded(factors: vec4f) -> vec4f {
    return vec4f(vec4<real>(factors));
}

fn write(row: u32, col: u32, values: vec4f) {
    for (var j = 0u; j < 4u; j++) {
        if row < p.n && col + j < p.m {
            var value = values[j];
            if ADD == 1u {
                value += residual[p.residual_start + row * p.residual_stride + col + j];
            }
            out[p.out_start + row * p.out_stride + col + j] = value;
        }
    }
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) thread: vec3u) {
    let row = thread.y * ROWS;
    let col = thread.x / 8u * (32u * QUADS) + thread.x % 8u * 4u;
    if row >= p.n || col >= p.m {
        return;
    }
    // Rows beyond the last work like the last.
    let x$ROWS = p.x_start + min(row + $ROWSu, p.n - 1u) * p.x_stride;
    var sum$ROWS_$QUADS = vec4f(0.0);
    if ALONG == 1u {
        for (var k = 0u; k < p.k; k += 4u) {
            let v$ROWS = rounded(vec4f(x[x$ROWS + k], x[x$ROWS + k + 1u], x[x$ROWS + k + 2u], x[x$ROWS + k + 3u]));
            let w$QUADS_$LANES = rounded(w0_quad(min(col + 32u * $QUADSu + $LANESu, p.m - 1u), k));
            sum$ROWS_$QUADS[$LANES] += dot(v$ROWS, w$QUADS_$LANES);
        }
    } else {
        for (var k = 0u; k < p.k; k++) {
            let w$QUADS = rounded(w0_quad(k, col + 32u * $QUADSu));
            let v$ROWS = f32(real(x[x$ROWS + k]));
            sum$ROWS_$QUADS += v$ROWS * w$QUADS;
        }
    }
    write(row + $ROWSu, col + 32u * $QUADSu, sum$ROWS_$QUADS);
}

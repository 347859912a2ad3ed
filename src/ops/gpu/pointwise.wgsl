// out [n, d], value by value. KIND 0: factor · x; 1: silu(x); 2: x + y; 3: silu(x) · y.
//
// A thread makes one value. Values are numbered row by row over threads, workgroups of x, then of
// y; a workgroup has 256 threads.
//
// Constants: KIND.

struct Params { n: u32, d: u32, x_start: u32, x_stride: u32, y_start: u32, y_stride: u32, factor: u32 /* f32 */ }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [n, d]
@group(0) @binding(2) var<storage, read> y: array<f32>; // [n, d], with KIND 2 and 3
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [n, d]

fn silu(v: f32) -> f32 {
    // The exponential of a large number would leave the range of f32.
    let e = exp(-abs(v));
    return v * select(1.0, e, v < 0.0) / (1.0 + e);
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) thread: u32,
) {
    let at = (group.y * groups.x + group.x) * 256u + thread;
    if at >= p.n * p.d {
        return;
    }
    let row = at / p.d;
    let col = at % p.d;
    let a = x[p.x_start + row * p.x_stride + col];
    var result = a;
    if KIND == 0u {
        result = a * bitcast<f32>(p.factor);
    }
    if KIND == 1u {
        result = silu(a);
    }
    if KIND >= 2u {
        let b = y[p.y_start + row * p.y_stride + col];
        result = select(silu(a) * b, a + b, KIND == 2u);
    }
    out[at] = result;
}

// out [n, d] = x · (1 + scale) + shift, where row i of x [n, d] takes row i / (n / m) of scale and
// shift [m, d].
//
// A thread makes one value. Values are numbered row by row over threads, workgroups of x, then of
// y; a workgroup has 256 threads.

struct Params {
    n: u32, d: u32, rows_each: u32, // n / m
    x_start: u32, x_stride: u32,
    scale_start: u32, scale_stride: u32,
    shift_start: u32, shift_stride: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;     // [n, d]
@group(0) @binding(2) var<storage, read> scales: array<f32>; // [m, d]
@group(0) @binding(3) var<storage, read> shifts: array<f32>; // [m, d]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [n, d]

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
    let which = row / p.rows_each;
    let scale = scales[p.scale_start + which * p.scale_stride + col];
    let shift = shifts[p.shift_start + which * p.shift_stride + col];
    out[at] = x[p.x_start + row * p.x_stride + col] * (1.0 + scale) + shift;
}

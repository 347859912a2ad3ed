// Rotary position embedding: within each head of width 2·half, out[j] = x[j]·cos - x[j + half]·sin
// and out[j + half] = x[j]·sin + x[j + half]·cos; x [n, d], cos and sin [n, half].
//
// A thread turns one pair. Pairs are numbered row by row over threads, workgroups of x, then of y;
// a workgroup has 256 threads.

struct Params {
    n: u32, d: u32, half: u32,
    x_start: u32, x_stride: u32,
    cos_start: u32, cos_stride: u32,
    sin_start: u32, sin_stride: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;      // [n, d]
@group(0) @binding(2) var<storage, read> cosines: array<f32>; // [n, half]
@group(0) @binding(3) var<storage, read> sines: array<f32>;   // [n, half]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [n, d]

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) thread: u32,
) {
    let pair = (group.y * groups.x + group.x) * 256u + thread;
    let pairs = p.d / 2u;
    let row = pair / pairs;
    if row >= p.n {
        return;
    }
    let j = pair % pairs % p.half;
    let col = pair % pairs / p.half * 2u * p.half + j;
    let c = cosines[p.cos_start + row * p.cos_stride + j];
    let s = sines[p.sin_start + row * p.sin_stride + j];
    let a = x[p.x_start + row * p.x_stride + col];
    let b = x[p.x_start + row * p.x_stride + col + p.half];
    out[row * p.d + col] = a * c - b * s;
    out[row * p.d + col + p.half] = a * s + b * c;
}

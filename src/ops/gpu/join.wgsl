// Joins two matrices sequence by sequence: out [b·(s_a + s_b), d] has of each sequence first its
// s_a rows of a [b·s_a, d] and then its s_b rows of b [b·s_b, d].
//
// A thread copies one value. Values are numbered row by row over threads, workgroups of x, then of
// y; a workgroup has 256 threads.

struct Params { n: u32, d: u32, s_a: u32, s_b: u32, a_start: u32, a_stride: u32, b_start: u32, b_stride: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>; // [b·s_a, d]
@group(0) @binding(2) var<storage, read> b: array<f32>; // [b·s_b, d]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [b·(s_a + s_b), d]

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
    let col = at % p.d;
    let place = at / p.d % (p.s_a + p.s_b);
    let sequence = at / p.d / (p.s_a + p.s_b);
    if place < p.s_a {
        out[at] = a[p.a_start + (sequence * p.s_a + place) * p.a_stride + col];
    } else {
        out[at] = b[p.b_start + (sequence * p.s_b + place - p.s_a) * p.b_stride + col];
    }
}

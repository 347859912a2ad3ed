// out [n, d] = x / sqrt(mean(x²) + 1e-6) · gain, row by row; x [n, d], gain [1, d].
//
// A workgroup of 64 threads makes one row: each thread sums the squares of every 64th value, the
// sums meet in workgroup memory, and each thread scales its values. Rows are numbered over the
// workgroups of x and then y.

struct Params { n: u32, d: u32, x_start: u32, x_stride: u32, gain_start: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;    // [n, d]
@group(0) @binding(2) var<storage, read> gain: array<f32>; // [1, d]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [n, d]

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = group.y * groups.x + group.x;
    // Rows beyond the last are read as the last and not written.
    let first = p.x_start + min(row, p.n - 1u) * p.x_stride;
    var sum = 0.0;
    for (var i = thread; i < p.d; i += 64u) {
        let value = x[first + i];
        sum += value * value;
    }
    sums[thread] = sum;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half >>= 1u) {
        if thread < half {
            sums[thread] += sums[thread + half];
        }
        workgroupBarrier();
    }
    if row >= p.n {
        return;
    }
    let scale = 1.0 / sqrt(sums[0] / f32(p.d) + 1e-6);
    for (var i = thread; i < p.d; i += 64u) {
        out[row * p.d + i] = x[first + i] * scale * gain[p.gain_start + i];
    }
}

// out [n, d]: row i is factor times row ids[i] of w0 [m, d]. With SUM, row other_ids[i] of
// w1 [m', d] is added. Where w0 is a part of a table, it has m of its rows, from row first on; rows
// of out that are not of this part are left as they are.
//
// A thread makes four values of a row, or what is left of it. Such quads are numbered row by row
// over threads, workgroups of x, then of y; a workgroup has 256 threads.
//
// Constants: SUM (0 or 1), and those of weight.wgsl.

struct Params {
    n: u32, d: u32, ids_start: u32, other_ids_start: u32,
    w0: w0_Place, w1: w1_Place,
    factor: u32, // f32
    first: u32, m: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w0: array<u32>;        // [m, d]
@group(0) @binding(2) var<storage, read> w1: array<u32>;        // [m', d], with SUM
@group(0) @binding(3) var<storage, read> ids: array<u32>;       // [n]
@group(0) @binding(4) var<storage, read> other_ids: array<u32>; // [n], with SUM
@group(0) @binding(5) var<storage, read_write> out: array<f32>; // [n, d]

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) thread: u32,
) {
    let at = (group.y * groups.x + group.x) * 256u + thread;
    let quads = (p.d + 3u) / 4u;
    if at >= p.n * quads {
        return;
    }
    let row = at / quads;
    let col = at % quads * 4u;
    // A row before the first becomes a number that is too large, too.
    let id = ids[p.ids_start + row] - p.first;
    if id >= p.m {
        return;
    }
    var values = w0_columns(id, col) * bitcast<f32>(p.factor);
    if SUM == 1u {
        values += w1_columns(other_ids[p.other_ids_start + row], col);
    }
    for (var j = 0u; j < 4u && col + j < p.d; j++) {
        out[row * p.d + col + j] = values[j];
    }
}

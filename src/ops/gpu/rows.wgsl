// out [n, d]: row i is factor times row ids[i] of table [m, d]. With SUM, row other_ids[i] of other
// [m', d] is added.
//
// A thread makes one value. Values are numbered row by row over threads, workgroups of x, then of
// y; a workgroup has 256 threads.
//
// Constants: SUM (0 or 1).

struct Params {
    n: u32, d: u32,
    table_start: u32, table_stride: u32,
    ids_start: u32, factor: u32, // f32
    other_start: u32, other_stride: u32,
    other_ids_start: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> table: array<f32>;     // [m, d]
@group(0) @binding(2) var<storage, read> ids: array<u32>;       // [n]
@group(0) @binding(3) var<storage, read> other: array<f32>;     // [m', d], with SUM
@group(0) @binding(4) var<storage, read> other_ids: array<u32>; // [n], with SUM
@group(0) @binding(5) var<storage, read_write> out: array<f32>; // [n, d]

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
    let row = ids[p.ids_start + at / p.d];
    var value = table[p.table_start + row * p.table_stride + at % p.d] * bitcast<f32>(p.factor);
    if SUM == 1u {
        let other_row = other_ids[p.other_ids_start + at / p.d];
        value += other[p.other_start + other_row * p.other_stride + at % p.d];
    }
    out[at] = value;
}

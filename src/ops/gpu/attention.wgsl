// Attention of every row to all rows of its sequence: out = softmax(q · kᵀ / sqrt(D) + bias) · v,
// head by head; q, k, v, out [b·s, h·D], bias [b, s].
//
// The scores are never written: a thread keeps EACH queries and walks over all keys, SIDE at a time,
// with the largest score so far, the sum of exponentials and the weighted sum of values, rescaled
// after every few keys (online softmax, arXiv:1805.02867). With ROPE, q and k are turned first, as in
// rope.wgsl, by cos and sin [b·s, D/2].
//
// A workgroup is THREADS·EACH queries of one head (y) of one sequence (z). KEYS keys and their values
// at a time are brought to workgroup memory as `real`; or, with TILED = 0, each thread reads them
// where they are, the keys turned already. All else is f32.
//
// Constants: D (a multiple of 8), QUADS (D / 4), THREADS, KEYS, SIDE, EACH, TILED, ROPE (0 or 1).

struct Params {
    s: u32, out_stride: u32,
    q_start: u32, q_stride: u32,
    k_start: u32, k_stride: u32,
    v_start: u32, v_stride: u32,
    bias_start: u32, bias_stride: u32,
    cos_start: u32, sin_start: u32,
    scale: u32, // f32
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>;    // [b·s, h·D]
@group(0) @binding(2) var<storage, read> k: array<f32>;    // [b·s, h·D]
@group(0) @binding(3) var<storage, read> v: array<f32>;    // [b·s, h·D]
@group(0) @binding(4) var<storage, read> bias: array<f32>; // [b, s]
@group(0) @binding(5) var<storage, read> cosines: array<f32>; // [b·s, D/2], with ROPE
@group(0) @binding(6) var<storage, read> sines: array<f32>;   // [b·s, D/2], with ROPE
@group(0) @binding(7) var<storage, read_write> out: array<f32>; // [b·s, h·D]

const HALF = D / 2u;

const N_TILE = KEYS * QUADS * TILED + 1u - TILED;

var<workgroup> keys: array<vec4<real>, N_TILE>;
var<workgroup> values: array<vec4<real>, N_TILE>;

fn q_at(row: u32, col: u32) -> vec4f {
    let at = p.q_start + row * p.q_stride + col;
    return vec4f(q[at], q[at + 1u], q[at + 2u], q[at + 3u]);
}

fn k_at(row: u32, col: u32) -> vec4f {
    let at = p.k_start + row * p.k_stride + col;
    return vec4f(k[at], k[at + 1u], k[at + 2u], k[at + 3u]);
}

fn v_at(row: u32, col: u32) -> vec4f {
    let at = p.v_start + row * p.v_stride + col;
    return vec4f(v[at], v[at + 1u], v[at + 2u], v[at + 3u]);
}

// Columns 4·quad … of a key, which is number `tile` of those in workgroup memory.
fn key_at(row: u32, tile: u32, head: u32, quad: u32) -> vec4f {
    if TILED == 1u {
        return vec4f(keys[tile * QUADS + quad]);
    }
    return vec4f(vec4<real>(k_at(row, head + 4u * quad)));
}

fn value_at(row: u32, tile: u32, head: u32, quad: u32) -> vec4f {
    if TILED == 1u {
        return vec4f(values[tile * QUADS + quad]);
    }
    return vec4f(vec4<real>(v_at(row, head + 4u * quad)));
}

// Columns 4·quad … of a head, turned: `here` are they, `there` those they are paired with.
fn turned(row: u32, quad: u32, here: vec4f, there: vec4f) -> vec4f {
    let j = (quad * 4u) % HALF;
    let c_at = p.cos_start + row * HALF + j;
    let s_at = p.sin_start + row * HALF + j;
    let c = vec4f(cosines[c_at], cosines[c_at + 1u], cosines[c_at + 2u], cosines[c_at + 3u]);
    let s = vec4f(sines[s_at], sines[s_at + 1u], sines[s_at + 2u], sines[s_at + 3u]);
    if quad * 4u < HALF {
        return here * c - there * s;
    }
    return there * s + here * c;
}

fn query_at(row: u32, head: u32, quad: u32) -> vec4f {
    let value = q_at(row, head + 4u * quad);
    if ROPE == 1u {
        return turned(row, quad, value, q_at(row, head + (4u * quad + HALF) % D));
    }
    return value;
}

fn write(query: u32, first: u32, col: u32, values: vec4f) {
    if query < p.s {
        let at = (first + query) * p.out_stride + col;
        out[at] = values.x;
        out[at + 1u] = values.y;
        out[at + 2u] = values.z;
        out[at + 3u] = values.w;
    }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let query = (group.x * THREADS + thread) * EACH;
    let head = group.y * D;
    let first = group.z * p.s;
    let scale = bitcast<f32>(p.scale);
    // Queries beyond the last work like the last and are not written.
    let row$EACH = first + min(query + $EACHu, p.s - 1u);
    let mine$EACH_$QUADS = query_at(row$EACH, head, $QUADSu) * scale;
    var acc$EACH_$QUADS = vec4f(0.0);
    var largest$EACH = -3e38;
    var sum$EACH = 0.0;

    for (var k0 = 0u; k0 < p.s; k0 += KEYS) {
        let n = min(KEYS, p.s - k0);
        if TILED == 1u {
            workgroupBarrier();
            for (var at = thread; at < n * QUADS; at += THREADS) {
                let other = first + k0 + at / QUADS;
                let i = at % QUADS;
                var value = k_at(other, head + 4u * i);
                if ROPE == 1u {
                    value = turned(other, i, value, k_at(other, head + (4u * i + HALF) % D));
                }
                keys[at] = vec4<real>(value);
                values[at] = vec4<real>(v_at(other, head + 4u * i));
            }
            workgroupBarrier();
        }
        // Threads without a query have nothing to do here.
        let end = select(0u, n, query < p.s);
        for (var key = 0u; key < end; key += SIDE) {
            // Keys beyond the last read the last, and weigh nothing.
            let at$SIDE = min(key + $SIDEu, n - 1u);
            var score$EACH_$SIDE = 0.0;
            score$EACH_$SIDE += dot(mine$EACH_$QUADS, key_at(first + k0 + at$SIDE, at$SIDE, head, $QUADSu));
            // Last, because beside the bias of padding the rest would be lost.
            let bias$SIDE = bias[p.bias_start + group.z * p.bias_stride + k0 + at$SIDE];
            score$EACH_$SIDE += bias$SIDE;
            var new_largest$EACH = largest$EACH;
            new_largest$EACH = max(new_largest$EACH, score$EACH_$SIDE);
            let keep$EACH = exp(largest$EACH - new_largest$EACH);
            let share$EACH_$SIDE = select(0.0, exp(score$EACH_$SIDE - new_largest$EACH), key + $SIDEu < n);
            largest$EACH = new_largest$EACH;
            sum$EACH *= keep$EACH;
            sum$EACH += share$EACH_$SIDE;
            acc$EACH_$QUADS *= keep$EACH;
            acc$EACH_$QUADS += share$EACH_$SIDE * value_at(first + k0 + at$SIDE, at$SIDE, head, $QUADSu);
        }
    }
    write(query + $EACHu, first, head + 4u * $QUADSu, acc$EACH_$QUADS / sum$EACH);
}

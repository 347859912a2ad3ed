// The K rows of gate [n, 2] with the highest score, as numbers in out [1, K], the highest first. A row's
// score is (1 - sigmoid(gate[0])) · (1 + softplus(gate[1])); of equals the first row wins.
//
// One workgroup of 256 threads. A thread counts, for every 256th row, the rows before it, and writes
// the row's number where that many are before it.

struct Params { n: u32, k: u32, gate_start: u32, gate_stride: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> gate: array<f32>;      // [n, 2]
@group(0) @binding(2) var<storage, read_write> out: array<u32>; // [1, k]

const MAX_ROWS = 1024u;

var<workgroup> scores: array<f32, MAX_ROWS>;

fn score(row: u32) -> f32 {
    let at = p.gate_start + row * p.gate_stride;
    // Beyond 80 the exponentials would leave the range of f32, and nothing changes any more.
    let rate = min(gate[at + 1u], 80.0);
    return (1.0 + log(1.0 + exp(rate))) / (1.0 + exp(min(gate[at], 80.0)));
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) thread: u32) {
    for (var row = thread; row < p.n; row += 256u) {
        scores[row] = score(row);
    }
    workgroupBarrier();
    for (var row = thread; row < p.n; row += 256u) {
        let own = scores[row];
        var n_before = 0u;
        for (var other = 0u; other < p.n; other++) {
            let value = scores[other];
            n_before += select(0u, 1u, value > own || (value == own && other < row));
        }
        if n_before < p.k {
            out[n_before] = row;
        }
    }
}

// How weight WEIGHT is read, a block of text for each weight of a kernel. A weight is lines of
// numbers in words; the lines are the rows of the matrix, or with WEIGHT_across = 1 its columns.
//
//   WEIGHT_bits   a number is                              a line is
//   32            f32                                      any count of words
//   16            f16, two to a word                       padded to four numbers
//   8, 4          whole, two's complement, first lowest,   whole blocks; after all lines
//                 times the scale of its block             the scales, f16, two to a word

struct WEIGHT_Place {
    start: u32,  // first word
    stride: u32, // words from line to line
    scales: u32, // first scale, counted in halves of words
    shift: u32,  // log2 of a block's words
}

// Numbers i to i + 3 of a line; i is a multiple of 4. What is beyond the line is anything.
fn WEIGHT_quad(line: u32, i: u32) -> vec4f {
    let place = p.WEIGHT;
    let at = place.start + line * place.stride + i * WEIGHT_bits / 32u;
    let word = WEIGHT[at];
    if WEIGHT_bits == 32u {
        return bitcast<vec4f>(vec4u(word, WEIGHT[at + 1u], WEIGHT[at + 2u], WEIGHT[at + 3u]));
    }
    if WEIGHT_bits == 16u {
        return vec4f(unpack2x16float(word), unpack2x16float(WEIGHT[at + 1u]));
    }
    // Each number is moved to the top of its word, then down with its sign.
    let up = (vec4u(128u) - WEIGHT_bits * vec4u(1u, 2u, 3u, 4u)) % 32u;
    let whole = bitcast<vec4i>(vec4u(word >> (i * WEIGHT_bits % 32u)) << up) >> vec4u(32u - WEIGHT_bits);
    let s = place.scales + (at >> place.shift);
    let half = WEIGHT[s / 2u] >> (s % 2u * 16u);
    // By hand, because a device may take the smallest f16 for zero.
    let size = half & 0x7fffu;
    let scale = select(bitcast<f32>((size << 13u) + 0x38000000u), f32(size) * 5.9604645e-8, size < 0x400u);
    return vec4f(whole) * select(scale, -scale, (half & 0x8000u) != 0u);
}

// Columns col to col + 3 of a row; col is a multiple of 4.
fn WEIGHT_columns(row: u32, col: u32) -> vec4f {
    if WEIGHT_across == 0u {
        return WEIGHT_quad(row, col);
    }
    let i = row / 4u * 4u;
    let j = row % 4u;
    return vec4f(
        WEIGHT_quad(col, i)[j],
        WEIGHT_quad(col + 1u, i)[j],
        WEIGHT_quad(col + 2u, i)[j],
        WEIGHT_quad(col + 3u, i)[j],
    );
}


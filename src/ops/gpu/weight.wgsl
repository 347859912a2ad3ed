// How weight $ is read: a block of text for each weight of a kernel, with its name for the sign. A
// weight is lines of numbers in words; the lines are the rows of the matrix, or with $_across = 1
// its columns.
//
//   $_bits   a number is                              a line is
//   32       f32                                      any count of words
//   16       f16, two to a word                       padded to four numbers
//   8, 4     whole, two's complement, first lowest,   whole blocks; after all lines
//            times the scale of its block             the scales, f16, two to a word

struct $_Place {
    start: u32,  // first word
    stride: u32, // words from line to line
    scales: u32, // first scale, counted in halves of words
    shift: u32,  // log2 of a block's words
}

// Numbers i to i + 3 of a line; i is a multiple of 4. What is beyond the line is anything.
fn $_quad(line: u32, i: u32) -> vec4f {
    let place = p.$;
    let at = place.start + line * place.stride + i * $_bits / 32u;
    let word = $[at];
    if $_bits == 32u {
        return bitcast<vec4f>(vec4u(word, $[at + 1u], $[at + 2u], $[at + 3u]));
    }
    if $_bits == 16u {
        return vec4f(unpack2x16float(word), unpack2x16float($[at + 1u]));
    }
    // Each number is moved to the top of its word, then down with its sign.
    let up = (vec4u(128u) - $_bits * vec4u(1u, 2u, 3u, 4u)) % 32u;
    let whole = bitcast<vec4i>(vec4u(word >> (i * $_bits % 32u)) << up) >> vec4u(32u - $_bits);
    let s = place.scales + (at >> place.shift);
    let half = $[s / 2u] >> (s % 2u * 16u);
    // By hand, because a device may take the smallest f16 for zero.
    let size = half & 0x7fffu;
    let scale = select(bitcast<f32>((size << 13u) + 0x38000000u), f32(size) * 5.9604645e-8, size < 0x400u);
    return vec4f(whole) * select(scale, -scale, (half & 0x8000u) != 0u);
}

// Columns col to col + 3 of a row; col is a multiple of 4.
fn $_columns(row: u32, col: u32) -> vec4f {
    if $_across == 0u {
        return $_quad(row, col);
    }
    let i = row / 4u * 4u;
    let j = row % 4u;
    return vec4f(
        $_quad(col, i)[j],
        $_quad(col + 1u, i)[j],
        $_quad(col + 2u, i)[j],
        $_quad(col + 3u, i)[j],
    );
}


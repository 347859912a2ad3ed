//! Attention, one head of one sequence after the other: its scores are a small matrix that stays in
//! the cache.

use super::Matrix;
use super::elements::softmax;
use super::panels::{Panels, Rows};

/// Multi-head attention of `q`, `k` and `v [b·s, d]`, with the rotation `(cos, sin)` of `q` and `k`
/// before it, if one is given; `bias [b, s]`.
pub(super) fn attention(
    [q, k, v]: [&Matrix; 3],
    rotation: Option<[&Matrix; 2]>,
    bias: &Matrix,
    n_heads: usize,
) -> Matrix {
    let (d, seq) = (q.width, bias.width);
    let d_head = d / n_heads;
    let scale = 1.0 / (d_head as f32).sqrt();
    let mut out = vec![0.0; q.values.len()];
    let mut queries = Vec::with_capacity(seq * d_head);
    let mut keys = Vec::with_capacity(seq * d_head);
    for (b, out) in out.chunks_exact_mut((seq * d).max(1)).enumerate() {
        for first in (0..d).step_by(d_head) {
            for (x, turned) in [(q, &mut queries), (k, &mut keys)] {
                turned.clear();
                for row in b * seq..(b + 1) * seq {
                    turned.extend_from_slice(&x.row(row)[first..first + d_head]);
                    if let Some([cos, sin]) = rotation {
                        let start = turned.len() - d_head;
                        turn(&mut turned[start..], cos.row(row), sin.row(row));
                    }
                }
            }
            queries.iter_mut().for_each(|query| *query *= scale);
            let mut scores =
                Panels::from_fn(d_head, seq, |c, key| keys[key * d_head + c]).product(&Rows::new(&queries, d_head));
            for row in scores.chunks_exact_mut(seq) {
                row.iter_mut().zip(bias.row(b)).for_each(|(score, bias)| *score += bias);
                softmax(row);
            }
            let values = Panels::from_fn(seq, d_head, |key, c| v.row(b * seq + key)[first + c]);
            values.add_product_at(&Rows::new(&scores, seq), out, d, first);
        }
    }
    q.like(out)
}

/// Turns the pairs `(x[j], x[j + half])` of a head.
pub(super) fn turn(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (a, b) = head.split_at_mut(head.len() / 2);
    for (((a, b), cos), sin) in a.iter_mut().zip(b).zip(cos).zip(sin) {
        (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
    }
}

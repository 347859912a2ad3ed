//! An order for each pass over a finite set of documents.

use crate::flow::rng::Rng;

/// The place of the document `index` among `n`: each pass visits all of them, in an order of its
/// own that `seed` determines.
pub(super) fn place(index: u64, n: u64, seed: u64) -> u64 {
    let (pass, i) = (index / n, index % n);
    let mut rng = Rng::stream(seed ^ 0x0de5, pass);
    // A permutation of the smallest square that holds n, walked until it falls below n.
    let side = (1..).find(|side| side * side >= n).unwrap_or(1);
    let keys: [u64; 4] = std::array::from_fn(|_| rng.next_u64());
    let mut at = i;
    loop {
        let (mut left, mut right) = (at / side, at % side);
        for key in keys {
            (left, right) = (right, (left + mixed(right ^ key)) % side);
        }
        at = left * side + right;
        if at < n {
            return at;
        }
    }
}

/// A hash of 64 bits.
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pass_visits_all_in_an_order_of_its_own() {
        for n in [1, 2, 7, 100, 1000] {
            let pass = |p: u64| (0..n).map(|i| place(p * n + i, n, 5)).collect::<Vec<_>>();
            for p in 0..3 {
                let mut seen = pass(p);
                seen.sort_unstable();
                assert_eq!(seen, (0..n).collect::<Vec<_>>(), "{n}");
            }
            assert!(n < 100 || (pass(0) != pass(1) && pass(0) != (0..n).collect::<Vec<_>>()));
        }
    }
}

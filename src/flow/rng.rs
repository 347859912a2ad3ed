//! The seeded random generator: the same bits for the same seed on every target.
//!
//! xoshiro256++ by Blackman and Vigna ("Scrambled linear pseudorandom number generators",
//! arXiv:1805.01407v3), its four words filled by SplitMix64.

/// A generator of random numbers. Functions that draw take it as an argument; there is no global one.
#[derive(Clone, Debug, PartialEq)]
pub struct Rng {
    state: [u64; 4],
}

/// The increment of SplitMix64: 2⁶⁴ divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Rng {
    /// The generator of a seed; stream 0 of it.
    pub fn new(seed: u64) -> Self {
        Self::stream(seed, 0)
    }

    /// One of the 2⁶⁴ independent generators of a seed.
    pub fn stream(seed: u64, stream: u64) -> Self {
        let mut word = mix(mix(seed.wrapping_add(GOLDEN)).wrapping_add(stream));
        let state = std::array::from_fn(|_| {
            word = word.wrapping_add(GOLDEN);
            mix(word)
        });
        // SplitMix64 visits every word once, so four zeros in a row cannot occur.
        Self { state }
    }

    /// The generator that continues from `state`, or `None` for the all-zero state, which would
    /// only give zeros.
    pub fn from_state(state: [u64; 4]) -> Option<Self> {
        (state != [0; 4]).then_some(Self { state })
    }

    /// Everything that determines what comes next.
    pub fn state(&self) -> [u64; 4] {
        self.state
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number in [0, 1), a multiple of 2⁻²⁴, from the upper bits of one word.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 * (1.0 / (1u64 << 24) as f32)
    }

    /// A number in [0, 1), a multiple of 2⁻⁵³, from the upper bits of one word.
    pub fn uniform_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A draw from N(0, 1) by Box and Muller, √(-2 ln(1 - u₁)) cos(2π u₂), from two calls of
    /// [`uniform`](Self::uniform); its size is below 5.8.
    pub fn normal(&mut self) -> f32 {
        let u1 = self.uniform();
        let u2 = self.uniform();
        libm::sqrtf(-2.0 * libm::logf(1.0 - u1)) * libm::cosf(std::f32::consts::TAU * u2)
    }

    /// A whole number in [0, n), each equally likely. Consumes one word, rarely more (Lemire,
    /// arXiv:1805.10941v4).
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "there is no whole number below 0");
        let n = n as u64;
        // The first 2⁶⁴ mod n products would make some results likelier than others.
        let biased = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= biased {
                return (product >> 64) as usize;
            }
        }
    }

    /// True with probability `p`; always consumes exactly one uniform number. Never true for
    /// `p <= 0`, always for `p >= 1`.
    pub fn bernoulli(&mut self, p: f32) -> bool {
        self.uniform() < p
    }
}

/// The output function of SplitMix64.
fn mix(word: u64) -> u64 {
    let z = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of the authors' C code from the state 1, 2, 3, 4.
    #[test]
    fn xoshiro_gives_the_published_words() {
        let mut rng = Rng::from_state([1, 2, 3, 4]).unwrap();
        let words: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
        assert_eq!(words, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    /// The outputs of SplitMix64 from seed 0, as printed beside most implementations.
    #[test]
    fn mix_gives_the_published_words_of_splitmix() {
        assert_eq!(mix(GOLDEN), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(GOLDEN.wrapping_mul(2)), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn streams_of_a_seed_differ_and_repeat() {
        let first = |seed, stream| Rng::stream(seed, stream).next_u64();
        let mut seen: Vec<u64> = (0..30).flat_map(|seed| (0..30).map(move |s| first(seed, s))).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 900);
        assert_eq!(first(3, 4), first(3, 4));
        assert_eq!(Rng::new(7), Rng::stream(7, 0));
    }

    #[test]
    fn a_restored_generator_continues() {
        let mut rng = Rng::new(1);
        rng.normal();
        let mut restored = Rng::from_state(rng.state()).unwrap();
        assert_eq!(restored.next_u64(), rng.next_u64());
        assert_eq!(Rng::from_state([0; 4]), None);
    }

    #[test]
    fn uniform_numbers_have_the_mean_and_variance_of_their_law() {
        let mut rng = Rng::new(2);
        let n = 100_000;
        let draws: Vec<f64> = (0..n).map(|_| f64::from(rng.uniform())).collect();
        assert!(draws.iter().all(|u| (0.0..1.0).contains(u)));
        let mean = draws.iter().sum::<f64>() / n as f64;
        // Five standard errors of the mean of n draws of variance 1/12.
        assert!((mean - 0.5).abs() < 5.0 * (1.0 / 12.0 / n as f64).sqrt(), "mean {mean}");
    }

    #[test]
    fn normal_numbers_have_the_moments_of_their_law() {
        let mut rng = Rng::new(3);
        let n = 100_000;
        let draws: Vec<f64> = (0..n).map(|_| f64::from(rng.normal())).collect();
        let moment = |k: i32| draws.iter().map(|z| z.powi(k)).sum::<f64>() / n as f64;
        // Five standard errors; the variances of z, z² and z⁴ are 1, 2 and 96.
        let error = |variance: f64| 5.0 * (variance / n as f64).sqrt();
        assert!(moment(1).abs() < error(1.0), "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < error(2.0), "variance {}", moment(2));
        assert!((moment(4) - 3.0).abs() < error(96.0), "fourth moment {}", moment(4));
    }

    #[test]
    fn below_is_even() {
        let mut rng = Rng::new(4);
        let mut counts = [0usize; 7];
        for _ in 0..70_000 {
            counts[rng.below(7)] += 1;
        }
        // Five standard deviations of a binomial count with n = 70,000 and p = 1/7.
        assert!(counts.iter().all(|&c| c.abs_diff(10_000) < 463), "{counts:?}");
    }

    #[test]
    fn bernoulli_consumes_one_uniform_whatever_p_is() {
        for (p, result) in [(0.0, false), (-1.0, false), (1.0, true), (7.0, true)] {
            let mut rng = Rng::new(5);
            let mut other = rng.clone();
            assert_eq!(rng.bernoulli(p), result);
            other.uniform();
            assert_eq!(rng, other);
        }
    }
}

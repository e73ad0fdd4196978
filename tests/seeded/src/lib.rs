//! Random values for tests. A test tries a number of cases, each from a seed of its own; one that fails says its seed.
//!
//! `SPLIT_SSH_CASES=100000` tries at least so many instead of the usual number, `SPLIT_SSH_SEED=7` that one alone.

/// The least number of cases to try.
const CASES: &str = "SPLIT_SSH_CASES";
/// The one case to try.
const SEED: &str = "SPLIT_SSH_SEED";

/// Runs `case` with the values of each seed from 0 to `usual`, or as the environment says. Returns whether these were
/// at least as many as usual, so that counts over all of them mean something.
///
/// # Panics
/// When a case does; its seed is told before.
pub fn cases(usual: u64, mut case: impl FnMut(&mut Random)) -> bool {
    let seeds = match (number(SEED), number(CASES)) {
        (Some(seed), _) => seed..seed + 1,
        (None, cases) => 0..cases.map_or(usual, |least| least.max(usual)),
    };
    let is_whole = seeds.start == 0 && seeds.end >= usual;
    for seed in seeds {
        let _told_on_panic = Case(seed);
        case(&mut Random::new(seed));
    }
    is_whole
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {value}")),
    )
}

/// Tells its seed when it is dropped by a panic.
struct Case(u64);

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this case alone: {SEED}={}", self.0);
        }
    }
}

/// A generator of values that look random (xorshift64*).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Seeds that are near each other give values that are not.
        let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((mixed ^ (mixed >> 31)) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        // The upper bits are the better ones.
        (self.next() >> 33) as usize % end
    }

    pub fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn byte(&mut self) -> u8 {
        (self.next() >> 56) as u8
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_values_and_another_one_others() {
        let values = |seed| Random::new(seed).bytes(16);
        assert_eq!(values(1), values(1));
        assert_ne!(values(0), values(1));
    }

    #[test]
    fn all_numbers_below_the_end_come() {
        let mut random = Random::new(0);
        let mut seen = [false; 7];
        (0..1000).for_each(|_| seen[random.below(7)] = true);
        assert_eq!(seen, [true; 7]);
    }
}

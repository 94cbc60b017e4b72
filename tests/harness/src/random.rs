//! Random choices that can be repeated: every run prints its seed and accepts one.

/// Repeats a run when set to the seed that it printed.
pub const SEED_VARIABLE: &str = "OVSDB_SEED";

/// A stream of pseudo-random numbers (SplitMix64). The same seed gives the same stream.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A stream with the seed of [`SEED_VARIABLE`], or with one from the system. Prints the seed, which the test
    /// runner shows when the test fails.
    pub fn from_environment() -> Random {
        let seed = match std::env::var(SEED_VARIABLE) {
            Ok(text) => text
                .parse()
                .unwrap_or_else(|_| panic!("{SEED_VARIABLE} is not a number: {text}")),
            Err(_) => std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), "seed"),
        };
        println!("{SEED_VARIABLE}={seed}");
        Random::new(seed)
    }

    /// The stream of `seed`.
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`. `bound` is not 0. (The bias of the remainder does not matter to tests.)
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`, which are not empty.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// Another stream that depends on this one only through its seed, for a thread of its own.
    pub fn fork(&mut self) -> Random {
        Random::new(self.next_u64())
    }
}

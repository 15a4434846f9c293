//! Random numbers that a seed repeats.

/// `SplitMix64`.
#[derive(Clone, Debug)]
pub struct SeededRandom(u64);

impl SeededRandom {
    /// The numbers of this seed.
    pub const fn new(seed: u64) -> SeededRandom {
        SeededRandom(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Choices that are made at random, or by a fuzzer.
pub trait Choices {
    /// A number below `limit`.
    fn below(&mut self, limit: u64) -> u64;

    /// An index into a slice of this length.
    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    /// True once in so many times.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

impl Choices for SeededRandom {
    fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }
}

/// Choices that bytes make, one each. After the last byte every choice is the first one.
#[derive(Clone, Copy, Debug)]
pub struct ChoicesOfBytes<'b>(pub &'b [u8]);

impl Choices for ChoicesOfBytes<'_> {
    fn below(&mut self, limit: u64) -> u64 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        u64::from(*first) % limit
    }
}

/// A number from the environment, or the default.
pub fn setting(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the environment repeats a run by its seed")]
    let set = std::env::var(name);
    set.ok().map_or(default, |text| text.parse().unwrap())
}

/// A request of a client about few people, in the notation.
pub fn client_request(random: &mut SeededRandom) -> String {
    let mut words = Vec::new();
    // Later kinds are named more often: devices are everywhere, ids are rare.
    for (kind, people, rarely) in
        [("id", 40, 20), ("x", 12, 5), ("e", 16, 2), ("p", 12, 3), ("a", 20, 2)]
    {
        if random.once_in(rarely) {
            words.push(format!("{kind}:{}", 1 + random.below(people)));
        }
    }
    if words.is_empty() {
        words.push(format!("a:{}", 1 + random.below(20)));
    }
    for name in ["name", "city", "plan"] {
        if random.once_in(4) {
            words.push(format!("{name}={}", random.below(5)));
        }
    }
    words.join(" ")
}

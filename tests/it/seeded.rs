//! A small generator of random numbers, so that whatever failed can be played again by its seed, and the sizes and seeds
//! of campaigns. It must never take anything from the clock that is not printed.

use crate::oracle;

/// A generator that gives the same numbers for the same seed.
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        // Neighbouring seeds begin with neighbouring numbers otherwise.
        let mut seeded = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d);
        seeded.below(2);
        seeded
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// How large a campaign is: the variable's number, or what is usual.
pub(crate) fn size(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

/// The first seed of a campaign: `CANDLEFILE_CAMPAIGN_SEED`, or another one every time.
pub(crate) fn first_seed() -> u64 {
    let seed = size("CANDLEFILE_CAMPAIGN_SEED", oracle::now().cast_unsigned());
    say(format!("CANDLEFILE_CAMPAIGN_SEED={seed}"));
    seed
}

/// Says a figure or a seed, for `--nocapture` and for whoever reads why a test failed.
#[allow(clippy::print_stderr, clippy::needless_pass_by_value)]
pub(crate) fn say(text: String) {
    eprintln!("{text}");
}

/// Runs a campaign's rounds, one seed each, on two threads; sums up what the rounds say.
pub(crate) fn rounds(seeds: std::ops::Range<u64>, round: impl Fn(u64) -> u64 + Sync) -> u64 {
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let work = || {
        let mut sum = 0;
        loop {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            if seed >= seeds.end {
                return sum;
            }
            sum += round(seed);
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        work() + other.join().unwrap()
    })
}

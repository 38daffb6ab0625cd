//! Random numbers by seed, so that whatever failed can be played again, and the sizes, seeds and rounds of campaigns. It
//! must never take anything from the clock that is not printed.

use super::oracle;

/// A generator that gives the same numbers for the same seed.
pub(crate) struct Seeded(fastrand::Rng);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0.u64(..n)
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
    let tenth = (seeds.end - seeds.start).div_ceil(10);
    let work = || {
        let mut sum = 0;
        loop {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            if seed >= seeds.end {
                return sum;
            }
            if seed > seeds.start && (seed - seeds.start).is_multiple_of(tenth) {
                say(format!("at seed {seed} of {seeds:?}"));
            }
            sum += round(seed);
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        work() + other.join().unwrap()
    })
}

//! What became of fetched rows, as counts that add up.

/// Counts of rows. `fetched = inserted + duplicate + restated + conflicting + rejected`; `removed` stands beside the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Rows of closed candles in the answers.
    pub fetched: u64,
    /// New rows.
    pub inserted: u64,
    /// Rows whose values were stored already.
    pub duplicate: u64,
    /// Rows that replaced a provisional one.
    pub restated: u64,
    /// Rows that differ from a final one, which stays.
    pub conflicting: u64,
    /// Rows that cannot be stored.
    pub rejected: u64,
    /// Provisional rows that the final answer no longer had.
    #[serde(skip)]
    pub removed: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.fetched += other.fetched;
        self.inserted += other.inserted;
        self.duplicate += other.duplicate;
        self.restated += other.restated;
        self.conflicting += other.conflicting;
        self.rejected += other.rejected;
        self.removed += other.removed;
    }
}

impl std::ops::Sub for Counts {
    type Output = Counts;

    /// What was counted since `before`.
    fn sub(self, before: Counts) -> Counts {
        Counts {
            fetched: self.fetched.saturating_sub(before.fetched),
            inserted: self.inserted.saturating_sub(before.inserted),
            duplicate: self.duplicate.saturating_sub(before.duplicate),
            restated: self.restated.saturating_sub(before.restated),
            conflicting: self.conflicting.saturating_sub(before.conflicting),
            rejected: self.rejected.saturating_sub(before.rejected),
            removed: self.removed.saturating_sub(before.removed),
        }
    }
}

impl Counts {
    /// Whether every fetched row is accounted for.
    pub fn add_up(&self) -> bool {
        self.fetched
            == self.inserted + self.duplicate + self.restated + self.conflicting + self.rejected
    }
}

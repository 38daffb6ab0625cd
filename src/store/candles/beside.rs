//! How many rows stand beside the candles because they could not be stored or differ from what is, and how many candles
//! contradict themselves. They are counted by their keys: no value is read.

use std::collections::HashMap;

use crate::store::candles::flags::NOT_OF_VALUES;
use crate::store::{Store, StoreError, told};

/// Rows of a series that are not among its candles, or should not be what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct OddRows {
    /// Rows of `rejected`: they could not be stored.
    pub rejected: u64,
    /// Rows of `conflicts`: values that differ from a final candle, once per distinct value.
    pub conflicting: u64,
    /// Candles of `quality_issues` whose values cannot be, as a high below the low. When one is has no part in it.
    pub suspicious: u64,
}

impl std::ops::AddAssign for OddRows {
    fn add_assign(&mut self, other: OddRows) {
        self.rejected += other.rejected;
        self.conflicting += other.conflicting;
        self.suspicious += other.suspicious;
    }
}

impl Store {
    /// The odd rows of each series that has any, by the series' row.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn odd_rows(&self) -> Result<HashMap<i64, OddRows>, StoreError> {
        let mut all: HashMap<i64, OddRows> = HashMap::new();
        let mut count = |rows: &str, add: fn(&mut OddRows, u64)| -> rusqlite::Result<()> {
            let sql = format!("SELECT series_id, count(*) FROM {rows} GROUP BY series_id");
            let mut select = self.connection.prepare_cached(&sql)?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let rows = row.get::<_, i64>(1)?.cast_unsigned();
                add(all.entry(row.get(0)?).or_default(), rows);
            }
            Ok(())
        };
        let others = NOT_OF_VALUES.map(|flag| format!("'{flag}'")).join(", ");
        // A candle may be flagged several times.
        let suspicious = format!(
            "(SELECT DISTINCT series_id, ts FROM quality_issues WHERE check_name NOT IN ({others}))"
        );
        count("rejected", |odd, rows| odd.rejected = rows)
            .and_then(|()| count("conflicts", |odd, rows| odd.conflicting = rows))
            .and_then(|()| count(&suspicious, |odd, rows| odd.suspicious = rows))
            .map_err(told(&self.path))?;
        Ok(all)
    }
}

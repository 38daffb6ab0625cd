//! Turns that slow rates share: when requests were sent to a source, by whichever program on the file. No data: whoever packs,
//! merges or compares files leaves it out.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::run::owner;
use crate::store::{Store, StoreError, told};

/// No window is longer, in milliseconds: what is older is deleted.
const LONGEST: i64 = 2 * 3_600_000;

/// So many requests at most in any stretch of so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Requests, at least 1.
    pub count: u32,
    /// Milliseconds.
    pub ms: i64,
}

impl Store {
    /// The rates of the jobs that are run for a source now, by living owners, as typed; nothing for one at the source's own.
    ///
    /// # Errors
    /// The file cannot be read.
    #[doc(hidden)]
    pub fn living_rates(&self, source: &str, now: i64) -> Result<Vec<String>, StoreError> {
        living_rates(&self.connection, &self.path, source, now).map_err(told(&self.path))
    }

    /// Takes a turn: records that a request goes out now, unless a window is full; then nothing is recorded, and the
    /// milliseconds are returned for which it is. `windows` says which hold beside jobs of those rates: where there are none,
    /// nothing is recorded either. `now_ms` is asked once nobody else can take a turn.
    ///
    /// # Errors
    /// The file cannot be written.
    #[doc(hidden)]
    pub fn take_turn(
        &self,
        source: &str,
        windows: impl Fn(&[String]) -> Vec<Window>,
        now_ms: impl Fn() -> i64,
    ) -> Result<Option<i64>, StoreError> {
        let told = told(&self.path);
        let tx = self.begin()?;
        let now = now_ms();
        let rates = living_rates(&tx, &self.path, source, now.div_euclid(1000)).map_err(told)?;
        let windows = windows(&rates);
        if windows.is_empty() {
            return Ok(None);
        }
        let wait = full_for(&tx, source, &windows, now).map_err(told)?;
        if wait.is_none() {
            tx.execute(
                "INSERT INTO sends (source, sent_ms) VALUES (?, ?)",
                params![source, now],
            )
            .and_then(|_| tx.execute("DELETE FROM sends WHERE sent_ms < ?", [now - LONGEST]))
            .map_err(told)?;
        }
        tx.commit()?;
        Ok(wait)
    }
}

/// For how many milliseconds the windows are full, if they are.
fn full_for(
    tx: &Connection,
    source: &str,
    windows: &[Window],
    now: i64,
) -> rusqlite::Result<Option<i64>> {
    // What lies ahead was sent before the clock was set back. Counted from now it still lapses.
    tx.execute(
        "UPDATE sends SET sent_ms = ?2 WHERE source = ?1 AND sent_ms > ?2",
        params![source, now],
    )?;
    let sql = "SELECT sent_ms FROM sends WHERE source = ? ORDER BY sent_ms DESC LIMIT 1 OFFSET ?";
    let mut oldest = tx.prepare_cached(sql)?;
    let mut wait = None;
    for window in windows {
        let before = window.count.saturating_sub(1);
        let sent: Option<i64> = oldest
            .query_row(params![source, before], |row| row.get(0))
            .optional()?;
        let opens_in = sent.map(|sent| sent.saturating_add(window.ms) - now);
        wait = wait.max(opens_in.filter(|&ms| ms > 0));
    }
    Ok(wait)
}

fn living_rates(
    connection: &Connection,
    path: &Path,
    source: &str,
    now: i64,
) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT coalesce(rate, ''), owner, heartbeat_at FROM backfill_jobs
               WHERE status = 'running' AND source = ?";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query([source])?;
    let mut rates = Vec::new();
    while let Some(row) = rows.next()? {
        let (owner, heartbeat_at): (Option<String>, Option<i64>) = (row.get(1)?, row.get(2)?);
        if owner.is_some_and(|owner| owner::is_alive(path, &owner, heartbeat_at, now)) {
            rates.push(row.get(0)?);
        }
    }
    Ok(rates)
}

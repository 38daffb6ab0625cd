//! Bringing a file of an older format up to this one: all steps in one transaction, so that a crash leaves the old format
//! or the new one. Only a writer does so; readers read every format as it is, and what an older one does not say they ask here.

use rusqlite::Connection;

use crate::model::listing::Listing;
use crate::model::market::MarketCode;
use crate::model::series::SeriesKey;
use crate::model::symbol::Symbol;
use crate::run::clock::{Clock, SystemClock};
use crate::store::candles::key::{key_columns, key_of, key_values};
use crate::store::jobs::claims::claims;
use crate::store::{FORMAT, Store, StoreError, told};

/// `STEPS[n - 1]` turns format n into format n + 1. A step that was released is never changed.
const STEPS: [&str; FORMAT as usize - 1] = [
    "ALTER TABLE backfill_jobs ADD COLUMN program TEXT",
    include_str!("format_3.sql"),
    include_str!("format_4.sql"),
    include_str!("format_5.sql"),
    include_str!("format_6.sql"),
    include_str!("format_7.sql"),
];

/// Since this format a series says what it is. Before, that was read off its symbol's prefix.
pub(in crate::store) const MARKETS_SINCE: i32 = 5;

/// What a symbol is in a file of a format before [`MARKETS_SINCE`]: files were filled by one provider's spelling then. Nobody
/// has said what its prices are in.
pub(in crate::store) fn listing_before(symbol: &Symbol) -> Listing {
    let market = match symbol.as_str().split_once(':') {
        Some(("X", _)) => MarketCode::ALWAYS,
        Some(("C", _)) => MarketCode::FX,
        Some(("I", _)) => MarketCode::XCBO,
        _ => MarketCode::XNYS,
    };
    Listing {
        last_day: symbol.expiry(),
        ..Listing::on(market)
    }
}

/// Whether a table, index or view of this format is none of an older one.
pub(in crate::store) fn came_after(format: i32, kind: &str, name: &str) -> bool {
    let created = format!("CREATE {} {name} ", kind.to_uppercase());
    let removed = format!("DROP {} {name};", kind.to_uppercase());
    let later = STEPS.iter().skip(usize::try_from(format - 1).unwrap_or(0));
    later
        .into_iter()
        .any(|step| step.contains(&created) && !step.contains(&removed))
}

/// Brings the file to the current format. Another process may have done so since its header was read. Refused while somebody
/// works on it who knows the older one alone.
pub(in crate::store) fn migrate(store: &Store) -> Result<(), StoreError> {
    let told = told(&store.path);
    make_tables_anew(&store.connection, true).map_err(told)?;
    let tx = store.begin_as_it_is()?;
    let found: i32 = tx
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(told)?;
    if found < FORMAT {
        let now = SystemClock::default().now();
        let mut claims = claims(&tx).map_err(told)?.into_iter();
        if let Some(living) = claims.find(|claim| claim.was_living_before(&store.path, now)) {
            return Err(StoreError::OwnedBefore {
                path: store.path.clone(),
                job_id: living.job_id,
                owner: living.owner,
            });
        }
    }
    for (step, format) in STEPS.iter().zip(2..).filter(|&(_, format)| format > found) {
        tx.execute_batch(step).map_err(told)?;
        if format == MARKETS_SINCE {
            say_markets(&tx).map_err(told)?;
        }
    }
    tx.pragma_update(None, "user_version", FORMAT)
        .map_err(told)?;
    tx.commit()?;
    make_tables_anew(&store.connection, false).map_err(told)
}

/// Whether a table may be dropped and made anew: its rows' own are not deleted with it then, and what refers to it by name
/// refers to the new one. Neither can be switched within a transaction.
fn make_tables_anew(connection: &Connection, may: bool) -> rusqlite::Result<()> {
    connection.pragma_update(None, "legacy_alter_table", may)?;
    connection.pragma_update(None, "foreign_keys", !may)
}

/// Has each series say what it is, in the columns that the format has had since then.
fn say_markets(tx: &Connection) -> rusqlite::Result<()> {
    let columns = key_columns("series", MARKETS_SINCE - 1);
    let mut select = tx.prepare(&format!("SELECT {columns} FROM series"))?;
    let keys = select.query_map([], |row| key_of(row, 0))?;
    let keys: Vec<SeriesKey> = keys.collect::<rusqlite::Result<_>>()?;
    let sql = "UPDATE series SET market = ?, grid = ?, currency = ?, last_day = ? WHERE symbol = ? AND timeframe = ?";
    let mut update = tx.prepare(sql)?;
    for key in &keys {
        let [symbol, timeframe, _, _, market, grid, currency, last_day] = key_values(key);
        update.execute([market, grid, currency, last_day, symbol, timeframe])?;
    }
    Ok(())
}

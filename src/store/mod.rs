//! The SQLite file: opening it safely, its format, and the one error of this layer. The only room that knows SQL, but
//! for what a shell's completion asks, and one that never sees a provider.

mod candles;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod jobs;
pub(crate) mod merge;
mod packed;

pub(crate) use candles::batch::{Asked, Batch, Beginning, PageWrite, SliceEnd};
pub(crate) use candles::beside::OddRows;
pub use candles::books::Counted;
pub(crate) use candles::closed::Closed;
pub(crate) use candles::drop::Part;
pub(crate) use candles::insert::HandedIn;
pub(crate) use candles::measure::Measurer;
pub use candles::read::{HeldSeries, SeriesRow};
pub(crate) use candles::series::fillable;
pub use error::SqliteError;
pub(crate) use error::{StoreError, told};
pub(crate) use file::free::free_room;
pub(crate) use file::handle::Store;
pub use file::info::FileInfo;
pub(crate) use file::place::Place;
pub(crate) use file::schema::{TableDoc, tables};
pub(crate) use file::sql::{SqlClock, SqlValue, TakeRows};
pub(crate) use file::standing::{free_name, how_to_restore, is_unfinished, is_working};
pub(crate) use jobs::create::{JobSettings, Made, NewJob, SeriesPlan, Slice};
pub(crate) use jobs::importing::FileEnd;
pub use jobs::imports::FileStatus;
pub(crate) use jobs::imports::Stamped;
pub(crate) use jobs::progress::{JobTally, SeriesProgress};
pub(crate) use jobs::queue::Queued;
pub(crate) use jobs::sends::Window;
pub(crate) use jobs::sharing::Others;
pub use jobs::states::{
    JobDetail, JobFilter, JobRow, JobSeries, SliceCounts, SliceFilter, SliceRow,
};
pub(crate) use packed::btree::Tree;
pub(crate) use packed::history::Times;
pub(crate) use packed::seal::MARK;
pub use packed::seal::Seal;
pub(crate) use packed::write::{Packing, Row};

use std::time::Duration;

/// `application_id` of the file: "CDLF".
pub const APPLICATION_ID: i32 = 0x4344_4c46;
/// `CDLp`: marks a file that is being made, until it is whole. What a kill leaves of it is nobody's.
const UNFINISHED_ID: i32 = 0x4344_4c70;
/// `user_version` of the file: the format that this program writes.
pub const FORMAT: i32 = 7;
/// Other programs' transactions are waited for this long; a batch takes well below a second.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

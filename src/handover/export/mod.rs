//! Candles for other programs: a part of the file, read at one instant, as Parquet, Arrow, CSV or JSON Lines. Memory stays
//! flat however much it is. It must never leave a file that is not whole, and it never prints.

mod columns;
mod compress;
mod days;
mod error;
mod folder;
mod format;
mod read;
mod sink;
mod text;

#[cfg(feature = "parquet")]
mod columnar;
#[cfg(feature = "parquet")]
mod hive;

pub use columns::{Column, UnknownColumn};
pub use error::ExportError;
#[cfg(feature = "cli")]
pub(crate) use error::after_writing;
pub(crate) use error::is_full;
pub use folder::Folder;
pub use format::{BadFormat, Compression, Encoding, Format};

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use crate::handover::choice::{Choice, Chosen, asking_again};
use crate::handover::outfile::{Target, TargetError};
use crate::model::declared::Declared;
use crate::model::series::SeriesKey;
use crate::monitor::Monitor;
use crate::run::clock::{Cancel, Clock};
use crate::run::pipe::pipe;
use crate::store::{Others, Store};
use crate::view::{Selection, Steps, View};

#[cfg(feature = "parquet")]
use columnar::{Batches, Ipc, Parquet};
use compress::Compressor;
#[cfg(feature = "parquet")]
use hive::Hive;
use read::Reader;
use sink::Sink;
#[cfg(feature = "serve")]
pub(crate) use text::Lines;
use text::{Text, check_plain};

/// Blocks that wait for the sink.
const AHEAD: usize = 2;

/// The chosen series, in order.
type Series = Arc<[SeriesKey]>;

/// What a file says of the chosen series beside their candles, in the same order; nothing where these are not theirs as they are.
type Told = Arc<[Declared]>;

/// Where the bytes go.
enum Out<'o> {
    Stream(Box<dyn Write + Send + 'o>),
    // A lean build refuses it before it is looked at.
    #[cfg_attr(not(feature = "parquet"), allow(dead_code))]
    Folder(&'o Path),
}

#[cfg(not(feature = "parquet"))]
const NO_PARQUET: ExportError = ExportError::NotBuilt {
    what: "Parquet and Arrow",
    feature: "parquet",
};

/// What is exported, and as what.
#[derive(Clone, Debug)]
pub struct Export {
    /// Which part of the file.
    pub choice: Choice,
    /// What becomes of its candles on their way out.
    pub steps: Steps,
    /// The columns, in their order, each once.
    pub columns: Vec<Column>,
    /// As what. A folder is Parquet, whatever this says.
    pub encoding: Encoding,
}

/// What goes on beside an export.
pub struct Beside<'a> {
    /// The clock by which it runs long.
    pub clock: &'a dyn Clock,
    /// Stops it.
    pub cancel: &'a Cancel,
    /// Watches it.
    pub monitor: &'a dyn Monitor,
}

/// What was exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Series with at least one candle.
    pub series: u64,
    /// Candles.
    pub candles: u64,
    /// Start of the first candle of all, Unix seconds.
    pub first_ts: Option<i64>,
    /// Start of the last candle of all, Unix seconds.
    pub last_ts: Option<i64>,
    /// Bytes of the file or files; none where they went to a stream.
    pub bytes: u64,
}

impl Export {
    /// Writes one file.
    ///
    /// # Errors
    /// Nothing can be chosen so, there is no candle, the file cannot be read, the target cannot be written, or it was
    /// stopped. Whatever had the target's name is as it was then.
    pub fn to_file(
        &self,
        store: &Store,
        target: &Target,
        beside: &Beside<'_>,
    ) -> Result<Report, ExportError> {
        let mut part = target.begin()?;
        let mut report = self
            .pass(store, beside, Out::Stream(Box::new(part.file())))
            .map_err(at(target.path()))?;
        let size = part.file().metadata();
        report.bytes = size
            .map_err(|error| TargetError::io(target.path(), error))?
            .len();
        part.finish()?;
        Ok(report)
    }

    /// Writes to a stream.
    ///
    /// # Errors
    /// Nothing can be chosen so, there is no candle, the file cannot be read, the stream cannot be written, or it was
    /// stopped. What was written by then is written.
    pub fn to_stream(
        &self,
        store: &Store,
        out: impl Write + Send,
        beside: &Beside<'_>,
    ) -> Result<Report, ExportError> {
        self.pass(store, beside, Out::Stream(Box::new(out)))
    }

    /// Writes a folder of Parquet files, `tf=1d/symbol=AAPL/year=2024/part-0.parquet`. The symbol is not in the
    /// files themselves, and what a path cannot hold is written as Hive does, `X:BTCUSD` as `X%3ABTCUSD`.
    ///
    /// # Errors
    /// As [`Export::to_file`].
    pub fn to_folder(
        &self,
        store: &Store,
        folder: &Folder,
        beside: &Beside<'_>,
    ) -> Result<Report, ExportError> {
        let part = folder.begin()?;
        let mut report = self
            .pass(store, beside, Out::Folder(part.path()))
            .map_err(at(folder.path()))?;
        report.bytes = part.finish()?;
        Ok(report)
    }

    #[cfg_attr(not(feature = "parquet"), allow(clippy::needless_pass_by_value))]
    fn sink<'o>(
        &self,
        out: Out<'o>,
        series: Series,
        #[cfg_attr(not(feature = "parquet"), allow(unused_variables))] told: Told,
    ) -> Result<Box<dyn Sink + 'o>, ExportError> {
        let out = match out {
            Out::Stream(out) => out,
            #[cfg(feature = "parquet")]
            Out::Folder(path) => return Ok(Box::new(Hive::new(path, &self.columns, series, told))),
            #[cfg(not(feature = "parquet"))]
            Out::Folder(_) => return Err(NO_PARQUET),
        };
        match self.encoding.format {
            #[cfg(feature = "parquet")]
            Format::Parquet => Ok(Box::new(Parquet::new(self.batches(series, told), out)?)),
            #[cfg(feature = "parquet")]
            Format::Arrow => Ok(Box::new(Ipc::new(self.batches(series, told), out)?)),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet | Format::Arrow => Err(NO_PARQUET),
            Format::Csv | Format::Jsonl => {
                check_plain(&self.columns, &series)?;
                let out = Compressor::new(self.encoding.compression, out)?;
                let text = Text::new(self.encoding.format, &self.columns, series, out);
                Ok(Box::new(text))
            }
        }
    }

    #[cfg(feature = "parquet")]
    fn batches(&self, series: Series, told: Told) -> Arc<Batches> {
        let sorted_by = &[Column::SYMBOL, Column::TIMEFRAME, Column::TS];
        Arc::new(Batches::new(&self.columns, sorted_by, series, told))
    }

    fn view(&self, chosen: Chosen) -> View {
        let within = Selection::Within(chosen.span);
        let view = View::of(chosen.series).select(within);
        let view = view.through(self.steps.clone());
        if self.columns.contains(&Column::KNOWN_AT) {
            view.with_known_at()
        } else {
            view
        }
    }

    /// Reads what is chosen, at one instant, and hands it to the sink.
    fn pass(
        &self,
        store: &Store,
        beside: &Beside<'_>,
        out: Out<'_>,
    ) -> Result<Report, ExportError> {
        store.at_one_instant(|| {
            let chosen = self.choice.of(store.whole_series()?)?;
            chosen.iter().try_for_each(|one| is_checked(store, one))?;
            store.meter().begin("exporting", Chosen::about(&chosen));
            let keys = chosen.iter().map(|chosen| chosen.series.key.clone());
            let told = chosen
                .iter()
                .filter(|_| self.steps.is_empty())
                .map(declared);
            let mut sink = self.sink(out, keys.collect(), told.collect())?;
            let views: Vec<View> = chosen.into_iter().map(|chosen| self.view(chosen)).collect();
            let read = |blocks| Reader::new(store, beside, blocks).read(&views);
            let (report, ()) = pipe(AHEAD, read, |blocks| {
                for block in blocks {
                    sink.write(&block)?;
                }
                Ok(sink.finish()?)
            })?;
            Ok(report)
        })
    }
}

/// That no candle of an adjusted series is handed on which may stand in another scale than the rest.
fn is_checked(store: &Store, Chosen { series, span }: &Chosen) -> Result<(), ExportError> {
    let unchecked = store.unchecked(&Others::default(), &series.key)?;
    for span in unchecked.within(*span).iter() {
        if let Some((1.., held)) = store.part(series, span)? {
            let fill = asking_again(series, (held.start(), held.end() - 1));
            return Err(ExportError::Unchecked { fill });
        }
    }
    Ok(())
}

/// What is said of a chosen series: where all there is of it is among what was chosen.
fn declared(chosen: &Chosen) -> Declared {
    Declared {
        key: chosen.series.key.clone(),
        week_start: chosen.series.week_start,
        coverage: chosen.series.coverage.within(chosen.span),
        said_once: chosen.series.said_once.within(chosen.span),
    }
}

/// An error of the sink is one of what it writes to.
fn at(path: &Path) -> impl Fn(ExportError) -> ExportError {
    move |error| match error {
        ExportError::Write(error) => TargetError::io(path, error).into(),
        error => error,
    }
}

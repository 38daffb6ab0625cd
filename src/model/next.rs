//! What to do next, as data. The command line and the server each put it into words of their own; nobody else writes a
//! command into advice, so that none works on another file than the one that is meant.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::timeframe::Timeframe;

/// A step, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// In words, without a command of this program.
    Words(Cow<'static, str>),
    /// Words that end in a step: "fill it with" one.
    With(Cow<'static, str>, Box<Next>),
    /// A step, and what comes of it: one "lists the jobs".
    Shows(Box<Next>, Cow<'static, str>),
    /// One after the other.
    Then(Vec<Next>),
    /// One of them.
    Or(Vec<Next>),
    /// What is to be known, each on its own.
    And(Vec<Next>),
    /// Commands of a shell in one line, which ends with the first that fails.
    Chain(Vec<Next>),
    /// On this file, whichever is in use.
    On(PathBuf, Box<Next>),
    /// From a moment on.
    Wait {
        /// Unix seconds.
        until: i64,
        /// What is done then.
        then: Box<Next>,
    },
    /// See whether the provider's key is right, and there.
    CheckKey {
        /// The provider's name.
        provider: String,
    },
    /// What can be said beside a command or a call.
    Setting(Setting),
    /// The same with what is said.
    Said(Setting, Cow<'static, str>),
    /// The option that names this file.
    File(PathBuf),
    /// Use another file.
    AnotherFile,
    /// Use a file that lies elsewhere.
    FileElsewhere,
    /// Fill a new file.
    NewFile,
    /// Fetch what is missing: of a series that is named, or of those that were spoken of, whichever those are.
    Backfill(Option<Fill>),
    /// Fetch what is missing of all series.
    Update,
    /// Go on with a job, or with all that were left.
    Resume {
        /// The job.
        job: Option<String>,
        /// Waits for those who fetch part of it.
        wait: bool,
    },
    /// Look at a job, or at all.
    Status {
        /// The job.
        job: Option<String>,
    },
    /// Look at what the file holds.
    List {
        /// As JSON.
        json: bool,
    },
    /// Tell the file that a market has a session on some days, or none.
    TellDays {
        /// The market's code.
        market: String,
        /// The days.
        days: Vec<NaiveDate>,
        /// Whether there is one.
        is_open: bool,
    },
    /// Look at what should be there.
    Coverage,
    /// Look at the file as a whole.
    Info,
    /// Look at a series' candles.
    Show(Named),
    /// Forget a series.
    Drop {
        /// The series, where one is meant.
        series: Option<Named>,
        /// Without a question.
        yes: bool,
    },
    /// Check a file.
    Verify(PathBuf),
    /// Make a file to be handed over.
    Pack {
        /// With jobs, conflicts and what is provisional.
        with_history: bool,
        /// Its name.
        output: PathBuf,
    },
    /// Ask the file a question.
    Sql(Cow<'static, str>),
    /// See which providers there are.
    Providers,
    /// See what can be typed, after a command or at all.
    Help(Option<String>),
}

/// What can be said beside a command, or beside a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// Where the output goes.
    Output,
    /// That the output replaces what has its name.
    Overwrite,
    /// The format of the output.
    Format,
    /// That a packed file keeps its history.
    WithHistory,
    /// Where the provider is called.
    BaseUrl,
    /// How many requests are under way at once.
    Workers,
    /// How long a question may take.
    Timeout,
    /// A name by which the server may be called.
    AllowHost,
    /// The address that the server listens on.
    Listen,
    /// The port that the server listens on.
    Port,
    /// How long candles are.
    Timeframe,
    /// Whose candles a file has.
    Symbol,
    /// Which column has the symbols.
    SymbolFrom,
    /// The zone of times without one.
    Zone,
    /// Which end of a candle its stamp is.
    Stamp,
    /// Which columns are what.
    Columns,
    /// What comes first in dates.
    Dates,
    /// What parts the columns.
    Delimiter,
    /// What was done to the prices.
    Adjusted,
    /// Where a symbol trades.
    Market,
}

impl Setting {
    /// As it is typed beside a command.
    pub fn typed(self) -> &'static str {
        match self {
            Setting::Output => "-o",
            Setting::Overwrite => "--overwrite",
            Setting::Format => "--format",
            Setting::WithHistory => "--with-history",
            Setting::BaseUrl => "--base-url",
            Setting::Workers => "--workers",
            Setting::Timeout => "--timeout",
            Setting::AllowHost => "--allow-host",
            Setting::Listen => "--listen",
            Setting::Port => "--port",
            Setting::Timeframe => "-t",
            Setting::Symbol => "--symbol",
            Setting::SymbolFrom => "--symbol-from",
            Setting::Zone => "--tz",
            Setting::Stamp => "--stamp",
            Setting::Columns => "--columns",
            Setting::Dates => "--dates",
            Setting::Delimiter => "--delimiter",
            Setting::Adjusted => "--adjusted",
            Setting::Market => "--market",
        }
    }

    /// Words that end in it.
    pub fn after(self, words: impl Into<Cow<'static, str>>) -> Next {
        Next::Setting(self).after(words)
    }

    /// The same with a value.
    pub fn with(self, value: impl Into<Cow<'static, str>>) -> Next {
        Next::Said(self, value.into())
    }
}

/// A series by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The symbol.
    pub symbol: String,
    /// The timeframe.
    pub timeframe: String,
}

/// What is asked for to fill a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The series.
    pub series: Named,
    /// Its provider's name.
    pub provider: String,
    /// Adjusted prices, and not raw ones.
    pub adjusted: bool,
    /// The first day.
    pub start: NaiveDate,
    /// The last day, inclusive; up to now without one.
    pub end: Option<NaiveDate>,
    /// What was asked before, too.
    pub again: Again,
}

/// What of that which was asked before is asked once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Again {
    /// Nothing.
    #[default]
    No,
    /// What the provider had nothing for.
    Empty,
    /// What it has far too little of, too, whenever that was asked.
    Gaps,
}

impl Named {
    /// A series by its key.
    pub fn new(symbol: &impl ToString, timeframe: Timeframe) -> Named {
        Named {
            symbol: symbol.to_string(),
            timeframe: timeframe.to_string(),
        }
    }
}

impl From<&'static str> for Next {
    fn from(words: &'static str) -> Next {
        Next::words(words)
    }
}

impl From<String> for Next {
    fn from(words: String) -> Next {
        Next::words(words)
    }
}

/// A symbol for a command that needs one, where nobody knows which.
const EXAMPLE: &str = "AAPL";

impl Next {
    /// In words.
    pub fn words(words: impl Into<Cow<'static, str>>) -> Next {
        Next::Words(words.into())
    }

    /// Words that end in this step.
    #[must_use]
    pub fn after(self, words: impl Into<Cow<'static, str>>) -> Next {
        Next::With(words.into(), Box::new(self))
    }

    /// What comes of this step.
    #[must_use]
    pub fn shows(self, what: impl Into<Cow<'static, str>>) -> Next {
        Next::Shows(Box::new(self), what.into())
    }

    /// This step on a file.
    #[must_use]
    pub fn on(self, file: &Path) -> Next {
        Next::On(file.to_path_buf(), Box::new(self))
    }

    /// Going on with one job.
    pub fn resume(job: &str) -> Next {
        Next::Resume {
            job: Some(job.to_owned()),
            wait: false,
        }
    }

    /// What is typed after the program's name for a command, the file's option aside; `None` for what is no command.
    pub fn arguments(&self) -> Option<Vec<String>> {
        let (command, rest): (&str, Vec<&str>) = match self {
            Next::Backfill(Some(fill)) => return Some(fill.typed()),
            Next::Backfill(None) => ("backfill", vec![EXAMPLE]),
            Next::Update => ("update", vec![]),
            Next::Resume { job, wait } => {
                let wait = wait.then_some("--wait");
                ("resume", job.as_deref().into_iter().chain(wait).collect())
            }
            Next::Status { job } => ("status", job.as_deref().into_iter().collect()),
            Next::List { json } => ("list", json.then_some("--json").into_iter().collect()),
            Next::Coverage => ("coverage", vec![]),
            Next::Info => ("info", vec![]),
            Next::Show(series) => ("show", series.typed().into()),
            Next::Drop { series, yes } => {
                let series = series.as_ref().map(Named::typed);
                let series = series.into_iter().flatten();
                ("drop", series.chain(yes.then_some("--yes")).collect())
            }
            Next::TellDays {
                market,
                days,
                is_open,
            } => {
                let flag = if *is_open { "--open" } else { "--close" };
                let words = ["calendar", market, flag].map(str::to_owned);
                let days = days.iter().map(ToString::to_string);
                return Some(words.into_iter().chain(days).collect());
            }
            Next::Verify(file) => {
                let file = file.display().to_string();
                return Some(vec!["verify".into(), file]);
            }
            Next::Pack {
                with_history,
                output,
            } => {
                let history = with_history.then(|| "--with-history".to_owned());
                let output = ["-o".to_owned(), output.display().to_string()];
                let words = std::iter::once("pack".to_owned()).chain(history);
                return Some(words.chain(output).collect());
            }
            Next::Sql(question) => ("sql", vec![question]),
            Next::Providers => ("providers", vec![]),
            Next::Help(Some(command)) => (command, vec!["--help"]),
            Next::Help(None) => ("--help", vec![]),
            _ => return None,
        };
        let words = std::iter::once(command).chain(rest);
        Some(words.map(str::to_owned).collect())
    }

    /// Whether a command works on the file in use.
    pub fn is_of_file(&self) -> bool {
        !matches!(self, Next::Verify(_) | Next::Providers | Next::Help(_))
    }
}

impl Fill {
    fn typed(&self) -> Vec<String> {
        let start = self.start.to_string();
        let adjusted = self.adjusted.then_some("--adjusted");
        let series = ["backfill"].into_iter().chain(self.series.typed());
        let series = series.chain(["--provider", &self.provider]);
        let end = self.end.map(|end| ["--end".to_owned(), end.to_string()]);
        let words = series.chain(adjusted).chain(["--start", &start]);
        let words = words.map(str::to_owned);
        let again: &[&str] = match self.again {
            Again::No => &[],
            Again::Empty => &["--refetch-empty"],
            Again::Gaps => &["--refetch-gaps", "--force"],
        };
        let again = again.iter().map(|&word| word.to_owned());
        let words = words.chain(end.into_iter().flatten());
        words.chain(again).collect()
    }
}

impl Named {
    fn typed(&self) -> [&str; 3] {
        [&self.symbol, "-t", &self.timeframe]
    }
}

/// Who puts steps into words.
pub trait Voice {
    /// A single step: on a file, if that is not the one in use, and amid words or on its own.
    fn step(&self, step: &Next, on: Option<&Path>, amid: bool) -> String;

    /// All of what is to be done, on the file in use unless on another one.
    fn tell(&self, next: &Next, on: Option<&Path>) -> String {
        let joined = |all: &[Next], by: &str| {
            let all: Vec<String> = all.iter().map(|one| self.tell(one, on)).collect();
            all.join(by)
        };
        match next {
            Next::Words(words) => words.clone().into_owned(),
            Next::With(words, step) => {
                let amid = !words.ends_with([':', ',']);
                format!("{words} {}", self.tell_within(step, on, amid))
            }
            Next::Shows(step, what) => format!("{} {what}", self.tell_within(step, on, true)),
            Next::Then(steps) => {
                let is_long =
                    |one: &Next| matches!(one, Next::Words(words) if words.contains(", "));
                let by = match steps.first() {
                    Some(first) if is_long(first) => "; then ",
                    _ => ", then ",
                };
                joined(steps, by)
            }
            Next::Or(steps) => joined(steps, ", or "),
            Next::And(steps) => joined(steps, "; "),
            Next::Chain(steps) => joined(steps, " && "),
            step => self.tell_within(step, on, false),
        }
    }

    /// The same within a sentence.
    fn tell_within(&self, next: &Next, on: Option<&Path>, amid: bool) -> String {
        match next {
            Next::On(file, next) => self.tell_within(next, Some(file), amid),
            Next::Words(_)
            | Next::With(..)
            | Next::Shows(..)
            | Next::Then(_)
            | Next::Or(_)
            | Next::And(_)
            | Next::Chain(_) => self.tell(next, on),
            step => self.step(step, on, amid),
        }
    }
}

//! Where jobs, series and slices can stand.

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$state_doc:meta])* $state:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
        pub enum $name { $($(#[$state_doc])* #[serde(rename = $text)] $state,)+ }

        impl $name {
            /// The word in the file and in reports.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$state => $text,)+ }
            }
        }

        impl State for $name {
            fn of_word(word: &str) -> Option<Self> {
                match word {
                    $($text => Some($name::$state),)+
                    _ => None,
                }
            }
        }
    };
}

/// What stands in the file as a word.
pub(crate) trait State: Sized {
    fn of_word(word: &str) -> Option<Self>;
}

states! {
    /// Where a job stands.
    JobStatus {
        /// Waits for its turn.
        Queued = "queued",
        /// Is being run by its owner.
        Running = "running",
        /// All slices did.
        Completed = "completed",
        /// It ran, and some slices failed, even all of them, or a symbol has no data.
        Partial = "partial",
        /// Stopped by an error of the whole job.
        Failed = "failed",
        /// Stopped by a signal, by its owner's death, or by the provider's limit.
        Interrupted = "interrupted",
    }
}

impl JobStatus {
    /// Whether it waits or is being run: it has not ended.
    pub fn is_active(self) -> bool {
        matches!(self, JobStatus::Queued | JobStatus::Running)
    }
}

states! {
    /// What became of a series in a job.
    SeriesStatus {
        /// Not all slices are done.
        Pending = "pending",
        /// All slices did.
        Completed = "completed",
        /// Some slices failed.
        Failed = "failed",
        /// The provider has nothing at all for it.
        NoData = "no_data",
        /// A split has changed what is stored of an adjusted series.
        Stale = "stale",
        /// The job ended before its slices did.
        Interrupted = "interrupted",
    }
}

impl SeriesStatus {
    /// That of a series of which nothing is to be fetched.
    pub(crate) fn without_slices(was_asked: bool, has_candles: bool) -> SeriesStatus {
        if was_asked && !has_candles {
            SeriesStatus::NoData
        } else {
            SeriesStatus::Completed
        }
    }
}

states! {
    /// Where a slice stands.
    SliceStatus {
        /// To be fetched.
        Pending = "pending",
        /// Being fetched.
        Running = "running",
        /// Done.
        Completed = "completed",
        /// Given up.
        Failed = "failed",
    }
}

//! The provider for whoever has no key: enough to make a plan. Never sends.

use chrono::{NaiveDate, Weekday};

use super::{NAME, WEEK_START, first_date};
use crate::model::symbol::{AssetClass, Symbol};
use crate::provider::{Ask, Cursor, ErrorKind, Page, Provider, ProviderError, spelling};
use crate::run::clock::Cancel;

/// The provider without a key: it can be planned with, and refuses to fetch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unkeyed;

impl Provider for Unkeyed {
    fn name(&self) -> &str {
        NAME
    }

    fn week_start(&self) -> Weekday {
        WEEK_START
    }

    fn first_date(&self, class: AssetClass) -> NaiveDate {
        first_date(class)
    }

    fn likely(&self, typed: &str) -> Vec<Symbol> {
        spelling::likely(typed)
    }

    fn fetch(&self, _: &Ask, _: Option<&Cursor>, _: &Cancel) -> Result<Page, ProviderError> {
        Err(ProviderError {
            kind: ErrorKind::Unauthorized,
            message: "there is no key".to_owned(),
            attempts: 0,
        })
    }

    fn requests(&self) -> u64 {
        0
    }
}

//! The provider for whoever has no key: enough to make a plan. Never sends.

use chrono::{NaiveDate, Weekday};

use super::{NAME, WEEK_START, first_date};
use crate::model::listing::Listing;
use crate::model::symbol::{Meant, Symbol};
use crate::provider::{
    Ask, AssetClass, Cursor, ErrorKind, Page, Provider, ProviderError, prefixes, spelling,
};
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

    fn listing(&self, symbol: &Symbol) -> Listing {
        prefixes::listing(symbol)
    }

    fn asset_class(&self, symbol: &Symbol) -> AssetClass {
        prefixes::asset_class(symbol)
    }

    fn first_date(&self, symbol: &Symbol) -> NaiveDate {
        first_date(symbol)
    }

    fn likely(&self, typed: &str) -> Meant {
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

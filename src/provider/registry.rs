//! Which providers there are, what each needs and how one is made. A value that is handed on, no global: whoever uses the
//! crate adds providers of their own, and they are asked through the same path.

use std::sync::Arc;

use super::{AssetClass, BaseUrl, DayFiles, Key, Provider, ProviderError, polygon, sample};
use crate::http::rate::Rate;
use crate::run::clock::{Clock, SystemClock};

/// What a provider is made of.
#[derive(Clone)]
pub struct Setup {
    /// Where its requests go; `None` where [`Spec::base_url`] is `None`.
    pub base_url: Option<BaseUrl>,
    /// Its key; `None` where it needs none, or where there is none: then it is planned with, and not asked.
    pub key: Option<Key>,
    /// How fast it is asked at most, over all workers.
    pub rate: Option<Rate>,
    /// The clock by which it waits.
    pub clock: Arc<dyn Clock>,
}

/// Makes a provider that sends nothing yet.
pub type Make = Arc<dyn Fn(Setup) -> Result<Arc<dyn Provider>, ProviderError> + Send + Sync>;

/// A provider before it is made.
#[derive(Clone)]
pub struct Spec {
    /// The name that files record as the source of its series, and that is typed: lower-case letters, digits and hyphens.
    pub name: String,
    /// Other names by which it is typed.
    pub aliases: Vec<String>,
    /// What it is, in a few words.
    pub about: String,
    /// Environment variables, of which the first that is set holds the key; empty where it needs none.
    pub keys: Vec<String>,
    /// Where its requests go unless told otherwise; `None` where none are sent.
    pub base_url: Option<String>,
    /// What it has candles of.
    pub asset_classes: Vec<AssetClass>,
    /// The same in words.
    pub covers: String,
    /// How fast it is asked unless told otherwise; `None` where nothing paces it.
    pub default_rate: Option<Rate>,
    /// What its plans or its data are limited to, in words.
    pub limits: String,
    /// The files that it hands out, where an import can read them.
    pub files: Option<DayFiles>,
    /// Makes it.
    pub make: Make,
}

impl Spec {
    /// Whether it can only be asked with a key.
    pub fn needs_key(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Makes one that is only asked what it says of itself: it has no key, and nothing is sent.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn unasked(&self) -> Result<Arc<dyn Provider>, ProviderError> {
        (self.make)(Setup {
            base_url: self.base_url.as_deref().and_then(|url| url.parse().ok()),
            key: None,
            rate: None,
            clock: Arc::new(SystemClock::default()),
        })
    }

    /// The variables that its key is looked for in, in words.
    pub fn keys_in_words(&self) -> String {
        self.keys.join(" or ")
    }
}

/// The providers that there are. The first is the one that is asked unless told otherwise.
#[derive(Clone)]
pub struct Registry {
    specs: Vec<Spec>,
}

impl Default for Registry {
    /// Those that are built in.
    fn default() -> Registry {
        Registry {
            specs: vec![polygon::spec(), sample::spec()],
        }
    }
}

impl Registry {
    /// The same with one more, which takes the place of one with its name.
    #[must_use]
    pub fn with(mut self, spec: Spec) -> Registry {
        match self.specs.iter_mut().find(|held| held.name == spec.name) {
            Some(held) => *held = spec,
            None => self.specs.push(spec),
        }
        self
    }

    /// The provider of a name, as files record it.
    pub fn get(&self, name: &str) -> Option<&Spec> {
        self.iter().find(|spec| spec.name == name)
    }

    /// The provider of a name as it is typed: an alias will do.
    pub fn typed(&self, name: &str) -> Option<&Spec> {
        let is_alias = |spec: &&Spec| spec.aliases.iter().any(|alias| alias == name);
        self.get(name).or_else(|| self.iter().find(is_alias))
    }

    /// All of them, in the order in which they are listed.
    pub fn iter(&self) -> impl Iterator<Item = &Spec> {
        self.specs.iter()
    }

    /// One that needs no key, for trying things out.
    pub fn without_key(&self) -> Option<&Spec> {
        self.iter().find(|spec| !spec.needs_key())
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|spec| &spec.name))
            .finish()
    }
}

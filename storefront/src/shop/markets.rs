//! The languages and currencies of shops, remembered for a short while. Never asks twice at once
//! for the same shop, and makes nobody wait for news of what it knows.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use stoa_contracts::catalog::{Catalog, ShopLocales};
use stoa_contracts::pricing::Pricing;
use stoa_kernel::{Currency, TenantId};
use stoa_rest::TenantInfo;
use tokio::time::Instant;

use crate::words::Language;

/// After that what is known is looked up anew, beside the page that asked.
const FRESH: Duration = Duration::from_secs(5);
/// After that it is not known any more.
const KEPT: Duration = Duration::from_secs(60);
const SHOPS_KEPT: usize = 4_096;
/// Far above what one page could offer.
const CURRENCIES_MAX: usize = 32;

/// What a shop may be shown in. The first of each is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Markets {
    pub languages: Vec<Language>,
    /// What the catalog calls each of them.
    pub locales: Vec<String>,
    pub currencies: Vec<Currency>,
    /// The names of all of them, which tell these markets from others.
    pub(crate) all: String,
}

impl Markets {
    /// One language and one currency.
    pub fn plain(currency: Currency) -> Self {
        Self {
            languages: vec![Language::English],
            locales: vec![Language::English.as_str().to_owned()],
            currencies: vec![currency],
            all: String::new(),
        }
        .named()
    }

    fn named(mut self) -> Self {
        let languages = self.languages.iter().map(|one| one.as_str());
        let currencies = self.currencies.iter().map(Currency::as_str);
        self.all = languages.chain(currencies).collect::<Vec<_>>().join("\n");
        self
    }

    /// Languages that the pages do not speak are left out.
    fn of(own: Currency, spoken: ShopLocales, sold_in: Vec<Currency>) -> Self {
        let mut markets = Self {
            languages: Vec::new(),
            locales: Vec::new(),
            currencies: vec![own],
            all: String::new(),
        };
        for tag in std::iter::once(spoken.main).chain(spoken.others) {
            let language = Language::of_tag(&tag);
            if let Some(language) = language.filter(|one| !markets.languages.contains(one)) {
                markets.languages.push(language);
                markets.locales.push(tag);
            }
        }
        if markets.languages.is_empty() {
            let plain = Self::plain(own);
            (markets.languages, markets.locales) = (plain.languages, plain.locales);
        }
        for currency in sold_in {
            if markets.currencies.len() < CURRENCIES_MAX && !markets.currencies.contains(&currency)
            {
                markets.currencies.push(currency);
            }
        }
        markets.named()
    }

    /// What the catalog calls `language`; `None` for what products are written in.
    pub(crate) fn locale(&self, language: Language) -> Option<&str> {
        let at = self.languages.iter().position(|one| *one == language)?;
        (at > 0).then(|| self.locales.get(at).map(String::as_str))?
    }
}

struct Known {
    at: Instant,
    /// In which the shop counts: another one makes other markets.
    own: Currency,
    markets: Arc<Markets>,
    asking: AtomicBool,
}

impl Known {
    /// Whether whoever comes now is to ask anew.
    fn is_to_be_asked(&self, age: Duration) -> bool {
        age >= FRESH && !self.asking.swap(true, Ordering::Relaxed)
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct MarketBook(Arc<Book>);

struct Book {
    catalog: Arc<dyn Catalog>,
    pricing: Option<Arc<dyn Pricing>>,
    known: RwLock<HashMap<TenantId, Known>>,
}

impl MarketBook {
    pub(crate) fn new(catalog: Arc<dyn Catalog>, pricing: Option<Arc<dyn Pricing>>) -> Self {
        Self(Arc::new(Book {
            catalog,
            pricing,
            known: RwLock::default(),
        }))
    }

    /// Without waiting: what was heard lately.
    pub(crate) fn known(&self, tenant: &TenantInfo, now: Instant) -> Option<Arc<Markets>> {
        let (markets, again) = {
            let all = self.0.known.read();
            let known = all.get(&tenant.id)?;
            let age = now.saturating_duration_since(known.at);
            if age >= KEPT || known.own != tenant.currency {
                return None;
            }
            (known.markets.clone(), known.is_to_be_asked(age))
        };
        if again {
            let (book, id, own) = (self.clone(), tenant.id, tenant.currency);
            tokio::spawn(async move {
                if book.ask(id, own).await.is_none() {
                    // The next who comes may try.
                    if let Some(known) = book.0.known.read().get(&id) {
                        known.asking.store(false, Ordering::Relaxed);
                    }
                }
            });
        }
        Some(markets)
    }

    /// A shop that cannot tell is shown plainly.
    pub(crate) async fn of(&self, tenant: &TenantInfo) -> Arc<Markets> {
        if let Some(known) = self.known(tenant, Instant::now()) {
            return known;
        }
        let asked = self.ask(tenant.id, tenant.currency).await;
        asked.unwrap_or_else(|| Arc::new(Markets::plain(tenant.currency)))
    }

    async fn ask(&self, tenant: TenantId, own: Currency) -> Option<Arc<Markets>> {
        let sold_in = async {
            match &self.0.pricing {
                Some(pricing) => pricing.currencies(tenant).await,
                None => Ok(Vec::new()),
            }
        };
        let (spoken, sold_in) = tokio::join!(self.0.catalog.locales(tenant), sold_in);
        let told = |error: &dyn std::error::Error| {
            tracing::warn!(%tenant, %error, "a shop's markets are not known just now");
        };
        let spoken = spoken.map_err(|error| told(&error)).ok()?;
        let sold_in = sold_in.map_err(|error| told(&error)).ok()?;
        let markets = Arc::new(Markets::of(own, spoken, sold_in));
        let mut all = self.0.known.write();
        if all.len() >= SHOPS_KEPT && !all.contains_key(&tenant) {
            all.clear();
        }
        let known = Known {
            at: Instant::now(),
            own,
            markets: markets.clone(),
            asking: AtomicBool::new(false),
        };
        all.insert(tenant, known);
        Some(markets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locales(main: &str, others: &[&str]) -> ShopLocales {
        ShopLocales {
            main: main.to_owned(),
            others: others.iter().map(|&tag| tag.to_owned()).collect(),
        }
    }

    #[test]
    fn markets_are_what_shop_and_pages_both_speak_the_own_ones_first() {
        let usd: Currency = "USD".parse().expect("a currency");
        let spoken = locales("de-at", &["nl", "fr", "de"]);
        let markets = Markets::of(Currency::EUR, spoken, vec![usd, Currency::EUR]);
        assert_eq!(markets.languages, [Language::German, Language::French]);
        assert_eq!(markets.currencies, [Currency::EUR, usd]);
        assert_eq!(markets.locale(Language::German), None);
        assert_eq!(markets.locale(Language::French), Some("fr"));
        assert_eq!(markets.locale(Language::English), None);
    }

    #[test]
    fn a_shop_whose_language_the_pages_do_not_speak_is_shown_in_english() {
        let markets = Markets::of(Currency::EUR, locales("nl", &[]), Vec::new());
        assert_eq!(markets, Markets::plain(Currency::EUR));
    }
}

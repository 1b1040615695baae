//! What modules may ask of and tell each other: one file per module. Holds no behaviour.
//!
//! A question that joins the caller's transaction takes its `&mut Tx`; one that does not takes a
//! `TenantId` and opens its own.

pub mod bundles;
pub mod cart;
pub mod catalog;
pub mod checkout;
pub mod inventory;
pub mod ledger;
pub mod media;
pub mod notify;
pub mod orders;
pub mod payments;
pub mod pricing;
pub mod search;
pub mod themes;

use std::sync::Arc;

use stoa_kernel::{Clock, IdSource, Timestamp};
use stoa_storage::Storage;

/// What every module is started with.
#[derive(Clone)]
pub struct Deps {
    pub storage: Storage,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
}

impl Deps {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// A postal address. Personal data: never in events or logs.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Address {
    pub name: String,
    pub line1: String,
    #[serde(default)]
    pub line2: Option<String>,
    pub city: String,
    #[serde(default)]
    pub region: Option<String>,
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: String,
}

/// Where goods go, as far as stock, tax and delivery care. No personal data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Destination {
    /// ISO 3166-1 alpha-2, upper case; `None` while the shopper has not said.
    pub country: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
}

impl From<&Address> for Destination {
    fn from(address: &Address) -> Self {
        Self {
            country: Some(address.country.clone()),
            region: address.region.clone(),
            postal_code: Some(address.postal_code.clone()),
        }
    }
}

/// Totals as shown and charged: `subtotal + shipping + tax - discount = total`, all but `tax` net.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct Totals {
    pub subtotal: stoa_kernel::Money,
    pub discount: stoa_kernel::Money,
    pub shipping: stoa_kernel::Money,
    pub tax: stoa_kernel::Money,
    pub total: stoa_kernel::Money,
}

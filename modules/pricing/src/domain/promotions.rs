//! Promotions as merchants describe them, and which of them a cart brings up. Prices nothing.

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stoa_contracts::pricing::{CouponRefusal, RefusedCoupon};
use stoa_kernel::{Currency, CustomerId, Money, ProductId, PromotionId, Timestamp, VariantId};

use super::tax::yes;

/// What a merchant says of a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromotionTerms {
    /// Shoppers see it.
    pub(crate) title: String,
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
    /// Any of these brings it, in any case; without codes it comes by itself. At most 100.
    #[serde(default)]
    pub(crate) codes: Vec<String>,
    pub(crate) benefit: Benefit,
    #[serde(default)]
    pub(crate) target: Target,
    #[serde(default)]
    pub(crate) conditions: Conditions,
    #[serde(default)]
    pub(crate) budget: Budget,
    /// The lowest number comes first; of equals the older.
    #[serde(default)]
    pub(crate) priority: i32,
    /// The classes it may stand beside; both must allow each other. Empty: it stands alone.
    #[serde(default)]
    pub(crate) combines_with: Vec<PromotionClass>,
}

/// What it gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Benefit {
    Percentage {
        /// Parts per million: 100000 is 10 %.
        rate_ppm: i64,
    },
    /// Off the target as a whole, at most what it costs.
    FixedPerOrder {
        amount: Money,
    },
    /// Off each unit of the target, at most what it costs.
    FixedPerItem {
        amount: Money,
    },
    /// For every `buy` units of the target `get` units are cheaper: the cheapest ones.
    BuyGet {
        buy: u32,
        get: u32,
        /// Off the units given; 1000000 makes them free.
        #[serde(default = "all_of_it")]
        rate_ppm: i64,
        /// The goods given, where they are others than those bought.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        get_target: Option<Target>,
        /// How often at most in one cart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sets_max: Option<u32>,
    },
    FreeShipping,
}

const fn all_of_it() -> i64 {
    1_000_000
}

/// The goods it is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Target {
    #[default]
    All,
    Products {
        ids: Vec<ProductId>,
    },
    Variants {
        ids: Vec<VariantId>,
    },
    Collections {
        handles: Vec<String>,
    },
}

/// When it holds. Value and quantity are those of the target, as listed, before any promotion.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Conditions {
    pub(crate) min_subtotal: Option<Money>,
    pub(crate) min_quantity: Option<u32>,
    pub(crate) currency: Option<Currency>,
    pub(crate) starts_at: Option<Timestamp>,
    /// The first moment at which it no longer holds.
    pub(crate) ends_at: Option<Timestamp>,
}

/// How often it may be used: first come, first served. Counted while it has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Budget {
    pub(crate) uses_max: Option<u32>,
    pub(crate) per_customer_max: Option<u32>,
}

impl Budget {
    pub(crate) fn is_limited(self) -> bool {
        self.uses_max.is_some() || self.per_customer_max.is_some()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PromotionClass {
    /// Off some of the goods.
    Item,
    /// Off all of the goods.
    Order,
    /// Off the delivery.
    Shipping,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Promotion {
    pub(crate) id: PromotionId,
    pub(crate) terms: PromotionTerms,
}

impl Promotion {
    pub(crate) fn class(&self) -> PromotionClass {
        match (&self.terms.benefit, &self.terms.target) {
            (Benefit::FreeShipping, _) => PromotionClass::Shipping,
            (Benefit::Percentage { .. } | Benefit::FixedPerOrder { .. }, Target::All) => {
                PromotionClass::Order
            }
            _ => PromotionClass::Item,
        }
    }

    pub(crate) fn stands_beside(&self, other: &Self) -> bool {
        self.terms.combines_with.contains(&other.class())
            && other.terms.combines_with.contains(&self.class())
    }

    pub(crate) fn asks_for_collections(&self) -> bool {
        let is_one = |target: &Target| matches!(target, Target::Collections { .. });
        is_one(&self.terms.target)
            || matches!(&self.terms.benefit, Benefit::BuyGet { get_target: Some(given), .. } if is_one(given))
    }

    fn refusal(&self, now: Timestamp) -> Option<CouponRefusal> {
        let when = &self.terms.conditions;
        if when.starts_at.is_some_and(|from| now < from) {
            return Some(CouponRefusal::NotYetValid);
        }
        when.ends_at
            .is_some_and(|until| until <= now)
            .then_some(CouponRefusal::Expired)
    }
}

/// As codes are compared: without blanks around, in small letters.
pub(crate) fn code_key(code: &str) -> String {
    code.trim().to_lowercase()
}

/// Who a budget or an exemption goes by: a hash of the address, else of the customer's id.
pub(crate) fn buyer_key(email: Option<&str>, customer: Option<CustomerId>) -> Option<[u8; 32]> {
    let address = email
        .map(|email| email.trim().to_lowercase())
        .filter(|email| !email.is_empty());
    let text = address.or_else(|| customer.map(|id| id.to_string()))?;
    Some(Sha256::digest(text.as_bytes()).into())
}

/// The promotions of a shop, as quotes look them up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Promotions {
    /// Those switched on, by priority and age.
    all: Vec<Promotion>,
    by_code: HashMap<String, usize>,
}

/// A promotion that a cart brings up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'p> {
    pub(crate) promotion: &'p Promotion,
    /// As the shopper typed it.
    pub(crate) code: Option<&'p str>,
}

impl Promotions {
    pub(crate) fn new(mut all: Vec<Promotion>) -> Self {
        all.retain(|each| each.terms.enabled);
        all.sort_by_key(|each| (each.terms.priority, each.id));
        let mut by_code = HashMap::new();
        for (at, promotion) in all.iter().enumerate() {
            for code in &promotion.terms.codes {
                by_code.insert(code_key(code), at);
            }
        }
        Self { all, by_code }
    }

    /// What comes by itself and what the codes bring, in the order in which it is applied; and the
    /// codes that bring nothing. A code typed twice counts once.
    pub(crate) fn candidates<'p>(
        &'p self,
        codes: &'p [String],
        now: Timestamp,
    ) -> (Vec<Candidate<'p>>, Vec<RefusedCoupon>) {
        let mut typed = HashSet::new();
        let mut brought = HashMap::<usize, &str>::new();
        let mut refused = Vec::new();
        for code in codes {
            let key = code_key(code);
            let found = self.by_code.get(&key).copied();
            if !typed.insert(key) {
                continue;
            }
            let reason = match found {
                None => Some(CouponRefusal::Unknown),
                // Two codes of one promotion do not stand beside each other.
                Some(at) if brought.contains_key(&at) => Some(CouponRefusal::NotCombinable),
                Some(at) => self.all[at].refusal(now),
            };
            match (reason, found) {
                (None, Some(at)) => {
                    brought.insert(at, code);
                }
                (reason, _) => refused.push(RefusedCoupon {
                    code: code.clone(),
                    reason: reason.unwrap_or(CouponRefusal::Unknown),
                }),
            }
        }
        let candidates = self.all.iter().enumerate().filter_map(|(at, promotion)| {
            let code = brought.get(&at).copied();
            let comes = promotion.terms.codes.is_empty() && promotion.refusal(now).is_none();
            (comes || code.is_some()).then_some(Candidate { promotion, code })
        });
        (candidates.collect(), refused)
    }
}

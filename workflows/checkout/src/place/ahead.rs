//! What is looked at before the transaction: the way to pay, what is wanted, who waits for the same.
//! Writes nothing and promises nothing: the transaction looks again.

use std::collections::BTreeMap;

use stoa_contracts::Destination;
use stoa_contracts::bundles::{LineGoods, components_of, left_beside};
use stoa_contracts::cart::{CartError, CartStatus};
use stoa_contracts::checkout::{CheckoutError, PlaceOrder, Purchase};
use stoa_contracts::inventory::Shortage;
use stoa_contracts::orders::{OrderError, OrderStatus};
use stoa_contracts::payments::PaymentError;
use stoa_kernel::{CartId, VariantId};
use stoa_storage::{Error, Tx};
use stoa_telemetry::mask_text;
use tokio::time::Instant;
use url::Url;

use super::GIFT_CARD_PROVIDER;
use crate::admission::{Buyer, Slot, Turn};
use crate::{Peers, Shared};

const URL_BYTES_MAX: usize = 2_048;
const GIFT_CARDS_MAX: usize = 5;
const GIFT_CARD_BYTES_MAX: usize = 64;

/// What a placement is about to do.
pub(super) struct Ahead {
    /// To be locked before the order.
    pub(super) cart: Option<CartId>,
    buyer: Buyer,
    /// Units that are to be reserved; empty where the order stands already.
    wants: BTreeMap<VariantId, i64>,
    /// Whether an order was written before: then it is answered, however little is left.
    ordered: bool,
}

impl Shared {
    pub(super) async fn check_payment(&self, request: &PlaceOrder) -> Result<(), CheckoutError> {
        let refused = |field: &str, reason: &str| {
            let (field, reason) = (field.to_owned(), reason.to_owned());
            Err(CheckoutError::Payment { field, reason })
        };
        if request.gift_cards.len() > GIFT_CARDS_MAX {
            let reason = format!("holds at most {GIFT_CARDS_MAX} codes");
            return refused("gift_cards", &reason);
        }
        let odd = |code: &String| code.trim().is_empty() || code.len() > GIFT_CARD_BYTES_MAX;
        if let Some(at) = request.gift_cards.iter().position(odd) {
            return Err(CheckoutError::GiftCard {
                position: at + 1,
                reason: "is not a code of this shop".to_owned(),
            });
        }
        if request.provider != GIFT_CARD_PROVIDER {
            self.check_provider(request).await?;
        }
        let Some(url) = &request.return_url else {
            return Ok(());
        };
        let web = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        // The parser skips control characters; the database and a Location header do not.
        let plain = !url.chars().any(char::is_control);
        if !web || !plain || url.len() > URL_BYTES_MAX || mask_text(url) != *url {
            return refused("payment.return_url", "is not a plain http or https URL");
        }
        Ok(())
    }

    async fn check_provider(&self, request: &PlaceOrder) -> Result<(), CheckoutError> {
        let refused = |reason: &str| {
            let (field, reason) = ("payment.provider".to_owned(), reason.to_owned());
            Err(CheckoutError::Payment { field, reason })
        };
        let (provider, token) = (&request.provider, &request.token);
        let payments = &self.peers.payments;
        match payments
            .check(request.tenant, provider, token, request.test_mode)
            .await
        {
            Ok(()) => Ok(()),
            Err(PaymentError::UnknownProvider { .. }) => {
                refused("is no payment provider of this shop")
            }
            Err(PaymentError::TestOnly) => refused("is for shops in test mode"),
            Err(PaymentError::Invalid { field, reason }) => {
                Err(CheckoutError::Payment { field, reason })
            }
            Err(PaymentError::Unreachable { message }) => {
                Err(Error::Unavailable { message }.into())
            }
            Err(PaymentError::Storage(error)) => Err(error.into()),
        }
    }

    /// Reads what is to be bought, and has the tax of its destination ready.
    pub(super) async fn look_ahead(&self, request: &PlaceOrder) -> Result<Ahead, CheckoutError> {
        match &request.purchase {
            Purchase::Cart(_) => {
                let (ahead, destination) = self.look_at_cart(request).await?;
                // Asks nobody where the rates are known.
                let pricing = &self.peers.pricing;
                pricing.prepare_tax(request.tenant, &destination).await?;
                Ok(ahead)
            }
            Purchase::Order { .. } => self.look_at_order(request).await,
        }
    }

    async fn look_at_cart(
        &self,
        request: &PlaceOrder,
    ) -> Result<(Ahead, Destination), CheckoutError> {
        let Purchase::Cart(key) = &request.purchase else {
            return Err(CheckoutError::CartNotFound);
        };
        let carts = &self.peers.carts;
        if !carts.opens(request.tenant, key) {
            return Err(CheckoutError::CartNotFound);
        }
        let cart = match carts.look(request.tenant, key).await {
            Ok(Some(cart)) => cart,
            Err(CartError::Storage(error)) => return Err(error.into()),
            Ok(None) | Err(_) => return Err(CheckoutError::CartNotFound),
        };
        let mut wants = BTreeMap::new();
        if cart.status == CartStatus::Open {
            for (_, variant, quantity) in &cart.lines {
                *wants.entry(*variant).or_default() += i64::from(quantity.get());
            }
        }
        let address = cart.shipping_address.as_ref();
        let destination = address.map(Destination::from).unwrap_or_default();
        let ahead = Ahead {
            cart: Some(cart.id),
            buyer: cart.id.as_u128(),
            wants,
            ordered: cart.order.is_some(),
        };
        Ok((ahead, destination))
    }

    async fn look_at_order(&self, request: &PlaceOrder) -> Result<Ahead, CheckoutError> {
        let Purchase::Order { id, token } = &request.purchase else {
            return Err(CheckoutError::CartNotFound);
        };
        let orders = &self.peers.orders;
        if !orders.opens(request.tenant, *id, token) {
            return Err(CheckoutError::CartNotFound);
        }
        let view = match orders.view(request.tenant, *id).await {
            Ok(view) => view,
            Err(OrderError::Storage(error)) => return Err(error.into()),
            Err(_) => return Err(CheckoutError::CartNotFound),
        };
        let mut wants = BTreeMap::new();
        if view.status == OrderStatus::Draft {
            for line in &view.lines {
                *wants.entry(line.variant_id).or_default() += i64::from(line.quantity.get());
            }
        }
        Ok(Ahead {
            cart: view.cart_id,
            buyer: id.as_u128(),
            wants,
            ordered: view.status != OrderStatus::Draft,
        })
    }

    /// Waits in line for whatever many want at once. Variants are queued for in id order, so that
    /// two carts never wait for each other.
    pub(super) async fn admit(
        &self,
        request: &PlaceOrder,
        ahead: &Ahead,
    ) -> Result<Vec<Slot>, CheckoutError> {
        let (admission, tenant) = (&self.admission, request.tenant);
        let mut slots = Vec::with_capacity(ahead.wants.len());
        let mut until: Option<Instant> = None;
        for (&variant, &asked) in &ahead.wants {
            let item = (tenant, variant);
            if let Some(slot) = admission.try_in(item, ahead.buyer) {
                slots.push(slot);
                continue;
            }
            if until.is_none() && !ahead.ordered {
                self.refuse_sold_out(request, ahead).await?;
            }
            let until = *until.get_or_insert_with(|| admission.patience());
            match admission.wait(item, ahead.buyer, asked, until).await {
                Turn::In(slot) => slots.push(slot),
                Turn::InLine(place) => {
                    return Err(CheckoutError::InLine {
                        position: place.position,
                        retry_after_seconds: place.retry_after_seconds,
                    });
                }
                // The order of a twin of this request stands, whatever is left.
                Turn::SoldOut { .. } if self.is_ordered(request).await? => return Ok(slots),
                Turn::SoldOut { available } => {
                    return Err(CheckoutError::Short {
                        shortages: vec![Shortage {
                            variant,
                            asked,
                            available,
                        }],
                    });
                }
            }
        }
        Ok(slots)
    }

    async fn is_ordered(&self, request: &PlaceOrder) -> Result<bool, CheckoutError> {
        Ok(match &request.purchase {
            Purchase::Cart(_) => self.look_at_cart(request).await?.0.ordered,
            Purchase::Order { .. } => self.look_at_order(request).await?.ordered,
        })
    }

    /// Nobody stands in line for what is gone.
    async fn refuse_sold_out(
        &self,
        request: &PlaceOrder,
        ahead: &Ahead,
    ) -> Result<(), CheckoutError> {
        let (peers, wants) = (self.peers.clone(), ahead.wants.clone());
        let db = self.deps.storage.db(request.tenant).await?;
        let shortages = db
            .read(async move |tx: &mut Tx<'_>| short_now(tx, &peers, &wants).await)
            .await?;
        if shortages.is_empty() || self.is_ordered(request).await? {
            return Ok(());
        }
        Err(CheckoutError::Short { shortages })
    }
}

/// What of it cannot be had now. A bundle has no stock of its own, so it looks gone at first: only then
/// is the catalog asked what is made of others.
async fn short_now(
    tx: &mut Tx<'_>,
    peers: &Peers,
    wants: &BTreeMap<VariantId, i64>,
) -> Result<Vec<Shortage>, Error> {
    let variants: Vec<VariantId> = wants.keys().copied().collect();
    let seen = peers.inventory.availability(tx, &variants).await?;
    let mut left: BTreeMap<VariantId, Option<i64>> =
        seen.iter().map(|seen| (seen.variant, seen.units)).collect();
    let lacks = |variant: &VariantId| {
        let units = left.get(variant).copied().flatten();
        units.is_some_and(|units| units < wants[variant])
    };
    let lacking: Vec<VariantId> = variants.iter().copied().filter(lacks).collect();
    if lacking.is_empty() {
        return Ok(Vec::new());
    }
    let snapshots = peers.catalog.variants(tx, &lacking).await?;
    let components = components_of(&*peers.catalog, tx, &snapshots).await?;
    let parts = components.values().flatten().map(|part| part.variant_id);
    let parts: Vec<VariantId> = parts.filter(|part| !left.contains_key(part)).collect();
    if !parts.is_empty() {
        let seen = peers.inventory.availability(tx, &parts).await?;
        left.extend(seen.iter().map(|seen| (seen.variant, seen.units)));
    }
    let lines: Vec<LineGoods<'_>> = wants
        .iter()
        .map(|(&variant, &units)| LineGoods {
            variant,
            units,
            components: components.get(&variant).map_or(&[], Vec::as_slice),
        })
        .collect();
    let short = lines.iter().filter_map(|line| {
        let available = left_beside(&lines, line.variant, |part| *left.get(&part)?)?;
        (available < line.units).then_some(Shortage {
            variant: line.variant,
            asked: line.units,
            available,
        })
    });
    Ok(short.collect())
}

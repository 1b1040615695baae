//! What is looked at before the transaction: the way to pay, what is wanted, who waits for the same.
//! Writes nothing and promises nothing: the transaction looks again.

use std::collections::BTreeMap;
use std::sync::Arc;

use stoa_contracts::Destination;
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
use crate::Shared;
use crate::admission::{Buyer, Slot, Turn};

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
        let variants: Vec<VariantId> = ahead.wants.keys().copied().collect();
        let inventory = Arc::clone(&self.peers.inventory);
        let db = self.deps.storage.db(request.tenant).await?;
        let found = db
            .read(async move |tx: &mut Tx<'_>| inventory.availability(tx, &variants).await)
            .await?;
        let short = found.into_iter().filter_map(|seen| {
            let (asked, available) = (*ahead.wants.get(&seen.variant)?, seen.units?);
            (available < asked).then_some(Shortage {
                variant: seen.variant,
                asked,
                available,
            })
        });
        let shortages: Vec<Shortage> = short.collect();
        if shortages.is_empty() || self.is_ordered(request).await? {
            return Ok(());
        }
        Err(CheckoutError::Short { shortages })
    }
}

//! Places an order: everything the shop itself must know is written in one transaction, or not at
//! all. Never speaks to a payment provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use stoa_contracts::cart::CheckoutCart;
use stoa_contracts::catalog::VariantSnapshot;
use stoa_contracts::checkout::{Checkout, CheckoutError, CheckoutStatus, PlaceOrder, Placed};
use stoa_contracts::inventory::{Demand, ReserveError};
use stoa_contracts::orders::{
    NewOrder, NewOrderLine, OrderError, OrderStatus, PaymentStatus, PaymentStep,
};
use stoa_contracts::payments::{AttemptState, NewAttempt, PaymentError};
use stoa_contracts::pricing::{Quote, QuoteError, QuoteLine, QuoteRequest};
use stoa_kernel::{AttemptId, JobId, OrderId, TenantId, Timestamp, VariantId};
use stoa_storage::{Cause, Claim, ConstraintKind, Error, Tx};
use stoa_telemetry::mask_text;
use url::Url;

use crate::settle::Payload;
use crate::{PAYMENT_TIME_MAX, Shared};

const URL_BYTES_MAX: usize = 2_048;
const ACCEPTED: u16 = 202;

pub(crate) struct CheckoutDesk(pub(crate) Arc<Shared>);

/// Made before the transaction, which may run more than once.
#[derive(Clone, Copy)]
struct Fresh {
    order: OrderId,
    attempt: AttemptId,
    job: JobId,
    now: Timestamp,
}

#[async_trait]
impl Checkout for CheckoutDesk {
    async fn place(&self, request: PlaceOrder) -> Result<Placed, CheckoutError> {
        let shared = self.0.clone();
        if !shared.peers.carts.opens(request.tenant, &request.cart) {
            return Err(CheckoutError::CartNotFound);
        }
        shared.check_payment(&request)?;
        shared.peers.orders.ensure_numbers(request.tenant).await?;
        let (ids, now) = (&shared.deps.ids, shared.deps.now());
        let fresh = Fresh {
            order: ids.make(now),
            attempt: ids.make(now),
            job: ids.make(now),
            now,
        };
        let db = shared.deps.storage.db(request.tenant).await?;
        db.write(async move |tx: &mut Tx<'_>| shared.place_once(tx, &request, fresh).await)
            .await
    }

    async fn status(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<CheckoutStatus, CheckoutError> {
        self.0.status(tenant, order).await
    }
}

/// What became of the cart's order.
enum Decision {
    /// It is being paid, or has been: the answer is the same again.
    Stands(OrderId, AttemptId),
    /// Its last payment failed: the same order is tried anew.
    Again(OrderId),
    New,
}

impl Shared {
    fn check_payment(&self, request: &PlaceOrder) -> Result<(), CheckoutError> {
        let refused = |field: &str, reason: &str| {
            let (field, reason) = (field.to_owned(), reason.to_owned());
            Err(CheckoutError::Payment { field, reason })
        };
        match self
            .peers
            .payments
            .check(&request.provider, &request.token, request.test_mode)
        {
            Ok(()) => {}
            Err(PaymentError::UnknownProvider { .. }) => {
                return refused("payment.provider", "is no payment provider of this shop");
            }
            Err(PaymentError::TestOnly) => {
                return refused("payment.provider", "is for shops in test mode");
            }
            Err(PaymentError::Invalid { field, reason }) => {
                return Err(CheckoutError::Payment { field, reason });
            }
            Err(PaymentError::Unreachable { message }) => {
                return Err(Error::Unavailable { message }.into());
            }
            Err(PaymentError::Storage(error)) => return Err(error.into()),
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

    /// The whole transaction. Its order keeps the rows that many carts share, stock, for last.
    async fn place_once(
        &self,
        tx: &mut Tx<'_>,
        request: &PlaceOrder,
        fresh: Fresh,
    ) -> Result<Placed, CheckoutError> {
        match tx.claim_key(&request.idempotency, fresh.now).await? {
            Claim::Fresh => {}
            Claim::Stored { response, .. } => {
                return Ok(serde_json::from_str(&response).map_err(Error::from)?);
            }
            Claim::Reused => return Err(CheckoutError::KeyReused),
            Claim::Unfinished => return Err(CheckoutError::KeyUnfinished),
        }
        let cart = self.peers.carts.lock(tx, request.cart.id).await?;
        let cart = cart.ok_or(CheckoutError::CartNotFound)?;
        let cause = Cause {
            actor: request.actor.clone(),
            occurred_at: fresh.now,
            causation: None,
            trace: request.trace.clone(),
        };
        let (order, attempt) = match self.decide(tx, &cart, &cause).await? {
            Decision::Stands(order, attempt) => (order, attempt),
            Decision::Again(order) => {
                let order = self.draft(tx, request, &cart, order).await?;
                self.peers
                    .orders
                    .revise(tx, &order, &cause)
                    .await
                    .map_err(order_error)?;
                self.commit_to(tx, request, &order, fresh, &cause).await?;
                (order.id, fresh.attempt)
            }
            Decision::New => {
                let order = self.draft(tx, request, &cart, fresh.order).await?;
                self.peers
                    .orders
                    .create(tx, &order, &cause)
                    .await
                    .map_err(order_error)?;
                self.commit_to(tx, request, &order, fresh, &cause).await?;
                (order.id, fresh.attempt)
            }
        };
        let placed = Placed {
            order_id: order,
            order_token: self.peers.orders.token(request.tenant, order),
            status_url: self.links.url(request.tenant, order, attempt),
        };
        let response = serde_json::to_string(&placed).map_err(Error::from)?;
        tx.store_response(&request.idempotency, ACCEPTED, &response)
            .await?;
        Ok(placed)
    }

    async fn decide(
        &self,
        tx: &mut Tx<'_>,
        cart: &CheckoutCart,
        cause: &Cause,
    ) -> Result<Decision, CheckoutError> {
        let Some(order) = cart.order else {
            return Ok(Decision::New);
        };
        let Some(state) = self.peers.orders.lock(tx, order).await? else {
            tracing::error!(%order, cart = %cart.id, "a cart names an order that does not exist");
            return Err(CheckoutError::Canceled);
        };
        if state.status == OrderStatus::Canceled {
            return Err(CheckoutError::Canceled);
        }
        let newest = self.peers.payments.newest(tx, order).await?;
        let Some(newest) = newest else {
            return Ok(Decision::Again(order));
        };
        let reason = match newest.state {
            _ if state.payment != PaymentStatus::Pending => None,
            AttemptState::Declined { reason } => Some(reason),
            AttemptState::Voided => Some("voided".to_owned()),
            _ => None,
        };
        let Some(reason) = reason else {
            return Ok(Decision::Stands(order, newest.id));
        };
        // The order may not have heard of it yet; it is told before it is written anew.
        let step = PaymentStep::Declined { reason };
        self.peers
            .orders
            .step(tx, order, &step, cause)
            .await
            .map_err(order_error)?;
        Ok(Decision::Again(order))
    }

    /// The order as it would be written now, priced from what is true now.
    async fn draft(
        &self,
        tx: &mut Tx<'_>,
        request: &PlaceOrder,
        cart: &CheckoutCart,
        id: OrderId,
    ) -> Result<NewOrder, CheckoutError> {
        if cart.lines.is_empty() {
            return Err(CheckoutError::CartEmpty);
        }
        let variants = self.variants(tx, cart).await?;
        let ships = variants.values().any(|variant| variant.requires_shipping);
        let email = check_complete(cart, ships)?;
        let shipping_option = cart.shipping_option_id.clone().filter(|_| ships);
        let quote = self
            .quote(tx, cart, &variants, shipping_option.clone())
            .await?;
        let ids = &self.deps.ids;
        let lines = cart
            .lines
            .iter()
            .zip(&quote.lines)
            .map(|(&(_, variant, quantity), priced)| {
                let snapshot = &variants[&variant];
                NewOrderLine {
                    id: ids.make(self.deps.now()),
                    variant,
                    product: snapshot.product,
                    title: snapshot.product_title.clone(),
                    variant_title: snapshot.variant_title.clone(),
                    sku: snapshot.sku.clone(),
                    image: snapshot.image.clone(),
                    quantity,
                    unit_price: priced.unit_price,
                    subtotal: priced.subtotal,
                    tax: priced.tax,
                    total: priced.total,
                }
            });
        Ok(NewOrder {
            id,
            cart: cart.id,
            email,
            shipping_address: cart.shipping_address.clone(),
            billing_address: cart.billing_address.clone(),
            shipping_option,
            lines: lines.collect(),
            totals: quote.totals,
            tax_inclusive: quote.tax_inclusive,
            test: request.test_mode,
        })
    }

    /// Every variant of the cart; one that is not for sale ends the checkout.
    async fn variants(
        &self,
        tx: &mut Tx<'_>,
        cart: &CheckoutCart,
    ) -> Result<BTreeMap<VariantId, VariantSnapshot>, CheckoutError> {
        let mut ids: Vec<VariantId> = cart.lines.iter().map(|&(_, variant, _)| variant).collect();
        ids.sort_unstable();
        ids.dedup();
        let found = self.peers.catalog.variants(tx, &ids).await?;
        let active: BTreeMap<VariantId, VariantSnapshot> = found
            .into_iter()
            .filter(|variant| variant.active)
            .map(|variant| (variant.variant, variant))
            .collect();
        let gone: Vec<VariantId> = ids
            .into_iter()
            .filter(|variant| !active.contains_key(variant))
            .collect();
        match gone.is_empty() {
            true => Ok(active),
            false => Err(CheckoutError::NotForSale { variants: gone }),
        }
    }

    async fn quote(
        &self,
        tx: &mut Tx<'_>,
        cart: &CheckoutCart,
        variants: &BTreeMap<VariantId, VariantSnapshot>,
        shipping_option: Option<String>,
    ) -> Result<Quote, CheckoutError> {
        let line = |&(_, variant, quantity): &(_, VariantId, _)| {
            let snapshot = &variants[&variant];
            QuoteLine {
                variant,
                quantity,
                requires_shipping: snapshot.requires_shipping,
                taxable: snapshot.taxable,
            }
        };
        let request = QuoteRequest {
            currency: cart.currency,
            lines: cart.lines.iter().map(line).collect(),
            country: cart
                .shipping_address
                .as_ref()
                .map(|address| address.country.clone()),
            shipping_option,
        };
        self.peers
            .pricing
            .quote(tx, &request)
            .await
            .map_err(|error| match error {
                QuoteError::NoPrice { variant, .. } => CheckoutError::NotForSale {
                    variants: vec![variant],
                },
                QuoteError::UnknownShippingOption { .. } => {
                    incomplete("shipping_option_id", "is not offered for this cart")
                }
                QuoteError::Overflow => incomplete("lines", "come to more than can be paid"),
                QuoteError::Storage(error) => error.into(),
            })
    }

    /// Holds the stock, opens the payment, closes the cart, and leaves the job that goes on.
    async fn commit_to(
        &self,
        tx: &mut Tx<'_>,
        request: &PlaceOrder,
        order: &NewOrder,
        fresh: Fresh,
        cause: &Cause,
    ) -> Result<(), CheckoutError> {
        let attempt = NewAttempt {
            id: fresh.attempt,
            order: order.id,
            amount: order.totals.total,
            provider: request.provider.clone(),
            token: request.token.clone(),
            return_url: request.return_url.clone(),
        };
        match self.peers.payments.open(tx, &attempt, cause).await {
            Ok(()) => {}
            Err(PaymentError::Storage(error)) => return Err(error.into()),
            Err(error) => return Err(broken(&error).into()),
        }
        self.peers.carts.freeze(tx, order.cart, order.id).await?;
        let payload = Payload {
            order: order.id,
            attempt: fresh.attempt,
            cart: order.cart,
        };
        tx.enqueue(&payload.job(fresh.job, fresh.now)?, fresh.now)
            .await?;
        let demand: Vec<Demand> = order
            .lines
            .iter()
            .map(|line| Demand {
                variant: line.variant,
                quantity: line.quantity,
            })
            .collect();
        let until = fresh.now.plus(PAYMENT_TIME_MAX);
        let reserved = self
            .peers
            .inventory
            .reserve(tx, order.id, &demand, until, cause)
            .await;
        reserved.map_err(|error| match error {
            ReserveError::Short { shortages } => CheckoutError::Short { shortages },
            ReserveError::Storage(error) => error.into(),
        })
    }
}

/// Returns the e-mail address; everything that is missing is named at once.
fn check_complete(cart: &CheckoutCart, ships: bool) -> Result<String, CheckoutError> {
    let mut fields: Vec<(&'static str, String)> = Vec::new();
    let email = cart.email.clone().filter(|email| !email.is_empty());
    if email.is_none() {
        fields.push(("email", "is required".to_owned()));
    }
    if ships && cart.shipping_address.is_none() {
        fields.push(("shipping_address", "is required".to_owned()));
    }
    if ships && cart.shipping_option_id.is_none() {
        fields.push(("shipping_option_id", "is required".to_owned()));
    }
    match email {
        Some(email) if fields.is_empty() => Ok(email),
        _ => Err(CheckoutError::Incomplete { fields }),
    }
}

fn incomplete(field: &'static str, reason: &str) -> CheckoutError {
    CheckoutError::Incomplete {
        fields: vec![(field, reason.to_owned())],
    }
}

fn order_error(error: OrderError) -> CheckoutError {
    match error {
        OrderError::Storage(error) => error.into(),
        error => broken(&error).into(),
    }
}

/// What cannot happen while the cart and the order are locked; if it does, nothing is kept.
fn broken(error: &dyn std::error::Error) -> Error {
    Error::Constraint {
        kind: ConstraintKind::Other,
        message: error.to_string(),
    }
}

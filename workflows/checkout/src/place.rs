//! Places an order: everything the shop itself must know is written in one transaction, or not at
//! all. Never speaks to a payment provider.

mod ahead;
mod basket;
mod decide;

use std::sync::Arc;

use async_trait::async_trait;
use stoa_contracts::Destination;
use stoa_contracts::bundles::{LineGoods, demand_of, left_for_anybody, shortages_of_lines};
use stoa_contracts::checkout::{
    Checkout, CheckoutError, CheckoutStatus, JournalEntry, PlaceOrder, Placed, Purchase,
};
use stoa_contracts::inventory::{ReserveError, Shortage};
use stoa_contracts::ledger::GiftCardError;
use stoa_contracts::orders::{NewOrder, NewOrderLine, OrderError};
use stoa_contracts::payments::{NewAttempt, PaymentError};
use stoa_contracts::pricing::{CouponRefusal, RedeemError, Redemption};
use stoa_kernel::{AttemptId, CartId, JobId, Money, OrderId, TenantId, Timestamp};
use stoa_storage::{Cause, Claim, ConstraintKind, Error, Tx};

use self::decide::Decision;
use crate::journal::{Note, Parts, Step};
use crate::settle::Payload;
use crate::{ATTEMPTS_PER_ORDER_MAX, PAYMENT_TIME_MAX, Shared, infrastructure, journal};

/// The provider to name where gift cards pay for everything: nobody else is asked.
pub const GIFT_CARD_PROVIDER: &str = "gift_card";

const ACCEPTED: u16 = 202;
/// Far more than the attempts of one order write.
const JOURNAL_ROWS_MAX: i64 = 200;

pub(crate) struct CheckoutDesk(pub(crate) Arc<Shared>);

/// Made before the transaction, which may run more than once.
#[derive(Clone, Copy)]
struct Fresh {
    order: OrderId,
    attempt: AttemptId,
    job: JobId,
    now: Timestamp,
}

/// How the order is written, and what is to be paid of it now.
enum Writing {
    New,
    /// It was declined, and is written anew.
    Again,
    Draft,
    /// It stands as it is; part of it is not paid yet.
    Balance {
        due: Money,
    },
}

#[async_trait]
impl Checkout for CheckoutDesk {
    async fn place(&self, request: PlaceOrder) -> Result<Placed, CheckoutError> {
        let shared = self.0.clone();
        let tenant = request.tenant;
        shared.check_payment(&request).await?;
        let ahead = shared.look_ahead(&request).await?;
        shared.peers.orders.ensure_numbers(tenant).await?;
        let slots = shared.admit(&request, &ahead).await?;
        let (ids, now) = (&shared.deps.ids, shared.deps.now());
        let fresh = Fresh {
            order: ids.make(now),
            attempt: ids.make(now),
            job: ids.make(now),
            now,
        };
        let db = shared.deps.storage.db(tenant).await?;
        let (desk, cart) = (shared.clone(), ahead.cart);
        let placed = db
            .write(async move |tx: &mut Tx<'_>| {
                let placed = desk.place_once(tx, &request, cart, fresh).await?;
                stoa_failpoint::hit("checkout.place.before_commit");
                Ok(placed)
            })
            .await;
        stoa_failpoint::hit("checkout.place.after_commit");
        drop(slots);
        placed
    }

    async fn status(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<CheckoutStatus, CheckoutError> {
        self.0.status(tenant, order).await
    }

    async fn journal(
        &self,
        tenant: TenantId,
        order: OrderId,
    ) -> Result<Vec<JournalEntry>, CheckoutError> {
        let db = self.0.deps.storage.db(tenant).await?;
        let notes = infrastructure::of_order(&db, order, JOURNAL_ROWS_MAX).await?;
        if notes.is_empty() {
            // Whether it is an old order or none at all.
            let found = self.0.peers.orders.view(tenant, order).await;
            found.map_err(|error| match error {
                OrderError::Storage(error) => CheckoutError::Storage(error),
                _ => CheckoutError::CartNotFound,
            })?;
        }
        Ok(journal::told(notes))
    }
}

impl Shared {
    /// The whole transaction. Its order keeps the rows that many carts share, stock, for last.
    async fn place_once(
        &self,
        tx: &mut Tx<'_>,
        request: &PlaceOrder,
        cart: Option<CartId>,
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
        let cause = Cause {
            actor: request.actor.clone(),
            occurred_at: fresh.now,
            causation: None,
            trace: request.trace.clone(),
        };
        let decision = match &request.purchase {
            Purchase::Cart(key) => self.decide_cart(tx, request, key.id, fresh, &cause).await?,
            Purchase::Order { id, .. } => self.decide_order(tx, request, *id, cart, &cause).await?,
        };
        let (order, attempt) = match decision {
            Decision::Stands(order, attempt) => (order, attempt),
            Decision::Write(order, writing) => {
                let id = order.id;
                self.write(tx, request, *order, writing, fresh, &cause)
                    .await?;
                (id, fresh.attempt)
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

    async fn write(
        &self,
        tx: &mut Tx<'_>,
        request: &PlaceOrder,
        mut order: NewOrder,
        writing: Writing,
        fresh: Fresh,
        cause: &Cause,
    ) -> Result<(), CheckoutError> {
        let due = match &writing {
            Writing::Balance { due } => *due,
            _ => order.totals.total,
        };
        if let Some(expected) = request.expected_total.filter(|expected| *expected != due) {
            return Err(CheckoutError::TotalChanged { expected, now: due });
        }
        if let Err(PaymentError::Invalid { field, reason }) = self.peers.payments.check_amount(due)
        {
            return Err(CheckoutError::Payment { field, reason });
        }
        let held = self
            .hold_gift_cards(tx, request, &order, &writing, due, cause)
            .await?;
        if request.provider == GIFT_CARD_PROVIDER && held.amount < due.amount {
            return Err(CheckoutError::Payment {
                field: "payment.provider".to_owned(),
                reason: "gift cards do not cover the total; choose how to pay the rest".to_owned(),
            });
        }
        order.gift_card = held;
        let orders = &self.peers.orders;
        match &writing {
            Writing::New => orders.create(tx, &order, cause).await.map(|_| ()),
            Writing::Again => orders.revise(tx, &order, cause).await,
            Writing::Draft => orders.place_draft(tx, &order, cause).await,
            Writing::Balance { .. } => Ok(()),
        }
        .map_err(order_error)?;
        let asked = Money::new(due.amount - held.amount, due.currency);
        self.commit_to(tx, request, &order, &writing, asked, fresh, cause)
            .await
    }

    /// Whatever the attempt before still holds is given back, before anything is priced: what follows
    /// takes its own.
    async fn start_over(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        cause: &Cause,
    ) -> Result<(), CheckoutError> {
        if infrastructure::attempts(tx, order).await? >= ATTEMPTS_PER_ORDER_MAX {
            return Err(CheckoutError::TooManyAttempts {
                max: ATTEMPTS_PER_ORDER_MAX,
            });
        }
        self.peers.ledger.release(tx, order, cause).await?;
        Ok(self.peers.pricing.unredeem(tx, order, cause).await?)
    }

    /// How much of what is due gift cards and store credit pay.
    async fn hold_gift_cards(
        &self,
        tx: &mut Tx<'_>,
        request: &PlaceOrder,
        order: &NewOrder,
        writing: &Writing,
        due: Money,
        cause: &Cause,
    ) -> Result<Money, CheckoutError> {
        let none = Money::zero(due.currency);
        let codes = &request.gift_cards;
        if matches!(writing, Writing::Balance { .. }) {
            // The order has been written with what gift cards paid of it.
            return match codes.is_empty() {
                true => Ok(none),
                false => Err(CheckoutError::GiftCard {
                    position: 1,
                    reason: "cannot pay the rest of an order that is paid in part".to_owned(),
                }),
            };
        }
        if (codes.is_empty() && order.customer.is_none()) || due.amount == 0 {
            return Ok(none);
        }
        let held = self
            .peers
            .ledger
            .hold(tx, order.id, codes, order.customer, due, cause)
            .await;
        held.map_err(|error| match error {
            GiftCardError::Refused { position, reason } => {
                CheckoutError::GiftCard { position, reason }
            }
            GiftCardError::Storage(error) => error.into(),
        })
    }

    /// Uses the promotions, opens the payment, closes the cart, leaves the job that goes on, and
    /// holds the stock.
    #[expect(clippy::too_many_arguments, reason = "one step of one transaction")]
    async fn commit_to(
        &self,
        tx: &mut Tx<'_>,
        request: &PlaceOrder,
        order: &NewOrder,
        writing: &Writing,
        asked: Money,
        fresh: Fresh,
        cause: &Cause,
    ) -> Result<(), CheckoutError> {
        let whole = !matches!(writing, Writing::Balance { .. });
        let promoted = whole && !order.promotions.is_empty();
        if promoted {
            self.redeem(tx, order, cause).await?;
        }
        self.open_attempt(tx, request, order.id, asked, fresh, cause)
            .await?;
        if let Some(cart) = order.cart.filter(|_| whole) {
            self.peers.carts.freeze(tx, cart, order.id).await?;
        }
        let payload = Payload {
            order: order.id,
            attempt: fresh.attempt,
            cart: order.cart,
        };
        tx.enqueue_unasked(&payload.job(fresh.job, fresh.now)?, fresh.now)
            .await?;
        let note = Note {
            order: order.id,
            attempt: fresh.attempt,
            step: Step::Placed,
            parts: Parts {
                stock: whole,
                promotions: promoted,
                gift_cards: order.gift_card.amount > 0,
            },
            open: false,
            detail: Some(format!("{} by {}", in_words(asked), request.provider)),
            at: fresh.now,
        };
        infrastructure::write_first(tx, &note).await?;
        match whole {
            true => self.reserve(tx, order, fresh, cause).await,
            false => Ok(()),
        }
    }

    async fn redeem(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        cause: &Cause,
    ) -> Result<(), CheckoutError> {
        let redemption = Redemption {
            order: order.id,
            promotions: &order.promotions,
            email: Some(&order.email),
            customer: order.customer,
        };
        let redeemed = self.peers.pricing.redeem(tx, redemption, cause).await;
        redeemed.map_err(|error| match error {
            RedeemError::UsedUp { title, code } => CheckoutError::Coupon {
                code: code.unwrap_or(title),
                reason: CouponRefusal::UsedUp,
            },
            RedeemError::Storage(error) => error.into(),
        })
    }

    async fn open_attempt(
        &self,
        tx: &mut Tx<'_>,
        request: &PlaceOrder,
        order: OrderId,
        amount: Money,
        fresh: Fresh,
        cause: &Cause,
    ) -> Result<(), CheckoutError> {
        let attempt = NewAttempt {
            id: fresh.attempt,
            order,
            amount,
            provider: request.provider.clone(),
            token: request.token.clone(),
            return_url: request.return_url.clone(),
        };
        match self.peers.payments.open(tx, &attempt, cause).await {
            Ok(()) => Ok(()),
            Err(PaymentError::Storage(error)) => Err(error.into()),
            Err(PaymentError::Invalid { field, reason }) => {
                Err(CheckoutError::Payment { field, reason })
            }
            Err(error) => Err(broken(&error).into()),
        }
    }

    async fn reserve(
        &self,
        tx: &mut Tx<'_>,
        order: &NewOrder,
        fresh: Fresh,
        cause: &Cause,
    ) -> Result<(), CheckoutError> {
        let lines: Vec<LineGoods<'_>> = order.lines.iter().map(NewOrderLine::goods).collect();
        let address = order.shipping_address.as_ref();
        let destination = address.map(Destination::from).unwrap_or_default();
        let until = fresh.now.plus(PAYMENT_TIME_MAX);
        let reserved = self
            .peers
            .inventory
            .reserve(tx, order.id, &demand_of(&lines), &destination, until, cause)
            .await;
        reserved.map_err(|error| match error {
            ReserveError::Short { shortages } => self.told_short(tx.tenant(), &lines, &shortages),
            ReserveError::Storage(error) => error.into(),
        })
    }

    /// Whoever waits in line for what is gone hears it as well.
    fn told_short(
        &self,
        tenant: TenantId,
        lines: &[LineGoods<'_>],
        shortages: &[Shortage],
    ) -> CheckoutError {
        for (variant, left) in left_for_anybody(lines, shortages) {
            self.admission.sold_out((tenant, variant), left);
        }
        CheckoutError::Short {
            shortages: shortages_of_lines(lines, shortages),
        }
    }
}

/// `12.50 EUR`.
pub(crate) fn in_words(money: Money) -> String {
    format!("{} {}", money.to_decimal(), money.currency)
}

fn incomplete(field: &'static str, reason: &str) -> CheckoutError {
    CheckoutError::Incomplete {
        fields: vec![(field, reason.to_owned())],
    }
}

fn order_error(error: OrderError) -> CheckoutError {
    match error {
        OrderError::Storage(error) => error.into(),
        error @ OrderError::Transition { .. } => CheckoutError::OrderStands {
            reason: error.to_string(),
        },
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

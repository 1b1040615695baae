//! Asks the other modules for what a mail says. Never inside a transaction of its own making.

use std::time::Duration;

use stoa_contracts::cart::CartError;
use stoa_contracts::catalog::VariantSnapshot;
use stoa_contracts::orders::{FulfilmentState, OrderError, OrderStatus, OrderView, PaymentStatus};
use stoa_contracts::payments::{AttemptState, PaymentError, PaymentMethodKind};
use stoa_kernel::{CartId, Money, OrderId, Timestamp, VariantId};
use stoa_storage::{Db, Error, Tx};
use url::form_urlencoded;

use super::task::Task;
use super::{Sender, Shared};
use crate::domain::{
    DisputeLine, Language, LowStockLine, Payable, Refund, Returned, Stuck, View, cart_view,
    order_view, shipment_view,
};
use crate::infrastructure::{self, LowStock};

/// An order that is not paid so long after it was placed is confirmed only once it is.
const UNPAID_WATCHED: Duration = Duration::from_secs(2 * 24 * 3_600);
const UNPAID_PAUSE_MIN: Duration = Duration::from_secs(30);
const UNPAID_PAUSE_MAX: Duration = Duration::from_secs(600);
/// Variants in one mail about low stock.
pub(super) const LOW_STOCK_TOLD_MAX: i64 = 100;

/// What a mail is made of.
pub(super) struct Facts {
    pub(super) to: String,
    pub(super) view: View,
    /// Told of by this mail, to be marked with it.
    pub(super) low_stock: Vec<LowStock>,
}

pub(super) enum Gathered {
    Facts(Box<Facts>),
    /// There is nobody to tell, or nothing.
    Nothing,
    /// Not yet: look again then.
    Later(Timestamp),
}

/// Why a mail was not written. Says nothing that the mail would say.
#[derive(Debug, thiserror::Error)]
pub(super) enum GatherError {
    /// Asking again gives the same.
    #[error("{0}")]
    Never(String),
    #[error(transparent)]
    Storage(#[from] Error),
}

impl From<OrderError> for GatherError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Storage(error) => Self::Storage(error),
            other => Self::Never(other.to_string()),
        }
    }
}
impl From<CartError> for GatherError {
    fn from(error: CartError) -> Self {
        match error {
            CartError::Storage(error) => Self::Storage(error),
            other => Self::Never(other.to_string()),
        }
    }
}

impl Gathered {
    /// For staff, if the shop said who that is.
    fn staff(sender: &Sender, view: View) -> Self {
        match sender.settings.staff_email.clone() {
            Some(to) => Self::to(to, view),
            None => Self::Nothing,
        }
    }

    fn to(to: String, view: View) -> Self {
        Self::Facts(Box::new(Facts {
            to,
            view,
            low_stock: Vec::new(),
        }))
    }
}

impl Shared {
    pub(super) async fn gather(
        &self,
        db: &Db,
        sender: &Sender,
        task: &Task,
    ) -> Result<Gathered, GatherError> {
        let language = sender.language();
        let mut view = View::new(sender.shop.clone(), self.letters.words(language));
        let money = |amount: Money| language.money(amount);
        match task {
            Task::OrderConfirmation { order } => self.confirmation(db, sender, *order, view).await,
            Task::OrderShipped { order, fulfilment } => {
                let order = self.order(db, sender, *order, &mut view).await?;
                let mut all = order.fulfilments.iter();
                let gone =
                    |state| matches!(state, FulfilmentState::Shipped | FulfilmentState::Delivered);
                let Some(found) = all.find(|one| one.id == *fulfilment && gone(one.state)) else {
                    return Ok(Gathered::Nothing);
                };
                shipment_view(&mut view, &order, found);
                Ok(Gathered::to(order.email, view))
            }
            Task::OrderRefunded {
                order,
                amount,
                refunded,
                ..
            } => {
                let order = self.order(db, sender, *order, &mut view).await?;
                view.refund = Some(Refund {
                    amount: money(*amount),
                    total: money(*refunded),
                });
                Ok(Gathered::to(order.email, view))
            }
            Task::OrderCanceled { order } => {
                let order = self.order(db, sender, *order, &mut view).await?;
                Ok(Gathered::to(order.email, view))
            }
            Task::PaymentReturned {
                order, amount, why, ..
            } => {
                let order = self.order(db, sender, *order, &mut view).await?;
                view.returned = Some(returned(&view, money(*amount), why));
                Ok(Gathered::to(order.email, view))
            }
            Task::AbandonedCart { cart } => self.cart(db, sender, *cart, view).await,
            Task::StaffLowStock { .. } => self.low_stock(db, sender, view).await,
            Task::StaffPaymentReturned { order, .. }
            | Task::StaffSagaStuck { order, .. }
            | Task::StaffDispute { order, .. } => {
                self.order(db, sender, *order, &mut view).await?;
                for_staff(&mut view, task, language);
                Ok(Gathered::staff(sender, view))
            }
        }
    }

    async fn order(
        &self,
        db: &Db,
        sender: &Sender,
        id: OrderId,
        view: &mut View,
    ) -> Result<OrderView, GatherError> {
        let order = self.peers.orders.view(db.tenant(), id).await?;
        let token = self.peers.orders.token(db.tenant(), id);
        let token = escaped(&token);
        let url = format!("{}/orders/{id}?token={token}", sender.shop.url);
        order_view(view, &order, url, sender.language());
        Ok(order)
    }

    async fn confirmation(
        &self,
        db: &Db,
        sender: &Sender,
        id: OrderId,
        mut view: View,
    ) -> Result<Gathered, GatherError> {
        let order = self.order(db, sender, id, &mut view).await?;
        if matches!(order.status, OrderStatus::Canceled | OrderStatus::Draft) {
            return Ok(Gathered::Nothing);
        }
        match order.payment_status {
            PaymentStatus::Paid
            | PaymentStatus::Authorized
            | PaymentStatus::PartiallyRefunded
            | PaymentStatus::Refunded => {}
            PaymentStatus::Voided | PaymentStatus::Expired => return Ok(Gathered::Nothing),
            PaymentStatus::Pending | PaymentStatus::PartiallyPaid => {
                let now = self.deps.now();
                let age = now.since(order.placed_at);
                if age > UNPAID_WATCHED {
                    return Ok(Gathered::Nothing);
                }
                let pause = (age / 4).clamp(UNPAID_PAUSE_MIN, UNPAID_PAUSE_MAX);
                return Ok(Gathered::Later(now.plus(pause)));
            }
        }
        if order.payment_status == PaymentStatus::Authorized {
            view.instructions = self.instructions(db, sender, id).await?;
        }
        Ok(Gathered::to(order.email, view))
    }

    /// How to pay an order that was promised by hand.
    async fn instructions(
        &self,
        db: &Db,
        sender: &Sender,
        order: OrderId,
    ) -> Result<Option<Payable>, Error> {
        let Some(payments) = &self.peers.payments else {
            return Ok(None);
        };
        let newest = payments.newest_of(db.tenant(), order).await?;
        let Some(attempt) = newest.filter(|it| it.state == AttemptState::Authorized) else {
            return Ok(None);
        };
        let methods = match payments.methods(db.tenant(), sender.test_mode).await {
            Ok(methods) => methods,
            Err(PaymentError::Storage(error)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let mut by_hand = methods
            .into_iter()
            .filter(|method| method.kind == PaymentMethodKind::Manual);
        let method = by_hand.find(|method| method.id == attempt.provider);
        Ok(method.and_then(|method| {
            Some(Payable {
                title: method.title,
                text: method.instructions?,
            })
        }))
    }

    async fn cart(
        &self,
        db: &Db,
        sender: &Sender,
        id: CartId,
        mut view: View,
    ) -> Result<Gathered, GatherError> {
        let Some(carts) = &self.peers.carts else {
            return Ok(Gathered::Nothing);
        };
        if !sender.settings.abandoned_cart {
            return Ok(Gathered::Nothing);
        }
        let Some(found) = carts.recovery(db.tenant(), id).await? else {
            return Ok(Gathered::Nothing);
        };
        let token = escaped(&found.key.token);
        let base = &sender.shop.url;
        let url = format!("{base}/cart/recover?cart={id}&token={token}");
        cart_view(&mut view, &found.view, url, sender.language());
        Ok(Gathered::to(found.email, view))
    }

    /// Whether a cart that was left is still waiting for its shopper.
    pub(super) async fn still_left(&self, db: &Db, id: CartId) -> Result<bool, GatherError> {
        match &self.peers.carts {
            Some(carts) => Ok(carts.recovery(db.tenant(), id).await?.is_some()),
            None => Ok(false),
        }
    }

    async fn low_stock(
        &self,
        db: &Db,
        sender: &Sender,
        mut view: View,
    ) -> Result<Gathered, GatherError> {
        let Some(to) = sender.settings.staff_email.clone() else {
            return Ok(Gathered::Nothing);
        };
        let low_stock = infrastructure::waiting_low_stock(db, LOW_STOCK_TOLD_MAX).await?;
        if low_stock.is_empty() {
            return Ok(Gathered::Nothing);
        }
        let ids = low_stock.iter().map(|low| low.variant).collect();
        let known = self.variants(db, ids).await?;
        let lines = low_stock.iter().map(|low| {
            let known = known.iter().find(|one| one.variant == low.variant);
            LowStockLine {
                title: known
                    .map_or_else(|| low.variant.to_string(), |one| one.product_title.clone()),
                variant: known.and_then(|one| LowStockLine::variant(&one.variant_title)),
                sku: known.and_then(|one| one.sku.clone()),
                available: low.available,
                threshold: low.threshold,
            }
        });
        view.low_stock = lines.collect();
        Ok(Gathered::Facts(Box::new(Facts {
            to,
            view,
            low_stock,
        })))
    }

    async fn variants(&self, db: &Db, ids: Vec<VariantId>) -> Result<Vec<VariantSnapshot>, Error> {
        let Some(catalog) = self.peers.catalog.clone() else {
            return Ok(Vec::new());
        };
        db.read(async move |tx: &mut Tx<'_>| catalog.variants(tx, &ids).await)
            .await
    }
}

/// What staff are told of an order.
fn for_staff(view: &mut View, task: &Task, language: Language) {
    match task {
        Task::StaffPaymentReturned { amount, why, .. } => {
            view.returned = Some(returned(view, language.money(*amount), why));
        }
        Task::StaffSagaStuck { saga, step, .. } => {
            view.stuck = Some(Stuck {
                saga: saga.clone(),
                step: step.clone(),
            });
        }
        Task::StaffDispute { amount, status, .. } => {
            view.dispute = Some(DisputeLine {
                amount: language.money(*amount),
                status: status.clone(),
            });
        }
        _ => {}
    }
}

fn returned(view: &View, amount: String, why: &str) -> Returned {
    let known = view.word(&format!("why_{why}"));
    let why = match known.is_empty() {
        true => view.word("why_other"),
        false => known,
    };
    Returned { amount, why }
}

fn escaped(token: &str) -> String {
    form_urlencoded::byte_serialize(token.as_bytes()).collect()
}

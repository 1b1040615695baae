//! Decides on a refund and sets its amount aside, together with what it stands for. Never speaks to
//! a provider: `returned` does.

use stoa_contracts::orders::{LineUnits, OrderState, OrderView};
use stoa_contracts::payments::{NewRefund, RefundState};
use stoa_kernel::{CustomerId, LineId, LocationId, Money, OrderId};
use stoa_storage::{Cause, Tx};

use crate::answers::{RefundAnswer, in_words};
use crate::domain::{RefundLine, delivery_left, standings};
use crate::errors::{CareError, invalid};
use crate::infrastructure::{self, Kept, KeptRefund, Purpose};
use crate::returned::{Payload, Record};
use crate::wish::{LINES_MAX, RefundWish, check_count, optional_text};
use crate::{Shared, wish};

/// A refund that is about to be opened.
pub(crate) struct Plan {
    pub(crate) amount: i64,
    pub(crate) lines: Vec<RefundLine>,
    pub(crate) shipping: i64,
    pub(crate) restock: bool,
    pub(crate) location: Option<LocationId>,
    pub(crate) reason: Option<String>,
    pub(crate) credit: Option<CustomerId>,
    pub(crate) purpose: Purpose,
}

impl Plan {
    pub(crate) const fn of_amount(amount: i64, reason: Option<String>, purpose: Purpose) -> Self {
        Self {
            amount,
            lines: Vec::new(),
            shipping: 0,
            restock: false,
            location: None,
            reason,
            credit: None,
            purpose,
        }
    }
}

impl Shared {
    pub(crate) async fn refund(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        wish: &RefundWish,
        cause: &Cause,
    ) -> Result<RefundAnswer, CareError> {
        let state = self.lock(tx, order).await?;
        let view = self.peers.orders.view_in(tx, order).await?;
        let kept = infrastructure::refunds_of(tx, order).await?;
        let plan = plan(&view, &kept, wish)?;
        self.open_refund(tx, &state, &kept, plan, cause).await
    }

    /// Sets the amount aside and leaves the job that sends it. The order is locked; `kept` are all
    /// its refunds.
    pub(crate) async fn open_refund(
        &self,
        tx: &mut Tx<'_>,
        state: &OrderState,
        kept: &[KeptRefund],
        plan: Plan,
        cause: &Cause,
    ) -> Result<RefundAnswer, CareError> {
        let left = left_to_refund(state, kept);
        if plan.amount > left {
            return Err(CareError::TooMuch {
                asked: plan.amount,
                left: left.max(0),
            });
        }
        let (order, now) = (state.id, cause.occurred_at);
        let row = KeptRefund {
            id: self.deps.ids.make(now),
            order,
            amount: plan.amount,
            lines: plan.lines,
            shipping: plan.shipping,
            restock: plan.restock,
            location: plan.location,
            reason: plan.reason,
            purpose: plan.purpose,
            state: Kept::Pending,
            created_at: now,
            reversed_left: None,
        };
        let new = NewRefund {
            id: row.id,
            order,
            amount: Money::new(row.amount, state.total.currency),
            reason: row.reason.clone(),
            store_credit: plan.credit,
            memo: serde_json::json!({ "saga": "aftersales", "purpose": row.purpose.text() }),
        };
        let view = self.peers.payments.open_refund(tx, &new, cause).await?;
        infrastructure::insert_refund(tx, &row).await?;
        let text = format!("{} is to go back.", in_words(new.amount));
        let orders = &self.peers.orders;
        orders
            .tell(tx, order, "refund_requested", &text, cause)
            .await?;
        if view.state == RefundState::Pending {
            let job = Payload::of(&row).job(self.deps.ids.make(now), now)?;
            tx.enqueue(&job, now).await?;
        } else {
            // Store credit and gift cards need no provider.
            self.refund_ended(tx, &row, &view, Record::Whole, cause)
                .await?;
        }
        Ok(RefundAnswer::of(view, &row.lines, row.shipping))
    }
}

/// What was received and has neither gone back nor is on its way.
pub(crate) fn left_to_refund(state: &OrderState, kept: &[KeptRefund]) -> i64 {
    let under_way = kept.iter().filter(|each| each.state == Kept::Pending);
    let under_way: i64 = under_way.map(|each| each.amount).sum();
    state.paid.amount - state.refunded.amount - under_way
}

fn plan(view: &OrderView, kept: &[KeptRefund], wish: &RefundWish) -> Result<Plan, CareError> {
    let reason = optional_text("reason", wish.reason.as_ref())?;
    let credit = credit_of(view, wish.to_store_credit)?;
    let plan = match wish.amount {
        Some(amount) => Plan::of_amount(checked_amount(view, wish, amount)?, None, Purpose::Refund),
        None => {
            let lines = priced_units(view, kept, &wish.lines)?;
            let shipping = match wish.shipping {
                true => delivery_left(view, kept),
                false => 0,
            };
            Plan {
                amount: lines.iter().map(|line| line.amount).sum::<i64>() + shipping,
                lines,
                shipping,
                restock: wish.restock,
                location: wish.location_id,
                ..Plan::of_amount(0, None, Purpose::Refund)
            }
        }
    };
    if plan.amount <= 0 {
        return Err(invalid(
            "amount",
            "comes to nothing: name an amount, lines or the delivery",
        ));
    }
    Ok(Plan {
        reason,
        credit,
        ..plan
    })
}

fn checked_amount(view: &OrderView, wish: &RefundWish, amount: Money) -> Result<i64, CareError> {
    if !wish.lines.is_empty() || wish.shipping || wish.restock {
        let reason = "stands alone: name lines and the delivery, or an amount";
        return Err(invalid("amount", reason));
    }
    if amount.currency != view.currency {
        return Err(invalid(
            "amount.currency",
            format!("the order is in {}", view.currency),
        ));
    }
    Ok(amount.amount)
}

/// Whose store credit it becomes.
pub(crate) fn credit_of(view: &OrderView, wanted: bool) -> Result<Option<CustomerId>, CareError> {
    match (wanted, view.customer_id) {
        (false, _) => Ok(None),
        (true, Some(customer)) => Ok(Some(customer)),
        (true, None) => Err(invalid("to_store_credit", "the order has no customer")),
    }
}

/// What goes back for these units.
pub(crate) fn priced_units(
    view: &OrderView,
    kept: &[KeptRefund],
    asked: &[LineUnits],
) -> Result<Vec<RefundLine>, CareError> {
    check_count("lines", asked.len(), LINES_MAX)?;
    let lines = standings(view, kept);
    let mut seen: Vec<LineId> = Vec::with_capacity(asked.len());
    let mut priced = Vec::with_capacity(asked.len());
    for (index, units) in asked.iter().enumerate() {
        let field = |name: &str| format!("lines[{index}].{name}");
        let line = lines.iter().find(|line| line.id == units.line_id);
        let line = line.ok_or_else(|| invalid(field("line_id"), "is no line of the order"))?;
        if seen.contains(&line.id) {
            return Err(invalid(field("line_id"), "is named twice"));
        }
        seen.push(line.id);
        let quantity = units.quantity.as_i64();
        if quantity > line.refundable() {
            let reason = format!("{} can still be refunded", line.refundable());
            return Err(invalid(field("quantity"), reason));
        }
        priced.push(RefundLine {
            line_id: line.id,
            quantity: units.quantity,
            amount: line.share(quantity),
        });
    }
    Ok(priced)
}

/// Why something is done, told to people.
pub(crate) fn reason_of(text: &str) -> Result<String, CareError> {
    let kept = wish::kept_text("reason", text)?;
    kept.ok_or_else(|| invalid("reason", "must not be empty"))
}

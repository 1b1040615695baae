//! Lines of an order change before it is packed: re-priced, with stock and money following in the
//! same transaction. Prices, discounts and the delivery stay as they were agreed.

use std::collections::BTreeMap;

use stoa_contracts::Address;
use stoa_contracts::bundles::{LineGoods, demanded, units_taken};
use stoa_contracts::catalog::VariantSnapshot;
use stoa_contracts::orders::{
    NewOrderLine, OrderEdit, OrderLineView, OrderState, OrderView, PaymentStatus,
};
use stoa_contracts::payments::AttemptState;
use stoa_contracts::pricing::QuoteLine;
use stoa_kernel::{Money, OrderId, Quantity, VariantId};
use stoa_storage::{Cause, Tx};

use crate::Shared;
use crate::answers::{EditAnswer, PaymentLink, RefundAnswer, in_words};
use crate::domain::{EditLine, Edited, Pricing, edited};
use crate::drafts::checked_address;
use crate::errors::{CareError, invalid, stands};
use crate::infrastructure::{self, Kept, KeptRefund, Purpose};
use crate::quotes::{checked_prices, destination, kept_line, request_of, wanted_line};
use crate::refund::Plan;
use crate::wish::{EditWish, LINES_MAX, WantedLine, check_count};

/// A line of the order and how many of it stay.
type Staying<'v> = (&'v OrderLineView, Quantity);

impl Shared {
    pub(crate) async fn edit(
        &self,
        tx: &mut Tx<'_>,
        order: OrderId,
        wish: &EditWish,
        cause: &Cause,
    ) -> Result<EditAnswer, CareError> {
        let state = self.lock(tx, order).await?;
        let view = self.peers.orders.view_in(tx, order).await?;
        let refunds = infrastructure::refunds_of(tx, order).await?;
        self.check_quiet(tx, &state, &refunds).await?;
        let staying = staying(&view, wish)?;
        let moved = moved(&view, wish)?;
        let edited = self
            .priced(tx, &view, &staying, wish, moved.as_ref())
            .await?;
        check_money(&state, &view, edited.totals.total)?;
        let demand = demand_change(&view, &edited);
        let edit = OrderEdit {
            order,
            summary: summary(&view, &edited, moved.as_ref()),
            lines: edited.lines,
            totals: edited.totals,
            promotions: edited.promotions,
            taxes: edited.taxes,
            shipping_address: moved,
        };
        let orders = &self.peers.orders;
        let after = orders.edit(tx, &edit, cause).await?;
        let refund = self
            .refund_difference(tx, &state, &after, &refunds, cause)
            .await?;
        // An order that waits to be paid anew holds nothing: placing it again takes its stock.
        if state.payment != PaymentStatus::Pending {
            self.move_stock(tx, &view, demand, cause).await?;
        }
        let order = orders.view_in(tx, order).await?;
        Ok(EditAnswer {
            payment_link: self.link(tx.tenant(), &order),
            order,
            refund,
        })
    }

    /// Nobody may be at the provider with the amounts as they are.
    async fn check_quiet(
        &self,
        tx: &mut Tx<'_>,
        state: &OrderState,
        refunds: &[KeptRefund],
    ) -> Result<(), CareError> {
        if refunds.iter().any(|each| each.state == Kept::Pending) {
            return Err(CareError::UnderWay);
        }
        let Some(newest) = self.peers.payments.newest(tx, state.id).await? else {
            return Ok(());
        };
        let quiet = match (state.payment, &newest.state) {
            // It may have succeeded, and the order not know yet.
            (PaymentStatus::Pending, ended) => {
                matches!(ended, AttemptState::Declined { .. } | AttemptState::Voided)
            }
            (PaymentStatus::Authorized, AttemptState::Authorized) => true,
            (_, other) => other.is_final(),
        };
        match quiet {
            true => Ok(()),
            false => Err(CareError::UnderWay),
        }
    }

    async fn priced(
        &self,
        tx: &mut Tx<'_>,
        view: &OrderView,
        staying: &[Staying<'_>],
        wish: &EditWish,
        moved: Option<&Address>,
    ) -> Result<Edited, CareError> {
        check_count("lines", staying.len() + wish.add.len(), LINES_MAX)?;
        if staying.is_empty() && wish.add.is_empty() {
            return Err(invalid(
                "set",
                "leaves nothing of the order; cancel it instead",
            ));
        }
        checked_prices("add", &wish.add, view.currency)?;
        let added = self.wares(tx, "add", &wish.add).await?;
        let old: Vec<VariantId> = staying.iter().map(|(line, _)| line.variant_id).collect();
        let known = self.peers.catalog.variants(tx, &sorted(old)).await?;
        let known: BTreeMap<VariantId, VariantSnapshot> =
            known.into_iter().map(|each| (each.variant, each)).collect();
        let kept = staying
            .iter()
            .map(|(line, quantity)| kept_line(line, *quantity, known.get(&line.variant_id)));
        let new = wish.add.iter();
        let new = new.map(|line| wanted_line(&added[&line.variant_id], line));
        let lines: Vec<QuoteLine> = kept.chain(new).collect();
        let mut request = request_of(view, lines);
        if moved.is_some() {
            let ships = request.lines.iter().any(|line| line.requires_shipping);
            request.destination = destination(moved);
            request.shipping_option = view.shipping_option.clone().filter(|_| ships);
        }
        self.agree(tx, &mut request).await?;
        let quote = self.quote(tx, &request).await?;
        if request.shipping_option.is_some() && quote.shipping.is_none() {
            return Err(invalid(
                "shipping_address",
                "is where the chosen delivery does not go",
            ));
        }
        let kept = staying
            .iter()
            .map(|&(line, quantity)| EditLine::Kept(line, quantity));
        let priced = wish.add.iter().zip(&quote.lines[staying.len()..]);
        let new = priced.map(|(line, priced): (&WantedLine, _)| {
            let ware = &added[&line.variant_id];
            EditLine::New(Box::new(self.new_line(ware, line.quantity, priced)))
        });
        let lines = kept.chain(new).collect();
        let anew = match moved {
            Some(_) => Pricing::Anew,
            None => Pricing::AsAgreed,
        };
        edited(view, lines, &quote, anew)
            .ok_or_else(|| invalid("lines", "come to more than can be paid"))
    }

    /// What is received above the new total goes back, as far as it was not above the old one.
    async fn refund_difference(
        &self,
        tx: &mut Tx<'_>,
        before: &OrderState,
        after: &OrderState,
        refunds: &[KeptRefund],
        cause: &Cause,
    ) -> Result<Option<RefundAnswer>, CareError> {
        let above = |total: Money| (before.paid.amount - total.amount).max(0);
        let amount = above(after.total) - above(before.total);
        if amount <= 0 {
            return Ok(None);
        }
        let reason = Some("the order became cheaper".to_owned());
        let plan = Plan::of_amount(amount, reason, Purpose::Edit);
        let opened = self.open_refund(tx, after, refunds, plan, cause).await?;
        Ok(Some(opened))
    }

    async fn move_stock(
        &self,
        tx: &mut Tx<'_>,
        view: &OrderView,
        change: BTreeMap<VariantId, i64>,
        cause: &Cause,
    ) -> Result<(), CareError> {
        let back = change.iter().map(|(&variant, &units)| (variant, -units));
        let (fewer, more) = (demanded(&back.collect()), demanded(&change));
        let inventory = &self.peers.inventory;
        if !fewer.is_empty() {
            inventory.release_units(tx, view.id, &fewer, cause).await?;
        }
        if !more.is_empty() {
            let to = destination(view.shipping_address.as_ref());
            inventory
                .reserve_more(tx, view.id, &more, &to, cause)
                .await?;
        }
        Ok(())
    }

    /// Where the order can be paid, if anything of it is to be paid now.
    pub(crate) fn link(
        &self,
        tenant: stoa_kernel::TenantId,
        view: &OrderView,
    ) -> Option<PaymentLink> {
        use stoa_contracts::orders::OrderStatus::{Draft, Pending, RequiresAction};
        let open = matches!(view.status, Draft | Pending | RequiresAction);
        let owed = matches!(
            view.payment_status,
            PaymentStatus::Pending | PaymentStatus::PartiallyPaid
        );
        let due = view.totals.total.amount - view.paid.amount;
        if !open || !owed || due <= 0 || view.cancel_requested_at.is_some() {
            return None;
        }
        let token = self.peers.orders.token(tenant, view.id);
        Some(PaymentLink {
            url: format!("/pay/{}?token={token}", view.id),
            due: Money::new(due, view.currency),
        })
    }
}

/// The address, where it is another.
fn moved(view: &OrderView, wish: &EditWish) -> Result<Option<Address>, CareError> {
    let Some(address) = &wish.shipping_address else {
        return Ok(None);
    };
    let address = checked_address("shipping_address", address)?;
    Ok(Some(address).filter(|new| view.shipping_address.as_ref() != Some(new)))
}

/// Lines that stay, in their order, with their new quantities.
fn staying<'v>(view: &'v OrderView, wish: &EditWish) -> Result<Vec<Staying<'v>>, CareError> {
    if wish.set.is_empty() && wish.add.is_empty() && wish.shipping_address.is_none() {
        return Err(invalid("set", "changes nothing"));
    }
    let mut wanted = BTreeMap::new();
    for (index, set) in wish.set.iter().enumerate() {
        let field = |name: &str| format!("set[{index}].{name}");
        if !view.lines.iter().any(|line| line.id == set.line_id) {
            return Err(invalid(field("line_id"), "is no line of the order"));
        }
        let quantity = match set.quantity {
            0 => None,
            units => Some(
                Quantity::new(units)
                    .map_err(|error| invalid(field("quantity"), error.to_string()))?,
            ),
        };
        if wanted.insert(set.line_id, quantity).is_some() {
            return Err(invalid(field("line_id"), "is named twice"));
        }
    }
    let lines = view.lines.iter();
    Ok(lines
        .filter_map(|line| match wanted.get(&line.id) {
            Some(quantity) => quantity.map(|quantity| (line, quantity)),
            None => Some((line, line.quantity)),
        })
        .collect())
}

/// Money that went back cannot be asked for again by the same link, and gift cards have been spent.
fn check_money(state: &OrderState, view: &OrderView, total: Money) -> Result<(), CareError> {
    let dearer = total.amount > state.total.amount;
    let went_back = state.refunded.amount > 0 || state.paid.amount > state.total.amount;
    if dearer && went_back {
        return Err(CareError::Refused(
            "Some of its money went back: what is added can only be ordered anew.",
        ));
    }
    let promised = state.payment == PaymentStatus::Authorized;
    if promised && total.amount < view.gift_card.amount {
        return Err(stands(state, "made cheaper than its gift cards paid"));
    }
    Ok(())
}

/// Units per variant on the shelves: a part of a bundle and the same bought alone are one.
fn demand_change(view: &OrderView, edited: &Edited) -> BTreeMap<VariantId, i64> {
    let after: Vec<LineGoods<'_>> = edited.lines.iter().map(NewOrderLine::goods).collect();
    let before = view.lines.iter();
    let before: Vec<LineGoods<'_>> = before
        .map(|line| line.goods(line.quantity.as_i64()))
        .collect();
    let mut change = units_taken(&after);
    for (variant, units) in units_taken(&before) {
        *change.entry(variant).or_insert(0) -= units;
    }
    change
}

/// `2 to 3 of Tea pot, Default; 1 more: Cup, Blue. 20.00 EUR became 25.00 EUR.`
fn summary(view: &OrderView, edited: &Edited, moved: Option<&Address>) -> String {
    let mut parts = Vec::new();
    for old in &view.lines {
        let new = edited.lines.iter().find(|line| line.id == old.id);
        let (was, is) = (
            old.quantity.as_i64(),
            new.map_or(0, |new| new.quantity.as_i64()),
        );
        if was != is {
            parts.push(format!(
                "{was} to {is} of {}, {}",
                old.title, old.variant_title
            ));
        }
    }
    let is_new = |id| !view.lines.iter().any(|old| old.id == id);
    for new in edited.lines.iter().filter(|line| is_new(line.id)) {
        let units = new.quantity.as_i64();
        parts.push(format!(
            "{units} more: {}, {}",
            new.title, new.variant_title
        ));
    }
    if let Some(address) = moved {
        parts.push(format!("goes to {}, {}", address.city, address.country));
    }
    format!(
        "{}. {} became {}.",
        parts.join("; "),
        in_words(view.totals.total),
        in_words(edited.totals.total)
    )
}

fn sorted(mut ids: Vec<VariantId>) -> Vec<VariantId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

//! The page of an order, for whoever placed it, and the state its script watches. Changes nothing.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use stoa_contracts::checkout::CheckoutStatus;
use stoa_contracts::orders::{FulfilmentStatus, OrderStatus, OrderView as Order, PaymentStatus};
use stoa_contracts::payments::{AttemptState, PaymentMethod, PaymentMethodKind, RefundView};
use stoa_kernel::{Money, OrderId, TenantId};
use stoa_rest::{HeaderValue, Json, Path, Problem, State, StatusCode, code, header};
use tokio::sync::OwnedSemaphorePermit;

use super::pay::owed;
use super::shown::{Lens, address_rows, order_totals};
use crate::answer::{Trouble, private_page, see_other, with_cookies};
use crate::cookies::is_token;
use crate::present::{day, money};
use crate::shop::Shop;
use crate::views::{Frame, Link, Meta, OrderState, OrderView, Totals};
use crate::visit::Visit;
use crate::words::{say, tell};

mod story;

const REFRESH_SECONDS: u32 = 3;
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// A stream ends after so many looks; the script then asks now and again.
const LOOKS_MAX: u32 = 25;

/// What the order's script reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct StateLine {
    state: OrderState,
    settled: bool,
    /// Rises with every change of the order.
    version: i64,
}

pub(crate) async fn show(
    State(shop): State<Shop>,
    visit: Visit,
    Path(id): Path<String>,
) -> Response {
    let made = order_page(&shop, &visit, &id);
    shop.answer(&visit, made).await
}

pub(crate) async fn state(
    State(shop): State<Shop>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let order = id
        .parse()
        .ok()
        .filter(|&order| opened_by_cookie(&shop, &visit, order));
    let Some(order) = order else {
        return Err(Problem::not_found("There is no such order."));
    };
    if visit.accepts("text/event-stream")
        && let Ok(place) = shop.watchers.clone().try_acquire_owned()
    {
        return Ok(event_stream(shop, visit.tenant_id(), order, place));
    }
    let line = look(&shop, visit.tenant_id(), order)
        .await
        .map_err(|trouble| match trouble {
            Trouble::NotFound => Problem::not_found("There is no such order."),
            Trouble::Busy => Problem::new(&code::TOO_BUSY),
            Trouble::ForeignForm | Trouble::Broken => Problem::new(&code::INTERNAL),
        })?;
    let no_store = [(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    )];
    Ok((no_store, Json(line)).into_response())
}

fn opened_by_cookie(shop: &Shop, visit: &Visit, order: OrderId) -> bool {
    let token = shop.cookies.order_token(&visit.headers, order);
    token.is_some_and(|token| shop.orders.opens(visit.tenant_id(), order, token))
}

async fn order_page(shop: &Shop, visit: &Visit, id: &str) -> Result<Response, Trouble> {
    let order: OrderId = id.parse().map_err(|_| Trouble::NotFound)?;
    if let Some(token) = visit.param("token") {
        // The link of the mail: the key moves into a cookie and leaves the address.
        if !is_token(&token) || !shop.orders.opens(visit.tenant_id(), order, &token) {
            return Err(Trouble::NotFound);
        }
        let page = see_other(&format!("/orders/{order}"));
        return Ok(with_cookies(page, [shop.cookies.set_order(order, &token)]));
    }
    // An order of somebody else looks like none at all.
    if !opened_by_cookie(shop, visit, order) {
        return Err(Trouble::NotFound);
    }
    let status = shop.checkout.status(visit.tenant_id(), order).await?;
    if status.order.status == OrderStatus::Draft {
        let token = shop.orders.token(visit.tenant_id(), order);
        let page = see_other(&format!("/pay/{order}"));
        return Ok(with_cookies(page, [shop.cookies.set_pay(order, &token)]));
    }
    let own_cart = shop
        .cookies
        .cart_key(&visit.headers)
        .is_some_and(|key| Some(key.id) == status.order.cart_id);
    let told = Told {
        instructions: instructions(shop, visit, &status).await?,
        refunds: refunds(shop, visit, &status).await?,
        own_cart,
        status: &status,
    };
    let frame = shop.plain_frame(visit).await?;
    let html = shop
        .theme
        .order(&order_view(frame, shop.lens(visit), &told))?;
    let mut cookies = Vec::new();
    let bought = matches!(state_of(&status), OrderState::Paid | OrderState::Authorized);
    if own_cart && bought {
        cookies.extend(shop.cookies.clear_cart());
    }
    if owed(&status).is_some() {
        let token = shop.orders.token(visit.tenant_id(), order);
        cookies.push(shop.cookies.set_pay(order, &token));
    }
    Ok(with_cookies(private_page(StatusCode::OK, html), cookies))
}

/// All that the page tells.
struct Told<'a> {
    status: &'a CheckoutStatus,
    instructions: Option<String>,
    refunds: Vec<RefundView>,
    /// Whether this browser holds the cart that the order was made of.
    own_cart: bool,
}

/// How to pay by hand, while that is still to be done.
async fn instructions(
    shop: &Shop,
    visit: &Visit,
    status: &CheckoutStatus,
) -> Result<Option<String>, Trouble> {
    let promised = status.order.payment_status == PaymentStatus::Authorized;
    let payment = status.payment.as_ref().filter(|_| promised);
    let Some(provider) = payment.map(|payment| &payment.provider) else {
        return Ok(None);
    };
    let by_hand =
        |method: &PaymentMethod| method.id == *provider && method.kind == PaymentMethodKind::Manual;
    let methods = shop.methods(visit).await?;
    let method = methods.into_iter().find(by_hand);
    Ok(method.map(|method| method.instructions.unwrap_or(method.title)))
}

async fn refunds(
    shop: &Shop,
    visit: &Visit,
    status: &CheckoutStatus,
) -> Result<Vec<RefundView>, Trouble> {
    // Nothing can go back of what never came.
    if status.order.paid.amount == 0 {
        return Ok(Vec::new());
    }
    let refunds = shop.payments.refunds_of(visit.tenant_id(), status.order.id);
    Ok(refunds.await?)
}

async fn look(shop: &Shop, tenant: TenantId, order: OrderId) -> Result<StateLine, Trouble> {
    let status = shop.checkout.status(tenant, order).await?;
    Ok(StateLine {
        state: state_of(&status),
        settled: status.settled,
        version: status.order.version,
    })
}

fn event_stream(
    shop: Shop,
    tenant: TenantId,
    order: OrderId,
    place: OwnedSemaphorePermit,
) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-store"),
        ),
    ];
    (
        headers,
        Body::from_stream(lines(shop, tenant, order, place)),
    )
        .into_response()
}

/// A line at once and one for every change; ends with the first that is final.
fn lines(
    shop: Shop,
    tenant: TenantId,
    order: OrderId,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let begin = (shop, place, None::<StateLine>, 0_u32);
    stream::unfold(
        begin,
        move |(shop, place, mut last, mut looks)| async move {
            while looks < LOOKS_MAX
                && last.is_none_or(|line| is_waiting(line.state) && !line.settled)
            {
                if looks > 0 {
                    tokio::time::sleep(WATCH_EVERY).await;
                }
                looks += 1;
                // A failed look is no news; the next one asks again.
                let Ok(line) = look(&shop, tenant, order).await else {
                    continue;
                };
                if last != Some(line) {
                    last = Some(line);
                    let json = serde_json::to_string(&line).expect("two plain fields serialise");
                    let text = Bytes::from(format!("data: {json}\n\n"));
                    return Some((Ok(text), (shop, place, last, looks)));
                }
            }
            None
        },
    )
}

/// Where the order stands, in the words of its page.
pub(crate) fn state_of(status: &CheckoutStatus) -> OrderState {
    let order = &status.order;
    match order.payment_status {
        PaymentStatus::Authorized => return OrderState::Authorized,
        PaymentStatus::PartiallyPaid
        | PaymentStatus::Paid
        | PaymentStatus::PartiallyRefunded
        | PaymentStatus::Refunded => return OrderState::Paid,
        PaymentStatus::Pending | PaymentStatus::Voided | PaymentStatus::Expired => {}
    }
    if order.status == OrderStatus::Canceled {
        return OrderState::Canceled;
    }
    match status.payment.as_ref().map(|attempt| &attempt.state) {
        Some(AttemptState::RequiresAction { .. }) => OrderState::RequiresAction,
        // Only once the order knows of the decline is the cart open for another try.
        Some(AttemptState::Declined { .. } | AttemptState::Voided) if status.settled => {
            OrderState::Declined
        }
        _ => OrderState::Processing,
    }
}

/// Whether the page follows by itself. A shopper back from the bank may be faster than its answer.
fn is_waiting(state: OrderState) -> bool {
    matches!(state, OrderState::Processing | OrderState::RequiresAction)
}

/// The reason of a decline as a provider gives it, such as `card_declined`, in words.
pub(crate) fn reason_words(reason: &str) -> String {
    reason.replace('_', " ").trim_end_matches('.').to_owned()
}

fn words(told: &Told<'_>, state: OrderState) -> (String, String, Option<Link>) {
    let status = told.status;
    let order = &status.order;
    let attempt = status.payment.as_ref().map(|attempt| &attempt.state);
    let first_name = order
        .shipping_address
        .as_ref()
        .and_then(|address| address.name.split_whitespace().next().map(str::to_owned));
    match state {
        OrderState::Processing => (
            say("Your payment is on its way"),
            say("This takes a few seconds. The page follows by itself; please do not pay again."),
            None,
        ),
        OrderState::Paid => paid_words(told, first_name),
        OrderState::Authorized => (
            thanks(first_name),
            say(match told.instructions {
                Some(_) => "Your order is placed. It goes on as soon as your payment arrives.",
                None => "Your order is placed. The money is held and taken when the shop is ready.",
            }),
            None,
        ),
        OrderState::Declined => {
            let reason = match attempt {
                Some(AttemptState::Declined { reason }) => Some(reason),
                _ => order.reason.as_ref(),
            };
            let why = reason.map(|reason| {
                tell(
                    " (the reason given: {reason})",
                    &[("reason", &reason_words(reason))],
                )
            });
            let text = tell(
                "The payment did not go through{why}. Nothing was charged.",
                &[("why", &why.unwrap_or_default())],
            );
            (
                say("The bank said no"),
                text,
                Some(Link::new(say("Try again"), retry_url(told))),
            )
        }
        OrderState::RequiresAction => {
            let url = match attempt {
                Some(AttemptState::RequiresAction { next_action_url }) => next_action_url.as_str(),
                _ => "",
            };
            let web = url.starts_with("https://") || url.starts_with("http://");
            (
                say("Your bank has a question"),
                say("Confirm the payment on your bank’s page, then you come back here."),
                web.then(|| Link::new(say("Continue to your bank"), url)),
            )
        }
        OrderState::Canceled => (
            say("This order was canceled"),
            match order.paid.amount {
                0 => say("Nothing was charged."),
                _ => say("What you paid has gone back to you."),
            },
            Some(Link::new(say("Back to the cart"), "/cart")),
        ),
    }
}

fn thanks(first_name: Option<String>) -> String {
    first_name.map_or_else(
        || say("Thank you"),
        |name| tell("Thank you, {name}", &[("name", &name)]),
    )
}

fn paid_words(told: &Told<'_>, first_name: Option<String>) -> (String, String, Option<Link>) {
    let order = &told.status.order;
    let email = &order.email;
    let (headline, text) = match (order.payment_status, order.fulfilment_status) {
        (PaymentStatus::PartiallyPaid, _) => {
            let Some(owed) = owed(told.status) else {
                let text = "Part of your order is paid; the rest is on its way.";
                return (thanks(first_name), say(text), None);
            };
            return (
                tell("{amount} is still to be paid", &[("amount", &money(owed))]),
                say("Your order was changed after you paid. It goes on once the rest is paid."),
                Some(Link::new(say("Pay the rest"), format!("/pay/{}", order.id))),
            );
        }
        (PaymentStatus::Refunded, _) => (
            say("Your money is back"),
            tell(
                "{amount} was refunded.",
                &[("amount", &money(order.refunded))],
            ),
        ),
        (_, FulfilmentStatus::Delivered) => {
            (say("Your order has arrived"), say("We hope you like it."))
        }
        (_, FulfilmentStatus::Shipped) => (
            say("Your order is on its way"),
            say("You find how to follow it below."),
        ),
        _ => (
            thanks(first_name),
            tell(
                "Your order is paid. A confirmation goes to {email}.",
                &[("email", email)],
            ),
        ),
    };
    (headline, text, None)
}

/// The cart where this browser holds it, so that it can be changed first; else the order itself.
fn retry_url(told: &Told<'_>) -> String {
    match told.own_cart {
        true => "/checkout".to_owned(),
        false => format!("/pay/{}", told.status.order.id),
    }
}

fn sums(order: &Order, due: Option<Money>) -> Totals {
    // `paid` counts gift cards; they are told apart.
    let by_card = order.paid.amount - order.gift_card.amount;
    let paid = Money::new(by_card.max(0), order.paid.currency);
    let apart = order.gift_card.amount > 0 || due.is_some();
    let rows = [
        ("Gift cards", order.gift_card),
        (
            "Paid",
            if apart {
                paid
            } else {
                Money::zero(paid.currency)
            },
        ),
    ];
    let mut totals = order_totals(order).settle(&rows, due);
    if order.refunded.amount > 0 {
        totals.settled.push(crate::views::TotalRow {
            label: say("Refunded to you"),
            amount: money(order.refunded),
        });
    }
    totals
}

fn order_view(frame: Frame, lens: Lens<'_>, told: &Told<'_>) -> OrderView {
    let status = told.status;
    let order: &Order = &status.order;
    let state = state_of(status);
    let (headline, text, action) = words(told, state);
    let due = match state {
        OrderState::Paid => owed(status),
        _ => None,
    };
    let instructions = told.instructions.as_deref().unwrap_or_default();
    OrderView {
        meta: Meta::private(format!(
            "{} · {}",
            tell("Order {number}", &[("number", &order.number.to_string())]),
            frame.shop_name
        )),
        frame: Frame {
            prices_include_tax: order.tax_inclusive,
            ..frame
        },
        state,
        headline,
        text,
        action,
        instructions: instructions.lines().map(str::to_owned).collect(),
        number: order.number.to_string(),
        placed_on: Some(day(order.placed_at)),
        test: order.test,
        statuses: story::statuses(order),
        moments: story::moments(order, &told.refunds),
        parcels: story::parcels(order),
        totals: sums(order, due),
        lines: order
            .lines
            .iter()
            .map(|line| lens.order_line(line))
            .collect(),
        address: order
            .shipping_address
            .as_ref()
            .map(address_rows)
            .unwrap_or_default(),
        email: Some(order.email.clone()),
        note: order.note.clone(),
        watch_url: may_change(order, state).then(|| format!("/orders/{}/state", order.id)),
        version: order.version,
        refresh_seconds: REFRESH_SECONDS,
    }
}

/// Whether news may come while the page is open.
fn may_change(order: &Order, state: OrderState) -> bool {
    let arrived = order.fulfilment_status == FulfilmentStatus::Delivered;
    match state {
        OrderState::Canceled | OrderState::Declined => false,
        OrderState::Paid => !arrived,
        OrderState::Processing | OrderState::Authorized | OrderState::RequiresAction => true,
    }
}

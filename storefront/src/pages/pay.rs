//! The payment link of an order: one that staff drafted, one that an edit made dearer, one whose
//! payment was declined. Shows what it is and takes the payment; changes nothing of the order.

use axum::response::Response;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use stoa_contracts::checkout::{CheckoutError, CheckoutStatus, Purchase};
use stoa_contracts::orders::{OrderStatus, OrderView as Order, PaymentStatus};
use stoa_kernel::{Money, OrderId};
use stoa_rest::{Form, Path, State, StatusCode};

use super::checkout::input::field_error;
use super::checkout::refusals::{self, Refused};
use super::gifts::{self, Gifts, pay_label};
use super::shown::{address_rows, order_totals};
use super::till::{change, fresh_key, kept_key, parsed_total, shown_total};
use super::wish::{Line, Wish};
use crate::answer::{Trouble, private_page, see_other, with_cookies};
use crate::cookies::is_token;
use crate::form::CheckoutErrors;
use crate::payment::{NOTHING_LEFT, has_manual, payment_step};
use crate::present::money;
use crate::shop::Shop;
use crate::views::{FormError, Frame, Meta, PayView, PaymentStep};
use crate::visit::Visit;
use crate::words::{say, tell};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PayForm {
    idempotency_key: String,
    expected_total: String,
    expected_due: String,
    payment: String,
    gift_card: String,
    gift_cards: String,
    /// The button that was pressed.
    intent: String,
}

/// An order that its shopper may pay now.
struct Bill {
    order: Order,
    token: String,
    /// What is to be paid of it.
    owed: Money,
}

/// A page to be.
struct Sheet {
    form: PayForm,
    key: String,
    errors: Vec<FormError>,
    changed: Option<(Money, Money)>,
}

pub(crate) async fn show(
    State(shop): State<Shop>,
    visit: Visit,
    Path(id): Path<String>,
) -> Response {
    let made = form_page(&shop, &visit, &id);
    shop.answer(&visit, made).await
}

pub(crate) async fn submit(
    State(shop): State<Shop>,
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<PayForm>,
) -> Response {
    let made = submitted(&shop, &visit, &id, form);
    shop.answer(&visit, made).await
}

pub(crate) async fn wait(
    State(shop): State<Shop>,
    visit: Visit,
    Path(id): Path<String>,
) -> Response {
    let made = waited(&shop, &visit, &id);
    shop.answer(&visit, made).await
}

async fn form_page(shop: &Shop, visit: &Visit, id: &str) -> Result<Response, Trouble> {
    let order: OrderId = id.parse().map_err(|_| Trouble::NotFound)?;
    if let Some(token) = visit.param("token") {
        // The link of the mail: the key moves into cookies and leaves the address.
        if !is_token(&token) || !shop.orders.opens(visit.tenant_id(), order, &token) {
            return Err(Trouble::NotFound);
        }
        let cookies = [
            shop.cookies.set_pay(order, &token),
            shop.cookies.set_order(order, &token),
        ];
        return Ok(with_cookies(see_other(&format!("/pay/{order}")), cookies));
    }
    let bill = match bill(shop, visit, order).await? {
        Ok(bill) => bill,
        Err(page) => return Ok(page),
    };
    let sheet = Sheet::new(PayForm::default(), fresh_key()?);
    sheet.page(shop, visit, &bill, StatusCode::OK).await
}

/// What may be paid now; else its page, where the shopper sees why not.
async fn bill(
    shop: &Shop,
    visit: &Visit,
    order: OrderId,
) -> Result<Result<Bill, Response>, Trouble> {
    let token = shop.cookies.pay_token(&visit.headers, order);
    let token = token.filter(|token| shop.orders.opens(visit.tenant_id(), order, token));
    // An order of somebody else looks like none at all.
    let token = token.ok_or(Trouble::NotFound)?.to_owned();
    let status = shop.checkout.status(visit.tenant_id(), order).await?;
    let Some(owed) = owed(&status) else {
        let page = see_other(&format!("/orders/{order}"));
        return Ok(Err(with_cookies(
            page,
            [shop.cookies.set_order(order, &token)],
        )));
    };
    Ok(Ok(Bill {
        order: status.order,
        token,
        owed,
    }))
}

/// What an order's shopper may pay now; `None` while a payment is under way, and where none is due.
pub(super) fn owed(status: &CheckoutStatus) -> Option<Money> {
    let order = &status.order;
    let total = order.totals.total;
    if order.status == OrderStatus::Canceled || order.cancel_requested_at.is_some() {
        return None;
    }
    let ended = status
        .payment
        .as_ref()
        .is_none_or(|payment| payment.state.is_final());
    match order.payment_status {
        PaymentStatus::Pending if order.status == OrderStatus::Draft => Some(total),
        PaymentStatus::Pending if status.settled => Some(total),
        PaymentStatus::PartiallyPaid if ended => {
            let left = total.amount - order.paid.amount;
            (left > 0).then(|| Money::new(left, total.currency))
        }
        _ => None,
    }
}

async fn submitted(
    shop: &Shop,
    visit: &Visit,
    id: &str,
    form: PayForm,
) -> Result<Response, Trouble> {
    visit.own_form()?;
    let order: OrderId = id.parse().map_err(|_| Trouble::NotFound)?;
    let bill = match bill(shop, visit, order).await? {
        Ok(bill) => bill,
        Err(page) => return Ok(page),
    };
    let mut sheet = Sheet::new(form, String::new());
    sheet.key = kept_key(&sheet.form.idempotency_key)?;
    let gifts = sheet.take_cards(shop, visit, &bill).await?;
    let due = bill.owed.amount - gifts.pays.amount;
    let paying = matches!(sheet.form.intent.as_str(), "" | "pay");
    if paying && due > 0 && matches!(sheet.form.payment.as_str(), "" | NOTHING_LEFT) {
        sheet
            .errors
            .push(field_error("payment", say("Choose how to pay")));
    }
    if !sheet.errors.is_empty() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return sheet.page(shop, visit, &bill, status).await;
    }
    let shown = parsed_total(&sheet.form.expected_due);
    let now = Money::new(due, bill.owed.currency);
    if let Some(before) = shown.filter(|shown| paying && *shown != now) {
        sheet.changed = Some((before, now));
        return sheet.page(shop, visit, &bill, StatusCode::CONFLICT).await;
    }
    if !paying {
        return sheet.page(shop, visit, &bill, StatusCode::OK).await;
    }
    let wish = sheet.wish(&gifts, due > 0);
    pay(shop, visit, bill, &wish, sheet).await
}

async fn waited(shop: &Shop, visit: &Visit, id: &str) -> Result<Response, Trouble> {
    let order: OrderId = id.parse().map_err(|_| Trouble::NotFound)?;
    let Some(wish) = Wish::of(shop, visit) else {
        return Ok(see_other(&format!("/pay/{order}")));
    };
    let bill = match bill(shop, visit, order).await? {
        Ok(bill) => bill,
        Err(page) => return Ok(page),
    };
    let form = PayForm {
        payment: wish.payment.clone(),
        gift_cards: wish.gift_cards.join(" "),
        ..PayForm::default()
    };
    let sheet = Sheet::new(form, wish.key.clone());
    let page = pay(shop, visit, bill, &wish, sheet).await?;
    let cookie = shop.cookies.clear_wish(&format!("/pay/{order}/wait"));
    Ok(match page.status() {
        StatusCode::OK => page,
        _ => with_cookies(page, [cookie]),
    })
}

async fn pay(
    shop: &Shop,
    visit: &Visit,
    bill: Bill,
    wish: &Wish,
    mut sheet: Sheet,
) -> Result<Response, Trouble> {
    let id = bill.order.id;
    let to_order = || see_other(&format!("/orders/{id}"));
    let purchase = Purchase::Order {
        id,
        token: bill.token.clone(),
    };
    // The order's own page: it exists before its payment, other than that of a cart.
    let return_url = format!("{}/orders/{id}", visit.origin);
    let request = wish.request(visit, purchase, format!("storefront {id}"), return_url);
    let error = match shop.checkout.place(request).await {
        Ok(placed) => {
            let cookie = shop.cookies.set_order(id, &placed.order_token);
            return Ok(with_cookies(to_order(), [cookie]));
        }
        Err(error) => error,
    };
    if let CheckoutError::InLine {
        position,
        retry_after_seconds,
    } = error
    {
        let (path, leave) = (format!("/pay/{id}/wait"), format!("/orders/{id}"));
        let line = Line {
            path: &path,
            leave: &leave,
            position,
            seconds: retry_after_seconds,
        };
        if let Some(page) = wish.waits(shop, visit, &line).await? {
            return Ok(page);
        }
    }
    let Refused {
        status,
        errors,
        changed,
        ..
    } = match error {
        CheckoutError::Canceled | CheckoutError::CartNotFound => return Ok(to_order()),
        CheckoutError::Incomplete { .. } => unfinished(),
        error => refusals::told(error, None)?,
    };
    sheet.errors = errors;
    sheet.changed = changed;
    sheet.key = fresh_key()?;
    // What is owed may be another by now.
    let bill = match self::bill(shop, visit, id).await? {
        Ok(bill) => bill,
        Err(page) => return Ok(page),
    };
    sheet.page(shop, visit, &bill, status).await
}

fn unfinished() -> Refused {
    refusals::plain(
        StatusCode::CONFLICT,
        "This order lacks an address or an e-mail address. Please ask the shop to add it, then \
         open the link again.",
    )
}

impl Sheet {
    const fn new(form: PayForm, key: String) -> Self {
        Self {
            form,
            key,
            errors: Vec::new(),
            changed: None,
        }
    }

    /// Looks at the cards, and says what is wrong with them.
    async fn take_cards(
        &mut self,
        shop: &Shop,
        visit: &Visit,
        bill: &Bill,
    ) -> Result<Gifts, Trouble> {
        let form = &mut self.form;
        let mut codes = gifts::codes_of(&form.gift_cards, &form.gift_card);
        if let Some(("drop-gift", at)) = form.intent.split_once(':')
            && let Some(at) = at.parse::<usize>().ok().filter(|at| *at < codes.len())
        {
            codes.remove(at);
        }
        let gifts = look(shop, visit, bill, &codes).await?;
        if let Some(error) = &gifts.shown.error {
            self.errors.push(field_error("gift_card", error.clone()));
        }
        form.gift_cards = gifts.codes.join(" ");
        form.gift_card.clear();
        Ok(gifts)
    }

    fn wish(&self, gifts: &Gifts, to_pay: bool) -> Wish {
        let payment = match to_pay {
            true => self.form.payment.trim(),
            false => NOTHING_LEFT,
        };
        let body = (payment, &gifts.codes, &self.form.expected_total);
        let body = serde_json::to_vec(&body).expect("texts serialise");
        Wish {
            key: self.key.clone(),
            body_hash: Sha256::digest(&body).into(),
            payment: payment.to_owned(),
            gift_cards: gifts.codes.clone(),
            expected: parsed_total(&self.form.expected_total),
        }
    }

    async fn page(
        self,
        shop: &Shop,
        visit: &Visit,
        bill: &Bill,
        status: StatusCode,
    ) -> Result<Response, Trouble> {
        let frame = shop.plain_frame(visit).await?;
        let methods = shop.methods(visit).await?;
        let codes = gifts::codes_of(&self.form.gift_cards, "");
        let gifts = look(shop, visit, bill, &codes).await?;
        let due = Money::new(bill.owed.amount - gifts.pays.amount, bill.owed.currency);
        let paying = payment_step(&methods, &self.form.payment, None, due.amount > 0);
        let mut errors = CheckoutErrors(self.errors);
        if paying.needed && paying.choices.is_empty() {
            errors.0.push(FormError {
                field: None,
                message: say("This shop cannot take payments on this page."),
            });
        }
        let (headline, text) = words(bill);
        let mut gift_box = gifts.shown;
        gift_box.error = errors.on("gift_card").or(gift_box.error);
        let order = &bill.order;
        let rows = [("Paid already", order.paid), ("Gift cards", gifts.pays)];
        let part = due.amount != order.totals.total.amount;
        let view = PayView {
            meta: Meta::private(format!(
                "{} · {}",
                tell(
                    "Pay order {number}",
                    &[("number", &order.number.to_string())]
                ),
                frame.shop_name
            )),
            frame: Frame {
                prices_include_tax: order.tax_inclusive,
                ..frame
            },
            action: format!("/pay/{}", order.id),
            idempotency_key: self.key,
            expected_total: shown_total(bill.owed),
            expected_due: shown_total(due),
            errors_title: errors.title(),
            changed: self.changed.map(|(before, now)| change(before, now)),
            headline,
            text,
            lines: order
                .lines
                .iter()
                .map(|line| shop.lens(visit).order_line(line))
                .collect(),
            address: order
                .shipping_address
                .as_ref()
                .map(address_rows)
                .unwrap_or_default(),
            email: Some(order.email.clone()).filter(|email| !email.is_empty()),
            totals: order_totals(order).settle(&rows, part.then_some(due)),
            payment: PaymentStep {
                error: errors.on("payment"),
                ..paying
            },
            gifts: gift_box,
            pay_label: pay_label(due, has_manual(&methods)),
            errors: errors.0,
        };
        Ok(private_page(status, shop.theme.pay(&view)?))
    }
}

/// Cards may pay a whole order, not the rest of one.
async fn look(shop: &Shop, visit: &Visit, bill: &Bill, codes: &[String]) -> Result<Gifts, Trouble> {
    let rest = bill.order.payment_status == PaymentStatus::PartiallyPaid;
    let codes = if rest { &[] } else { codes };
    let mut gifts = gifts::look(shop, visit, codes, bill.owed).await?;
    gifts.shown.offered &= !rest;
    Ok(gifts)
}

fn words(bill: &Bill) -> (String, String) {
    let order = &bill.order;
    let number = order.number;
    let owed = money(bill.owed);
    match (order.status, order.payment_status) {
        (_, PaymentStatus::PartiallyPaid) => (
            tell(
                "Pay the rest of order {number}",
                &[("number", &number.to_string())],
            ),
            tell(
                "Your order was changed. {amount} of it is still to be paid.",
                &[("amount", &owed)],
            ),
        ),
        (OrderStatus::Draft, _) => (
            tell("Pay order {number}", &[("number", &number.to_string())]),
            say("The shop put this order together for you. It is placed once you pay."),
        ),
        _ => (
            tell("Pay order {number}", &[("number", &number.to_string())]),
            say("The last payment did not go through and nothing was charged. You can try again."),
        ),
    }
}

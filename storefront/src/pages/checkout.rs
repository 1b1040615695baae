//! Checkout: shows the form, saves what was typed, places the order. Prices and stock are not its own.

use axum::response::Response;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use stoa_contracts::cart::{CartError, CartKey, CartStatus, CartUpdate, CartView as Cart};
use stoa_contracts::checkout::{CheckoutError, Purchase};
use stoa_contracts::orders::{OrderStatus, PaymentStatus};
use stoa_kernel::{Money, OrderId};
use stoa_rest::{Form, State, StatusCode};

use self::draft::{Draft, Sheet};
use self::input::{checked, field_error, from_cart};
use self::intent::Intent;
use super::basket::{self, Found};
use super::cart::{RENEWED, told};
use super::order::reason_words;
use super::till::{fresh_key, kept_key, parsed_total};
use super::wish::{Line, Wish};
use super::{coupons, gifts};
use crate::answer::{Trouble, private_page, see_other, with_cookies};
use crate::form::CheckoutInput;
use crate::payment::NOTHING_LEFT;
use crate::shop::Shop;
use crate::views::{Notice, NoticeTone};
use crate::visit::Visit;
use crate::words::{say, tell};

mod draft;
pub(super) mod input;
mod intent;
pub(super) mod refusals;

const WAIT: &str = "/checkout/wait";

/// The posted form: what was typed, and what the page itself put in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CheckoutForm {
    #[serde(flatten)]
    input: CheckoutInput,
    idempotency_key: String,
    /// The button that was pressed.
    intent: String,
    /// The total that the page showed; absent from clients that are no browser.
    expected_total: String,
    /// As the total, after gift cards.
    expected_due: String,
}

/// Where a shopper with this cart belongs.
enum Standing {
    /// At the form, perhaps with the reason of an earlier decline.
    Form(Option<Notice>),
    /// An order is open or paid: at its page.
    Order(OrderId),
    /// The order was canceled, and the cart with it.
    Spent,
}

pub(crate) async fn show(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = form_page(&shop, &visit);
    shop.answer(&visit, made).await
}

pub(crate) async fn submit(
    State(shop): State<Shop>,
    visit: Visit,
    Form(form): Form<CheckoutForm>,
) -> Response {
    let made = submitted(&shop, &visit, &form);
    shop.answer(&visit, made).await
}

/// Tries again what waits in line. Its cookie is never sent on a way here from another site.
pub(crate) async fn wait(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = waited(&shop, &visit);
    shop.answer(&visit, made).await
}

/// Banks know this address only: the order's own did not exist when the payment was asked for.
pub(crate) async fn come_back(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = basket::find(&shop, &visit).await.map(|found| {
        match found.and_then(|found| found.view.order_id) {
            Some(order) => to_order(&shop, &visit, order),
            None => see_other("/cart"),
        }
    });
    shop.answer(&visit, async { made }).await
}

async fn form_page(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let Some(mut found) = basket::find(shop, visit).await? else {
        return Ok(basket::forget(shop, visit, see_other("/cart")));
    };
    let notice = match standing(shop, visit, &found.view).await? {
        Standing::Order(order) => return Ok(to_order(shop, visit, order)),
        Standing::Spent => return anew(shop, visit, &found.view).await,
        Standing::Form(notice) => notice,
    };
    if found.view.lines.is_empty() {
        return Ok(see_other("/cart"));
    }
    let tenant = visit.tenant_id();
    let options = shop.carts.shipping_options(tenant, &found.key).await?;
    // The first way of shipping is chosen for the shopper, so that the total is whole from the start.
    let known = |id: &String| options.iter().any(|option| option.id == *id);
    if let (Some(first), false) = (
        options.first(),
        found.view.shipping_option_id.as_ref().is_some_and(known),
    ) {
        let update = CartUpdate {
            shipping_option_id: Some(first.id.clone()),
            ..CartUpdate::default()
        };
        found.view = shop.carts.update(tenant, &found.key, update).await?;
    }
    let renewed = found.renewed || visit.param("renewed").is_some();
    let renewed = renewed.then(|| told(NoticeTone::Warn, RENEWED));
    let draft = Draft {
        notice: notice.or(renewed),
        ..Draft::new(from_cart(&found.view), fresh_key()?)
    };
    let sheet = Sheet {
        shop,
        visit,
        cart: &found.view,
        options: &options,
    };
    let page = draft.page(&sheet, StatusCode::OK).await?;
    Ok(basket::keep(shop, &found.key, &found.view, page))
}

async fn standing(shop: &Shop, visit: &Visit, cart: &Cart) -> Result<Standing, Trouble> {
    let Some(order) = cart.order_id else {
        return Ok(Standing::Form(None));
    };
    let view = shop.orders.view(visit.tenant_id(), order).await?;
    let paid = !matches!(
        view.payment_status,
        PaymentStatus::Pending | PaymentStatus::Voided | PaymentStatus::Expired
    );
    if view.status == OrderStatus::Canceled && !paid {
        return Ok(Standing::Spent);
    }
    if paid || cart.status != CartStatus::Open {
        return Ok(Standing::Order(order));
    }
    let why = view
        .reason
        .map(|reason| format!(" ({})", reason_words(&reason)));
    let text = tell(
        "The last payment did not go through{why}. Nothing was charged; you can try again.",
        &[("why", &why.unwrap_or_default())],
    );
    Ok(Standing::Form(Some(told(NoticeTone::Bad, &text))))
}

/// Whoever holds the cart's key may see the order made of it.
fn to_order(shop: &Shop, visit: &Visit, order: OrderId) -> Response {
    let token = shop.orders.token(visit.tenant_id(), order);
    let page = see_other(&format!("/orders/{order}"));
    let mut cookies = vec![shop.cookies.set_order(order, &token)];
    if visit.path == WAIT {
        cookies.push(shop.cookies.clear_wish(WAIT));
    }
    with_cookies(page, cookies)
}

/// Checkout begins again with a new cart of the same things.
async fn anew(shop: &Shop, visit: &Visit, old: &Cart) -> Result<Response, Trouble> {
    let new = basket::renew(shop, visit, old).await?;
    let page = see_other("/checkout?renewed=1");
    Ok(basket::keep(shop, &new.key, &new.view, page))
}

/// The cart that may be paid now, or the page where its shopper belongs.
async fn payable(shop: &Shop, visit: &Visit) -> Result<Result<Found, Response>, Trouble> {
    let Some(found) = basket::find(shop, visit).await? else {
        return Ok(Err(basket::forget(shop, visit, see_other("/cart"))));
    };
    if found.renewed {
        let page = see_other("/checkout?renewed=1");
        return Ok(Err(basket::keep(shop, &found.key, &found.view, page)));
    }
    match standing(shop, visit, &found.view).await? {
        Standing::Order(order) => return Ok(Err(to_order(shop, visit, order))),
        Standing::Spent => return anew(shop, visit, &found.view).await.map(Err),
        Standing::Form(_) => {}
    }
    if found.view.lines.is_empty() {
        return Ok(Err(see_other("/cart")));
    }
    Ok(Ok(found))
}

async fn submitted(shop: &Shop, visit: &Visit, form: &CheckoutForm) -> Result<Response, Trouble> {
    visit.own_form()?;
    let mut found = match payable(shop, visit).await? {
        Ok(found) => found,
        Err(page) => return Ok(page),
    };
    let intent = Intent::of(&form.intent);
    if intent == Intent::Anew {
        return anew(shop, visit, &found.view).await;
    }
    let mut draft = Draft::new(form.input.clone(), kept_key(&form.idempotency_key)?);
    found.view = save(shop, visit, &found, &mut draft).await?;
    let typed = !draft.input.coupon.trim().is_empty() || !draft.input.gift_card.trim().is_empty();
    found.view = codes(shop, visit, &found, intent, &mut draft).await?;
    let options = shop
        .carts
        .shipping_options(visit.tenant_id(), &found.key)
        .await?;
    let sheet = Sheet {
        shop,
        visit,
        cart: &found.view,
        options: &options,
    };
    let total = found.view.totals.total;
    let given = draft.gifts.as_ref().map_or(0, |gifts| gifts.pays.amount);
    let to_pay = total.amount > given;
    if intent == Intent::Pay {
        let missing = checked(&draft.input, &options, to_pay, &draft.errors);
        draft.errors.extend(missing);
    }
    if !draft.errors.is_empty() {
        return draft.page(&sheet, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    if intent != Intent::Pay {
        return draft.page(&sheet, StatusCode::OK).await;
    }
    if typed {
        draft.notice = Some(told(NoticeTone::Warn, CODE_TAKEN));
        return draft.page(&sheet, StatusCode::OK).await;
    }
    // The total is held against what was shown when the order is written; what cards pay, here.
    let due = Money::new(total.amount - given, total.currency);
    let cards_only = parsed_total(&form.expected_total) == Some(total);
    let shown = parsed_total(&form.expected_due).filter(|shown| cards_only && *shown != due);
    if let Some(before) = shown {
        draft.changed = Some((before, due));
        return draft.page(&sheet, StatusCode::CONFLICT).await;
    }
    let wish = wish(form, &draft, to_pay);
    pay(shop, visit, found, &wish, draft).await
}

const CODE_TAKEN: &str =
    "Your code was looked at first. Please check what is to be paid now, then press again.";

fn wish(form: &CheckoutForm, draft: &Draft, to_pay: bool) -> Wish {
    let input = input::trimmed(&draft.input);
    let payment = match to_pay {
        true => input.payment.clone(),
        false => NOTHING_LEFT.to_owned(),
    };
    let gift_cards = draft
        .gifts
        .as_ref()
        .map(|gifts| gifts.codes.clone())
        .unwrap_or_default();
    let fields = [
        &input.email,
        &input.name,
        &input.line1,
        &input.line2,
        &input.city,
        &input.region,
        &input.postal_code,
        &input.country,
        &input.shipping_option_id,
        &payment,
        &form.expected_total,
    ];
    let body = serde_json::to_vec(&(fields, &gift_cards)).expect("texts serialise");
    Wish {
        key: draft.key.clone(),
        body_hash: Sha256::digest(&body).into(),
        payment,
        gift_cards,
        expected: parsed_total(&form.expected_total),
    }
}

async fn waited(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let Some(wish) = Wish::of(shop, visit) else {
        return Ok(see_other("/checkout"));
    };
    let found = match payable(shop, visit).await? {
        Ok(found) => found,
        Err(page) => return Ok(page),
    };
    let input = CheckoutInput {
        payment: wish.payment.clone(),
        gift_cards: wish.gift_cards.join(" "),
        ..from_cart(&found.view)
    };
    let draft = Draft::new(input, wish.key.clone());
    let page = pay(shop, visit, found, &wish, draft).await?;
    let in_line = page.status() == StatusCode::OK;
    Ok(match in_line {
        true => page,
        false => with_cookies(page, [shop.cookies.clear_wish(WAIT)]),
    })
}

/// The order's page, a place in line, or the form again with what stands in the way.
async fn pay(
    shop: &Shop,
    visit: &Visit,
    mut found: Found,
    wish: &Wish,
    draft: Draft,
) -> Result<Response, Trouble> {
    let purchase = Purchase::Cart(found.key.clone());
    let scope = format!("storefront {}", found.key.id);
    let return_url = format!("{}/checkout/return", visit.origin);
    let request = wish.request(visit, purchase, scope, return_url);
    let error = match shop.checkout.place(request).await {
        Ok(placed) => {
            let cookie = shop.cookies.set_order(placed.order_id, &placed.order_token);
            let page = see_other(&format!("/orders/{}", placed.order_id));
            return Ok(with_cookies(page, [cookie]));
        }
        Err(error) => error,
    };
    match error {
        CheckoutError::CartNotFound | CheckoutError::CartEmpty => return Ok(see_other("/cart")),
        CheckoutError::Canceled => return anew(shop, visit, &found.view).await,
        CheckoutError::InLine {
            position,
            retry_after_seconds,
        } => {
            let line = Line {
                path: WAIT,
                leave: "/cart",
                position,
                seconds: retry_after_seconds,
            };
            if let Some(page) = wish.waits(shop, visit, &line).await? {
                return Ok(page);
            }
        }
        _ => {}
    }
    let refused = refusals::told(error, Some(&found.view))?;
    // What changed may have been the cart's own: it is told as it is now.
    let tenant = visit.tenant_id();
    found.view = shop.carts.view(tenant, &found.key).await?;
    let options = shop.carts.shipping_options(tenant, &found.key).await?;
    let sheet = Sheet {
        shop,
        visit,
        cart: &found.view,
        options: &options,
    };
    let draft = Draft {
        errors: refused.errors,
        fixes: refused.fixes,
        changed: refused.changed,
        start_over: refused.start_over,
        // The page begins anew: a used key would answer for the order it made.
        key: fresh_key()?,
        gifts: None,
        ..draft
    };
    draft.page(&sheet, refused.status).await
}

/// Saves each part that is whole; what the cart refuses becomes an error of its field.
async fn save(
    shop: &Shop,
    visit: &Visit,
    found: &Found,
    draft: &mut Draft,
) -> Result<Cart, Trouble> {
    let mut view = found.view.clone();
    for update in input::updates(&draft.input) {
        let saved = shop
            .carts
            .update(visit.tenant_id(), &found.key, update)
            .await;
        match saved {
            Ok(saved) => view = saved,
            Err(CartError::Invalid { field, reason }) => {
                let error = field_error(
                    &field,
                    tell("This {reason}.", &[("reason", &reason.to_string())]),
                );
                draft.errors.push(error);
            }
            // A twin of this request was faster: placing answers with its order.
            Err(CartError::NotOpen) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(view)
}

/// Takes and forgets promotion codes and gift cards, as the form says.
async fn codes(
    shop: &Shop,
    visit: &Visit,
    found: &Found,
    intent: Intent,
    draft: &mut Draft,
) -> Result<Cart, Trouble> {
    let key: &CartKey = &found.key;
    let mut cart = found.view.clone();
    if let Intent::DropCoupon(at) = intent
        && let Some(code) = cart.coupons.get(at).cloned()
    {
        cart = coupons::remove(shop, visit, key, cart, &code).await?;
    }
    let typed = draft.input.coupon.trim().to_owned();
    if !typed.is_empty() || intent == Intent::Coupon {
        let tried = coupons::add(shop, visit, key, cart, &typed).await?;
        match tried.error {
            Some(error) => draft.errors.push(field_error("coupon", error)),
            None => draft.input.coupon.clear(),
        }
        cart = tried.cart;
    }
    let input = &mut draft.input;
    let mut kept = gifts::codes_of(&input.gift_cards, &input.gift_card);
    if let Intent::DropGift(at) = intent
        && at < kept.len()
    {
        kept.remove(at);
    }
    let empty = kept.is_empty() && intent == Intent::Gift;
    let total: Money = cart.totals.total;
    let looked = gifts::look(shop, visit, &kept, total).await?;
    let error = match empty {
        true => Some(say("Type the code of the card first.")),
        false => looked.shown.error.clone(),
    };
    if let Some(error) = error {
        draft.errors.push(field_error("gift_card", error));
    }
    draft.input.gift_cards = looked.codes.join(" ");
    draft.gifts = Some(looked);
    Ok(cart)
}

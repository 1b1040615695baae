//! Checkout: shows the form, saves what was typed, places the order. Prices and stock are not its own.

use axum::response::Response;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use stoa_contracts::cart::{CartError, CartKey, CartStatus, CartUpdate, CartView as Cart};
use stoa_contracts::checkout::{CheckoutError, PlaceOrder, Placed, Purchase};
use stoa_contracts::orders::{OrderStatus, PaymentStatus};
use stoa_kernel::{Actor, OrderId};
use stoa_rest::{Form, State, StatusCode};
use stoa_storage::IdempotencyKey;

use self::draft::{Draft, Sheet, checked, field_error, from_cart, shown_total};
use super::basket;
use super::cart::{RENEWED, told};
use super::order::reason_words;
use crate::answer::{Trouble, private_page, see_other, with_cookies};
use crate::form::CheckoutInput;
use crate::shop::Shop;
use crate::views::{FormError, Notice, NoticeTone};
use crate::visit::Visit;

mod draft;
mod refusals;

const PROVIDER: &str = "test";
const KEY_BYTES: usize = 16;
const KEY_LENGTH_MAX: usize = 255;

/// The posted form: what was typed, and what the page itself put in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CheckoutForm {
    #[serde(flatten)]
    input: CheckoutInput,
    idempotency_key: String,
    payment_provider: String,
    /// `update` or `pay`.
    intent: String,
    /// The total that the page showed; absent from clients that are no browser.
    expected_total: String,
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
    let made = form_page(&shop, &visit).await;
    shop.answer(&visit, made).await
}

pub(crate) async fn submit(
    State(shop): State<Shop>,
    visit: Visit,
    Form(form): Form<CheckoutForm>,
) -> Response {
    let made = submitted(&shop, &visit, &form).await;
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
    shop.answer(&visit, made).await
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
    let options = shop
        .carts
        .shipping_options(visit.tenant_id(), &found.key)
        .await?;
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
        found.view = shop
            .carts
            .update(visit.tenant_id(), &found.key, update)
            .await?;
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
    let text = format!(
        "The last payment did not go through{}. Nothing was charged; you can try again.",
        why.unwrap_or_default()
    );
    Ok(Standing::Form(Some(told(NoticeTone::Bad, &text))))
}

/// Whoever holds the cart's key may see the order made of it.
fn to_order(shop: &Shop, visit: &Visit, order: OrderId) -> Response {
    let token = shop.orders.token(visit.tenant_id(), order);
    let page = see_other(&format!("/orders/{order}"));
    with_cookies(page, [shop.cookies.set_order(order, &token)])
}

/// Checkout begins again with a new cart of the same things.
async fn anew(shop: &Shop, visit: &Visit, old: &Cart) -> Result<Response, Trouble> {
    let new = basket::renew(shop, visit, old).await?;
    let page = see_other("/checkout?renewed=1");
    Ok(basket::keep(shop, &new.key, &new.view, page))
}

async fn submitted(shop: &Shop, visit: &Visit, form: &CheckoutForm) -> Result<Response, Trouble> {
    visit.own_form()?;
    let Some(found) = basket::find(shop, visit).await? else {
        return Ok(basket::forget(shop, visit, see_other("/cart")));
    };
    if found.renewed {
        let page = see_other("/checkout?renewed=1");
        return Ok(basket::keep(shop, &found.key, &found.view, page));
    }
    match standing(shop, visit, &found.view).await? {
        Standing::Order(order) => return Ok(to_order(shop, visit, order)),
        Standing::Spent => return anew(shop, visit, &found.view).await,
        Standing::Form(_) => {}
    }
    if found.view.lines.is_empty() {
        return Ok(see_other("/cart"));
    }
    let paying = form.intent != "update";
    let (cart, mut errors) = save(shop, visit, &found.key, found.view, &form.input).await?;
    let options = shop
        .carts
        .shipping_options(visit.tenant_id(), &found.key)
        .await?;
    let sheet = Sheet {
        shop,
        visit,
        cart: &cart,
        options: &options,
    };
    let draft = Draft::new(form.input.clone(), kept_key(form)?);
    if paying {
        errors.extend(checked(&form.input, &options, &errors));
    }
    if !errors.is_empty() {
        let draft = Draft { errors, ..draft };
        return draft.page(&sheet, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    if !paying {
        return draft.page(&sheet, StatusCode::OK).await;
    }
    if !form.expected_total.is_empty() && form.expected_total != shown_total(&cart) {
        let notice = Some(told(NoticeTone::Warn, TOTAL_CHANGED));
        return Draft { notice, ..draft }
            .page(&sheet, StatusCode::CONFLICT)
            .await;
    }
    pay(&sheet, &found.key, form, draft).await
}

async fn pay(
    sheet: &Sheet<'_>,
    key: &CartKey,
    form: &CheckoutForm,
    draft: Draft,
) -> Result<Response, Trouble> {
    let (shop, visit) = (sheet.shop, sheet.visit);
    match place(shop, visit, key, form, &draft.key).await {
        Ok(placed) => Ok(with_cookies(
            see_other(&format!("/orders/{}", placed.order_id)),
            [shop.cookies.set_order(placed.order_id, &placed.order_token)],
        )),
        Err(CheckoutError::CartNotFound | CheckoutError::CartEmpty) => Ok(see_other("/cart")),
        Err(CheckoutError::Canceled) => anew(shop, visit, sheet.cart).await,
        Err(error) => {
            let (status, errors) = refusals::told(error, sheet.cart)?;
            // The page begins anew: a used key would answer for the order it made.
            let key = fresh_key()?;
            Draft {
                errors,
                key,
                ..draft
            }
            .page(sheet, status)
            .await
        }
    }
}

const TOTAL_CHANGED: &str = "The total changed. Please look at it, then press Pay again.";

/// Saves each part that is whole; what the cart refuses comes back as errors of its fields.
async fn save(
    shop: &Shop,
    visit: &Visit,
    key: &CartKey,
    mut view: Cart,
    input: &CheckoutInput,
) -> Result<(Cart, Vec<FormError>), Trouble> {
    let mut errors = Vec::new();
    for update in draft::updates(input) {
        match shop.carts.update(visit.tenant_id(), key, update).await {
            Ok(saved) => view = saved,
            Err(CartError::Invalid { field, reason }) => {
                errors.push(field_error(&field, format!("This {reason}.")))
            }
            // A twin of this request was faster: placing answers with its order.
            Err(CartError::NotOpen) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok((view, errors))
}

async fn place(
    shop: &Shop,
    visit: &Visit,
    cart: &CartKey,
    form: &CheckoutForm,
    key: &str,
) -> Result<Placed, CheckoutError> {
    let input = draft::trimmed(&form.input);
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
        &input.payment_token,
    ];
    let body = serde_json::to_vec(&fields).expect("texts serialise");
    let provider = match form.payment_provider.as_str() {
        "" => PROVIDER,
        named => named,
    };
    let request = PlaceOrder {
        tenant: visit.tenant_id(),
        test_mode: visit.tenant.test_mode,
        purchase: Purchase::Cart(cart.clone()),
        expected_total: None,
        gift_cards: Vec::new(),
        provider: provider.to_owned(),
        token: input.payment_token,
        return_url: Some(format!("{}/checkout/return", visit.origin)),
        idempotency: IdempotencyKey {
            scope: format!("storefront {}", cart.id),
            key: key.to_owned(),
            body_hash: Sha256::digest(&body).into(),
        },
        actor: Actor::Shopper,
        trace: Some(visit.trace.trace_id_hex()),
    };
    shop.checkout.place(request).await
}

/// The key of the page that was sent, so that a double click is one order.
fn kept_key(form: &CheckoutForm) -> Result<String, Trouble> {
    let sent = &form.idempotency_key;
    let fits = (1..=KEY_LENGTH_MAX).contains(&sent.len());
    if fits && sent.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(sent.clone());
    }
    fresh_key()
}

fn fresh_key() -> Result<String, Trouble> {
    let mut bytes = [0_u8; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system gave no randomness");
        Trouble::Broken
    })?;
    Ok(hex::encode(bytes))
}

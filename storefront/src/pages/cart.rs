//! The cart: shown, filled, changed. Its key lives in the shopper's cookie and nowhere else.

use axum::response::Response;
use serde::Deserialize;
use stoa_contracts::cart::{CartError, CartKey, CartStatus, CartView as Cart};
use stoa_contracts::catalog::ProductView as Product;
use stoa_kernel::{LineId, Quantity, VariantId};
use stoa_rest::{Form, Path, State, StatusCode};

use self::view::{cart_view, empty_view};
use self::wishes::{CouponForm, NoteForm};
use super::basket::{self, Found};
use super::product::{self, Chosen, OPTION_FIELDS, UNITS_PER_LINE_MAX};
use crate::answer::{Trouble, private_page, see_other};
use crate::render::Page;
use crate::shelves::Shelves;
use crate::shop::Shop;
use crate::views::{CartView, Notice, NoticeTone};
use crate::visit::Visit;
use crate::words::{say, tell};

mod recover;
mod view;
mod wishes;

/// Posted by the product page: the variant itself, or the values that name it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AddForm {
    product: String,
    variant_id: String,
    option1: String,
    option2: String,
    option3: String,
    quantity: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QuantityForm {
    quantity: String,
    /// `checkout` where the form stands there.
    back: String,
}

/// Why a line was not changed, beside the line.
struct LineProblem {
    line: LineId,
    typed: Option<u32>,
    message: String,
}

/// What a page of the cart says besides the cart: texts typed, each with why it was not taken.
#[derive(Default)]
struct Said {
    notice: Option<Notice>,
    problem: Option<LineProblem>,
    coupon: Option<(String, String)>,
    note: Option<(String, String)>,
}

pub(crate) async fn show(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = cart_page(&shop, &visit);
    shop.answer(&visit, made).await
}

pub(crate) async fn back() -> Response {
    see_other("/cart")
}

pub(crate) async fn add(
    State(shop): State<Shop>,
    visit: Visit,
    Form(form): Form<AddForm>,
) -> Response {
    let made = add_line(&shop, &visit, &form);
    shop.answer(&visit, made).await
}

pub(crate) async fn set_quantity(
    State(shop): State<Shop>,
    visit: Visit,
    Path(line): Path<String>,
    Form(form): Form<QuantityForm>,
) -> Response {
    let made = change_line(&shop, &visit, &line, &form, &form.quantity);
    shop.answer(&visit, made).await
}

pub(crate) async fn remove(
    State(shop): State<Shop>,
    visit: Visit,
    Path(line): Path<String>,
    Form(form): Form<QuantityForm>,
) -> Response {
    let made = change_line(&shop, &visit, &line, &form, "0");
    shop.answer(&visit, made).await
}

pub(crate) async fn add_coupon(
    State(shop): State<Shop>,
    visit: Visit,
    Form(form): Form<CouponForm>,
) -> Response {
    let made = wishes::tried(&shop, &visit, &form);
    shop.answer(&visit, made).await
}

pub(crate) async fn remove_coupon(
    State(shop): State<Shop>,
    visit: Visit,
    Form(form): Form<CouponForm>,
) -> Response {
    let made = wishes::forgotten(&shop, &visit, &form);
    shop.answer(&visit, made).await
}

pub(crate) async fn leave_note(
    State(shop): State<Shop>,
    visit: Visit,
    Form(form): Form<NoteForm>,
) -> Response {
    let made = wishes::noted(&shop, &visit, &form);
    shop.answer(&visit, made).await
}

pub(crate) async fn accept(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = wishes::accepted(&shop, &visit);
    shop.answer(&visit, made).await
}

pub(crate) async fn recover(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = recover::recovered(&shop, &visit);
    shop.answer(&visit, made).await
}

async fn cart_page(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let found = basket::find_unpaid(shop, visit).await?;
    let said = Said {
        notice: match &found {
            Some(found) if found.renewed => Some(told(NoticeTone::Warn, RENEWED)),
            found => notice(visit, found.as_ref().map(|found| &found.view)),
        },
        ..Said::default()
    };
    answer(shop, visit, found, &said, StatusCode::OK).await
}

/// The cart as its page, or as its drawer where the script asks for that.
async fn answer(
    shop: &Shop,
    visit: &Visit,
    found: Option<Found>,
    said: &Said,
    status: StatusCode,
) -> Result<Response, Trouble> {
    let frame = match visit.wants_drawer() {
        true => shop.frame(visit, &Shelves::default(), ""),
        false => shop.plain_frame(visit).await?,
    };
    let Some(found) = found else {
        let page = printed(shop, visit, status, &empty_view(frame, visit, said)).await?;
        return Ok(basket::forget(shop, visit, page));
    };
    let page = printed(
        shop,
        visit,
        status,
        &cart_view(frame, shop.lens(visit), &found.view, said),
    )
    .await?;
    Ok(basket::keep(shop, &found.key, &found.view, page))
}

async fn printed(
    shop: &Shop,
    visit: &Visit,
    status: StatusCode,
    view: &CartView,
) -> Result<Response, Trouble> {
    match visit.wants_drawer() {
        true => Ok(private_page(status, shop.theme.drawer(view)?)),
        false => shop.private(visit, status, Page::Cart(view)).await,
    }
}

/// After a form that was taken: the page by itself, or the drawer at once.
fn done(
    shop: &Shop,
    visit: &Visit,
    key: &CartKey,
    cart: &Cart,
    location: &str,
) -> Result<Response, Trouble> {
    if !visit.wants_drawer() {
        return Ok(basket::keep(shop, key, cart, see_other(location)));
    }
    let view = cart_view(
        shop.frame(visit, &Shelves::default(), ""),
        shop.lens(visit),
        cart,
        &Said::default(),
    );
    let page = private_page(StatusCode::OK, shop.theme.drawer(&view)?);
    Ok(basket::keep(shop, key, cart, page))
}

fn notice(visit: &Visit, cart: Option<&Cart>) -> Option<Notice> {
    let recovered = visit.param("recovered");
    if recovered.as_deref() == Some("gone") {
        return Some(told(NoticeTone::Warn, GONE));
    }
    let cart = cart?;
    if cart.status == CartStatus::Frozen {
        return Some(told(NoticeTone::Warn, BEING_PAID));
    }
    if recovered.is_some() {
        return Some(told(NoticeTone::Good, "Your cart is here again."));
    }
    if visit.param("noted").is_some() {
        return Some(told(NoticeTone::Good, "The shop will see your note."));
    }
    let added = visit.param("added")?;
    let line = cart
        .lines
        .iter()
        .find(|line| line.variant_id.to_string() == added)?;
    Some(told(
        NoticeTone::Good,
        &tell("{title} is in your cart.", &[("title", &line.title)]),
    ))
}

/// Said where a canceled order left its things in a new cart.
pub(crate) const RENEWED: &str =
    "Your earlier order was canceled and nothing was charged. Your things are in a new cart.";
pub(crate) const BEING_PAID: &str =
    "This cart is being paid for, so nothing in it can change just now.";
const GONE: &str = "The cart of that link is gone, or was bought already.";

pub(crate) fn told(tone: NoticeTone, text: &str) -> Notice {
    Notice {
        tone,
        text: say(text),
    }
}

async fn add_line(shop: &Shop, visit: &Visit, form: &AddForm) -> Result<Response, Trouble> {
    visit.own_form()?;
    let product = match form.product.as_str() {
        "" => None,
        handle => product::find(shop, visit, handle).await?,
    };
    let chosen = chosen(form, product.as_ref());
    let quantity = quantity_of(&form.quantity, 1);
    let quantity = match quantity {
        Ok(quantity) => quantity,
        Err(text) => return refuse_add(shop, visit, product.as_ref(), &chosen, text).await,
    };
    let Some(variant) = wanted(form, product.as_ref(), &chosen) else {
        let text = say("Please choose a combination that is made.");
        return refuse_add(shop, visit, product.as_ref(), &chosen, text).await;
    };
    let tenant = &visit.tenant;
    let open = basket::find_unpaid(shop, visit).await?;
    let key = match open {
        Some(found) => found.key,
        None => shop.carts.create(tenant.id, visit.currency).await?,
    };
    match shop
        .carts
        .add_line(tenant.id, &key, variant, quantity)
        .await
    {
        Ok(view) => done(shop, visit, &key, &view, &format!("/cart?added={variant}")),
        Err(error) => {
            let text = refusal(error)?;
            refuse_add(shop, visit, product.as_ref(), &chosen, text).await
        }
    }
}

fn chosen(form: &AddForm, product: Option<&Product>) -> Chosen {
    let options = product.map_or(0, |product| product.options.len().min(OPTION_FIELDS.len()));
    let values = [&form.option1, &form.option2, &form.option3];
    let values: Vec<String> = values.into_iter().take(options).cloned().collect();
    Chosen {
        variant: form.variant_id.parse().ok(),
        values: if values.iter().all(String::is_empty) {
            Vec::new()
        } else {
            values
        },
        quantity: form.quantity.trim().parse().ok(),
    }
}

/// The script sends the variant; without it the values decide.
fn wanted(form: &AddForm, product: Option<&Product>, chosen: &Chosen) -> Option<VariantId> {
    if !form.variant_id.is_empty() {
        return chosen.variant;
    }
    product::by_values(product?, &chosen.values).map(|variant| variant.id)
}

/// The page the form came from, or the cart where that is not known.
async fn refuse_add(
    shop: &Shop,
    visit: &Visit,
    product: Option<&Product>,
    chosen: &Chosen,
    text: String,
) -> Result<Response, Trouble> {
    let notice = told(NoticeTone::Bad, &text);
    match product {
        Some(product) => product::refused(shop, visit, product, chosen, notice).await,
        None => {
            let said = Said {
                notice: Some(notice),
                ..Said::default()
            };
            refused_cart(shop, visit, said).await
        }
    }
}

async fn change_line(
    shop: &Shop,
    visit: &Visit,
    line: &str,
    form: &QuantityForm,
    typed: &str,
) -> Result<Response, Trouble> {
    visit.own_form()?;
    let Ok(line) = line.parse::<LineId>() else {
        return Err(Trouble::NotFound);
    };
    let back = match form.back.as_str() {
        "checkout" => "/checkout",
        _ => "/cart",
    };
    let key = shop.cookies.cart_key(&visit.headers);
    let Some(key) = key.filter(|key| shop.carts.opens(visit.tenant_id(), key)) else {
        return Ok(basket::forget(shop, visit, see_other("/cart")));
    };
    let typed_units = typed.trim().parse().ok();
    let said = |message| Said {
        problem: Some(LineProblem {
            line,
            typed: typed_units,
            message,
        }),
        ..Said::default()
    };
    let changed = match (typed_units, quantity_of(typed, 0)) {
        (Some(0), _) => shop.carts.remove_line(visit.tenant_id(), &key, line).await,
        (_, Ok(units)) => {
            shop.carts
                .set_quantity(visit.tenant_id(), &key, line, units)
                .await
        }
        (_, Err(message)) => return refused_cart(shop, visit, said(message)).await,
    };
    match changed {
        Ok(view) => done(shop, visit, &key, &view, back),
        // Removed in another window, or the cart is gone: the page shows what is.
        Err(CartError::LineNotFound | CartError::NotFound) => Ok(see_other("/cart")),
        Err(error) => {
            let message = refusal(error)?;
            refused_cart(shop, visit, said(message)).await
        }
    }
}

async fn refused_cart(shop: &Shop, visit: &Visit, said: Said) -> Result<Response, Trouble> {
    let found = basket::find_unpaid(shop, visit).await?;
    answer(shop, visit, found, &said, StatusCode::UNPROCESSABLE_ENTITY).await
}

/// What the shopper is told, or the trouble that is none of theirs.
fn refusal(error: CartError) -> Result<String, Trouble> {
    Ok(match error {
        CartError::NotOpen => say(BEING_PAID),
        CartError::NotForSale { .. } => say("This is not for sale any more."),
        CartError::Short { available, .. } if available <= 0 => say("This is sold out."),
        CartError::Short { available, .. } => tell(
            "Only {count} can be had.",
            &[("count", &available.to_string())],
        ),
        CartError::TooManyLines { max } => tell(
            "A cart holds at most {max} different things.",
            &[("max", &max.to_string())],
        ),
        CartError::Invalid { reason, .. } => tell("This {reason}.", &[("reason", &reason)]),
        other => return Err(other.into()),
    })
}

/// `min` is 0 where an empty cart line means removal; an empty field is one unit of a new line.
fn quantity_of(typed: &str, min: u32) -> Result<Quantity, String> {
    let typed = typed.trim();
    if typed.is_empty() && min == 1 {
        return Ok(Quantity::ONE);
    }
    let units = typed
        .parse::<u32>()
        .ok()
        .filter(|units| *units <= UNITS_PER_LINE_MAX);
    units
        .and_then(|units| Quantity::new(units).ok())
        .ok_or_else(|| {
            tell(
                "Enter a whole number from {min} to {max}.",
                &[
                    ("min", &min.to_string()),
                    ("max", &UNITS_PER_LINE_MAX.to_string()),
                ],
            )
        })
}

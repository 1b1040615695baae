//! The cart: shown, filled, changed. Its key lives in the shopper's cookie and nowhere else.

use axum::response::Response;
use serde::Deserialize;
use stoa_contracts::cart::{CartError, CartLineView, CartStatus, CartView as Cart};
use stoa_contracts::catalog::ProductView as Product;
use stoa_kernel::{LineId, Quantity, VariantId};
use stoa_rest::{Form, Path, State, StatusCode};

use super::basket::{self, Found, units};
use super::collection::ALL_PRODUCTS;
use super::product::{self, Chosen, OPTION_FIELDS, UNITS_PER_LINE_MAX};
use super::shown::{cart_line, cart_totals};
use crate::answer::{Trouble, private_page, see_other};
use crate::present::{Sums, totals};
use crate::shop::Shop;
use crate::views::{CartLine, CartView, Frame, Meta, Notice, NoticeTone};
use crate::visit::{Visit, collection_url, product_url};

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
}

/// Why a line was not changed, beside the line.
struct LineProblem {
    line: LineId,
    typed: Option<u32>,
    message: String,
}

pub(crate) async fn show(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = cart_page(&shop, &visit).await;
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
    let made = add_line(&shop, &visit, &form).await;
    shop.answer(&visit, made).await
}

pub(crate) async fn set_quantity(
    State(shop): State<Shop>,
    visit: Visit,
    Path(line): Path<String>,
    Form(form): Form<QuantityForm>,
) -> Response {
    let made = change_line(&shop, &visit, &line, &form.quantity).await;
    shop.answer(&visit, made).await
}

pub(crate) async fn remove(
    State(shop): State<Shop>,
    visit: Visit,
    Path(line): Path<String>,
) -> Response {
    let made = change_line(&shop, &visit, &line, "0").await;
    shop.answer(&visit, made).await
}

async fn cart_page(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let mut frame = shop.plain_frame(visit).await?;
    let Some(found) = basket::find_unpaid(shop, visit).await? else {
        let html = shop.theme.cart(&empty_view(frame, visit))?;
        return Ok(basket::forget(
            shop,
            visit,
            private_page(StatusCode::OK, html),
        ));
    };
    let Found { key, view, renewed } = found;
    frame.notice = if renewed {
        Some(told(NoticeTone::Warn, RENEWED))
    } else {
        notice(visit, &view)
    };
    let html = shop.theme.cart(&cart_view(frame, &view, None))?;
    Ok(basket::keep(
        shop,
        &key,
        &view,
        private_page(StatusCode::OK, html),
    ))
}

fn notice(visit: &Visit, cart: &Cart) -> Option<Notice> {
    if cart.status == CartStatus::Frozen {
        return Some(told(NoticeTone::Warn, BEING_PAID));
    }
    let added = visit.param("added")?;
    let line = cart
        .lines
        .iter()
        .find(|line| line.variant_id.to_string() == added)?;
    Some(told(
        NoticeTone::Good,
        &format!("{} is in your cart.", line.title),
    ))
}

/// Said where a canceled order left its things in a new cart.
pub(crate) const RENEWED: &str =
    "Your earlier order was canceled and nothing was charged. Your things are in a new cart.";
const BEING_PAID: &str = "This cart is being paid for, so nothing in it can change just now.";

pub(crate) fn told(tone: NoticeTone, text: &str) -> Notice {
    Notice {
        tone,
        text: text.to_owned(),
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
        let text = "Please choose a combination that is made.".to_owned();
        return refuse_add(shop, visit, product.as_ref(), &chosen, text).await;
    };
    let tenant = &visit.tenant;
    let open = basket::find_unpaid(shop, visit).await?;
    let key = match open {
        Some(found) => found.key,
        None => shop.carts.create(tenant.id, tenant.currency).await?,
    };
    match shop
        .carts
        .add_line(tenant.id, &key, variant, quantity)
        .await
    {
        Ok(view) => {
            let page = see_other(&format!("/cart?added={variant}"));
            Ok(basket::keep(shop, &key, &view, page))
        }
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
        None => refused_cart(shop, visit, Some(notice), None).await,
    }
}

async fn change_line(
    shop: &Shop,
    visit: &Visit,
    line: &str,
    typed: &str,
) -> Result<Response, Trouble> {
    visit.own_form()?;
    let Ok(line) = line.parse::<LineId>() else {
        return Err(Trouble::NotFound);
    };
    let key = shop.cookies.cart_key(&visit.headers);
    let Some(key) = key.filter(|key| shop.carts.opens(visit.tenant_id(), key)) else {
        return Ok(basket::forget(shop, visit, see_other("/cart")));
    };
    let typed_units = typed.trim().parse().ok();
    let problem = |message| LineProblem {
        line,
        typed: typed_units,
        message,
    };
    let changed = match (typed_units, quantity_of(typed, 0)) {
        (Some(0), _) => shop.carts.remove_line(visit.tenant_id(), &key, line).await,
        (_, Ok(units)) => {
            shop.carts
                .set_quantity(visit.tenant_id(), &key, line, units)
                .await
        }
        (_, Err(message)) => {
            return refused_cart(shop, visit, None, Some(problem(message))).await;
        }
    };
    match changed {
        Ok(view) => Ok(basket::keep(shop, &key, &view, see_other("/cart"))),
        // Removed in another window, or the cart is gone: the page shows what is.
        Err(CartError::LineNotFound | CartError::NotFound) => Ok(see_other("/cart")),
        Err(error) => {
            let message = refusal(error)?;
            refused_cart(shop, visit, None, Some(problem(message))).await
        }
    }
}

async fn refused_cart(
    shop: &Shop,
    visit: &Visit,
    notice: Option<Notice>,
    problem: Option<LineProblem>,
) -> Result<Response, Trouble> {
    let frame = Frame {
        notice,
        ..shop.plain_frame(visit).await?
    };
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let Some(found) = basket::find_unpaid(shop, visit).await? else {
        let html = shop.theme.cart(&empty_view(frame, visit))?;
        return Ok(basket::forget(shop, visit, private_page(status, html)));
    };
    let html = shop
        .theme
        .cart(&cart_view(frame, &found.view, problem.as_ref()))?;
    Ok(basket::keep(
        shop,
        &found.key,
        &found.view,
        private_page(status, html),
    ))
}

/// What the shopper is told, or the trouble that is none of theirs.
fn refusal(error: CartError) -> Result<String, Trouble> {
    Ok(match error {
        CartError::NotOpen => BEING_PAID.to_owned(),
        CartError::NotForSale { .. } => "This is not for sale any more.".to_owned(),
        CartError::Short { available, .. } if available <= 0 => "This is sold out.".to_owned(),
        CartError::Short { available, .. } => format!("Only {available} can be had."),
        CartError::TooManyLines { max } => format!("A cart holds at most {max} different things."),
        CartError::Invalid { reason, .. } => format!("This {reason}."),
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
        .ok_or_else(|| format!("Enter a whole number from {min} to {UNITS_PER_LINE_MAX}."))
}

fn cart_view(frame: Frame, cart: &Cart, problem: Option<&LineProblem>) -> CartView {
    let lines: Vec<CartLine> = cart
        .lines
        .iter()
        .map(|line| line_view(line, problem))
        .collect();
    let shipping_known = cart.shipping_option_id.is_some();
    let totals = cart_totals(cart, shipping_known);
    CartView {
        meta: Meta::private(format!("Cart · {}", frame.shop_name)),
        frame: Frame {
            cart_count: units(cart),
            prices_include_tax: cart.tax_inclusive,
            ..frame
        },
        can_checkout: cart.lines.iter().all(|line| line.available),
        lines,
        totals,
        continue_url: collection_url(ALL_PRODUCTS),
    }
}

fn line_view(line: &CartLineView, problem: Option<&LineProblem>) -> CartLine {
    let shown = cart_line(line);
    let problem = problem.filter(|problem| problem.line == line.id);
    let action = format!("/cart/lines/{}", line.id);
    let short = || "There is not enough of this left.".to_owned();
    CartLine {
        title: shown.title,
        variant: shown.variant,
        url: product_url(&line.product_handle),
        image: shown.image,
        unit_price: shown.unit_price,
        quantity: problem
            .and_then(|problem| problem.typed)
            .unwrap_or(shown.quantity),
        quantity_max: UNITS_PER_LINE_MAX,
        total: shown.total,
        remove_action: format!("{action}/remove"),
        action,
        problem: match problem {
            Some(problem) => Some(problem.message.clone()),
            None => (!line.available).then(short),
        },
    }
}

fn empty_view(frame: Frame, visit: &Visit) -> CartView {
    let zero = stoa_kernel::Money::zero(visit.tenant.currency);
    CartView {
        meta: Meta::private(format!("Cart · {}", frame.shop_name)),
        frame,
        lines: Vec::new(),
        totals: totals(&Sums {
            subtotal: zero,
            discount: None,
            shipping: None,
            tax: zero,
            total: zero,
            tax_included: false,
        }),
        can_checkout: false,
        continue_url: collection_url(ALL_PRODUCTS),
    }
}

//! The page of one product: its options, its pictures, the chosen variant. Sells nothing itself.

mod options;

use axum::response::Response;
use serde::Serialize;
use stoa_contracts::catalog::{ProductView as Product, VariantView as Variant};
use stoa_kernel::{Money, VariantId};
use stoa_rest::{Path, State, StatusCode};

use self::options::{choice, missing_values, options, sellable};
use super::collection::absolute;
use super::listing;
use super::shown::{
    CARD_WIDTH_MAX, LARGE_WIDTH_MAX, Lens, STAGE_WIDTH_MAX, THUMB_WIDTH_MAX, plain_text, summary,
};
use crate::answer::{Trouble, moved_permanently, public_json};
use crate::present::{breadcrumb_json_ld, compare_at, money, product_json_ld};
use crate::render::Page;
use crate::shop::Shop;
use crate::views::{
    Fact, Frame, GalleryItem, Link, Meta, Notice, ProductCard, ProductView, VariantChoice,
};
use crate::visit::{Visit, category_url, encoded, product_url};
use crate::words::tell;

pub(crate) const UNITS_PER_LINE_MAX: u32 = 999;
/// The form fields of options; products have at most so many.
pub(crate) const OPTION_FIELDS: [&str; 3] = ["option1", "option2", "option3"];
const RELATED_MAX: usize = 4;
/// Variants that a page carries whole; of more, its script asks one by one.
const VARIANTS_IN_PAGE: usize = 40;

/// What the shopper had chosen when the page is shown again after a form.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) variant: Option<VariantId>,
    /// One value per option, where the form sent values.
    pub(crate) values: Vec<String>,
    pub(crate) quantity: Option<u32>,
}

pub(crate) async fn show(
    State(shop): State<Shop>,
    visit: Visit,
    Path(handle): Path<String>,
) -> Response {
    let made = product(&shop, &visit, &handle);
    shop.answer(&visit, made).await
}

/// The variant of the values in the address, for the page's script.
pub(crate) async fn choice_of(
    State(shop): State<Shop>,
    visit: Visit,
    Path(handle): Path<String>,
) -> Response {
    let made = chosen_variant(&shop, &visit, &handle);
    shop.answer(&visit, made).await
}

/// A product as lists show it, for products that the browser remembers.
pub(crate) async fn card_of(
    State(shop): State<Shop>,
    visit: Visit,
    Path(handle): Path<String>,
) -> Response {
    let made = card(&shop, &visit, &handle);
    shop.answer(&visit, made).await
}

#[derive(Serialize)]
struct ChosenVariant {
    /// `None` where no such variant is made.
    variant: Option<VariantChoice>,
    /// By option: the values that cannot be bought with the others chosen.
    out: Vec<Vec<String>>,
}

async fn chosen_variant(shop: &Shop, visit: &Visit, handle: &str) -> Result<Response, Trouble> {
    let product = find(shop, visit, handle).await?.ok_or(Trouble::NotFound)?;
    let values = OPTION_FIELDS.iter().map_while(|field| visit.param(field));
    let values: Vec<String> = values.collect();
    let variant = by_values(&product, &values);
    let variant = variant.map(|variant| choice(shop.lens(visit), &product, variant));
    let out = missing_values(&product, &values);
    Ok(public_json(visit, &ChosenVariant { variant, out }))
}

async fn card(shop: &Shop, visit: &Visit, handle: &str) -> Result<Response, Trouble> {
    let product = find(shop, visit, handle).await?.ok_or(Trouble::NotFound)?;
    let prices: Vec<Money> = product
        .variants
        .iter()
        .filter_map(|one| one.price)
        .collect();
    let lowest = product
        .variants
        .iter()
        .filter_map(|one| one.price.map(|price| (price, one.compare_at_price)))
        .min_by_key(|(price, _)| price.amount);
    let (media, lens) = (product.media.first(), shop.lens(visit));
    let card = ProductCard {
        title: product.title.clone(),
        url: product_url(&product.handle),
        vendor: product.vendor.clone(),
        image: media.map(|media| lens.picture(&media.url, &product.title, CARD_WIDTH_MAX)),
        price: lowest.map_or_else(|| lens.no_price(), |(price, _)| money(price)),
        compare_at: lowest.and_then(|(price, was)| compare_at(price, was)),
        price_varies: prices
            .iter()
            .any(|price| Some(*price) != prices.first().copied()),
        badge: None,
    };
    Ok(public_json(visit, &card))
}

async fn product(shop: &Shop, visit: &Visit, handle: &str) -> Result<Response, Trouble> {
    let variant = visit.param("variant").and_then(|text| text.parse().ok());
    let chosen = Chosen {
        variant,
        ..Chosen::default()
    };
    let Some(found) = find(shop, visit, handle).await? else {
        let moved = shop.catalog.moved_to(visit.tenant_id(), handle).await?;
        return match moved {
            Some(now) => Ok(moved_permanently(&product_url(&now))),
            None => Err(Trouble::NotFound),
        };
    };
    let view = product_view(shop, visit, &found, &chosen).await?;
    shop.public(visit, Page::Product(&view)).await
}

/// The page again after a form that was refused, with what was chosen and the reason.
pub(crate) async fn refused(
    shop: &Shop,
    visit: &Visit,
    product: &Product,
    chosen: &Chosen,
    notice: Notice,
) -> Result<Response, Trouble> {
    let mut view = product_view(shop, visit, product, chosen).await?;
    view.frame.notice = Some(notice);
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    shop.private(visit, status, Page::Product(&view)).await
}

pub(crate) async fn find(
    shop: &Shop,
    visit: &Visit,
    handle: &str,
) -> Result<Option<Product>, Trouble> {
    let tenant = &visit.tenant;
    Ok(shop
        .catalog
        .product_in(tenant.id, handle, visit.currency, visit.locale())
        .await?)
}

async fn product_view(
    shop: &Shop,
    visit: &Visit,
    product: &Product,
    chosen: &Chosen,
) -> Result<ProductView, Trouble> {
    let (shelves, related) = tokio::try_join!(shop.shelves(visit), related(shop, visit, product))?;
    let (frame, lens) = (shop.frame(visit, &shelves, ""), shop.lens(visit));
    let selected = selected(product, chosen).ok_or(Trouble::NotFound)?;
    let url = visit.in_language(&product_url(&product.handle), visit.language);
    let text = product
        .seo
        .description
        .clone()
        .unwrap_or_else(|| summary(&plain_text(&product.description_html)).unwrap_or_default());
    let images: Vec<String> = product
        .media
        .iter()
        .map(|media| absolute(&visit.origin, &lens.address(&media.url, LARGE_WIDTH_MAX)))
        .collect();
    let mut view = ProductView {
        meta: meta(shop, visit, product, &text, images.first()),
        ..plain_view(frame, lens, product, selected, chosen)
    };
    let categories = product.categories.iter();
    view.breadcrumbs = std::iter::once(Link::new(&visit.tenant.name, "/"))
        .chain(categories.map(|one| Link::new(&one.title, category_url(&one.handle))))
        .chain([Link::new(&product.title, product_url(&product.handle))])
        .collect();
    view.related = related;
    let range = prices(product);
    let range = range
        .as_ref()
        .map(|(low, high, count)| (low.as_str(), high.as_str(), *count));
    view.meta.facts = vec![
        product_json_ld(&view, &url, &images, &text, range),
        breadcrumb_json_ld(&visit.origin, &view.breadcrumbs),
    ];
    Ok(view)
}

/// All that follows from the product alone.
fn plain_view(
    frame: Frame,
    lens: Lens<'_>,
    product: &Product,
    selected: &Variant,
    chosen: &Chosen,
) -> ProductView {
    let values = if chosen.values.is_empty() {
        &selected.option_values
    } else {
        &chosen.values
    };
    let variants = product.variants.iter();
    let gallery = product.media.iter().enumerate().map(|(at, media)| {
        let alt = if media.alt.is_empty() {
            &product.title
        } else {
            &media.alt
        };
        GalleryItem {
            anchor: anchor(at),
            image: lens.picture(&media.url, alt, STAGE_WIDTH_MAX),
            large: lens.address(&media.url, LARGE_WIDTH_MAX),
            thumb: lens.address(&media.url, THUMB_WIDTH_MAX),
        }
    });
    let unpriced = product.variants.iter().all(|one| one.price.is_none());
    let few = product.variants.len() <= VARIANTS_IN_PAGE;
    let plain = product.options.is_empty();
    let tags = product
        .tags
        .iter()
        .map(|tag| Link::new(tag, format!("/search?q={}", encoded(tag))));
    ProductView {
        frame,
        meta: Meta::page(&product.title),
        breadcrumbs: Vec::new(),
        handle: product.handle.clone(),
        title: product.title.clone(),
        vendor: product.vendor.clone(),
        gallery: gallery.collect(),
        options: options(lens, product, values),
        variants: match few && !plain {
            true => variants
                .map(|variant| choice(lens, product, variant))
                .collect(),
            false => Vec::new(),
        },
        choice_url: (!few).then(|| format!("{}/choice", product_url(&product.handle))),
        selected: choice(lens, product, selected),
        all_sold_out: !product.variants.iter().any(sellable),
        not_sold: unpriced.then(|| lens.no_price()),
        quantity: chosen.quantity.unwrap_or(1),
        quantity_max: UNITS_PER_LINE_MAX,
        description_html: product.description_html.clone(),
        attributes: product
            .attributes
            .iter()
            .map(|one| Fact {
                name: one.name.clone(),
                value: one.value.clone(),
            })
            .collect(),
        tags: tags.collect(),
        related: Vec::new(),
        price_amount: selected.price.map(Money::to_decimal).unwrap_or_default(),
    }
}

fn meta(shop: &Shop, visit: &Visit, product: &Product, text: &str, image: Option<&String>) -> Meta {
    let title = product.seo.title.as_ref().unwrap_or(&product.title);
    let name = &visit.tenant.name;
    Meta {
        kind: "product",
        description: Some(match text.is_empty() {
            true => tell(
                "{title} at {shop}.",
                &[("title", &product.title), ("shop", name)],
            ),
            false => text.to_owned(),
        }),
        image: image.cloned(),
        ..shop.public_meta(
            visit,
            format!("{title} · {name}"),
            &product_url(&product.handle),
        )
    }
}

/// Lowest and highest price in decimals, and how many variants have one.
fn prices(product: &Product) -> Option<(String, String, usize)> {
    let prices: Vec<Money> = product
        .variants
        .iter()
        .filter_map(|one| one.price)
        .collect();
    let low = prices.iter().min_by_key(|price| price.amount)?;
    let high = prices.iter().max_by_key(|price| price.amount)?;
    Some((low.to_decimal(), high.to_decimal(), prices.len()))
}

/// Products like this one; where search cannot say, those that share its first tag.
async fn related(
    shop: &Shop,
    visit: &Visit,
    product: &Product,
) -> Result<Vec<ProductCard>, Trouble> {
    let (tenant, lens) = (visit.tenant_id(), shop.lens(visit));
    if let Some(search) = &shop.search {
        match search.similar(tenant, product.id, RELATED_MAX as u32).await {
            Ok(ids) if !ids.is_empty() => {
                let cards = shop
                    .catalog
                    .cards(tenant, &ids, visit.currency, visit.locale())
                    .await?;
                return Ok(cards.iter().map(|one| lens.product_card(one)).collect());
            }
            Ok(_) => {}
            // What goes well with it is no reason to fail.
            Err(error) => tracing::debug!(%error, "no similar products"),
        }
    }
    let Some(tag) = product.tags.first() else {
        return Ok(Vec::new());
    };
    // One of them may be the product itself.
    let found = listing::begun(shop, visit, tag, RELATED_MAX as u32 + 1).await?;
    let others = found.iter().filter(|other| other.id != product.id);
    let others = others.take(RELATED_MAX);
    Ok(others.map(|one| lens.product_card(one)).collect())
}

/// The variant asked for by id or by values, else the first that can be bought, else the first.
fn selected<'p>(product: &'p Product, chosen: &Chosen) -> Option<&'p Variant> {
    let variants = &product.variants;
    variants
        .iter()
        .find(|variant| Some(variant.id) == chosen.variant)
        .or_else(|| by_values(product, &chosen.values))
        .or_else(|| variants.iter().find(|variant| sellable(variant)))
        .or_else(|| variants.first())
}

pub(crate) fn by_values<'p>(product: &'p Product, values: &[String]) -> Option<&'p Variant> {
    let named = |variant: &&Variant| !values.is_empty() && variant.option_values == values;
    product.variants.iter().find(named)
}

pub(super) fn anchor(at: usize) -> String {
    format!("picture-{}", at + 1)
}

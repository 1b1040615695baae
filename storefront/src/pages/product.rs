//! The page of one product: its options, its pictures, the chosen variant. Sells nothing itself.

use std::collections::BTreeSet;

use axum::response::Response;
use stoa_contracts::catalog::{
    ProductQuery, ProductSort, ProductView as Product, VariantView as Variant,
};
use stoa_kernel::VariantId;
use stoa_rest::{Path, State, StatusCode};

use super::collection::absolute;
use super::shown::{picture, plain_text, product_card, summary};
use crate::answer::{Trouble, private_page, public_page};
use crate::present::{availability, compare_at, money, product_json_ld, saving};
use crate::shop::Shop;
use crate::views::{
    Frame, GalleryItem, Link, Meta, Notice, OptionValue, ProductCard, ProductOption, ProductView,
    VariantChoice,
};
use crate::visit::{Visit, encoded, product_url};

pub(crate) const UNITS_PER_LINE_MAX: u32 = 999;
/// The form fields of options; products have at most so many.
pub(crate) const OPTION_FIELDS: [&str; 3] = ["option1", "option2", "option3"];
const RELATED_MAX: usize = 4;

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
    let made = product(&shop, &visit, &handle).await;
    shop.answer(&visit, made).await
}

async fn product(shop: &Shop, visit: &Visit, handle: &str) -> Result<Response, Trouble> {
    let variant = visit.param("variant").and_then(|text| text.parse().ok());
    let chosen = Chosen {
        variant,
        ..Chosen::default()
    };
    let found = find(shop, visit, handle).await?.ok_or(Trouble::NotFound)?;
    let view = product_view(shop, visit, &found, &chosen).await?;
    Ok(public_page(visit, shop.theme.product(&view)?))
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
    Ok(private_page(
        StatusCode::UNPROCESSABLE_ENTITY,
        shop.theme.product(&view)?,
    ))
}

pub(crate) async fn find(
    shop: &Shop,
    visit: &Visit,
    handle: &str,
) -> Result<Option<Product>, Trouble> {
    let tenant = &visit.tenant;
    Ok(shop
        .catalog
        .product(tenant.id, handle, tenant.currency)
        .await?)
}

async fn product_view(
    shop: &Shop,
    visit: &Visit,
    product: &Product,
    chosen: &Chosen,
) -> Result<ProductView, Trouble> {
    let all = shop.catalog.collections(visit.tenant_id()).await?;
    let related = related(shop, visit, product).await?;
    let frame = shop.frame(visit, &all, "");
    let selected = selected(product, chosen).ok_or(Trouble::NotFound)?;
    let url = format!("{}{}", visit.origin, product_url(&product.handle));
    let text = product
        .seo
        .description
        .clone()
        .unwrap_or_else(|| summary(&plain_text(&product.description_html)).unwrap_or_default());
    let images: Vec<String> = product
        .media
        .iter()
        .map(|media| absolute(&visit.origin, &media.url))
        .collect();
    let mut view = ProductView {
        meta: meta(visit, product, &url, &text, images.first()),
        ..plain_view(frame, product, selected, chosen)
    };
    view.breadcrumbs = vec![
        Link::new(&visit.tenant.name, "/"),
        Link::new(&product.title, product_url(&product.handle)),
    ];
    view.related = related;
    view.json_ld = product_json_ld(&view, &url, &images, &text);
    Ok(view)
}

/// All that follows from the product alone.
fn plain_view(frame: Frame, product: &Product, selected: &Variant, chosen: &Chosen) -> ProductView {
    let values = if chosen.values.is_empty() {
        &selected.option_values
    } else {
        &chosen.values
    };
    let gallery = product.media.iter().enumerate().map(|(at, media)| {
        let alt = if media.alt.is_empty() {
            &product.title
        } else {
            &media.alt
        };
        GalleryItem {
            anchor: anchor(at),
            image: picture(&media.url, alt),
        }
    });
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
        options: options(product, values),
        variants: product
            .variants
            .iter()
            .map(|variant| choice(product, variant))
            .collect(),
        selected: choice(product, selected),
        all_sold_out: !product.variants.iter().any(sellable),
        quantity: chosen.quantity.unwrap_or(1),
        quantity_max: UNITS_PER_LINE_MAX,
        description_html: product.description_html.clone(),
        tags: tags.collect(),
        related: Vec::new(),
        price_amount: selected
            .price
            .map(stoa_kernel::Money::to_decimal)
            .unwrap_or_default(),
        json_ld: serde_json::Value::Null,
    }
}

fn meta(visit: &Visit, product: &Product, url: &str, text: &str, image: Option<&String>) -> Meta {
    let title = product.seo.title.as_ref().unwrap_or(&product.title);
    Meta {
        kind: "product",
        description: (!text.is_empty()).then(|| text.to_owned()),
        canonical: Some(url.to_owned()),
        image: image.cloned(),
        ..Meta::page(format!("{title} · {}", visit.tenant.name))
    }
}

/// Products that share the first tag.
async fn related(
    shop: &Shop,
    visit: &Visit,
    product: &Product,
) -> Result<Vec<ProductCard>, Trouble> {
    let Some(tag) = product.tags.first() else {
        return Ok(Vec::new());
    };
    let query = ProductQuery {
        search: Some(tag.clone()),
        collection: None,
        sort: ProductSort::Newest,
        currency: visit.tenant.currency,
        // One of them may be the product itself.
        limit: RELATED_MAX as u32 + 1,
        cursor: None,
    };
    let found = match shop.catalog.products(visit.tenant_id(), &query).await {
        Err(stoa_contracts::catalog::CatalogError::Invalid { .. }) => return Ok(Vec::new()),
        other => other?,
    };
    let others = found.products.iter().filter(|other| other.id != product.id);
    Ok(others.take(RELATED_MAX).map(product_card).collect())
}

fn sellable(variant: &Variant) -> bool {
    variant.available && variant.price.is_some()
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

fn anchor(at: usize) -> String {
    format!("picture-{}", at + 1)
}

fn choice(product: &Product, variant: &Variant) -> VariantChoice {
    let (availability, availability_label) = availability(sellable(variant), None);
    let was = variant.compare_at_price;
    let image = variant.image.as_ref();
    VariantChoice {
        id: variant.id.to_string(),
        options: variant.option_values.clone(),
        price: variant
            .price
            .map_or_else(|| "Not for sale".to_owned(), money),
        compare_at: variant.price.and_then(|price| compare_at(price, was)),
        saving: variant.price.and_then(|price| saving(price, was)),
        availability,
        availability_label,
        image_anchor: image
            .and_then(|url| product.media.iter().position(|media| media.url == *url))
            .map(anchor),
    }
}

fn options(product: &Product, chosen: &[String]) -> Vec<ProductOption> {
    let pictured = pictured_option(product);
    let named = product.options.iter().zip(OPTION_FIELDS).enumerate();
    named
        .map(|(at, (option, field))| ProductOption {
            name: option.name.clone(),
            field,
            pictured: pictured == Some(at),
            values: option
                .values
                .iter()
                .map(|value| OptionValue {
                    value: value.clone(),
                    selected: chosen.get(at) == Some(value),
                    available: with_value(product, at, value).any(sellable),
                    image: if pictured == Some(at) {
                        with_value(product, at, value)
                            .find_map(|variant| variant.image.as_deref())
                            .map(|url| picture(url, ""))
                    } else {
                        None
                    },
                })
                .collect(),
        })
        .collect()
}

fn with_value<'p>(
    product: &'p Product,
    at: usize,
    value: &'p str,
) -> impl Iterator<Item = &'p Variant> {
    let has = move |variant: &&Variant| {
        variant
            .option_values
            .get(at)
            .is_some_and(|own| own == value)
    };
    product.variants.iter().filter(has)
}

/// The first option whose values each have one picture of their own.
fn pictured_option(product: &Product) -> Option<usize> {
    (0..product.options.len()).find(|&at| {
        let values = &product.options[at].values;
        let images = values.iter().map(|value| {
            let own: BTreeSet<_> = with_value(product, at, value)
                .map(|variant| variant.image.as_deref())
                .collect();
            (own.len() == 1)
                .then(|| own.into_iter().next().flatten())
                .flatten()
        });
        let images: BTreeSet<_> = images.collect();
        values.len() > 1 && images.len() == values.len() && !images.contains(&None)
    })
}

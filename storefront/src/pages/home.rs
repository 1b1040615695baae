//! The first page of a shop. Shows what is new; never anything of one shopper.

use axum::response::Response;
use stoa_contracts::catalog::{CollectionView, ProductQuery, ProductSort};
use stoa_rest::State;

use super::collection::{ALL_PRODUCTS, absolute};
use super::shown::{Lens, STAGE_WIDTH_MAX};
use crate::answer::Trouble;
use crate::present::shop_facts;
use crate::render::Page;
use crate::shop::{Shop, Welcome};
use crate::views::{Hero, HomeView, Link, Meta};
use crate::visit::{Visit, collection_url};
use crate::words::{say, tell};

const FEATURED_MAX: u32 = 8;
const COLLECTIONS_MAX: usize = 12;

pub(crate) async fn show(State(shop): State<Shop>, visit: Visit) -> Response {
    let made = home(&shop, &visit);
    shop.answer(&visit, made).await
}

async fn home(shop: &Shop, visit: &Visit) -> Result<Response, Trouble> {
    let tenant = &visit.tenant;
    let shelves = shop.shelves(visit).await?;
    let (collections, lens) = (&shelves.collections, shop.lens(visit));
    let newest = ProductQuery {
        search: None,
        collection: None,
        sort: ProductSort::Newest,
        currency: visit.currency,
        limit: FEATURED_MAX,
        cursor: None,
    };
    let featured = shop
        .catalog
        .products_in(tenant.id, &newest, visit.locale())
        .await?
        .products;
    let welcome = (shop.welcome)(tenant).unwrap_or_else(|| plain_welcome(&tenant.name));
    let image = welcome.image.or_else(|| first_image(lens, collections));
    let tagline = welcome.tagline.clone();
    let title = match &welcome.tagline {
        Some(tagline) => format!("{} · {}", tenant.name, tagline.trim_end_matches('.')),
        None => tenant.name.clone(),
    };
    let view = HomeView {
        frame: shop.frame(visit, &shelves, ""),
        meta: Meta {
            description: Some(welcome.text.clone()),
            image: image
                .as_ref()
                .map(|image| absolute(&visit.origin, &image.url)),
            facts: shop_facts(&visit.origin, &tenant.name, tagline.as_deref()),
            ..shop.public_meta(visit, title, "/")
        },
        hero: Hero {
            title: welcome.title,
            text: welcome.text,
            link: match collections.is_empty() {
                true => Link::new(say("See everything"), collection_url(ALL_PRODUCTS)),
                false => Link::new(say("See the collections"), "#collections"),
            },
            image,
        },
        collections: collections
            .iter()
            .take(COLLECTIONS_MAX)
            .map(|one| lens.collection_card(one))
            .collect(),
        featured_title: say("New in the shop"),
        featured: featured.iter().map(|one| lens.product_card(one)).collect(),
        all_products_url: collection_url(ALL_PRODUCTS),
        notes: welcome.notes,
    };
    shop.public(visit, Page::Home(&view)).await
}

fn plain_welcome(name: &str) -> Welcome {
    Welcome {
        title: tell("Welcome to {shop}", &[("shop", name)]),
        text: say("Have a look around: everything here can be ordered right away."),
        ..Welcome::default()
    }
}

fn first_image(lens: Lens<'_>, collections: &[CollectionView]) -> Option<crate::views::Picture> {
    let image = collections
        .iter()
        .find_map(|collection| collection.image.as_ref())?;
    Some(lens.picture(&image.url, &image.alt, STAGE_WIDTH_MAX))
}

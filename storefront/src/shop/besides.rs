//! Addresses besides the pages: what their script asks, choices, and what machines read.

use stoa_rest::{Access, Method, Operation, Routes};

use super::{Shop, form};
use crate::pages::{collection, feeds, preferences, product};

/// What the page's script asks, and the choice of a language or a currency.
pub(super) fn helping(routes: Routes<Shop>) -> Routes<Shop> {
    let (get, shopper) = (Method::GET, Access::Shopper);
    let json = |id, summary| Operation::new(id, summary).returns_type(200, "application/json");
    routes
        .route(
            get.clone(),
            "/search/suggest",
            shopper,
            json("pageSuggest", "What the search box shows"),
            collection::suggest,
        )
        .route(
            get.clone(),
            "/products/{handle}/choice",
            shopper,
            json("pageChoice", "The variant of the chosen values"),
            product::choice_of,
        )
        .route(
            get.clone(),
            "/products/{handle}/card",
            shopper,
            json("pageCard", "A product as lists show it"),
            product::card_of,
        )
        .route(
            Method::POST,
            "/preferences",
            shopper,
            form("formPreferences", "Choose a language and a currency"),
            preferences::keep,
        )
        .route(
            get,
            "/preferences",
            shopper,
            Operation::new("pagePreferences", "Leads back to the shop").returns_empty(303),
            preferences::back,
        )
}

/// For search engines and feed readers.
pub(super) fn feeding(routes: Routes<Shop>) -> Routes<Shop> {
    let (get, shopper) = (Method::GET, Access::Shopper);
    let xml = |id, summary| Operation::new(id, summary).returns_type(200, "application/xml");
    let rss = |id, summary| Operation::new(id, summary).returns_type(200, "application/rss+xml");
    routes
        .route(
            get.clone(),
            "/robots.txt",
            shopper,
            Operation::new("fileRobots", "Robots").returns_type(200, "text/plain"),
            feeds::robots,
        )
        .route(
            get.clone(),
            "/sitemap.xml",
            shopper,
            xml("fileSitemaps", "The index of all sitemaps"),
            feeds::sitemap,
        )
        .route(
            get.clone(),
            "/sitemaps/{file}",
            shopper,
            xml("fileSitemap", "A part of the sitemap"),
            feeds::sitemap_part,
        )
        .route(
            get.clone(),
            "/feed.xml",
            shopper,
            rss("fileFeed", "New products"),
            feeds::feed,
        )
        .route(
            get,
            "/collections/{handle}/feed.xml",
            shopper,
            rss("fileCollectionFeed", "New products of a collection"),
            feeds::collection_feed,
        )
}

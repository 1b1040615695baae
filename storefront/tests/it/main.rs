//! Renders every page and reads the HTML as a browser or a shopper would; shops through the real
//! modules. Never starts a server.

#[path = "../../examples/gallery/after.rs"]
mod after;
#[path = "../../examples/gallery/lists.rs"]
mod lists;
#[path = "../../examples/gallery/sale.rs"]
mod sale;
#[path = "../../examples/gallery/samples.rs"]
mod samples;

mod assortment;
mod axe;
mod broken;
mod browser;
mod browsing;
mod buying;
mod dressed;
mod edges;
mod goods;
mod html;
mod kept;
mod line;
mod links;
mod machines;
mod market;
mod pages;
mod paying;
mod shelved;
mod shopping;
mod spoken;
mod staff;
mod story;
mod tenders;
mod themes;
mod wishing;

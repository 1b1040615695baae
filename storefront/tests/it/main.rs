//! Renders every page and reads the HTML as a browser or a shopper would. Never starts a server.

#[path = "../../examples/gallery/sale.rs"]
mod sale;
#[path = "../../examples/gallery/samples.rs"]
mod samples;

mod html;
mod pages;
mod shopping;

//! What the pages are made from, and the table of their addresses. Never answers under `/api`.

mod besides;
mod markets;

use std::ops::Deref;
use std::sync::Arc;

use stoa_cache::Cache;
use stoa_contracts::cart::Carts;
use stoa_contracts::catalog::Catalog;
use stoa_contracts::checkout::Checkout;
use stoa_contracts::ledger::Ledger;
use stoa_contracts::media::Media;
use stoa_contracts::notify::Mailbox;
use stoa_contracts::orders::Orders;
use stoa_contracts::payments::Payments;
use stoa_contracts::pricing::Pricing;
use stoa_contracts::search::Search;
use stoa_contracts::themes::Themes;
use stoa_rest::{Access, Method, Operation, Permission, Routes, TenantInfo};
use tokio::sync::Semaphore;

use self::markets::MarketBook;
pub use self::markets::Markets;
use crate::cookies::CookieRules;
use crate::page_cache::{Kind, Pages, kept, ready_page};
use crate::pages::feeds::Sitemaps;
use crate::pages::{
    cart, checkout, collection, files, home, mailbox, missing, order, pay, product,
};
use crate::render::{Stage, Theme, serving};
use crate::views::{Note, Picture};

/// Orders watched at once by open streams; further ones are told to ask again.
const WATCHERS_MAX: usize = 256;
/// Far above any form of ours.
const FORM_BYTES_MAX: usize = 64 * 1024;
const STAFF: Access = Access::Staff(Permission::OrdersRead);

/// What the storefront is started with.
pub struct ShopDeps {
    pub catalog: Arc<dyn Catalog>,
    pub carts: Arc<dyn Carts>,
    pub checkout: Arc<dyn Checkout>,
    pub orders: Arc<dyn Orders>,
    /// How shoppers may pay.
    pub payments: Arc<dyn Payments>,
    /// What gift cards hold.
    pub ledger: Arc<dyn Ledger>,
    pub mailbox: Arc<dyn Mailbox>,
    /// Whether shoppers reach the shops by https; their cookies are then `Secure`.
    pub secure: bool,
    /// The bundled pictures by file name, served under `/media/sample/`.
    pub media: fn(&str) -> Option<&'static [u8]>,
    /// A shop's own words for its home page, where it has some.
    pub welcome: fn(&TenantInfo) -> Option<Welcome>,
}

/// What a storefront can do without.
#[derive(Clone, Default)]
pub struct ShopOptions {
    /// Tells the currencies of shops. Without it each sells in its own.
    pub pricing: Option<Arc<dyn Pricing>>,
    /// Finds with typos, counts facets, suggests. Without it, lists are the catalog's own.
    pub search: Option<Arc<dyn Search>>,
    /// Pictures in many widths and formats. Without it each is shown as it is.
    pub media: Option<Arc<dyn Media>>,
    /// Themes of shops. Without them every shop shows the built-in one.
    pub themes: Option<Arc<dyn Themes>>,
    /// Keeps rendered pages. It must be hooked to commits and given every event.
    pub cache: Option<Cache>,
}

/// A shop's own words.
#[derive(Debug, Clone, Default)]
pub struct Welcome {
    pub tagline: Option<String>,
    pub title: String,
    pub text: String,
    pub image: Option<Picture>,
    pub notes: Vec<Note>,
}

/// The state of every handler. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shop(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) carts: Arc<dyn Carts>,
    pub(crate) checkout: Arc<dyn Checkout>,
    pub(crate) orders: Arc<dyn Orders>,
    pub(crate) payments: Arc<dyn Payments>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) mailbox: Arc<dyn Mailbox>,
    pub(crate) cookies: CookieRules,
    pub(crate) samples: fn(&str) -> Option<&'static [u8]>,
    pub(crate) welcome: fn(&TenantInfo) -> Option<Welcome>,
    pub(crate) markets: MarketBook,
    pub(crate) media: Option<Arc<dyn Media>>,
    pub(crate) search: Option<Arc<dyn Search>>,
    pub(crate) sitemaps: Sitemaps,
    pub(crate) theme: Theme,
    pub(crate) stage: Stage,
    pub(crate) pages: Option<Pages>,
    pub(crate) watchers: Arc<Semaphore>,
}

impl Deref for Shop {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The routes of all pages. They belong beside the API, not into its documentation: merge them
/// after `Routes::with_docs`.
pub fn start(deps: ShopDeps) -> Routes {
    start_with(deps, ShopOptions::default())
}

/// As [`start`], with what a storefront can do without.
pub fn start_with(deps: ShopDeps, options: ShopOptions) -> Routes {
    let theme = Theme::new();
    let pages = options
        .cache
        .map(|cache| Pages::new(&cache, theme.assets()));
    let shop = Shop(Arc::new(Inner {
        markets: MarketBook::new(deps.catalog.clone(), options.pricing),
        catalog: deps.catalog,
        carts: deps.carts,
        checkout: deps.checkout,
        orders: deps.orders,
        payments: deps.payments,
        ledger: deps.ledger,
        mailbox: deps.mailbox,
        cookies: CookieRules {
            secure: deps.secure,
        },
        samples: deps.media,
        welcome: deps.welcome,
        media: options.media,
        search: options.search,
        sitemaps: Sitemaps::default(),
        theme,
        stage: Stage::new(options.themes),
        pages,
        watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
    }));
    let routes = besides::feeding(besides::helping(handing_out(browsing(Routes::new(
        "storefront",
    )))));
    let routes = paying(buying(wishing(filling(routes))));
    let routes = serving::routes(after_the_sale(routes));
    missing::catch_all(routes).with_state(shop)
}

fn page(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary).returns_type(200, "text/html")
}

/// A form that answers with a redirect, or with its page again.
fn form(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary)
        .body_of_type("application/x-www-form-urlencoded")
        .body_limit(FORM_BYTES_MAX)
        .returns_empty(303)
        .returns_type(422, "text/html")
}

fn browsing(routes: Routes<Shop>) -> Routes<Shop> {
    let (get, shopper) = (Method::GET, Access::Shopper);
    routes
        .route(
            get.clone(),
            "/",
            shopper,
            page("pageHome", "Home"),
            kept(Kind::Home, home::show),
        )
        .ready(|shop, read| ready_page(Kind::Home, shop, read))
        .route(
            get.clone(),
            "/collections/{handle}",
            shopper,
            page("pageCollection", "A collection; `all` lists every product"),
            kept(Kind::Collection, collection::show),
        )
        .ready(|shop, read| ready_page(Kind::Collection, shop, read))
        .route(
            get.clone(),
            "/categories/{handle}",
            shopper,
            page("pageCategory", "A category and what grows from it"),
            kept(Kind::Collection, collection::category),
        )
        .ready(|shop, read| ready_page(Kind::Collection, shop, read))
        .route(
            get.clone(),
            "/search",
            shopper,
            page("pageSearch", "Search"),
            kept(Kind::Search, collection::search),
        )
        .ready(|shop, read| ready_page(Kind::Search, shop, read))
        .route(
            get,
            "/products/{handle}",
            shopper,
            page("pageProduct", "A product"),
            kept(Kind::Product, product::show),
        )
        .ready(|shop, read| ready_page(Kind::Product, shop, read))
}

fn handing_out(routes: Routes<Shop>) -> Routes<Shop> {
    let file = |id, summary| Operation::new(id, summary).returns_type(200, "*/*");
    let (get, public) = (Method::GET, Access::Public);
    routes
        .route(
            get.clone(),
            "/assets/{file}",
            public,
            file("fileAsset", "Style, script and icon of the theme"),
            files::asset,
        )
        .route(
            get.clone(),
            "/media/sample/{file}",
            public,
            file("fileSampleMedia", "A bundled picture"),
            files::sample_media,
        )
        .route(
            get.clone(),
            "/favicon.svg",
            public,
            file("fileIcon", "Icon"),
            files::icon,
        )
        .route(
            get,
            "/favicon.ico",
            public,
            file("fileIconOld", "Icon"),
            files::icon,
        )
}

/// A page that refused a form stands under the form's address; reloading it leads to the cart.
fn filling(routes: Routes<Shop>) -> Routes<Shop> {
    let (get, post, shopper) = (Method::GET, Method::POST, Access::Shopper);
    let back = |id| Operation::new(id, "Leads back to the cart").returns_empty(303);
    routes
        .route(
            get.clone(),
            "/cart",
            shopper,
            page("pageCart", "The cart"),
            cart::show,
        )
        .route(
            post.clone(),
            "/cart/lines",
            shopper,
            form("formAddLine", "Add"),
            cart::add,
        )
        .route(
            get.clone(),
            "/cart/lines",
            shopper,
            back("pageCartLines"),
            cart::back,
        )
        .route(
            post.clone(),
            "/cart/lines/{id}",
            shopper,
            form("formSetQuantity", "Change a quantity; 0 removes"),
            cart::set_quantity,
        )
        .route(
            get.clone(),
            "/cart/lines/{id}",
            shopper,
            back("pageCartLine"),
            cart::back,
        )
        .route(
            post,
            "/cart/lines/{id}/remove",
            shopper,
            form("formRemoveLine", "Remove"),
            cart::remove,
        )
        .route(
            get,
            "/cart/lines/{id}/remove",
            shopper,
            back("pageCartLineRemove"),
            cart::back,
        )
}

/// What a shopper says of a cart besides its lines.
fn wishing(routes: Routes<Shop>) -> Routes<Shop> {
    let (get, post, shopper) = (Method::GET, Method::POST, Access::Shopper);
    let back = |id| Operation::new(id, "Leads back to the cart").returns_empty(303);
    let forms: [(&'static str, &'static str, &'static str); 4] = [
        ("/cart/coupons", "formAddCoupon", "Try a promotion code"),
        ("/cart/coupons/remove", "formRemoveCoupon", "Forget a code"),
        ("/cart/note", "formCartNote", "Leave a note for the shop"),
        ("/cart/accept", "formAcceptCart", "Accept the prices of now"),
    ];
    let backs = [
        "pageCartCoupons",
        "pageCartCouponsRemove",
        "pageCartNote",
        "pageCartAccept",
    ];
    let routes = routes
        .route(
            post.clone(),
            forms[0].0,
            shopper,
            form(forms[0].1, forms[0].2),
            cart::add_coupon,
        )
        .route(
            post.clone(),
            forms[1].0,
            shopper,
            form(forms[1].1, forms[1].2),
            cart::remove_coupon,
        )
        .route(
            post.clone(),
            forms[2].0,
            shopper,
            form(forms[2].1, forms[2].2),
            cart::leave_note,
        )
        .route(
            post,
            forms[3].0,
            shopper,
            form(forms[3].1, forms[3].2),
            cart::accept,
        )
        .route(
            get.clone(),
            "/cart/recover",
            shopper,
            Operation::new("pageCartRecover", "Opens the cart of a mail's link").returns_empty(303),
            cart::recover,
        );
    let both = forms.into_iter().zip(backs);
    both.fold(routes, |routes, ((path, _, _), id)| {
        routes.route(get.clone(), path, shopper, back(id), cart::back)
    })
}

fn paying(routes: Routes<Shop>) -> Routes<Shop> {
    let (get, post, shopper) = (Method::GET, Method::POST, Access::Shopper);
    routes
        .route(
            get.clone(),
            "/checkout/wait",
            shopper,
            page("pageCheckoutWait", "The line before the till"),
            checkout::wait,
        )
        .route(
            get.clone(),
            "/pay/{id}",
            shopper,
            page("pagePay", "Pays an order by its link"),
            pay::show,
        )
        .route(
            post,
            "/pay/{id}",
            shopper,
            form("formPay", "Pay an order by its link"),
            pay::submit,
        )
        .route(
            get,
            "/pay/{id}/wait",
            shopper,
            page("pagePayWait", "The line before the till"),
            pay::wait,
        )
}

fn buying(routes: Routes<Shop>) -> Routes<Shop> {
    let (get, post, shopper) = (Method::GET, Method::POST, Access::Shopper);
    routes
        .route(
            get.clone(),
            "/checkout",
            shopper,
            page("pageCheckout", "Checkout"),
            checkout::show,
        )
        .route(
            post,
            "/checkout",
            shopper,
            form("formCheckout", "Save the checkout, or pay"),
            checkout::submit,
        )
        .route(
            get,
            "/checkout/return",
            shopper,
            Operation::new(
                "pageCheckoutReturn",
                "Where a bank sends the shopper back to",
            )
            .returns_empty(303),
            checkout::come_back,
        )
}

fn after_the_sale(routes: Routes<Shop>) -> Routes<Shop> {
    let get = Method::GET;
    let state = Operation::new("orderState", "Where an order stands, for its page")
        .returns_type(200, "application/json")
        .returns_type(200, "text/event-stream");
    routes
        .route(
            get.clone(),
            "/orders/{id}",
            Access::Shopper,
            page("pageOrder", "An order, for whoever placed it"),
            order::show,
        )
        .route(
            get.clone(),
            "/orders/{id}/state",
            Access::Shopper,
            state,
            order::state,
        )
        .route(
            get.clone(),
            "/admin/mailbox",
            STAFF,
            page("pageMailbox", "The local mailbox"),
            mailbox::list,
        )
        .route(
            get.clone(),
            "/admin/mailbox/{id}",
            STAFF,
            page("pageMail", "A mail"),
            mailbox::show,
        )
        .route(
            get,
            "/admin/mailbox/{id}/body",
            STAFF,
            page("pageMailBody", "The HTML of a mail alone"),
            mailbox::body,
        )
}

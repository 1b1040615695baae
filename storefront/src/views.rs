//! What each page shows, one plain struct a page. Texts and prices arrive here ready to print.

use serde::Serialize;

pub use cart::{CartLine, CartView, CouponBox, CouponTag, NoteBox, TotalRow, Totals};
pub use checkout::{
    CheckoutView, Field, FormError, GiftBox, GiftTag, LineFix, PayTone, PayView, PaymentChoice,
    PaymentStep, SelectField, ShippingChoice, ShippingStep, SummaryLine, TotalChange, WaitingView,
};
pub use listing::{Facet, FacetValue, Listing, PriceRange};
pub use order::{Moment, OrderState, OrderView, Parcel, StatusWord};

mod cart;
mod checkout;
mod listing;
mod order;

/// What surrounds every page: brand, navigation, cart count.
#[derive(Debug, Clone, Serialize)]
pub struct Frame {
    pub shop_name: String,
    pub tagline: Option<String>,
    /// BCP 47, such as `en`.
    pub language: String,
    /// ISO 4217, such as `EUR`.
    pub currency: String,
    pub prices_include_tax: bool,
    /// Collections.
    pub nav: Vec<Link>,
    /// The upper levels of the tree of categories; empty where the shop has none.
    pub menu: Vec<Branch>,
    /// Units in the cart, on pages that know it; elsewhere the script asks a cookie.
    pub cart_count: u32,
    /// What the search box holds.
    pub query: String,
    /// Shows the bar that says no real money moves.
    pub test_mode: bool,
    pub notice: Option<Notice>,
    /// Set only where the local mailbox is served.
    pub mailbox_url: Option<String>,
    /// What the page can be read in; fewer than two are no choice.
    pub languages: Vec<Choice>,
    pub currencies: Vec<Choice>,
    /// Where the choice of a language or currency leads back to.
    pub back: String,
    /// Tells what begins as the shopper types.
    pub suggest_url: Option<String>,
}

impl Frame {
    /// A frame for pages that belong to no shop, such as an unknown host.
    pub fn bare(name: &str) -> Self {
        Self {
            shop_name: name.to_owned(),
            tagline: None,
            language: "en".to_owned(),
            currency: "EUR".to_owned(),
            prices_include_tax: false,
            nav: Vec::new(),
            menu: Vec::new(),
            cart_count: 0,
            query: String::new(),
            test_mode: false,
            notice: None,
            mailbox_url: None,
            languages: Vec::new(),
            currencies: Vec::new(),
            back: "/".to_owned(),
            suggest_url: None,
        }
    }
}

/// The page's own head: title, description, sharing.
#[derive(Debug, Clone, Serialize)]
pub struct Meta {
    pub title: String,
    pub description: Option<String>,
    /// Absolute address of the page.
    pub canonical: Option<String>,
    /// Absolute address of a picture.
    pub image: Option<String>,
    /// Open Graph type: `website` or `product`.
    pub kind: &'static str,
    pub noindex: bool,
    /// The page in each language of the shop; empty where there is but one.
    pub alternates: Vec<Alternate>,
    /// The pages of a list before and after this one.
    pub previous: Option<String>,
    pub next: Option<String>,
    /// News of the shop, or of the collection, for feed readers.
    pub feed: Option<Link>,
    /// schema.org facts, one script element each.
    pub facts: Vec<serde_json::Value>,
}

/// A page in another language.
#[derive(Debug, Clone, Serialize)]
pub struct Alternate {
    /// BCP 47, or `x-default`.
    pub language: &'static str,
    pub url: String,
}

impl Meta {
    pub fn page(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            description: None,
            canonical: None,
            image: None,
            kind: "website",
            noindex: false,
            alternates: Vec::new(),
            previous: None,
            next: None,
            feed: None,
            facts: Vec::new(),
        }
    }
    /// For pages of one shopper: carts, checkouts, orders, mail.
    pub fn private(title: impl Into<String>) -> Self {
        Self {
            noindex: true,
            ..Self::page(title)
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Link {
    pub title: String,
    pub url: String,
    pub current: bool,
}

impl Link {
    pub fn new(title: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            url: url.into(),
            current: false,
        }
    }
}

/// A root of the tree of categories, with what grows from it.
#[derive(Debug, Clone, Serialize)]
pub struct Branch {
    pub title: String,
    pub url: String,
    /// This very page.
    pub current: bool,
    /// This page, or one below it.
    pub here: bool,
    pub children: Vec<Link>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeTone {
    Good,
    Warn,
    Bad,
}

#[derive(Debug, Clone, Serialize)]
pub struct Notice {
    pub tone: NoticeTone,
    pub text: String,
}

/// Width and height reserve the space before the picture arrives.
#[derive(Debug, Clone, Serialize)]
pub struct Picture {
    pub url: String,
    /// Other widths of it, for the `srcset` of the `<img>` itself.
    pub srcset: Option<String>,
    /// Better formats, the best first, each for a `<source>`.
    pub sources: Vec<PictureSource>,
    pub alt: String,
    pub width: u32,
    pub height: u32,
}

impl Picture {
    /// One that there is in one size only.
    pub fn plain(url: impl Into<String>, alt: impl Into<String>, width: u32, height: u32) -> Self {
        Self {
            url: url.into(),
            srcset: None,
            sources: Vec::new(),
            alt: alt.into(),
            width,
            height,
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct PictureSource {
    /// `image/avif`, `image/webp`.
    pub mime: String,
    pub srcset: String,
}

/// What staff say of a product, such as `Material`: `Linen`.
#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BadgeTone {
    Sale,
    Out,
}

#[derive(Debug, Clone, Serialize)]
pub struct Badge {
    pub label: String,
    pub tone: BadgeTone,
}

#[derive(Debug, Clone, Serialize)]
pub struct ProductCard {
    pub title: String,
    pub url: String,
    pub vendor: Option<String>,
    pub image: Option<Picture>,
    pub price: String,
    pub compare_at: Option<String>,
    /// Prints "from" before the price.
    pub price_varies: bool,
    pub badge: Option<Badge>,
}

#[derive(Debug, Clone, Serialize)]
pub struct CollectionCard {
    pub title: String,
    pub url: String,
    pub image: Option<Picture>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Hero {
    pub title: String,
    pub text: String,
    pub link: Link,
    pub image: Option<Picture>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Note {
    pub title: String,
    pub text: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct HomeView {
    pub frame: Frame,
    pub meta: Meta,
    pub hero: Hero,
    pub collections: Vec<CollectionCard>,
    pub featured_title: String,
    pub featured: Vec<ProductCard>,
    pub all_products_url: String,
    pub notes: Vec<Note>,
}

/// One entry of a `<select>`.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub selected: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct CollectionView {
    pub frame: Frame,
    pub meta: Meta,
    pub breadcrumbs: Vec<Link>,
    pub title: String,
    pub description: Option<String>,
    /// Narrower parts of the shop.
    pub children: Vec<Link>,
    pub list: Listing,
}

#[derive(Debug, Clone, Serialize)]
pub struct SearchView {
    pub frame: Frame,
    pub meta: Meta,
    pub query: String,
    /// The words that were probably meant.
    pub corrected: Option<Link>,
    pub list: Listing,
    pub suggestions: Vec<Link>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Availability {
    InStock,
    Low,
    SoldOut,
}

/// A variant as the page and its script see it.
#[derive(Debug, Clone, Serialize)]
pub struct VariantChoice {
    pub id: String,
    /// One value per option, in the options' order; empty for a product without options.
    pub options: Vec<String>,
    pub price: String,
    pub compare_at: Option<String>,
    pub saving: Option<String>,
    pub availability: Availability,
    pub availability_label: String,
    /// The gallery item that shows this variant.
    pub image_anchor: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct OptionValue {
    pub value: String,
    pub selected: bool,
    /// False where no variant with this value can be bought.
    pub available: bool,
    pub image: Option<Picture>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ProductOption {
    pub name: String,
    /// The form field: `option1`, `option2` or `option3`.
    pub field: &'static str,
    /// True where the values carry pictures.
    pub pictured: bool,
    /// True where there are too many values to lay them all out.
    pub long: bool,
    pub values: Vec<OptionValue>,
}

#[derive(Debug, Clone, Serialize)]
pub struct GalleryItem {
    pub anchor: String,
    pub image: Picture,
    /// Address of the whole picture.
    pub large: String,
    /// Address of a small one.
    pub thumb: String,
}

impl GalleryItem {
    /// A picture that there is in one size only.
    pub fn plain(anchor: impl Into<String>, image: Picture) -> Self {
        Self {
            anchor: anchor.into(),
            large: image.url.clone(),
            thumb: image.url.clone(),
            image,
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct ProductView {
    pub frame: Frame,
    pub meta: Meta,
    pub breadcrumbs: Vec<Link>,
    pub handle: String,
    pub title: String,
    pub vendor: Option<String>,
    pub gallery: Vec<GalleryItem>,
    /// Empty for a product of one variant, which is then posted by its id.
    pub options: Vec<ProductOption>,
    /// All of them where they are few; else empty, and `choice_url` tells of each.
    pub variants: Vec<VariantChoice>,
    /// Answers with the variant of the chosen values.
    pub choice_url: Option<String>,
    pub selected: VariantChoice,
    pub all_sold_out: bool,
    /// Why nothing of it can be bought, where its stock is not the reason.
    pub not_sold: Option<String>,
    /// What the quantity field holds.
    pub quantity: u32,
    pub quantity_max: u32,
    /// Printed as it is: sanitise before it comes here.
    pub description_html: String,
    pub attributes: Vec<Fact>,
    pub tags: Vec<Link>,
    pub related: Vec<ProductCard>,
    /// `19.99`, for machines.
    pub price_amount: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct ErrorView {
    pub frame: Frame,
    pub meta: Meta,
    pub status: u16,
    pub headline: String,
    pub text: String,
    /// Whether a search can help.
    pub search: bool,
    pub suggestions: Vec<Link>,
    pub request_id: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct MailRow {
    pub url: String,
    pub subject: String,
    pub to: String,
    /// RFC 3339.
    pub at: String,
    pub at_label: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct MailboxView {
    pub frame: Frame,
    pub meta: Meta,
    pub mails: Vec<MailRow>,
}

#[derive(Debug, Clone, Serialize)]
pub struct MailView {
    pub frame: Frame,
    pub meta: Meta,
    pub breadcrumbs: Vec<Link>,
    pub subject: String,
    pub from: String,
    pub to: String,
    pub at: String,
    pub at_label: String,
    /// Serves the HTML body alone, under `MAIL_BODY_POLICY`.
    pub body_url: Option<String>,
    pub text: Option<String>,
}

//! The shopper's pages: forms and cookies in, HTML out. Never reads a database and never decides a price.

mod answer;
mod assets;
mod cookies;
mod countries;
mod form;
mod page_cache;
mod pages;
mod payment;
mod present;
mod render;
mod shelves;
mod shop;
mod sums;
mod views;
mod visit;
mod words;

pub use answer::error_page;
pub use assets::{Asset, Assets};
pub use form::{CheckoutErrors, CheckoutInput, checkout_fields, countries};
pub use payment::payment_step;
pub use present::{
    availability, breadcrumb_json_ld, compare_at, count_label, day, money, price_range,
    product_json_ld, saving, shop_facts,
};
pub use render::{CONTENT_SECURITY_POLICY, MAIL_BODY_POLICY, PageMaker, RenderError, Theme};
pub use shop::{Markets, ShopDeps, ShopOptions, Welcome, start, start_with};
pub use sums::{Sums, totals};
pub use views::{
    Alternate, Availability, Badge, BadgeTone, Branch, CartLine, CartView, CheckoutView, Choice,
    CollectionCard, CollectionView, CouponBox, CouponTag, ErrorView, Facet, FacetValue, Fact,
    Field, FormError, Frame, GalleryItem, GiftBox, GiftTag, Hero, HomeView, LineFix, Link, Listing,
    MailRow, MailView, MailboxView, Meta, Moment, Note, NoteBox, Notice, NoticeTone, OptionValue,
    OrderState, OrderView, Parcel, PayTone, PayView, PaymentChoice, PaymentStep, Picture,
    PictureSource, PriceRange, ProductCard, ProductOption, ProductView, SearchView, SelectField,
    ShippingChoice, ShippingStep, StatusWord, SummaryLine, TotalChange, TotalRow, Totals,
    VariantChoice, WaitingView,
};
pub use words::Language;

//! The shopper's pages: forms and cookies in, HTML out. Never reads a database and never decides a price.

mod answer;
mod assets;
mod cookies;
mod countries;
mod form;
mod pages;
mod present;
mod render;
mod shop;
mod views;
mod visit;

pub use answer::error_page;
pub use assets::{Asset, Assets};
pub use form::{CheckoutErrors, CheckoutInput, checkout_fields, countries, test_payments};
pub use present::{
    Sums, availability, breadcrumb_json_ld, compare_at, count_label, day, money, price_range,
    product_json_ld, saving, totals,
};
pub use render::{CONTENT_SECURITY_POLICY, MAIL_BODY_POLICY, RenderError, Theme};
pub use shop::{ShopDeps, Welcome, start};
pub use views::{
    Availability, Badge, BadgeTone, CartLine, CartView, CheckoutView, Choice, CollectionCard,
    CollectionView, ErrorView, Field, FormError, Frame, GalleryItem, Hero, HomeView, Link, MailRow,
    MailView, MailboxView, Meta, Note, Notice, NoticeTone, OptionValue, OrderState, OrderView,
    PayTone, PaymentChoice, PaymentStep, Picture, ProductCard, ProductOption, ProductView,
    SearchView, SelectField, ShippingChoice, ShippingStep, SummaryLine, Totals, VariantChoice,
};

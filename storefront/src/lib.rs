//! The shopper's pages: plain view models in, HTML out. Never reads a database and never decides a price.

mod assets;
mod countries;
mod form;
mod present;
mod render;
mod views;

pub use assets::{Asset, Assets};
pub use form::{CheckoutErrors, CheckoutInput, checkout_fields, countries, test_payments};
pub use present::{
    Sums, availability, breadcrumb_json_ld, compare_at, count_label, day, money, price_range,
    product_json_ld, saving, totals,
};
pub use render::{CONTENT_SECURITY_POLICY, MAIL_BODY_POLICY, RenderError, Theme};
pub use views::{
    Availability, Badge, BadgeTone, CartLine, CartView, CheckoutView, Choice, CollectionCard,
    CollectionView, ErrorView, Field, FormError, Frame, GalleryItem, Hero, HomeView, Link, MailRow,
    MailView, MailboxView, Meta, Note, Notice, NoticeTone, OptionValue, OrderState, OrderView,
    PayTone, PaymentChoice, PaymentStep, Picture, ProductCard, ProductOption, ProductView,
    SearchView, SelectField, ShippingChoice, ShippingStep, SummaryLine, Totals, VariantChoice,
};

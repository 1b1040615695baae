//! Turns views into HTML with templates compiled once. Never holds shop data between calls.

mod engine;
mod filters;
mod meter;
pub(crate) mod serving;
mod stage;
mod syntax;
#[cfg(test)]
mod tests;
mod uploaded;

use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{
    AutoEscape, Environment, Error, Output, State, UndefinedBehavior, escape_formatter,
};
use serde::Serialize;

use crate::assets::Assets;
use crate::views::{
    CartView, CheckoutView, CollectionView, ErrorView, HomeView, MailView, MailboxView, OrderView,
    PayView, ProductView, SearchView, WaitingView,
};

pub use self::engine::PageMaker;
pub(crate) use self::stage::{Page, Stage};

/// For every page of the storefront: own scripts and styles, no inline code, no framing.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' https: data:; connect-src 'self'; frame-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// For the bare HTML body of a mail inside its sandboxed frame.
pub const MAIL_BODY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
     img-src https: data:; frame-ancestors 'self'; \
     sandbox allow-popups allow-popups-to-escape-sandbox";

const TEMPLATES: [(&str, &str); 16] = [
    ("base.html", include_str!("../templates/base.html")),
    ("icons.html", include_str!("../templates/icons.html")),
    ("parts.html", include_str!("../templates/parts.html")),
    ("home.html", include_str!("../templates/home.html")),
    (
        "collection.html",
        include_str!("../templates/collection.html"),
    ),
    ("search.html", include_str!("../templates/search.html")),
    ("product.html", include_str!("../templates/product.html")),
    ("cart.html", include_str!("../templates/cart.html")),
    ("drawer.html", include_str!("../templates/drawer.html")),
    ("checkout.html", include_str!("../templates/checkout.html")),
    ("pay.html", include_str!("../templates/pay.html")),
    ("waiting.html", include_str!("../templates/waiting.html")),
    ("order.html", include_str!("../templates/order.html")),
    ("error.html", include_str!("../templates/error.html")),
    ("mailbox.html", include_str!("../templates/mailbox.html")),
    ("mail.html", include_str!("../templates/mail.html")),
];

#[derive(Debug, thiserror::Error)]
#[error("the template `{template}` did not render")]
pub struct RenderError {
    pub template: &'static str,
    pub source: Error,
}

/// The built-in theme.
pub struct Theme {
    templates: Environment<'static>,
    assets: Assets,
}

impl Theme {
    pub fn new() -> Self {
        let assets = Assets::new();
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_formatter(print_escaped);
        crate::words::install(&mut templates);
        templates.add_global(
            "asset",
            Value::from(Serde(AssetPaths {
                css: assets.path_of(".css"),
                js: assets.path_of(".js"),
                icon: assets.path_of(".svg"),
            })),
        );
        for (name, source) in TEMPLATES {
            templates
                .add_template(name, source)
                .expect("the embedded templates parse, as the tests of this file show");
        }
        Self { templates, assets }
    }

    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    pub fn home(&self, view: &HomeView) -> Result<String, RenderError> {
        self.page("home.html", view)
    }
    pub fn collection(&self, view: &CollectionView) -> Result<String, RenderError> {
        self.page("collection.html", view)
    }
    pub fn search(&self, view: &SearchView) -> Result<String, RenderError> {
        self.page("search.html", view)
    }
    pub fn product(&self, view: &ProductView) -> Result<String, RenderError> {
        self.page("product.html", view)
    }
    pub fn cart(&self, view: &CartView) -> Result<String, RenderError> {
        self.page("cart.html", view)
    }
    /// The cart alone, for the script to open beside another page.
    pub fn drawer(&self, view: &CartView) -> Result<String, RenderError> {
        self.page("drawer.html", view)
    }
    pub fn pay(&self, view: &PayView) -> Result<String, RenderError> {
        self.page("pay.html", view)
    }
    pub fn waiting(&self, view: &WaitingView) -> Result<String, RenderError> {
        self.page("waiting.html", view)
    }
    pub fn checkout(&self, view: &CheckoutView) -> Result<String, RenderError> {
        self.page("checkout.html", view)
    }
    pub fn order(&self, view: &OrderView) -> Result<String, RenderError> {
        self.page("order.html", view)
    }
    pub fn error(&self, view: &ErrorView) -> Result<String, RenderError> {
        self.page("error.html", view)
    }
    pub fn mailbox(&self, view: &MailboxView) -> Result<String, RenderError> {
        self.page("mailbox.html", view)
    }
    pub fn mail(&self, view: &MailView) -> Result<String, RenderError> {
        self.page("mail.html", view)
    }

    fn page(&self, template: &'static str, view: &impl Serialize) -> Result<String, RenderError> {
        self.templates
            .get_template(template)
            .and_then(|page| page.render(Value::from(Serde(view))))
            .map_err(|source| RenderError { template, source })
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Serialize)]
struct AssetPaths<'a> {
    css: &'a str,
    js: &'a str,
    icon: &'a str,
}

/// Escapes text for element content and quoted attributes. The engine's own escaping also turns
/// every `/` into an entity, which makes addresses unreadable and pages larger; HTML needs no such.
fn print_escaped(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    if value.is_none() {
        return Ok(());
    }
    let plain_text = value.kind() == ValueKind::String && !value.is_safe();
    let (true, Some(text)) = (plain_text, value.as_str()) else {
        return escape_formatter(out, state, value);
    };
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&', '"', '\'']) {
        out.write_str(&rest[..at])?;
        out.write_str(match rest.as_bytes()[at] {
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'&' => "&amp;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        rest = &rest[at + 1..];
    }
    Ok(out.write_str(rest)?)
}

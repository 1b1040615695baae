//! What `themes` asks of whoever makes pages: is this upload fit to be shown, and what is the built-in
//! theme made of.

use std::sync::LazyLock;

use minijinja::value::{Serde, Value};
use stoa_contracts::themes::{ThemeEngine, ThemeFailureKind, ThemeFault, ThemeSource};

use super::TEMPLATES;
use super::uploaded::{RESERVED, Uploaded};
use crate::assets::Assets;
use crate::words::Language;

const FAULTS_MAX: usize = 50;
/// Pages with sample data, as templates see them. `tests/it/samples.rs` holds them to the views.
const SAMPLES: [(&str, &str); 9] = [
    ("home.html", include_str!("samples/home.json")),
    ("collection.html", include_str!("samples/collection.json")),
    ("search.html", include_str!("samples/search.json")),
    ("search.html", include_str!("samples/search_empty.json")),
    ("product.html", include_str!("samples/product.json")),
    (
        "product.html",
        include_str!("samples/product_sold_out.json"),
    ),
    ("cart.html", include_str!("samples/cart.json")),
    ("cart.html", include_str!("samples/cart_empty.json")),
    ("error.html", include_str!("samples/error.json")),
];
const MANIFEST: &str = "name = \"My theme\"\nversion = \"1.0.0\"\n";

static VIEWS: LazyLock<Vec<(&'static str, Value)>> = LazyLock::new(|| {
    let views = SAMPLES.iter().map(|(page, json)| {
        let view: serde_json::Value =
            serde_json::from_str(json).expect("the embedded samples are JSON, as tests show");
        (*page, Value::from(Serde(view)))
    });
    views.collect()
});

/// Looks at themes with the storefront's own templates and samples.
#[derive(Default)]
pub struct PageMaker {
    assets: Assets,
}

impl PageMaker {
    pub fn new() -> Self {
        Self::default()
    }
}

impl ThemeEngine for PageMaker {
    fn check(&self, source: &ThemeSource) -> Vec<ThemeFault> {
        let theme = match Uploaded::compile(source, &self.assets) {
            Ok(theme) => theme,
            Err(mut faults) => {
                faults.truncate(FAULTS_MAX);
                return faults;
            }
        };
        let mut faults: Vec<ThemeFault> = Vec::new();
        for (page, view) in VIEWS.iter() {
            let Err(failure) = theme.render(page, Language::English, view.clone()) else {
                continue;
            };
            let own = source.templates.contains_key(&failure.file);
            let place = if own {
                ""
            } else {
                " (in the built-in template)"
            };
            let fault = ThemeFault {
                file: format!("templates/{}", failure.file),
                line: failure.line,
                reason: format!("{}{place}, while making {page}", failure.reason),
            };
            if !faults.contains(&fault) {
                faults.push(fault);
            }
            // Each further page would take as long.
            if failure.kind == ThemeFailureKind::Time {
                break;
            }
        }
        faults
    }

    fn built_in(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = vec![("theme.toml".to_owned(), MANIFEST.as_bytes().to_vec())];
        for (name, text) in TEMPLATES {
            if !RESERVED.contains(&name) {
                files.push((format!("templates/{name}"), text.as_bytes().to_vec()));
            }
        }
        for asset in self.assets.iter() {
            let extension = asset.name.rsplit('.').next().unwrap_or_default();
            let name = match extension {
                "svg" => "icon.svg".to_owned(),
                extension => format!("theme.{extension}"),
            };
            files.push((format!("assets/{name}"), asset.body.to_vec()));
        }
        files
    }
}

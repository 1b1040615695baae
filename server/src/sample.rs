//! The sample shop that comes with the program: its catalog and its pictures.

use std::collections::HashMap;

use serde::Deserialize;
use stoa_contracts::catalog::Attribute;
use stoa_rest::TenantInfo;
use stoa_storefront::{Note, Picture, Welcome};

/// The tenant that the sample catalog goes into.
pub(crate) const DEMO_SLUG: &str = "demo";

pub(crate) const PRODUCTS_CSV: &[u8] = include_bytes!("../sample/products.csv");
const CATEGORIES_JSON: &str = include_str!("../sample/categories.json");
const COLLECTIONS_JSON: &str = include_str!("../sample/collections.json");
/// Sorted by name.
const MEDIA: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sample_media.rs"));

#[derive(Debug, Deserialize)]
pub(crate) struct SampleCollection {
    pub(crate) handle: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) image: String,
    pub(crate) products: Vec<String>,
}

/// The tree, and what sorts each product into it.
#[derive(Debug, Deserialize)]
pub(crate) struct SampleCategories {
    pub(crate) tree: Vec<SampleCategory>,
    /// By handle.
    pub(crate) products: HashMap<String, SamplePlace>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SampleCategory {
    pub(crate) handle: String,
    pub(crate) title: String,
    pub(crate) parent: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SamplePlace {
    pub(crate) category: String,
    pub(crate) attributes: Vec<Attribute>,
}

pub(crate) fn categories() -> serde_json::Result<SampleCategories> {
    serde_json::from_str(CATEGORIES_JSON)
}

pub(crate) fn collections() -> serde_json::Result<Vec<SampleCollection>> {
    serde_json::from_str(COLLECTIONS_JSON)
}

/// The picture served as `/media/sample/<name>`.
pub(crate) fn media(name: &str) -> Option<&'static [u8]> {
    let at = MEDIA.binary_search_by(|(known, _)| known.cmp(&name)).ok()?;
    Some(MEDIA[at].1)
}

/// What the home page of the sample shop says; other shops have no words of their own yet.
pub(crate) fn welcome(tenant: &TenantInfo) -> Option<Welcome> {
    let note = |title: &str, text: &str| Note {
        title: title.to_owned(),
        text: text.to_owned(),
    };
    (tenant.slug == DEMO_SLUG).then(|| Welcome {
        tagline: Some("A small design shop for home, desk and the way home.".to_owned()),
        title: "Useful things, made slowly".to_owned(),
        text: "Cups, lamps, notebooks and coats from nine workshops that know what they are \
               doing. Bought once, kept for years."
            .to_owned(),
        image: Some(Picture::plain(
            "/media/sample/welcome.svg",
            "A table with a vase, a teapot, a mug and a candle under a lamp",
            1200,
            1000,
        )),
        notes: vec![
            note(
                "Sent in one box",
                "We wait until everything is ready and send it together.",
            ),
            note(
                "Thirty days to decide",
                "Changed your mind? Send it back, no questions.",
            ),
            note(
                "Mended, not replaced",
                "Most of what we sell can be repaired, often by us.",
            ),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_of_the_catalog_is_in_the_binary() {
        let csv = std::str::from_utf8(PRODUCTS_CSV).expect("UTF-8");
        let named = csv
            .split("/media/sample/")
            .skip(1)
            .filter_map(|rest| rest.find(".svg").map(|end| rest[..end + 4].to_owned()));
        let missing: Vec<String> = named.filter(|name| media(name).is_none()).collect();
        assert_eq!(missing, Vec::<String>::new());
        let collections = collections().expect("good JSON");
        assert_eq!(collections.len(), 6);
        for collection in collections {
            let name = collection
                .image
                .trim_start_matches("/media/sample/")
                .to_owned();
            assert!(media(&name).is_some(), "{name}");
        }
    }

    #[test]
    fn every_product_of_the_catalog_has_its_place_in_the_tree() {
        let categories = categories().expect("good JSON");
        let mut known: Vec<&str> = Vec::new();
        for category in &categories.tree {
            let parent = category.parent.as_deref();
            assert!(parent.is_none_or(|parent| known.contains(&parent)));
            known.push(&category.handle);
        }
        assert_eq!((known.len(), categories.products.len()), (22, 72));
        for (handle, place) in &categories.products {
            assert!(known.contains(&place.category.as_str()), "{handle}");
            assert!(!place.attributes.is_empty(), "{handle}");
        }
    }
}

//! Sample lists of the shop, shared by the gallery and the tests. Nothing here is sold.

use stoa_storefront::{
    Choice, CollectionView, Facet, FacetValue, Frame, Link, Listing, Meta, PriceRange, ProductCard,
    SearchView,
};

use crate::samples::{frame, kitchen};

pub(crate) fn collection() -> CollectionView {
    CollectionView {
        frame: frame("kitchen"),
        meta: Meta::page("Kitchen & Table · Marram"),
        breadcrumbs: vec![
            Link::new("Marram", "/"),
            Link::new("Kitchen & Table", "/collections/kitchen"),
        ],
        title: "Kitchen & Table".to_owned(),
        description: Some(
            "Pots, boards and cups that earn their place by the stove and look right on the table."
                .to_owned(),
        ),
        children: Vec::new(),
        list: Listing {
            facets: facets(),
            price: Some(PriceRange {
                currency: "EUR".to_owned(),
                min: String::new(),
                max: "150".to_owned(),
                lowest: Some("24".to_owned()),
                highest: Some("198".to_owned()),
                open: true,
            }),
            active: vec![
                Link::new("Maker: Kilnhouse", "/collections/kitchen?max=150"),
                Link::new("up to €150.00", "/collections/kitchen?vendor=Kilnhouse"),
            ],
            first_url: Some("/collections/kitchen".to_owned()),
            next_url: Some("/collections/kitchen?cursor=abc".to_owned()),
            ..list("/collections/kitchen", kitchen())
        },
    }
}

/// A branch of the tree, on its second page.
pub(crate) fn category() -> CollectionView {
    let action = "/categories/tableware";
    CollectionView {
        meta: Meta::page("Tableware · Marram"),
        breadcrumbs: vec![Link::new("Marram", "/"), Link::new("Tableware", action)],
        title: "Tableware".to_owned(),
        description: None,
        children: vec![
            Link::new("Cups and mugs", "/categories/cups"),
            Link::new("Bowls", "/categories/bowls"),
        ],
        list: Listing {
            facets: facets(),
            first_url: Some(action.to_owned()),
            previous_url: Some(action.to_owned()),
            ..list(action, kitchen())
        },
        ..collection()
    }
}

fn facets() -> Vec<Facet> {
    let facet = |title: &str, field: &str, chosen: usize, values: &[(&str, u64)]| Facet {
        title: title.to_owned(),
        field: field.to_owned(),
        approximate: false,
        open: chosen > 0,
        chosen,
        values: values
            .iter()
            .enumerate()
            .map(|(at, &(value, count))| FacetValue {
                value: value.to_owned(),
                label: value.to_owned(),
                count: Some(count),
                selected: at < chosen,
            })
            .collect(),
    };
    let makers = [
        ("Kilnhouse", 14),
        ("Granary Wood", 9),
        ("Ostwerk", 6),
        ("Lisle & Loom", 3),
    ];
    vec![
        facet("Maker", "vendor", 1, &makers),
        facet(
            "Colour",
            "option.Colour",
            0,
            &[("Oat", 7), ("Slate", 5), ("Moss", 4)],
        ),
        facet(
            "Availability",
            "available",
            0,
            &[("In stock", 28), ("Sold out", 4)],
        ),
    ]
}

fn list(action: &str, products: Vec<ProductCard>) -> Listing {
    let sort = |value: &str, label: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected: value == "newest",
    };
    Listing {
        action: action.to_owned(),
        kept: Vec::new(),
        sorts: vec![
            sort("newest", "Newest"),
            sort("price", "Price, low to high"),
            sort("-price", "Price, high to low"),
            sort("title", "Name"),
        ],
        facets: Vec::new(),
        price: None,
        active: Vec::new(),
        clear_url: action.to_owned(),
        count_label: stoa_storefront::count_label(products.len(), false),
        products,
        first_url: None,
        previous_url: None,
        next_url: None,
    }
}

pub(crate) fn search(query: &str, products: Vec<ProductCard>) -> SearchView {
    SearchView {
        frame: Frame {
            query: query.to_owned(),
            ..frame("")
        },
        meta: Meta::private(format!("{query} · Marram")),
        query: query.to_owned(),
        corrected: None,
        suggestions: vec![
            Link::new("Kitchen & Table", "/collections/kitchen"),
            Link::new("Home", "/collections/home"),
            Link::new("Paper", "/collections/paper"),
        ],
        list: list("/search", products),
    }
}

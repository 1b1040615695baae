//! Sample views of the shop, shared by the gallery and the tests. Nothing here is sold.

use stoa_kernel::{Currency, Money};
use stoa_storefront::{
    Availability, Badge, BadgeTone, Branch, Choice, CollectionCard, Fact, Frame, GalleryItem, Hero,
    HomeView, Link, Meta, Note, OptionValue, Picture, ProductCard, ProductOption, ProductView,
    VariantChoice, availability, compare_at, money, product_json_ld, saving,
};

pub(crate) const VARIANT_OAT: &str = "var_01HF7YAT00000000000000001A";
pub(crate) const VARIANT_TENT: &str = "var_01HF7YAT00000000000000002T";

pub(crate) fn eur(cents: i64) -> Money {
    Money::new(cents, Currency::EUR)
}

pub(crate) fn frame(current: &str) -> Frame {
    let nav = [
        ("Kitchen & Table", "kitchen"),
        ("Home", "home"),
        ("Desk", "desk"),
        ("Wear", "wear"),
        ("Outdoors", "outdoors"),
        ("Paper", "paper"),
    ];
    Frame {
        tagline: Some("Useful things, made slowly.".to_owned()),
        prices_include_tax: true,
        nav: nav
            .into_iter()
            .map(|(title, handle)| Link {
                current: handle == current,
                ..Link::new(title, format!("/collections/{handle}"))
            })
            .collect(),
        menu: menu(),
        cart_count: 3,
        test_mode: true,
        mailbox_url: Some("/mailbox".to_owned()),
        languages: [("en", "English"), ("de", "Deutsch"), ("fr", "Français")]
            .map(|(value, label)| Choice {
                value: value.to_owned(),
                label: label.to_owned(),
                selected: value == "en",
            })
            .to_vec(),
        currencies: ["EUR", "USD"]
            .map(|code| Choice {
                value: code.to_owned(),
                label: code.to_owned(),
                selected: code == "EUR",
            })
            .to_vec(),
        suggest_url: Some("/search/suggest".to_owned()),
        ..Frame::bare("Marram")
    }
}

fn menu() -> Vec<Branch> {
    let link = |(title, handle): (&str, &str)| Link::new(title, format!("/categories/{handle}"));
    let branch = |title: &str, handle: &str, children: &[(&str, &str)]| Branch {
        title: title.to_owned(),
        url: format!("/categories/{handle}"),
        current: false,
        here: handle == "tableware",
        children: children.iter().copied().map(link).collect(),
    };
    vec![
        branch(
            "Tableware",
            "tableware",
            &[("Cups and mugs", "cups"), ("Bowls", "bowls")],
        ),
        branch("Lighting", "lighting", &[]),
    ]
}

pub(crate) fn picture(name: &str, alt: &str) -> Picture {
    Picture::plain(format!("/media/sample/{name}.svg"), alt, 800, 1000)
}

fn card(handle: &str, title: &str, vendor: &str, cents: i64) -> ProductCard {
    ProductCard {
        title: title.to_owned(),
        url: format!("/products/{handle}"),
        vendor: Some(vendor.to_owned()),
        image: Some(picture(handle, title)),
        price: money(eur(cents)),
        compare_at: None,
        price_varies: false,
        badge: None,
    }
}

fn on_sale(card: ProductCard, was: i64) -> ProductCard {
    let badge = Badge {
        label: "Sale".to_owned(),
        tone: BadgeTone::Sale,
    };
    ProductCard {
        compare_at: Some(money(eur(was))),
        badge: Some(badge),
        ..card
    }
}

pub(crate) fn kitchen() -> Vec<ProductCard> {
    let out = Badge {
        label: "Sold out".to_owned(),
        tone: BadgeTone::Out,
    };
    vec![
        card("harbour-mug", "Harbour Mug", "Kilnhouse", 2400),
        on_sale(
            card(
                "enamel-casserole",
                "Enamel Casserole, 4 L",
                "Ostwerk",
                16400,
            ),
            19800,
        ),
        ProductCard {
            price_varies: true,
            ..card(
                "oak-serving-board",
                "Oak Serving Board",
                "Granary Wood",
                4600,
            )
        },
        card("gooseneck-kettle", "Gooseneck Kettle", "Ostwerk", 8900),
        card("porridge-bowl", "Porridge Bowl", "Kilnhouse", 2800),
        card(
            "turned-pepper-mill",
            "Turned Pepper Mill",
            "Granary Wood",
            5800,
        ),
        ProductCard {
            badge: Some(out),
            ..card("round-teapot", "Round Teapot", "Kilnhouse", 7200)
        },
        on_sale(
            card(
                "ripple-carafe",
                "Ripple Carafe and Glass",
                "Kilnhouse",
                3900,
            ),
            4800,
        ),
        card("salt-cellar", "Salt Cellar", "Kilnhouse", 3200),
        card(
            "kitchen-knife-no-5",
            "Kitchen Knife No. 5",
            "Beck Forge",
            11800,
        ),
        ProductCard {
            image: None,
            ..card(
                "beech-spoons",
                "Kitchen Spoons, Set of Three",
                "Granary Wood",
                2900,
            )
        },
        card(
            "linen-tea-towels",
            "Linen Tea Towels, Set of Two",
            "Lisle & Loom",
            2600,
        ),
    ]
}

pub(crate) fn home() -> HomeView {
    let collection = |handle: &str, title: &str| CollectionCard {
        title: title.to_owned(),
        url: format!("/collections/{handle}"),
        image: Some(picture(&format!("collection-{handle}"), "")),
    };
    let note = |title: &str, text: &str| Note {
        title: title.to_owned(),
        text: text.to_owned(),
    };
    HomeView {
        frame: frame(""),
        meta: Meta {
            description: Some("A small design shop for home, desk and the way home.".to_owned()),
            ..Meta::page("Marram · Useful things, made slowly")
        },
        hero: Hero {
            title: "Useful things, made slowly".to_owned(),
            text: "Cups, lamps, notebooks and coats from nine workshops that know what they are doing. Bought once, kept for years.".to_owned(),
            link: Link::new("See the collections", "#collections"),
            image: Some(Picture { width: 1200, ..picture("welcome", "A table with a vase, a teapot, a mug and a candle under a lamp") }),
        },
        collections: vec![
            collection("kitchen", "Kitchen & Table"),
            collection("home", "Home"),
            collection("desk", "Desk"),
            collection("wear", "Wear"),
            collection("outdoors", "Outdoors"),
            collection("paper", "Paper"),
        ],
        featured_title: "New this season".to_owned(),
        featured: vec![
            card("reading-chair", "Reading Chair", "Granary Wood", 69000),
            card("dome-table-lamp", "Dome Table Lamp", "Ostwerk", 12900),
            card("fisherman-sweater", "Fisherman Sweater", "Lisle & Loom", 16800),
            card("tide-print", "Tide, Screen Print", "Fold Press", 4800),
            card("insulated-bottle", "Insulated Bottle", "Tor & Tarn", 3400),
            card("everyday-notebook", "Everyday Notebook", "Fold Press", 1900),
            card("market-tote", "Market Tote", "Marram", 2800),
            card("shoulder-vase", "Shoulder Vase", "Kilnhouse", 5400),
        ],
        all_products_url: "/products".to_owned(),
        notes: vec![
            note("Sent in one box", "We wait until everything is ready and send it together."),
            note("Thirty days to decide", "Changed your mind? Send it back, no questions."),
            note("Mended, not replaced", "Most of what we sell can be repaired, often by us."),
        ],
    }
}

fn variant(
    id: &str,
    options: &[&str],
    cents: i64,
    was: Option<i64>,
    left: Option<u32>,
) -> VariantChoice {
    let was = was.map(eur);
    let (availability, availability_label) = availability(left != Some(0), left);
    VariantChoice {
        id: id.to_owned(),
        options: options.iter().map(|&value| value.to_owned()).collect(),
        price: money(eur(cents)),
        compare_at: compare_at(eur(cents), was),
        saving: saving(eur(cents), was),
        availability,
        availability_label,
        image_anchor: None,
    }
}

fn product(handle: &str, title: &str, vendor: &str, variants: Vec<VariantChoice>) -> ProductView {
    let selected = variants[0].clone();
    let mut view = ProductView {
        frame: frame("kitchen"),
        meta: Meta {
            kind: "product",
            description: Some(format!("{title} by {vendor}")),
            canonical: Some(format!("https://marram.example/products/{handle}")),
            ..Meta::page(format!("{title} · Marram"))
        },
        breadcrumbs: vec![
            Link::new("Marram", "/"),
            Link::new("Kitchen & Table", "/collections/kitchen"),
            Link::new(title, format!("/products/{handle}")),
        ],
        handle: handle.to_owned(),
        title: title.to_owned(),
        vendor: Some(vendor.to_owned()),
        gallery: vec![GalleryItem::plain("picture-1", picture(handle, title))],
        options: Vec::new(),
        not_sold: None,
        all_sold_out: variants.iter().all(|v| v.availability == Availability::SoldOut),
        choice_url: None,
        variants: if variants.len() > 1 { variants } else { Vec::new() },
        selected,
        quantity: 1,
        quantity_max: 10,
        description_html: "<p>Made in small batches, so no two are quite the same.</p>\n<ul><li>Holds up well</li><li>Ages better</li></ul>".to_owned(),
        attributes: [("Material", "Stoneware"), ("Care", "Dishwasher safe")]
            .map(|(name, value)| Fact { name: name.to_owned(), value: value.to_owned() })
            .to_vec(),
        tags: vec![Link::new("stoneware", "/search?q=stoneware"), Link::new("gift", "/search?q=gift")],
        related: kitchen().into_iter().skip(4).take(4).collect(),
        price_amount: "24.00".to_owned(),
    };
    let url = format!("https://marram.example/products/{handle}");
    let text = "Made in small batches.";
    view.meta.facts = vec![product_json_ld(&view, &url, &[], text, None)];
    view
}

/// Two options, pictures for the colours, one value sold out.
pub(crate) fn product_mug() -> ProductView {
    let colours = ["Oat", "Slate", "Moss", "Clay"];
    let pictures = [
        "harbour-mug",
        "harbour-mug-slate",
        "harbour-mug-moss",
        "harbour-mug-clay",
    ];
    let mut variants = Vec::new();
    for (at, colour) in colours.into_iter().enumerate() {
        for (size, cents, was) in [("Small", 2400, None), ("Large", 3200, Some(3800))] {
            let left = match (colour, size) {
                ("Clay", _) => Some(0),
                ("Moss", "Large") => Some(2),
                _ => None,
            };
            let id = match (colour, size) {
                ("Oat", "Small") => VARIANT_OAT.to_owned(),
                _ => format!("var_01HF7YAT000000000000000{at}{}0", size.len()),
            };
            let mut choice = variant(&id, &[colour, size], cents, was, left);
            choice.image_anchor = Some(format!("picture-{}", at + 1));
            variants.push(choice);
        }
    }
    let mut view = product("harbour-mug", "Harbour Mug", "Kilnhouse", variants);
    view.gallery = pictures
        .iter()
        .chain(&["harbour-mug-family"])
        .enumerate()
        .map(|(at, name)| {
            let alt = format!("Harbour Mug, picture {}", at + 1);
            GalleryItem::plain(format!("picture-{}", at + 1), picture(name, &alt))
        })
        .collect();
    view.options = vec![
        ProductOption {
            name: "Colour".to_owned(),
            field: "option1",
            pictured: true,
            long: false,
            values: colours
                .iter()
                .zip(pictures)
                .map(|(&value, name)| OptionValue {
                    value: value.to_owned(),
                    selected: value == "Oat",
                    available: value != "Clay",
                    image: Some(picture(name, "")),
                })
                .collect(),
        },
        ProductOption {
            name: "Size".to_owned(),
            field: "option2",
            pictured: false,
            long: false,
            values: ["Small", "Large"]
                .into_iter()
                .map(|value| OptionValue {
                    value: value.to_owned(),
                    selected: value == "Small",
                    available: true,
                    image: None,
                })
                .collect(),
        },
    ];
    view
}

/// Nothing of it has a price in the currency of the page.
pub(crate) fn product_not_sold_here() -> ProductView {
    let mut view = product_mug();
    let none = "Not sold in USD".to_owned();
    for variant in view.variants.iter_mut().chain([&mut view.selected]) {
        variant.price.clone_from(&none);
        variant.compare_at = None;
        variant.availability = Availability::SoldOut;
        "Not available".clone_into(&mut variant.availability_label);
    }
    view.all_sold_out = true;
    view.not_sold = Some(none);
    view.price_amount = String::new();
    view
}

/// One variant, one unit, a price that came down.
pub(crate) fn product_tent() -> ProductView {
    let only = variant(VARIANT_TENT, &[], 42000, Some(48000), Some(1));
    product(
        "two-person-tent",
        "Ridge Tent for Two",
        "Tor & Tarn",
        vec![only],
    )
}

pub(crate) fn product_sold_out() -> ProductView {
    let only = variant(VARIANT_TENT, &[], 5600, None, Some(0));
    product(
        "cast-tape-dispenser",
        "Cast Tape Dispenser",
        "Beck Forge",
        vec![only],
    )
}

//! Sample views of every page, shared by the gallery and the tests. Figures are made up but add up.

use stoa_kernel::{Currency, Money, Timestamp};
use stoa_storefront::{
    Availability, Badge, BadgeTone, CartLine, CartView, CheckoutErrors, CheckoutInput,
    CheckoutView, Choice, CollectionCard, CollectionView, ErrorView, FormError, Frame, GalleryItem,
    Hero, HomeView, Link, MailRow, MailView, MailboxView, Meta, Note, Notice, NoticeTone,
    OptionValue, OrderState, OrderView, PaymentStep, Picture, ProductCard, ProductOption,
    ProductView, SearchView, ShippingChoice, ShippingStep, SummaryLine, Sums, Totals,
    VariantChoice, availability, checkout_fields, compare_at, countries, day, money,
    product_json_ld, saving, test_payments, totals,
};

pub const VARIANT_OAT: &str = "var_01HF7YAT00000000000000001A";
pub const VARIANT_TENT: &str = "var_01HF7YAT00000000000000002T";
const PLACED_AT: Timestamp = Timestamp::from_micros(1_779_000_000_000_000);

fn eur(cents: i64) -> Money {
    Money::new(cents, Currency::EUR)
}

pub fn frame(current: &str) -> Frame {
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
        cart_count: 3,
        test_mode: true,
        mailbox_url: Some("/mailbox".to_owned()),
        ..Frame::bare("Marram")
    }
}

fn picture(name: &str, alt: &str) -> Picture {
    Picture {
        url: format!("/media/sample/{name}.svg"),
        alt: alt.to_owned(),
        width: 800,
        height: 1000,
    }
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

pub fn kitchen() -> Vec<ProductCard> {
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

pub fn home() -> HomeView {
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

pub fn collection() -> CollectionView {
    let sort = |value: &str, label: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected: value == "featured",
    };
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
        sort_action: "/collections/kitchen".to_owned(),
        sorts: vec![
            sort("featured", "Featured"),
            sort("price", "Price, low to high"),
            sort("-price", "Price, high to low"),
            sort("title", "Name"),
        ],
        products: kitchen(),
        first_url: Some("/collections/kitchen".to_owned()),
        next_url: Some("/collections/kitchen?cursor=abc".to_owned()),
    }
}

pub fn search(query: &str, products: Vec<ProductCard>) -> SearchView {
    SearchView {
        frame: Frame {
            query: query.to_owned(),
            ..frame("")
        },
        meta: Meta::private(format!("{query} · Marram")),
        query: query.to_owned(),
        count_label: stoa_storefront::count_label(products.len(), false),
        suggestions: vec![
            Link::new("Kitchen & Table", "/collections/kitchen"),
            Link::new("Home", "/collections/home"),
            Link::new("Paper", "/collections/paper"),
        ],
        products,
        first_url: None,
        next_url: None,
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
        product_id: "prod_01HF7YAT00000000000000001A".to_owned(),
        title: title.to_owned(),
        vendor: Some(vendor.to_owned()),
        gallery: vec![GalleryItem { anchor: "picture-1".to_owned(), image: picture(handle, title) }],
        options: Vec::new(),
        all_sold_out: variants.iter().all(|v| v.availability == Availability::SoldOut),
        variants,
        selected,
        quantity_max: 10,
        description_html: "<p>Made in small batches, so no two are quite the same.</p>\n<ul><li>Holds up well</li><li>Ages better</li></ul>".to_owned(),
        tags: vec![Link::new("stoneware", "/search?q=stoneware"), Link::new("gift", "/search?q=gift")],
        related: kitchen().into_iter().skip(4).take(4).collect(),
        price_amount: "24.00".to_owned(),
        json_ld: serde_json::Value::Null,
    };
    let url = format!("https://marram.example/products/{handle}");
    view.json_ld = product_json_ld(&view, &url, &[], "Made in small batches.");
    view
}

/// Two options, pictures for the colours, one value sold out.
pub fn product_mug() -> ProductView {
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
        .map(|(at, name)| GalleryItem {
            anchor: format!("picture-{}", at + 1),
            image: picture(name, &format!("Harbour Mug, picture {}", at + 1)),
        })
        .collect();
    view.options = vec![
        ProductOption {
            name: "Colour".to_owned(),
            field: "option1",
            pictured: true,
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

/// One variant, one unit, a price that came down.
pub fn product_tent() -> ProductView {
    let only = variant(VARIANT_TENT, &[], 42000, Some(48000), Some(1));
    product(
        "two-person-tent",
        "Ridge Tent for Two",
        "Tor & Tarn",
        vec![only],
    )
}

pub fn product_sold_out() -> ProductView {
    let only = variant(VARIANT_TENT, &[], 5600, None, Some(0));
    product(
        "cast-tape-dispenser",
        "Cast Tape Dispenser",
        "Beck Forge",
        vec![only],
    )
}

fn sums(shipping: Option<Money>, total: Money) -> Totals {
    totals(&Sums {
        subtotal: eur(21200),
        discount: None,
        shipping,
        tax: eur(3385),
        total,
        tax_included: true,
    })
}

fn lines() -> Vec<SummaryLine> {
    let line =
        |handle: &str, title: &str, variant: Option<&str>, quantity, unit, total| SummaryLine {
            title: title.to_owned(),
            variant: variant.map(str::to_owned),
            image: Some(picture(handle, "")),
            quantity,
            unit_price: money(eur(unit)),
            total: money(eur(total)),
        };
    vec![
        line(
            "harbour-mug",
            "Harbour Mug",
            Some("Oat / Small"),
            2,
            2400,
            4800,
        ),
        line(
            "enamel-casserole",
            "Enamel Casserole, 4 L",
            Some("Forest"),
            1,
            16400,
            16400,
        ),
    ]
}

pub fn cart() -> CartView {
    let cart_lines = lines()
        .into_iter()
        .zip(["harbour-mug", "enamel-casserole"])
        .zip(1..)
        .map(|((line, handle), number)| CartLine {
            url: format!("/products/{handle}"),
            quantity_max: 10,
            action: format!("/cart/lines/line_{number}"),
            remove_action: format!("/cart/lines/line_{number}/remove"),
            problem: (number == 2)
                .then(|| "Only 1 left, and somebody else is looking at it.".to_owned()),
            title: line.title,
            variant: line.variant,
            image: line.image,
            unit_price: line.unit_price,
            quantity: line.quantity,
            total: line.total,
        })
        .collect();
    CartView {
        frame: Frame {
            notice: Some(Notice {
                tone: NoticeTone::Good,
                text: "Harbour Mug is in your cart.".to_owned(),
            }),
            ..frame("")
        },
        meta: Meta::private("Cart · Marram"),
        lines: cart_lines,
        totals: sums(None, eur(21200)),
        can_checkout: true,
        continue_url: "/".to_owned(),
    }
}

pub fn cart_empty() -> CartView {
    CartView {
        frame: Frame {
            cart_count: 0,
            ..frame("")
        },
        lines: Vec::new(),
        can_checkout: false,
        ..cart()
    }
}

pub fn checkout(errors: Vec<FormError>) -> CheckoutView {
    let errors = CheckoutErrors(errors);
    let input = CheckoutInput {
        email: if errors.0.is_empty() {
            "ida@example.com"
        } else {
            "ida.example.com"
        }
        .to_owned(),
        name: "Ida Lindqvist".to_owned(),
        line1: "Storgatan 12".to_owned(),
        city: "Malmö".to_owned(),
        country: "SE".to_owned(),
        ..CheckoutInput::default()
    };
    let [email, name, line1, line2, city, region, postal_code] = checkout_fields(&input, &errors);
    let option = |id: &str, title: &str, detail: &str, fee: i64, selected| ShippingChoice {
        id: id.to_owned(),
        title: title.to_owned(),
        detail: Some(detail.to_owned()),
        selected,
        totals: sums(Some(eur(fee)), eur(21200 + fee)),
    };
    CheckoutView {
        frame: frame(""),
        meta: Meta::private("Checkout · Marram"),
        action: "/checkout".to_owned(),
        idempotency_key: "key-7f3a".to_owned(),
        errors_title: errors.title(),
        country: countries(&input.country, errors.on("country")),
        email,
        name,
        line1,
        line2,
        city,
        region,
        postal_code,
        shipping: ShippingStep {
            options: vec![
                option("standard", "Standard", "3 to 5 working days", 490, true),
                option("express", "Express", "The next working day", 1290, false),
                option(
                    "pickup",
                    "Collect from the workshop",
                    "Tuesdays to Saturdays",
                    0,
                    false,
                ),
            ],
            error: errors.on("shipping_option_id"),
        },
        payment: PaymentStep {
            provider: "test".to_owned(),
            test: true,
            choices: test_payments(""),
            error: errors.on("payment_token"),
        },
        lines: lines(),
        totals: sums(Some(eur(490)), eur(21690)),
        errors: errors.0,
    }
}

pub fn checkout_with_errors() -> CheckoutView {
    let error = |field: &str, message: &str| FormError {
        field: Some(field.to_owned()),
        message: message.to_owned(),
    };
    checkout(vec![
        error("email", "Enter an e-mail address such as name@example.com"),
        error("postal_code", "Enter a postal code"),
    ])
}

pub fn order(state: OrderState) -> OrderView {
    let (headline, text, action) = match state {
        OrderState::Processing => (
            "Your payment is on its way",
            "This takes a few seconds. The page follows by itself; please do not pay again.",
            None,
        ),
        OrderState::Paid => (
            "Thank you, Ida",
            "Your order is paid. A confirmation is on its way to your mailbox.",
            None,
        ),
        OrderState::Declined => (
            "The bank said no",
            "Nothing was charged and your things are still set aside for you.",
            Some(Link::new("Try again", "/checkout")),
        ),
        OrderState::RequiresAction => (
            "Your bank has a question",
            "Confirm the payment on your bank’s page, then you come back here.",
            Some(Link::new("Continue to your bank", "/bank")),
        ),
        OrderState::Canceled => (
            "This order was canceled",
            "Nothing was charged. Your cart is as you left it.",
            Some(Link::new("Back to the cart", "/cart")),
        ),
    };
    OrderView {
        frame: Frame {
            cart_count: 0,
            ..frame("")
        },
        meta: Meta::private("Order 1042 · Marram"),
        state,
        headline: headline.to_owned(),
        text: text.to_owned(),
        action,
        number: "1042".to_owned(),
        placed_on: Some(day(PLACED_AT)),
        test: true,
        lines: lines(),
        totals: sums(Some(eur(490)), eur(21690)),
        address: ["Ida Lindqvist", "Storgatan 12", "211 42 Malmö", "Sweden"]
            .map(str::to_owned)
            .to_vec(),
        email: Some("ida@example.com".to_owned()),
        watch_url: Some("/api/v1/checkouts/status?sig=abc".to_owned()),
        refresh_seconds: 3,
    }
}

pub fn error(status: u16) -> ErrorView {
    let (headline, text) = match status {
        404 => (
            "This page is not here",
            "The address may be mistyped, or the thing has been sold and taken down.",
        ),
        _ => (
            "Something broke on our side",
            "It is not your fault, and we have been told. Please try again in a minute.",
        ),
    };
    ErrorView {
        frame: frame(""),
        meta: Meta::private(format!("{headline} · Marram")),
        status,
        headline: headline.to_owned(),
        text: text.to_owned(),
        request_id: Some("01HF7YAT00000000000000001A".to_owned()),
    }
}

pub fn mailbox() -> MailboxView {
    let row = |number: u32, subject: &str| MailRow {
        url: format!("/mailbox/{number}"),
        subject: subject.to_owned(),
        to: "ida@example.com".to_owned(),
        at: PLACED_AT.to_string(),
        at_label: day(PLACED_AT),
    };
    MailboxView {
        frame: frame(""),
        meta: Meta::private("Mailbox · Marram"),
        mails: vec![
            row(2, "Your order 1042 is paid"),
            row(1, "Your order 1041 is paid"),
        ],
    }
}

pub fn mail() -> MailView {
    MailView {
        frame: frame(""),
        meta: Meta::private("Your order 1042 is paid · Marram"),
        breadcrumbs: vec![
            Link::new("Mailbox", "/mailbox"),
            Link::new("Your order 1042 is paid", "/mailbox/2"),
        ],
        subject: "Your order 1042 is paid".to_owned(),
        from: "Marram <shop@marram.example>".to_owned(),
        to: "ida@example.com".to_owned(),
        at: PLACED_AT.to_string(),
        at_label: day(PLACED_AT),
        body_url: Some("/mailbox/2/body".to_owned()),
        text: Some("Thank you, Ida.\n\n2 x Harbour Mug  48.00".to_owned()),
    }
}

//! Our own samples, which hold every feature of both dialects.

use expect_test::expect;
use stoa_import::shopify::{Dialect, DraftStatus, ImageDraft, LineRange, OptionDraft, StockPolicy};
use stoa_kernel::{Currency, Money};

use crate::reading::{File, data, read};

fn sample(name: &str) -> File {
    read(&std::fs::read(data(name)).unwrap()).unwrap()
}

fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

fn option(name: &str, values: &[&str]) -> OptionDraft {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    OptionDraft {
        name: name.to_owned(),
        values,
    }
}

#[test]
fn the_classic_sample_reports_every_bad_row_with_line_column_and_reason() {
    let file = sample("classic.csv");
    assert_eq!(file.header.dialect(), Dialect::Classic);
    assert_eq!(
        file.header.ignored(),
        [
            "Product Category",
            "Variant Fulfillment Service",
            "Google Shopping / Gender",
            "Variant Weight Unit",
            "Cost per item"
        ]
    );
    expect![[r#"
         6 Variant Inventory Qty [-3]: a negative quantity becomes 0
         11 Handle [Tea Towel_Set]: became `tea-towel-set`
        !12 Variant Price [12,50]: `12,50` is not a decimal amount such as 19.99
        !16 Handle []: a row without a handle belongs to no product
        !17 Title []: the first row of a product needs a title
        !19 - [bad-price]: earlier rows of this product were rejected
        !20 - [short-row]: 2 columns where the header has 36
        !21 Title [latin-one]: `Title` is not UTF-8 text; save the file as UTF-8
        !24 - [open-quote]: a quote that opens here is never closed"#]]
    .assert_eq(&file.report());
    let landed: Vec<_> = file
        .drafts()
        .iter()
        .map(|draft| (draft.handle.as_str(), draft.lines))
        .collect();
    let lines = |first, last| LineRange { first, last };
    assert_eq!(
        landed,
        [
            ("stoneware-mug", lines(2, 9)),
            ("tea-towel-set", lines(11, 11)),
            ("gift-card", lines(14, 15)),
            ("stoneware-mug", lines(18, 18)),
            ("last-good", lines(22, 22)),
        ]
    );
    let ordinals: Vec<_> = file
        .products
        .iter()
        .map(|product| product.ordinal)
        .collect();
    assert_eq!(ordinals, (1..=12).collect::<Vec<_>>());
}

#[test]
fn a_product_of_many_rows_is_put_together() {
    let file = sample("classic.csv");
    let mug = file.draft("stoneware-mug");
    let details = mug.details.as_ref().unwrap();
    assert!(!mug.continues);
    assert_eq!(details.title, "Stoneware Mug");
    assert_eq!(
        details.description_html,
        "<h2>Hand thrown</h2>\n<p>Holds \"350 ml\", dishwasher safe.</p>\n"
    );
    assert_eq!(
        (details.vendor.as_str(), details.product_type.as_str()),
        ("Kiln & Co", "Mugs")
    );
    assert_eq!(details.tags, ["kitchen", "Stoneware"]);
    assert_eq!(details.status, DraftStatus::Active);
    assert_eq!(
        (details.seo_title.as_str(), details.seo_description.as_str()),
        ("Mug", "A mug")
    );
    assert_eq!(
        mug.options,
        [
            option("Color", &["Sand", "Moss"]),
            option("Size", &["Small", "Large"])
        ]
    );

    let [first, second, third] = &mug.variants[..] else {
        panic!("{:?}", mug.variants)
    };
    assert_eq!(first.option_values, ["Sand", "Small"]);
    assert_eq!(
        (first.sku.as_str(), first.barcode.as_str()),
        ("MUG-01-S", "0012345678905")
    );
    assert_eq!((first.price, first.compare_at), (Some(eur(2400)), None));
    assert_eq!(
        (first.grams, first.quantity, first.inventory_tracked),
        (350, Some(12), true)
    );
    assert_eq!((first.policy, first.line), (StockPolicy::Deny, 2));
    assert_eq!(
        (second.price, second.compare_at),
        (Some(eur(2950)), Some(eur(3500)))
    );
    assert_eq!(
        (second.quantity, second.policy),
        (Some(0), StockPolicy::Continue)
    );
    assert_eq!((third.quantity, third.inventory_tracked), (Some(5), false));
    assert!(third.requires_shipping && third.taxable);
    assert_eq!(
        third.image_url.as_deref(),
        Some("https://cdn.example.com/mug-moss.jpg")
    );
}

#[test]
fn pictures_come_in_order_once_each_and_those_of_variants_last() {
    let file = sample("classic.csv");
    let image = |file: &str, alt: &str, position| ImageDraft {
        url: format!("https://cdn.example.com/{file}"),
        alt: alt.to_owned(),
        position,
    };
    assert_eq!(
        file.draft("stoneware-mug").images,
        [
            image("mug-front.jpg", "", 1),
            image("mug-sand.jpg", "Sand mug", 2),
            image("mug-back.jpg", "", 3),
            image("mug-moss.jpg", "", 4),
        ]
    );
}

#[test]
fn a_handle_that_comes_back_continues_its_product() {
    let file = sample("classic.csv");
    let parts: Vec<_> = file
        .drafts()
        .into_iter()
        .filter(|draft| draft.handle == "stoneware-mug")
        .collect();
    let [_, later] = &parts[..] else {
        panic!("{parts:?}")
    };
    assert!(later.continues && later.details.is_none());
    assert_eq!(
        later.options,
        [option("", &["Moss"]), option("", &["Large"])]
    );
    assert_eq!(later.variants[0].option_values, ["Moss", "Large"]);
    assert_eq!(
        later.images[0].url,
        "https://cdn.example.com/mug-moss-large.jpg"
    );
}

#[test]
fn a_default_title_is_a_product_without_options() {
    let file = sample("classic.csv");
    let towel = file.draft("tea-towel-set");
    assert_eq!(towel.options, []);
    assert_eq!(towel.variants.len(), 1);
    assert_eq!(towel.variants[0].option_values, [""; 0]);
    assert_eq!(towel.variants[0].quantity, None);
    assert_eq!(towel.details.as_ref().unwrap().status, DraftStatus::Draft);
    let card = file.draft("gift-card").details.as_ref().unwrap();
    assert_eq!((card.status, card.gift_card), (DraftStatus::Archived, true));
}

#[test]
fn the_new_sample_is_told_by_itself() {
    let file = sample("new.csv");
    assert_eq!(file.header.dialect(), Dialect::New);
    expect!["!7 Option1 value [rust]: the same variant as in line 6"].assert_eq(&file.report());
    let shirt = file.draft("linen-shirt");
    assert_eq!(shirt.options, [option("Size", &["S", "M"])]);
    assert_eq!(shirt.images.len(), 2);
    let [small, medium] = &shirt.variants[..] else {
        panic!("{:?}", shirt.variants)
    };
    assert_eq!(
        (small.price, small.compare_at),
        (Some(eur(8900)), Some(eur(11000)))
    );
    assert_eq!(
        (small.grams, small.quantity, small.policy),
        (240, Some(7), StockPolicy::Deny)
    );
    assert_eq!(
        (medium.quantity, medium.policy),
        (Some(0), StockPolicy::Continue)
    );
    assert_eq!(shirt.details.as_ref().unwrap().status, DraftStatus::Active);

    // Without a handle the title makes one; without a line end the last row still counts.
    let map = file.draft("paper-map-of-lisbon");
    assert_eq!(map.variants[0].price, Some(eur(950)));
    assert!(!map.variants[0].requires_shipping);
    assert_eq!(map.details.as_ref().unwrap().status, DraftStatus::Draft);
    assert_eq!(file.drafts().len(), 2);
}

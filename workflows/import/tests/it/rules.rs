//! One rule at a time, over small files made for it.

use proptest::prelude::*;
use stoa_import::shopify::{
    Dialect, HeaderError, IMAGES_PER_PRODUCT_MAX, ISSUES_PER_PRODUCT_MAX, ReadError, Severity,
    VARIANTS_PER_PRODUCT_MAX,
};

use crate::reading::{File, read};

const HEAD: &str = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src\n";

fn file(rows: &str) -> File {
    read(format!("{HEAD}{rows}").as_bytes()).unwrap()
}

fn header_error(header: &str) -> HeaderError {
    match read(header.as_bytes()).map(|file| file.products) {
        Err(ReadError::Header(error)) => error,
        other => panic!("expected a header error, not {other:?}"),
    }
}

#[test]
fn names_match_whatever_their_case_and_spaces() {
    let file = read(b" handle ,TITLE,variant  price,Extra,\na,A,1,x,\n").unwrap();
    assert_eq!(file.header.dialect(), Dialect::Classic);
    assert_eq!(file.header.ignored(), ["Extra"]);
    assert_eq!(file.drafts().len(), 1);
    let mixed = read(b"Handle,Title,Price\na,A,1\n").unwrap();
    assert_eq!(
        (mixed.header.dialect(), mixed.drafts().len()),
        (Dialect::Classic, 1)
    );
    let new = read(b"Title,Price\nA b,1\n").unwrap();
    assert_eq!(
        (new.header.dialect(), new.drafts()[0].handle.as_str()),
        (Dialect::New, "a-b")
    );
}

#[test]
fn a_header_that_is_none_says_what_it_lacks() {
    assert_eq!(header_error(""), HeaderError::Empty);
    let missing = |missing: &[&'static str]| HeaderError::Missing {
        missing: missing.to_vec(),
    };
    assert_eq!(header_error("Handle,Title\n"), missing(&["Variant Price"]));
    assert_eq!(header_error("URL handle,Title\n"), missing(&["Price"]));
    let error = header_error("id;name\n1;2\n");
    assert_eq!(error, missing(&["Handle", "Title", "Variant Price"]));
    assert_eq!(
        error.to_string(),
        "not a Shopify product file: the header lacks `Handle`, `Title`, `Variant Price`"
    );
    assert_eq!(
        header_error("Title,Price,Variant Price,Handle\n"),
        HeaderError::Twice {
            first: "Price".to_owned(),
            second: "Variant Price".to_owned()
        }
    );
    assert!(
        matches!(header_error("\"Handle,Title\n"), HeaderError::Csv(error) if error.line() == 1)
    );
    assert!(
        matches!(header_error("\u{feff}\"a\n\n\",\"b"), HeaderError::Csv(error) if error.line() == 3)
    );
}

#[test]
fn one_bad_row_rejects_its_product_and_no_other() {
    let file = file("a,A,Size,S,,1,\na,,,M,,x,\na,,,L,,2,\nb,B,,,,3,\n");
    assert_eq!(
        file.report(),
        "!3 Variant Price [x]: `x` is not a decimal amount such as 19.99"
    );
    let drafts = file.drafts();
    assert_eq!((drafts.len(), drafts[0].handle.as_str()), (1, "b"));
}

#[test]
fn a_broken_row_rejects_the_product_it_names() {
    // The second row of `a` has too few columns: landing the rest would lose a variant silently.
    let file = file("a,A,Size,S,,1,\na,,,M,,2\na,,,L,,3,\nb,B,,,,3,\n");
    assert_eq!(file.report(), "!3 - [a]: 6 columns where the header has 7");
    assert_eq!(file.drafts().len(), 1);
    assert_eq!(file.products[0].lines.last, 4);
}

#[test]
fn options_need_names_and_variants_need_all_values() {
    let report = |rows: &str| file(rows).report();
    assert_eq!(
        report("a,A,,S,,1,\n"),
        "!2 Option1 Value [S]: a value for an option that no row names"
    );
    assert_eq!(
        report("a,A,Size,S,,1,\na,,,,SKU,1,\n"),
        "!3 Option1 Value []: a variant needs a value for `Size`"
    );
    assert_eq!(
        report("a,A,Size,S,,1,\na,,,s,,1,\n"),
        "!3 Option1 Value [s]: the same variant as in line 2"
    );
    assert_eq!(
        report("a,A,,,X,1,\na,,,,Y,1,\n"),
        "!3 Option1 Value []: the same variant as in line 2"
    );
    assert_eq!(
        report("a,A,Size,S,,,\n"),
        "!2 Variant Price []: a variant needs a price; write 0 for one that is free"
    );
}

#[test]
fn what_can_be_left_out_is_a_warning() {
    let file = file("a,A,Size,S,,1,cat.jpg\na,B,Größe,M,,1,\na,,,,,,\n");
    assert_eq!(
        file.report(),
        " 2 Image Src [cat.jpg]: not an http or https address; the picture is left out\n \
         3 Title [B]: the title stays `A`, of an earlier row\n \
         3 Option1 Name [Größe]: the option stays `Size`, of an earlier row\n \
         4 Handle [a]: the row brings neither a variant nor a picture"
    );
    let draft = file.draft("a");
    assert_eq!((draft.variants.len(), draft.images.len()), (2, 0));
    assert_eq!(draft.details.as_ref().unwrap().title, "A");
}

#[test]
fn a_nul_character_is_refused() {
    let file = file("a,A,,,X\0Y,1,\n");
    assert_eq!(file.report(), "!2 Variant SKU []: contains a NUL character");
}

#[test]
fn a_rejected_product_stays_rejected_when_it_comes_back() {
    let file = file("a,A,,,,x,\nb,B,,,,1,\na,A,,,,1,\n");
    assert_eq!(file.drafts().len(), 1);
    assert!(
        file.report()
            .ends_with("!4 - [a]: earlier rows of this product were rejected")
    );
}

#[test]
fn one_product_is_bounded_whatever_its_rows() {
    let rows: String = (0..VARIANTS_PER_PRODUCT_MAX)
        .map(|index| {
            format!(
                "a,{},Size,v{index},,1,\n",
                if index == 0 { "A" } else { "" }
            )
        })
        .collect();
    assert_eq!(
        file(&rows).draft("a").variants.len(),
        VARIANTS_PER_PRODUCT_MAX
    );
    let over = file(&format!("{rows}{}", "a,,,over,,1,\n".repeat(150)));
    assert_eq!(over.drafts().len(), 0);
    assert_eq!(over.products[0].issues.len(), ISSUES_PER_PRODUCT_MAX);
    assert_eq!(over.products[0].issues_dropped, 50);
    assert_eq!(
        over.products[0].issues[0].reason,
        "more than 2000 variants in one product"
    );

    let pictures = |count: usize| -> String {
        let rows = (0..count).map(|index| format!("p,,,,,,https://x.example/{index}.jpg\n"));
        format!("p,P,,,,1,\n{}", rows.collect::<String>())
    };
    assert_eq!(
        file(&pictures(IMAGES_PER_PRODUCT_MAX))
            .draft("p")
            .images
            .len(),
        250
    );
    assert_eq!(
        file(&pictures(IMAGES_PER_PRODUCT_MAX + 1)).drafts().len(),
        0
    );

    let long = file(&format!(
        "a,{},,,,1,\nb,{},,,,1,\n",
        "é".repeat(255),
        "é".repeat(256)
    ));
    assert_eq!(long.drafts().len(), 1);
    assert!(long.report().ends_with("256 characters; at most 255"));
}

/// Rows out of cells that are often right, sometimes wrong, and come in any order.
fn rows() -> impl Strategy<Value = String> {
    let cell = |good: &'static [&'static str]| prop_oneof![6 => prop::sample::select(good).prop_map(str::to_owned), 1 => "[ -~\u{e9}\0]{0,5}"];
    let row = (
        cell(&["a", "b", "c", ""]),
        cell(&["", "", "Thing"]),
        cell(&["", "Size"]),
        cell(&["", "S", "M", "Default Title"]),
        cell(&["", "SKU"]),
        cell(&["1", "2.50", ""]),
        cell(&["", "https://x.example/1.jpg"]),
    );
    let line = row.prop_map(|(a, b, c, d, e, f, g)| {
        let quoted = [a, b, c, d, e, f, g].map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
        quoted.join(",")
    });
    prop::collection::vec(line, 0..30).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn every_row_is_accounted_for_and_every_draft_is_whole(rows in rows()) {
        let file = file(&rows);
        for (index, product) in file.products.iter().enumerate() {
            prop_assert_eq!(product.ordinal, index as u64 + 1);
            prop_assert!(product.lines.first <= product.lines.last);
            // Rejected with a reason, or landed without an error.
            let failed = product.issues.iter().any(|issue| issue.severity == Severity::Error);
            prop_assert_eq!(product.draft.is_none(), failed);
            for issue in &product.issues {
                prop_assert!(issue.line >= 2);
            }
            let Some(draft) = &product.draft else { continue };
            prop_assert!(draft.continues || draft.details.is_some());
            prop_assert!(draft.continues || !draft.variants.is_empty());
            for variant in &draft.variants {
                prop_assert_eq!(variant.option_values.len(), draft.options.len());
                for (value, option) in variant.option_values.iter().zip(&draft.options) {
                    prop_assert!(option.values.contains(value));
                }
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut file = HEAD.as_bytes().to_vec();
        file.extend_from_slice(&bytes);
        let file = read(&file).unwrap();
        for issue in file.products.iter().flat_map(|product| &product.issues) {
            prop_assert!(issue.line >= 2);
        }
    }
}

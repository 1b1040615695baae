//! Real merchants' files, where they lie beside the repository. They are not ours to bundle; the
//! other tests hold the same features over files that are.

use std::path::{Path, PathBuf};

use crate::reading::read;

/// Counted by another CSV reader: products, variants, pictures, units in stock.
pub(crate) const COUNTED: [(&str, [i64; 4]); 5] = [
    ("apparel.csv", [20, 22, 20, 22]),
    ("home-and-garden.csv", [20, 21, 21, 65]),
    ("jewelery.csv", [20, 23, 41, 20]),
    ("sneakers-export.csv", [30, 147, 137, 1485]),
    ("theme-book.csv", [20, 21, 21, 65]),
];

#[expect(
    clippy::disallowed_methods,
    reason = "only a test's caller knows where the files lie"
)]
pub(crate) fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("STOA_TEST_DATA").map(|data| PathBuf::from(data).join("shopify"));
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1);
    let mut beside = above.map(|folder| folder.join("shared/data/shopify"));
    named.or_else(|| beside.find(|folder| folder.is_dir()))
}

#[test]
fn real_exports_land_whole_and_to_the_unit() {
    let Some(folder) = folder() else { return };
    for (name, counted) in COUNTED {
        let file = read(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        let drafts = file.drafts();
        let variants = || drafts.iter().flat_map(|draft| &draft.variants);
        let images: usize = drafts.iter().map(|draft| draft.images.len()).sum();
        let units: i64 = variants().filter_map(|variant| variant.quantity).sum();
        let found =
            [drafts.len(), variants().count(), images].map(|count| i64::try_from(count).unwrap());
        assert_eq!(
            [found[0], found[1], found[2], units],
            counted,
            "{name}\n{}",
            file.report()
        );
        assert_eq!(file.report(), "", "{name}");
        assert!(
            drafts
                .iter()
                .all(|draft| !draft.continues && draft.details.is_some()),
            "{name}"
        );
        for variant in variants() {
            assert!(
                !variant.sku.contains(['\n', '\r']),
                "{name}: {:?}",
                variant.sku
            );
        }
    }
}

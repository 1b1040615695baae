//! What the shops of the tests sell.

use stoa_contracts::catalog::{
    MediaLink, ProductInput, ProductOption, ProductStatus, Seo, VariantInput,
};
use stoa_storage::{Cause, Error, Tx};

use crate::market::Market;

/// A product to be sold: title, price in cents, units, values of its one option.
pub(crate) struct Goods<'a> {
    pub(crate) handle: &'a str,
    pub(crate) title: &'a str,
    pub(crate) cents: i64,
    pub(crate) units: u32,
    pub(crate) sizes: &'a [&'a str],
}

pub(crate) fn product(goods: &Goods<'_>) -> ProductInput {
    let variant = |option_values: Vec<String>| VariantInput {
        option_values,
        sku: None,
        barcode: None,
        grams: 100,
        requires_shipping: true,
        taxable: true,
        image: None,
    };
    let sizes: Vec<String> = goods.sizes.iter().map(|&size| size.to_owned()).collect();
    ProductInput {
        handle: goods.handle.to_owned(),
        title: goods.title.to_owned(),
        description_html: format!("<p>All of {}.</p>", goods.handle),
        vendor: Some("Kilnhouse".to_owned()),
        product_type: None,
        tags: vec!["stoneware".to_owned()],
        status: ProductStatus::Active,
        variants: match sizes.is_empty() {
            true => vec![variant(Vec::new())],
            false => sizes
                .iter()
                .map(|size| variant(vec![size.clone()]))
                .collect(),
        },
        options: match sizes.is_empty() {
            true => Vec::new(),
            false => vec![ProductOption {
                name: "Size".to_owned(),
                values: sizes,
            }],
        },
        media: vec![MediaLink {
            url: "/media/sample/mug.svg".to_owned(),
            alt: String::new(),
        }],
        seo: Seo::default(),
        gift_card: false,
        extras: None,
    }
}

impl Market {
    /// Takes a product off the shelves.
    pub(crate) async fn withdraw(&self, handle: &str) {
        let goods = Goods {
            handle,
            title: handle,
            cents: 1,
            units: 0,
            sizes: &["Small", "Large"],
        };
        let input = ProductInput {
            status: ProductStatus::Draft,
            ..product(&goods)
        };
        let (catalog, cause) = (
            self.peers.catalog.clone(),
            Cause::system(self.cells.deps.now()),
        );
        let body = async move |tx: &mut Tx<'_>| {
            catalog
                .upsert_product(tx, &input, &cause)
                .await
                .expect("a product");
            Ok::<_, Error>(())
        };
        self.cells
            .db(self.shop)
            .await
            .write(body)
            .await
            .expect("withdrawn");
    }
}

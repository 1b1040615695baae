//! Products as lines of Shopify's classic CSV, with columns of our own behind. What a plain cell
//! cannot carry is found by reading the lines back. Asks nobody.

use std::collections::HashMap;

use stoa_contracts::catalog::{ProductExtras, ProductInput, ProductRecord, ProductStatus};
use stoa_contracts::inventory::StockLevel;
use stoa_contracts::pricing::NewPrice;
use stoa_kernel::{Currency, LocationId, VariantId};

use super::ExportError;
use super::sheet::Line;
use crate::domain::{Landing, exact};
use crate::shopify::cell::{KINDS, NO_PRICE};
use crate::shopify::header::{Column, Header};
use crate::shopify::{Exact, ShopifyReader};

/// What a variant whose stock is counted has in the column of its tracker.
const TRACKER: &str = "stoa";
/// The location that product files tell the stock of; others stand in files of stock levels.
const OWN_LOCATION: LocationId = LocationId::from_u128(0);

const COLUMNS: [Column; 39] = [
    Column::Handle,
    Column::Title,
    Column::Body,
    Column::Vendor,
    Column::Type,
    Column::Tags,
    Column::Published,
    Column::Option1Name,
    Column::Option1Value,
    Column::Option2Name,
    Column::Option2Value,
    Column::Option3Name,
    Column::Option3Value,
    Column::Sku,
    Column::Grams,
    Column::Tracker,
    Column::Quantity,
    Column::Policy,
    Column::Price,
    Column::CompareAt,
    Column::RequiresShipping,
    Column::Taxable,
    Column::Barcode,
    Column::ImageUrl,
    Column::ImagePosition,
    Column::ImageAlt,
    Column::GiftCard,
    Column::SeoTitle,
    Column::SeoDescription,
    Column::VariantImage,
    Column::Status,
    Column::Kind,
    Column::Category,
    Column::Attributes,
    Column::PublishAt,
    Column::UnpublishAt,
    Column::Metadata,
    Column::Exact,
    Column::Components,
];

pub(super) struct ProductSheet {
    own: Currency,
    others: Vec<Currency>,
    /// Where each column stands, by `Column`.
    places: [usize; COLUMNS.len()],
}

/// What pricing and inventory tell of the variants of a page.
struct Offers {
    prices: HashMap<VariantId, Vec<NewPrice>>,
    levels: HashMap<VariantId, StockLevel>,
}

impl ProductSheet {
    pub(super) fn new(own: Currency, others: Vec<Currency>) -> Self {
        let mut places = [0; COLUMNS.len()];
        for (place, column) in COLUMNS.iter().enumerate() {
            places[*column as usize] = place;
        }
        Self {
            own,
            others,
            places,
        }
    }

    pub(super) fn header(&self) -> String {
        let mut line = Line::of_width(self.width());
        for (place, column) in COLUMNS.iter().enumerate() {
            line.word(place, Header::exported_name(*column));
        }
        for (index, currency) in self.others.iter().enumerate() {
            let place = COLUMNS.len() + 2 * index;
            line.word(place, format!("Price / {currency}"));
            line.word(place + 1, format!("Compare At Price / {currency}"));
        }
        let mut out = String::new();
        line.end(&mut out);
        out
    }

    pub(super) async fn page(
        &self,
        records: &[ProductRecord],
        prices: Vec<NewPrice>,
        levels: Vec<StockLevel>,
    ) -> Result<String, ExportError> {
        let mut offers = Offers {
            prices: HashMap::new(),
            levels: HashMap::new(),
        };
        for price in prices {
            offers.prices.entry(price.variant).or_default().push(price);
        }
        let own = levels.into_iter().filter(|at| at.location == OWN_LOCATION);
        offers.levels = own.map(|level| (level.variant, level)).collect();
        let nothing = Exact::new();
        let mut texts = Vec::with_capacity(records.len());
        for record in records {
            texts.push(self.lines(record, &offers, &nothing)?);
        }
        let lost = self.lost(records, &texts.concat()).await?;
        for (text, (record, exact)) in texts.iter_mut().zip(lost) {
            if !exact.is_empty() {
                *text = self.lines(record, &offers, &exact)?;
            }
        }
        Ok(texts.concat())
    }

    /// What an import would not read as it is, by product.
    async fn lost<'r>(
        &self,
        records: &'r [ProductRecord],
        lines: &str,
    ) -> Result<Vec<(&'r ProductRecord, Exact)>, ExportError> {
        let file = self.header() + lines;
        let unreadable = |error: &dyn std::fmt::Display| ExportError::Unreadable {
            reason: error.to_string(),
        };
        let mut reader = ShopifyReader::open(file.as_bytes(), self.own)
            .await
            .map_err(|error| unreadable(&error))?;
        let mut lost = Vec::with_capacity(records.len());
        for record in records {
            let read = reader.next().await.map_err(|error| unreadable(&error))?;
            let landing = read.and_then(|read| read.draft).and_then(Landing::of);
            // A product that an import refuses is told there.
            let exact = landing.map_or_else(Exact::new, |landing| {
                exact::differing(&record.input, &landing.input)
            });
            lost.push((record, exact));
        }
        Ok(lost)
    }

    fn lines(
        &self,
        record: &ProductRecord,
        offers: &Offers,
        exact: &Exact,
    ) -> Result<String, ExportError> {
        let input = &record.input;
        let mut out = String::new();
        for index in 0..input.variants.len().max(input.media.len()).max(1) {
            let mut line = Line::of_width(self.width());
            self.text(&mut line, Column::Handle, &input.handle);
            if index == 0 {
                self.details(&mut line, input);
                self.extras(&mut line, input, exact)?;
            }
            if let Some(id) = record.variants.get(index) {
                self.variant(&mut line, input, index);
                self.components(&mut line, input, index)?;
                self.offer(&mut line, *id, offers);
            }
            if let Some(link) = input.media.get(index) {
                self.text(&mut line, Column::ImageUrl, &link.url);
                self.word(&mut line, Column::ImagePosition, (index + 1).to_string());
                self.text(&mut line, Column::ImageAlt, &link.alt);
            }
            line.end(&mut out);
        }
        Ok(out)
    }

    fn details(&self, line: &mut Line, input: &ProductInput) {
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        self.text(line, Column::Title, &input.title);
        self.text(line, Column::Body, &input.description_html);
        self.text(line, Column::Vendor, &optional(&input.vendor));
        self.text(line, Column::Type, &optional(&input.product_type));
        self.text(line, Column::Tags, &input.tags.join(", "));
        self.word(line, Column::Published, "TRUE");
        let status = match input.status {
            ProductStatus::Active => "active",
            ProductStatus::Draft => "draft",
            ProductStatus::Archived => "archived",
        };
        self.word(line, Column::Status, status);
        self.word(line, Column::GiftCard, truth(input.gift_card));
        self.text(line, Column::SeoTitle, &optional(&input.seo.title));
        let description = optional(&input.seo.description);
        self.text(line, Column::SeoDescription, &description);
        for (column, option) in Column::OPTION_NAMES.into_iter().zip(&input.options) {
            self.text(line, column, &option.name);
        }
        if input.options.is_empty() {
            self.word(line, Column::Option1Name, "Title");
        }
    }

    fn extras(
        &self,
        line: &mut Line,
        input: &ProductInput,
        exact: &Exact,
    ) -> Result<(), ExportError> {
        let plain = ProductExtras::default();
        let extras = input.extras.as_deref().unwrap_or(&plain);
        let kind = KINDS.iter().find(|(_, kind)| *kind == extras.kind);
        self.word(line, Column::Kind, kind.map_or("", |(word, _)| word));
        let category = extras.category.as_deref().unwrap_or_default();
        self.text(line, Column::Category, category);
        let moment = |at: Option<stoa_kernel::Timestamp>| at.map(|at| at.to_string());
        let publish_at = moment(extras.publish_at).unwrap_or_default();
        self.word(line, Column::PublishAt, publish_at);
        let unpublish_at = moment(extras.unpublish_at).unwrap_or_default();
        self.word(line, Column::UnpublishAt, unpublish_at);
        if !extras.attributes.is_empty() {
            self.word(line, Column::Attributes, json(&extras.attributes)?);
        }
        if !extras.metadata.is_empty() {
            self.word(line, Column::Metadata, json(&extras.metadata)?);
        }
        if !exact.is_empty() {
            self.word(line, Column::Exact, json(exact)?);
        }
        Ok(())
    }

    fn variant(&self, line: &mut Line, input: &ProductInput, index: usize) {
        let variant = &input.variants[index];
        let values = Column::OPTION_VALUES.into_iter();
        for (column, value) in values.zip(&variant.option_values) {
            self.text(line, column, value);
        }
        if input.options.is_empty() {
            self.word(line, Column::Option1Value, "Default Title");
        }
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        self.text(line, Column::Sku, &optional(&variant.sku));
        self.text(line, Column::Barcode, &optional(&variant.barcode));
        self.word(line, Column::Grams, variant.grams.to_string());
        let ships = truth(variant.requires_shipping);
        self.word(line, Column::RequiresShipping, ships);
        self.word(line, Column::Taxable, truth(variant.taxable));
        self.text(line, Column::VariantImage, &optional(&variant.image));
    }

    fn components(
        &self,
        line: &mut Line,
        input: &ProductInput,
        index: usize,
    ) -> Result<(), ExportError> {
        let all = input.extras.as_ref().map(|extras| &extras.components);
        if let Some(parts) = all.and_then(|all| all.get(index)) {
            self.word(line, Column::Components, json(parts)?);
        }
        Ok(())
    }

    fn offer(&self, line: &mut Line, id: VariantId, offers: &Offers) {
        let level = offers.levels.get(&id);
        let on_hand = level.map_or(0, |level| level.on_hand.max(0));
        self.word(line, Column::Tracker, TRACKER);
        self.word(line, Column::Quantity, on_hand.to_string());
        let backorder = level.is_some_and(|level| level.backorder);
        let policy = if backorder { "continue" } else { "deny" };
        self.word(line, Column::Policy, policy);
        let prices = offers.prices.get(&id).map(Vec::as_slice);
        let prices = prices.unwrap_or_default();
        let price_in = |currency| prices.iter().find(|each| each.price.currency == currency);
        let (price, former) = written(price_in(self.own));
        let price = price.unwrap_or_else(|| NO_PRICE.to_owned());
        self.word(line, Column::Price, price);
        self.word(line, Column::CompareAt, former);
        for (index, currency) in self.others.iter().enumerate() {
            let place = COLUMNS.len() + 2 * index;
            let (price, former) = written(price_in(*currency));
            line.word(place, price.unwrap_or_default());
            line.word(place + 1, former);
        }
    }

    fn text(&self, line: &mut Line, column: Column, text: &str) {
        line.text(self.places[column as usize], text);
    }

    fn word(&self, line: &mut Line, column: Column, word: impl Into<String>) {
        line.word(self.places[column as usize], word);
    }

    fn width(&self) -> usize {
        COLUMNS.len() + 2 * self.others.len()
    }
}

/// A price and the former one.
fn written(price: Option<&NewPrice>) -> (Option<String>, String) {
    let former = price.and_then(|each| each.compare_at);
    (
        price.map(|each| each.price.to_decimal()),
        former.map(|former| former.to_decimal()).unwrap_or_default(),
    )
}

const fn truth(is: bool) -> &'static str {
    if is { "TRUE" } else { "FALSE" }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, ExportError> {
    serde_json::to_string(value).map_err(|error| ExportError::Unreadable {
        reason: error.to_string(),
    })
}

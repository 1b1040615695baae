//! One product being collected from its rows. Knows its own rows only.

use std::collections::HashSet;

use stoa_kernel::{Currency, Money};

use super::draft::{
    ExtrasDraft, LineRange, ParsedProduct, ProductDetails, ProductDraft, RowIssue, Severity,
    VariantDraft,
};
use super::header::{Column, Header};
use super::product::{Names, RawImage, RawVariant, assemble};
use super::{
    IMAGES_PER_PRODUCT_MAX, ISSUES_PER_PRODUCT_MAX, OPTIONS_PER_PRODUCT_MAX,
    SEO_DESCRIPTION_CHARS_MAX, TEXT_CHARS_MAX, VARIANTS_PER_PRODUCT_MAX, cell,
};
use crate::csv::Record;
use crate::sanitise;

/// A record with its header: cells by meaning.
pub(super) struct Row<'a> {
    pub(super) header: &'a Header,
    pub(super) record: Record<'a>,
}

impl<'a> Row<'a> {
    /// Trimmed; empty where the file has no such column.
    pub(super) fn get(&self, column: Column) -> &'a str {
        let place = self.header.place(column);
        self.at(place)
    }

    fn at(&self, place: Option<usize>) -> &'a str {
        let cell = place.and_then(|index| self.record.get(index));
        let cell = cell.unwrap_or_default().trim();
        match self.header.is_ours() {
            true => cell::unguarded(cell),
            false => cell,
        }
    }

    /// An error in a column that is only known by its place.
    fn issue_at(&self, place: Option<usize>, reason: &str) -> RowIssue {
        RowIssue {
            line: self.record.line(),
            column: place
                .and_then(|place| self.header.column_name(place))
                .map(str::to_owned),
            value_excerpt: cell::excerpt(self.at(place)),
            reason: reason.to_owned(),
            severity: Severity::Error,
        }
    }

    pub(super) fn issue(&self, column: Column, reason: &str, severity: Severity) -> RowIssue {
        RowIssue {
            line: self.record.line(),
            column: Some(self.header.name(column).to_owned()),
            value_excerpt: cell::excerpt(self.get(column)),
            reason: reason.to_owned(),
            severity,
        }
    }
}

/// The rows of one handle so far.
pub(super) struct Group {
    handle: String,
    lines: LineRange,
    continues: bool,
    currency: Currency,
    rows: usize,
    details: Option<ProductDetails>,
    option_names: [String; OPTIONS_PER_PRODUCT_MAX],
    /// What the file calls the value columns, for reports.
    option_columns: [String; OPTIONS_PER_PRODUCT_MAX],
    variants: Vec<RawVariant>,
    images: Vec<RawImage>,
    image_urls: HashSet<String>,
    issues: Vec<RowIssue>,
    issues_dropped: u64,
    failed: bool,
}

impl Group {
    pub(super) fn new(handle: String, line: u64, continues: bool, currency: Currency) -> Self {
        Self {
            handle,
            lines: LineRange {
                first: line,
                last: line,
            },
            continues,
            currency,
            rows: 0,
            details: None,
            option_names: Default::default(),
            option_columns: Default::default(),
            variants: Vec::new(),
            images: Vec::new(),
            image_urls: HashSet::new(),
            issues: Vec::new(),
            issues_dropped: 0,
            failed: false,
        }
    }

    pub(super) fn handle(&self) -> &str {
        &self.handle
    }

    pub(super) fn report(&mut self, issue: RowIssue) {
        self.failed |= issue.severity == Severity::Error;
        self.lines.last = self.lines.last.max(issue.line);
        if self.issues.len() < ISSUES_PER_PRODUCT_MAX {
            self.issues.push(issue);
        } else {
            self.issues_dropped += 1;
        }
    }

    /// A row of this product that could not be read at all.
    pub(super) fn broken_row(&mut self, issue: RowIssue) {
        self.rows += 1;
        self.report(issue);
    }

    pub(super) fn row(&mut self, row: &Row<'_>) {
        self.lines.last = row.record.line();
        self.rows += 1;
        if let Some(column) = column_with_nul(row) {
            self.report(RowIssue {
                line: row.record.line(),
                column,
                value_excerpt: String::new(),
                reason: "contains a NUL character".to_owned(),
                severity: Severity::Error,
            });
            return;
        }
        self.read_details(row);
        let has_variant = self.read_variant(row);
        let has_image = self.read_image(row);
        if !has_variant && !has_image {
            let reason = "the row brings neither a variant nor a picture";
            self.report(row.issue(Column::Handle, reason, Severity::Warning));
        }
    }

    pub(super) fn finish(mut self, ordinal: u64) -> ParsedProduct {
        if self.details.is_none() && !self.continues && !self.failed {
            let (line, title) = (self.lines.first, Some("Title".to_owned()));
            let reason = "the first row of a product needs a title".to_owned();
            let (value_excerpt, severity) = (String::new(), Severity::Error);
            self.report(RowIssue {
                line,
                column: title,
                value_excerpt,
                reason,
                severity,
            });
        }
        let draft = if self.failed { None } else { self.draft() };
        ParsedProduct {
            ordinal,
            handle: Some(self.handle),
            lines: self.lines,
            rows: self.rows as u64,
            draft,
            issues: self.issues,
            issues_dropped: self.issues_dropped,
        }
    }

    fn draft(&mut self) -> Option<ProductDraft> {
        let names = std::mem::take(&mut self.option_names);
        let columns = std::mem::take(&mut self.option_columns);
        let variants = std::mem::take(&mut self.variants);
        let images = std::mem::take(&mut self.images);
        match assemble(Names { names, columns }, variants, images, self.continues) {
            Err(issues) => {
                issues.into_iter().for_each(|issue| self.report(issue));
                None
            }
            Ok((options, variants, images)) => Some(ProductDraft {
                handle: self.handle.clone(),
                continues: self.continues,
                details: self.details.take(),
                options,
                variants,
                images,
                lines: self.lines,
            }),
        }
    }

    /// Whatever a product says once stands in the first row that has a title.
    fn read_details(&mut self, row: &Row<'_>) {
        let title = row.get(Column::Title);
        if title.is_empty() {
            return;
        }
        if let Some(details) = &self.details {
            if details.title != title {
                let reason = format!("the title stays `{}`, of an earlier row", details.title);
                self.report(row.issue(Column::Title, &reason, Severity::Warning));
            }
            return;
        }
        let published = self.read(row, Column::Published, cell::boolean).flatten();
        let published = published.unwrap_or(true);
        let gift_card = self.read(row, Column::GiftCard, cell::boolean).flatten();
        let details = ProductDetails {
            title: self
                .read(row, Column::Title, cell::text)
                .unwrap_or_default(),
            description_html: sanitise::description(row.get(Column::Body)),
            vendor: self
                .read(row, Column::Vendor, cell::text)
                .unwrap_or_default(),
            product_type: self.read(row, Column::Type, cell::text).unwrap_or_default(),
            tags: self.read(row, Column::Tags, cell::tags).unwrap_or_default(),
            status: self
                .read(row, Column::Status, |value| cell::status(value, published))
                .unwrap_or(super::DraftStatus::Draft),
            seo_title: self.read_seo(row, Column::SeoTitle, TEXT_CHARS_MAX),
            seo_description: self.read_seo(row, Column::SeoDescription, SEO_DESCRIPTION_CHARS_MAX),
            gift_card: gift_card.unwrap_or(false),
            extras: self.read_extras(row),
            exact: self
                .read_filled(row, Column::Exact, cell::exact)
                .unwrap_or_default(),
        };
        self.details = Some(details);
    }

    /// Search engines cut these texts anyway, so a long one is no reason to reject a product.
    fn read_seo(&mut self, row: &Row<'_>, column: Column, chars_max: usize) -> String {
        let value = row.get(column);
        let Some((end, _)) = value.char_indices().nth(chars_max) else {
            return value.to_owned();
        };
        let reason = format!("cut to {chars_max} characters");
        self.report(row.issue(column, &reason, Severity::Warning));
        value[..end].to_owned()
    }

    /// True where the row brings a variant: the first row always does, later ones where an option
    /// value, a SKU, a barcode or a price says so.
    fn read_variant(&mut self, row: &Row<'_>) -> bool {
        const TELLING: [Column; 6] = [
            Column::Option1Value,
            Column::Option2Value,
            Column::Option3Value,
            Column::Sku,
            Column::Barcode,
            Column::Price,
        ];
        let first = self.rows == 1 && !self.continues;
        if !first && TELLING.iter().all(|column| row.get(*column).is_empty()) {
            return false;
        }
        if self.variants.len() >= VARIANTS_PER_PRODUCT_MAX {
            let reason = format!("more than {VARIANTS_PER_PRODUCT_MAX} variants in one product");
            self.report(row.issue(Column::Option1Value, &reason, Severity::Error));
            return true;
        }
        if self.variants.is_empty() {
            self.option_columns =
                Column::OPTION_VALUES.map(|column| row.header.name(column).to_owned());
        }
        self.read_option_names(row);
        let values = Column::OPTION_VALUES
            .map(|column| self.read(row, column, cell::text).unwrap_or_default());
        let variant = VariantDraft {
            option_values: Vec::new(),
            sku: self.read(row, Column::Sku, cell::sku).unwrap_or_default(),
            barcode: self
                .read(row, Column::Barcode, cell::barcode)
                .unwrap_or_default(),
            price: self.read_price(row),
            compare_at: self.read_compare_at(row),
            prices: self.read_prices(row),
            grams: self
                .read_filled(row, Column::Grams, cell::grams)
                .unwrap_or(0),
            requires_shipping: self.read_flag(row, Column::RequiresShipping),
            taxable: self.read_flag(row, Column::Taxable),
            inventory_tracked: !row.get(Column::Tracker).is_empty(),
            quantity: self.read_quantity(row),
            policy: self
                .read(row, Column::Policy, cell::policy)
                .unwrap_or(super::StockPolicy::Deny),
            image_url: self.read_url(row, Column::VariantImage),
            components: match row.header.is_ours() {
                true => self
                    .read_filled(row, Column::Components, cell::components)
                    .unwrap_or_default(),
                false => Vec::new(),
            },
            line: row.record.line(),
        };
        self.variants.push(RawVariant { values, variant });
        true
    }

    fn read_option_names(&mut self, row: &Row<'_>) {
        for (index, column) in Column::OPTION_NAMES.into_iter().enumerate() {
            let name = self.read(row, column, cell::text).unwrap_or_default();
            let known = &mut self.option_names[index];
            if known.is_empty() {
                *known = name;
            } else if !name.is_empty() && !known.eq_ignore_ascii_case(&name) {
                let reason = format!("the option stays `{known}`, of an earlier row");
                self.report(row.issue(column, &reason, Severity::Warning));
            }
        }
    }

    fn read_price(&mut self, row: &Row<'_>) -> Option<Money> {
        if row.get(Column::Price).is_empty() {
            let reason = "a variant needs a price; write 0 for one that is free";
            self.report(row.issue(Column::Price, reason, Severity::Error));
            return None;
        }
        if row.header.is_ours() && row.get(Column::Price) == cell::NO_PRICE {
            return None;
        }
        let currency = self.currency;
        self.read(row, Column::Price, |value| cell::price(value, currency))
    }

    /// A further currency without a price is left as it is.
    fn read_prices(&mut self, row: &Row<'_>) -> Vec<(Money, Option<Money>)> {
        let (own, mut prices) = (self.currency, Vec::new());
        for places in row.header.prices() {
            let currency = places.currency;
            let mut read = |place: Option<usize>| {
                let value = row.at(place);
                match cell::price(value, currency) {
                    _ if value.is_empty() => None,
                    Ok(price) => Some(price),
                    Err(reason) => {
                        self.report(row.issue_at(place, &reason));
                        None
                    }
                }
            };
            // The shop's own stands in a column of its own.
            let price = read(places.price.filter(|_| currency != own));
            let former = read(places.compare_at).filter(|former| former.amount > 0);
            prices.extend(price.map(|price| (price, former)));
        }
        prices
    }

    fn read_extras(&mut self, row: &Row<'_>) -> Option<ExtrasDraft> {
        if !row.header.is_ours() {
            return None;
        }
        let category = row.get(Column::Category).to_owned();
        Some(ExtrasDraft {
            kind: self
                .read_filled(row, Column::Kind, cell::kind)
                .unwrap_or_default(),
            category: (!category.is_empty()).then_some(category),
            attributes: self
                .read_filled(row, Column::Attributes, cell::attributes)
                .unwrap_or_default(),
            publish_at: self.read_filled(row, Column::PublishAt, cell::moment),
            unpublish_at: self.read_filled(row, Column::UnpublishAt, cell::moment),
            metadata: self
                .read_filled(row, Column::Metadata, cell::metadata)
                .unwrap_or_default(),
        })
    }

    fn read_compare_at(&mut self, row: &Row<'_>) -> Option<Money> {
        let currency = self.currency;
        self.read_filled(row, Column::CompareAt, |value| cell::price(value, currency))
            .filter(|price| price.amount > 0)
    }

    fn read_quantity(&mut self, row: &Row<'_>) -> Option<i64> {
        let quantity = self.read_filled(row, Column::Quantity, cell::count)?;
        if quantity < 0 {
            let reason = "a negative quantity becomes 0";
            self.report(row.issue(Column::Quantity, reason, Severity::Warning));
        }
        Some(quantity.max(0))
    }

    /// True where the row names a picture, even one that is left out.
    fn read_image(&mut self, row: &Row<'_>) -> bool {
        if row.get(Column::ImageUrl).is_empty() {
            return false;
        }
        let Some(url) = self.read_url(row, Column::ImageUrl) else {
            return true;
        };
        let position = self.read_filled(row, Column::ImagePosition, cell::count);
        let alt = self.read_seo(row, Column::ImageAlt, 2 * TEXT_CHARS_MAX);
        if self.image_urls.insert(url.clone()) {
            if self.images.len() >= IMAGES_PER_PRODUCT_MAX {
                let reason = format!("more than {IMAGES_PER_PRODUCT_MAX} pictures in one product");
                self.image_urls.remove(&url);
                self.report(row.issue(Column::ImageUrl, &reason, Severity::Error));
                return true;
            }
            self.images.push(RawImage { url, alt, position });
        }
        true
    }

    /// A picture that cannot be fetched is left out; the product is worth more than it.
    fn read_url(&mut self, row: &Row<'_>, column: Column) -> Option<String> {
        let value = row.get(column);
        let url = cell::web_url(value);
        if url.is_none() && !value.is_empty() {
            let reason = "not an http or https address; the picture is left out";
            self.report(row.issue(column, reason, Severity::Warning));
        }
        url
    }

    /// TRUE where the cell is blank, as in Shopify.
    fn read_flag(&mut self, row: &Row<'_>, column: Column) -> bool {
        self.read(row, column, cell::boolean)
            .flatten()
            .unwrap_or(true)
    }

    fn read_filled<T>(
        &mut self,
        row: &Row<'_>,
        column: Column,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if row.get(column).is_empty() {
            None
        } else {
            self.read(row, column, parse)
        }
    }

    fn read<T>(
        &mut self,
        row: &Row<'_>,
        column: Column,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(row.get(column)) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.report(row.issue(column, &reason, Severity::Error));
                None
            }
        }
    }
}

/// Databases cannot hold a NUL in a text. The outer option: is there one; the inner: where.
fn column_with_nul(row: &Row<'_>) -> Option<Option<String>> {
    if !row.record.text().contains('\0') {
        return None;
    }
    let index = row.record.fields().position(|field| field.contains('\0'));
    Some(
        index
            .and_then(|index| row.header.column_name(index))
            .map(str::to_owned),
    )
}

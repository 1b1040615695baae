//! The header row: which dialect it is, and which column is where. Reads no product.

use stoa_kernel::Currency;

use crate::csv::CsvError;

/// Which of Shopify's two sets of column names a file uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `Handle,Title,Body (HTML),...`
    Classic,
    /// `Title,URL handle,Description,...`
    New,
}

/// Why a header is not one of a product file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("the file is empty")]
    Empty,
    #[error(transparent)]
    Csv(#[from] CsvError),
    #[error(
        "not a Shopify product file: the header lacks {}",
        missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    )]
    Missing { missing: Vec<&'static str> },
    #[error(
        "not a file of stock levels: the header lacks {}",
        missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    )]
    NoLevels { missing: Vec<&'static str> },
    #[error("the columns `{first}` and `{second}` mean the same; keep one")]
    Twice { first: String, second: String },
}

/// The columns an import reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Handle,
    Title,
    Body,
    Vendor,
    Type,
    Tags,
    Published,
    Status,
    Option1Name,
    Option1Value,
    Option2Name,
    Option2Value,
    Option3Name,
    Option3Value,
    Sku,
    Barcode,
    Grams,
    Tracker,
    Quantity,
    Policy,
    Price,
    CompareAt,
    RequiresShipping,
    Taxable,
    ImageUrl,
    ImagePosition,
    ImageAlt,
    VariantImage,
    GiftCard,
    SeoTitle,
    SeoDescription,
    Kind,
    Category,
    Attributes,
    PublishAt,
    UnpublishAt,
    Metadata,
    Exact,
    Components,
}

impl Column {
    /// Those that only files of this program have: what they tell is taken together.
    const OURS: [Self; 6] = [
        Self::Kind,
        Self::Category,
        Self::Attributes,
        Self::PublishAt,
        Self::UnpublishAt,
        Self::Metadata,
    ];

    pub(crate) const OPTION_NAMES: [Self; 3] =
        [Self::Option1Name, Self::Option2Name, Self::Option3Name];
    pub(crate) const OPTION_VALUES: [Self; 3] =
        [Self::Option1Value, Self::Option2Value, Self::Option3Value];
}

const COLUMNS: usize = 39;

/// The classic name and the new name of each column, in the order of `Column`.
const NAMES: [(Column, &str, &str); COLUMNS] = [
    (Column::Handle, "Handle", "URL handle"),
    (Column::Title, "Title", "Title"),
    (Column::Body, "Body (HTML)", "Description"),
    (Column::Vendor, "Vendor", "Vendor"),
    (Column::Type, "Type", "Type"),
    (Column::Tags, "Tags", "Tags"),
    (Column::Published, "Published", "Published on online store"),
    (Column::Status, "Status", "Status"),
    (Column::Option1Name, "Option1 Name", "Option1 name"),
    (Column::Option1Value, "Option1 Value", "Option1 value"),
    (Column::Option2Name, "Option2 Name", "Option2 name"),
    (Column::Option2Value, "Option2 Value", "Option2 value"),
    (Column::Option3Name, "Option3 Name", "Option3 name"),
    (Column::Option3Value, "Option3 Value", "Option3 value"),
    (Column::Sku, "Variant SKU", "SKU"),
    (Column::Barcode, "Variant Barcode", "Barcode"),
    (Column::Grams, "Variant Grams", "Weight value (grams)"),
    (
        Column::Tracker,
        "Variant Inventory Tracker",
        "Inventory tracker",
    ),
    (
        Column::Quantity,
        "Variant Inventory Qty",
        "Inventory quantity",
    ),
    (
        Column::Policy,
        "Variant Inventory Policy",
        "Continue selling when out of stock",
    ),
    (Column::Price, "Variant Price", "Price"),
    (
        Column::CompareAt,
        "Variant Compare At Price",
        "Compare-at price",
    ),
    (
        Column::RequiresShipping,
        "Variant Requires Shipping",
        "Requires shipping",
    ),
    (Column::Taxable, "Variant Taxable", "Charge tax"),
    (Column::ImageUrl, "Image Src", "Product image URL"),
    (Column::ImagePosition, "Image Position", "Image position"),
    (Column::ImageAlt, "Image Alt Text", "Image alt text"),
    (Column::VariantImage, "Variant Image", "Variant image URL"),
    (Column::GiftCard, "Gift Card", "Gift card"),
    (Column::SeoTitle, "SEO Title", "SEO title"),
    (Column::SeoDescription, "SEO Description", "SEO description"),
    (Column::Kind, "Stoa Kind", "Stoa kind"),
    (Column::Category, "Stoa Category", "Stoa category"),
    (Column::Attributes, "Stoa Attributes", "Stoa attributes"),
    (Column::PublishAt, "Stoa Publish At", "Stoa publish at"),
    (
        Column::UnpublishAt,
        "Stoa Unpublish At",
        "Stoa unpublish at",
    ),
    (Column::Metadata, "Stoa Metadata", "Stoa metadata"),
    (Column::Exact, "Stoa Exact", "Stoa exact"),
    (Column::Components, "Stoa Components", "Stoa components"),
];

/// `Price / USD`, `Compare At Price / USD`: prices in further currencies.
const PRICE_IN: &str = "price/";
const COMPARE_AT_IN: &str = "compareatprice/";

/// Where a further currency's prices stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PricesIn {
    pub(crate) currency: Currency,
    pub(crate) price: Option<usize>,
    pub(crate) compare_at: Option<usize>,
}

/// A read header.
#[derive(Debug, Clone)]
pub struct Header {
    dialect: Dialect,
    places: [Option<usize>; COLUMNS],
    prices: Vec<PricesIn>,
    names: Vec<String>,
    ignored: Vec<String>,
}

impl Header {
    /// Names match whatever their case and spaces; the dialects may even be mixed.
    pub fn read(names: &[String]) -> Result<Self, HeaderError> {
        let known: Vec<_> = NAMES
            .iter()
            .map(|&(column, classic, new)| (column, folded(classic), folded(new)))
            .collect();
        let (mut places, mut ignored) = ([None; COLUMNS], Vec::new());
        let mut prices: Vec<PricesIn> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let key = folded(name);
            let found = known
                .iter()
                .find(|(_, classic, new)| key == *classic || key == *new);
            match found {
                None if key.is_empty() => {}
                None if further_price(&mut prices, &key, index) => {}
                None => ignored.push(name.trim().to_owned()),
                Some((column, ..)) => {
                    let place: &mut Option<usize> = &mut places[*column as usize];
                    if let Some(first) = *place {
                        let (first, second) = (names[first].clone(), name.clone());
                        return Err(HeaderError::Twice { first, second });
                    }
                    *place = Some(index);
                }
            }
        }
        let dialect = dialect(names, &places);
        let names = names.to_vec();
        let header = Self {
            dialect,
            places,
            prices,
            names,
            ignored,
        };
        header.check()?;
        Ok(header)
    }

    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Columns of the file that an import does not keep; to be told once.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Whether this program wrote it: it tells more, and cells may be guarded.
    pub(crate) fn is_ours(&self) -> bool {
        self.place(Column::Kind).is_some()
    }

    pub(crate) fn prices(&self) -> &[PricesIn] {
        &self.prices
    }

    /// The name that exports give a column.
    pub(crate) const fn exported_name(column: Column) -> &'static str {
        NAMES[column as usize].1
    }

    pub(crate) fn place(&self, column: Column) -> Option<usize> {
        self.places[column as usize]
    }

    /// The column's name as the file has it, or as it would be in the file's dialect.
    pub(crate) fn name(&self, column: Column) -> &str {
        match self.place(column) {
            Some(index) => self.names[index].trim(),
            None => self.usual_name(column),
        }
    }

    pub(crate) fn column_name(&self, index: usize) -> Option<&str> {
        self.names.get(index).map(|name| name.trim())
    }

    fn usual_name(&self, column: Column) -> &'static str {
        let (_, classic, new) = NAMES[column as usize];
        match self.dialect {
            Dialect::Classic => classic,
            Dialect::New => new,
        }
    }

    fn check(&self) -> Result<(), HeaderError> {
        let required: &[Column] = match self.dialect {
            Dialect::Classic => &[Column::Handle, Column::Title, Column::Price],
            // The new dialect makes handles of titles where it has none.
            Dialect::New => &[Column::Title, Column::Price],
        };
        let ours = Column::OURS;
        let is_ours = ours.iter().any(|column| self.place(*column).is_some());
        let missing: Vec<_> = required
            .iter()
            .chain(ours.iter().filter(|_| is_ours))
            .filter(|column| self.place(**column).is_none())
            .map(|column| self.usual_name(*column))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(HeaderError::Missing { missing })
        }
    }
}

/// Notes a column of prices in a further currency; false where it is none, or is there already.
fn further_price(prices: &mut Vec<PricesIn>, key: &str, index: usize) -> bool {
    let (code, is_former) = match (key.strip_prefix(PRICE_IN), key.strip_prefix(COMPARE_AT_IN)) {
        (Some(code), _) => (code, false),
        (_, Some(code)) => (code, true),
        (None, None) => return false,
    };
    let Ok(currency) = code.to_uppercase().parse::<Currency>() else {
        return false;
    };
    let place = prices.iter().position(|known| known.currency == currency);
    let place = place.unwrap_or_else(|| {
        prices.push(PricesIn {
            currency,
            price: None,
            compare_at: None,
        });
        prices.len() - 1
    });
    let column = match is_former {
        true => &mut prices[place].compare_at,
        false => &mut prices[place].price,
    };
    match column {
        Some(_) => false,
        None => {
            *column = Some(index);
            true
        }
    }
}

/// By the handle's name where there is one: the two dialects name it differently.
fn dialect(names: &[String], places: &[Option<usize>; COLUMNS]) -> Dialect {
    let handle = places[Column::Handle as usize].map(|index| folded(&names[index]));
    match handle.as_deref() {
        Some("handle") => Dialect::Classic,
        Some(_) => Dialect::New,
        None if places[Column::Price as usize].is_some_and(|at| folded(&names[at]) == "price") => {
            Dialect::New
        }
        None => Dialect::Classic,
    }
}

fn folded(name: &str) -> String {
    let visible = name.chars().filter(|character| !character.is_whitespace());
    visible.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, NAMES};

    #[test]
    fn the_table_is_in_the_order_of_the_columns() {
        for (index, (column, ..)) in NAMES.iter().enumerate() {
            assert_eq!(*column as usize, index);
        }
        assert_eq!(NAMES.len(), COLUMNS);
    }
}

//! Products as merchants send and get them. Turns them into drafts; checks nothing itself.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use stoa_contracts::catalog::{
    MediaLink, ProductInput, ProductOption, ProductStatus, Seo, VariantInput,
};
use stoa_kernel::{ProductId, Timestamp, VariantId};

use crate::application::Draft;
use crate::domain::{gtin_doubt, slug_of, variant_title};
use crate::infrastructure::products::WholeProduct;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductBody {
    /// 1 to 255 lower-case letters, digits and -; made of the title where it is left out.
    #[serde(default)]
    pub(crate) handle: Option<String>,
    pub(crate) title: String,
    /// HTML; what could harm a reader is removed.
    #[serde(default)]
    pub(crate) description_html: String,
    #[serde(default)]
    pub(crate) vendor: Option<String>,
    #[serde(default)]
    pub(crate) product_type: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(default = "active")]
    pub(crate) status: ProductStatus,
    /// At most 3.
    #[serde(default)]
    pub(crate) options: Vec<ProductOption>,
    /// 1 to 2000; one without options where it is left out.
    #[serde(default = "one_variant")]
    pub(crate) variants: Vec<VariantBody>,
    #[serde(default)]
    pub(crate) media: Vec<MediaLink>,
    #[serde(default)]
    pub(crate) seo: Seo,
    #[serde(default)]
    pub(crate) gift_card: bool,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariantBody {
    /// An existing variant of the product, which keeps its id, price and stock.
    #[serde(default)]
    id: Option<VariantId>,
    /// One value per option, in their order.
    #[serde(default)]
    option_values: Vec<String>,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    barcode: Option<String>,
    #[serde(default)]
    grams: i64,
    #[serde(default = "yes")]
    requires_shipping: bool,
    #[serde(default = "yes")]
    taxable: bool,
    #[serde(default)]
    image: Option<String>,
}

/// Fields to change; `null` clears one that can be empty.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductPatch {
    #[serde(default)]
    handle: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    pub(crate) description_html: Option<String>,
    #[serde(default, deserialize_with = "present")]
    vendor: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    product_type: Option<Option<String>>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    status: Option<ProductStatus>,
    #[serde(default)]
    options: Option<Vec<ProductOption>>,
    #[serde(default)]
    variants: Option<Vec<VariantBody>>,
    #[serde(default)]
    media: Option<Vec<MediaLink>>,
    #[serde(default)]
    seo: Option<Seo>,
    #[serde(default)]
    gift_card: Option<bool>,
}

/// A product with everything a merchant may change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AdminProduct {
    id: ProductId,
    handle: String,
    title: String,
    description_html: String,
    vendor: Option<String>,
    product_type: Option<String>,
    tags: Vec<String>,
    status: ProductStatus,
    options: Vec<ProductOption>,
    variants: Vec<AdminVariant>,
    media: Vec<MediaLink>,
    seo: Seo,
    gift_card: bool,
    /// What is unusual and was taken all the same.
    warnings: Vec<Warning>,
    /// Rises with every change; the ETag.
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Warning {
    field: String,
    message: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AdminVariant {
    id: VariantId,
    title: String,
    option_values: Vec<String>,
    sku: Option<String>,
    barcode: Option<String>,
    grams: i64,
    requires_shipping: bool,
    taxable: bool,
    image: Option<String>,
    in_stock: bool,
}

impl ProductBody {
    /// The first variant that names an existing one.
    pub(crate) fn named_variant(&self) -> Option<usize> {
        self.variants
            .iter()
            .position(|variant| variant.id.is_some())
    }

    /// `handle_now` is that of the product which is replaced.
    pub(crate) fn into_draft(self, handle_now: Option<String>) -> Draft {
        let (ids, variants) = split(self.variants);
        let handle = self
            .handle
            .or(handle_now)
            .unwrap_or_else(|| slug_of(&self.title));
        let input = ProductInput {
            handle,
            title: self.title,
            description_html: self.description_html,
            vendor: self.vendor,
            product_type: self.product_type,
            tags: self.tags,
            status: self.status,
            options: self.options,
            variants,
            media: self.media,
            seo: self.seo,
            gift_card: self.gift_card,
        };
        Draft { input, ids }
    }
}

impl ProductPatch {
    pub(crate) fn apply(self, draft: Draft) -> Draft {
        let now = draft.input;
        let (ids, variants) = match self.variants {
            Some(variants) => split(variants),
            None => (draft.ids, now.variants),
        };
        let input = ProductInput {
            handle: self.handle.unwrap_or(now.handle),
            title: self.title.unwrap_or(now.title),
            description_html: self.description_html.unwrap_or(now.description_html),
            vendor: self.vendor.unwrap_or(now.vendor),
            product_type: self.product_type.unwrap_or(now.product_type),
            tags: self.tags.unwrap_or(now.tags),
            status: self.status.unwrap_or(now.status),
            options: self.options.unwrap_or(now.options),
            variants,
            media: self.media.unwrap_or(now.media),
            seo: self.seo.unwrap_or(now.seo),
            gift_card: self.gift_card.unwrap_or(now.gift_card),
        };
        Draft { input, ids }
    }
}

impl From<WholeProduct> for AdminProduct {
    fn from(product: WholeProduct) -> Self {
        let input = product.input;
        let warnings = warnings(&input);
        let variant = |((id, in_stock), variant): ((VariantId, bool), VariantInput)| AdminVariant {
            id,
            title: variant_title(&variant.option_values),
            option_values: variant.option_values,
            sku: variant.sku,
            barcode: variant.barcode,
            grams: variant.grams,
            requires_shipping: variant.requires_shipping,
            taxable: variant.taxable,
            image: variant.image,
            in_stock,
        };
        Self {
            id: product.id,
            handle: input.handle,
            title: input.title,
            description_html: input.description_html,
            vendor: input.vendor,
            product_type: input.product_type,
            tags: input.tags,
            status: input.status,
            options: input.options,
            variants: product
                .variants
                .into_iter()
                .zip(input.variants)
                .map(variant)
                .collect(),
            media: input.media,
            seo: input.seo,
            gift_card: input.gift_card,
            warnings,
            version: product.version,
            created_at: product.created_at,
            updated_at: product.updated_at,
        }
    }
}

impl AdminProduct {
    pub(crate) fn version(&self) -> i64 {
        self.version
    }
}

fn warnings(input: &ProductInput) -> Vec<Warning> {
    let doubt = |(index, variant): (usize, &VariantInput)| {
        let message = gtin_doubt(variant.barcode.as_deref()?)?;
        let field = format!("variants[{index}].barcode");
        Some(Warning { field, message })
    };
    input
        .variants
        .iter()
        .enumerate()
        .filter_map(doubt)
        .collect()
}

fn split(variants: Vec<VariantBody>) -> (Vec<Option<VariantId>>, Vec<VariantInput>) {
    let each = |body: VariantBody| {
        let input = VariantInput {
            option_values: body.option_values,
            sku: body.sku,
            barcode: body.barcode,
            grams: body.grams,
            requires_shipping: body.requires_shipping,
            taxable: body.taxable,
            image: body.image,
        };
        (body.id, input)
    };
    variants.into_iter().map(each).unzip()
}

/// Tells a field that is `null` from one that is not there.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

const fn active() -> ProductStatus {
    ProductStatus::Active
}
const fn yes() -> bool {
    true
}
fn one_variant() -> Vec<VariantBody> {
    vec![VariantBody {
        id: None,
        option_values: Vec::new(),
        sku: None,
        barcode: None,
        grams: 0,
        requires_shipping: true,
        taxable: true,
        image: None,
    }]
}

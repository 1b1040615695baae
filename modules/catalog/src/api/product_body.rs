//! Products as merchants send and get them. Turns them into drafts; checks nothing itself.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use stoa_contracts::catalog::{
    Attribute, DigitalFile, MediaLink, ProductInput, ProductKind, ProductOption, ProductStatus,
    Seo, VariantInput,
};
use stoa_kernel::{ProductId, Timestamp, VariantId};

use crate::application::Draft;
use crate::domain::{
    Extras, Metadata, Standing, VariantExtras, gtin_doubt, slug_of, variant_title,
};
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
    /// What `gift_card` says where it is left out, else as it is, else `physical`.
    #[serde(default)]
    kind: Option<ProductKind>,
    /// Shown from then on, while it is active.
    #[serde(default)]
    publish_at: Option<Timestamp>,
    /// Not shown from then on.
    #[serde(default)]
    unpublish_at: Option<Timestamp>,
    /// The handle of its category.
    #[serde(default)]
    category: Option<String>,
    /// At most 100; of those that its category knows, the values it allows.
    #[serde(default)]
    attributes: Vec<Attribute>,
    /// What buyers of a digital product get; at most 50.
    #[serde(default)]
    files: Vec<DigitalFile>,
    /// Anything of the merchant's own, at most 16 KiB; shoppers do not see it.
    #[serde(default)]
    metadata: Metadata,
}

/// So many units of another product's variant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ComponentBody {
    variant_id: VariantId,
    /// 1 to 1000.
    quantity: u32,
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
    /// Of a bundle: what it is made of; at most 50.
    #[serde(default)]
    components: Vec<ComponentBody>,
    /// Anything of the merchant's own, at most 4 KiB.
    #[serde(default)]
    metadata: Metadata,
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
    #[serde(default)]
    kind: Option<ProductKind>,
    #[serde(default, deserialize_with = "present")]
    publish_at: Option<Option<Timestamp>>,
    #[serde(default, deserialize_with = "present")]
    unpublish_at: Option<Option<Timestamp>>,
    #[serde(default, deserialize_with = "present")]
    category: Option<Option<String>>,
    #[serde(default)]
    attributes: Option<Vec<Attribute>>,
    #[serde(default)]
    files: Option<Vec<DigitalFile>>,
    #[serde(default)]
    metadata: Option<Metadata>,
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
    kind: ProductKind,
    publish_at: Option<Timestamp>,
    unpublish_at: Option<Timestamp>,
    /// The handle of its category.
    category: Option<String>,
    attributes: Vec<Attribute>,
    files: Vec<DigitalFile>,
    metadata: Metadata,
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
    components: Vec<ComponentBody>,
    metadata: Metadata,
}

impl ProductBody {
    /// The first variant that names an existing one.
    pub(crate) fn named_variant(&self) -> Option<usize> {
        self.variants
            .iter()
            .position(|variant| variant.id.is_some())
    }

    /// `now` is the product which is replaced.
    pub(crate) fn into_draft(self, now: Option<&Draft>) -> Draft {
        let (ids, variants, variant_extras) = split(self.variants);
        let kind_now = now.map(|now| now.extras.standing.kind).unwrap_or_default();
        let kind = kind_after(self.kind, Some(self.gift_card), kind_now);
        let extras = Extras {
            standing: Standing {
                kind,
                publish_at: self.publish_at,
                unpublish_at: self.unpublish_at,
            },
            category: self.category,
            attributes: self.attributes,
            files: self.files,
            metadata: self.metadata,
            variants: variant_extras,
        };
        let handle = self
            .handle
            .or_else(|| now.map(|now| now.input.handle.clone()))
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
            gift_card: kind == ProductKind::GiftCard,
            extras: None,
        };
        Draft { input, ids, extras }
    }
}

impl ProductPatch {
    pub(crate) fn apply(self, draft: Draft) -> Draft {
        let now = draft.input;
        let was = draft.extras;
        let (ids, variants, variant_extras) = match self.variants {
            Some(variants) => split(variants),
            None => (draft.ids, now.variants, was.variants),
        };
        let kind = kind_after(self.kind, self.gift_card, was.standing.kind);
        let extras = Extras {
            standing: Standing {
                kind,
                publish_at: self.publish_at.unwrap_or(was.standing.publish_at),
                unpublish_at: self.unpublish_at.unwrap_or(was.standing.unpublish_at),
            },
            category: self.category.unwrap_or(was.category),
            attributes: self.attributes.unwrap_or(was.attributes),
            files: self.files.unwrap_or(was.files),
            metadata: self.metadata.unwrap_or(was.metadata),
            variants: variant_extras,
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
            gift_card: kind == ProductKind::GiftCard,
            extras: None,
        };
        Draft { input, ids, extras }
    }
}

impl From<WholeProduct> for AdminProduct {
    fn from(product: WholeProduct) -> Self {
        let input = product.input;
        let warnings = warnings(&input);
        let extras = product.extras;
        let variant = |(((id, in_stock), variant), extras): ((_, VariantInput), VariantExtras)| {
            admin_variant(id, in_stock, variant, extras)
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
                .zip(extras.variants)
                .map(variant)
                .collect(),
            media: input.media,
            seo: input.seo,
            gift_card: input.gift_card,
            kind: extras.standing.kind,
            publish_at: extras.standing.publish_at,
            unpublish_at: extras.standing.unpublish_at,
            category: extras.category,
            attributes: extras.attributes,
            files: extras.files,
            metadata: extras.metadata,
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

fn admin_variant(
    id: VariantId,
    in_stock: bool,
    variant: VariantInput,
    extras: VariantExtras,
) -> AdminVariant {
    let component = |(variant_id, quantity)| ComponentBody {
        variant_id,
        quantity,
    };
    AdminVariant {
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
        components: extras.components.into_iter().map(component).collect(),
        metadata: extras.metadata,
    }
}

/// The kind that a request means which may say it in two ways.
const fn kind_after(
    said: Option<ProductKind>,
    gift_card: Option<bool>,
    now: ProductKind,
) -> ProductKind {
    match (said, gift_card, now) {
        (Some(kind), _, _) => kind,
        (None, Some(true), _) => ProductKind::GiftCard,
        (None, Some(false), ProductKind::GiftCard) => ProductKind::Physical,
        (None, _, now) => now,
    }
}

type Split = (
    Vec<Option<VariantId>>,
    Vec<VariantInput>,
    Vec<VariantExtras>,
);

fn split(variants: Vec<VariantBody>) -> Split {
    let mut all: Split = (Vec::new(), Vec::new(), Vec::new());
    for body in variants {
        all.0.push(body.id);
        all.1.push(VariantInput {
            option_values: body.option_values,
            sku: body.sku,
            barcode: body.barcode,
            grams: body.grams,
            requires_shipping: body.requires_shipping,
            taxable: body.taxable,
            image: body.image,
        });
        let parts = body.components.into_iter();
        all.2.push(VariantExtras {
            metadata: body.metadata,
            components: parts.map(|part| (part.variant_id, part.quantity)).collect(),
        });
    }
    all
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
        components: Vec::new(),
        metadata: Metadata::new(),
    }]
}

//! What bundles are made of, where an import names it: by handles and option values, which mean the
//! same in any shop.

use std::collections::{HashMap, HashSet};

use stoa_contracts::catalog::{
    CatalogError, NamedComponent, ProductExtras, ProductInput, ProductKind,
};
use stoa_kernel::{ProductId, VariantId};
use stoa_storage::Tx;

use super::App;
use crate::domain::{Extras, Flaw, Standing, VariantExtras, check_extras};
use crate::infrastructure::extras;
use crate::infrastructure::shape::Shape;

/// What a bundle's variants are to be made of.
pub(super) struct Made {
    variants: Vec<VariantId>,
    parts: Vec<VariantExtras>,
}

/// Whether the names are as many as they must be; what they name is found in the shop.
pub(super) fn check_named(said: &ProductExtras, variants: usize) -> Result<(), Flaw> {
    let named = &said.components;
    let some = named.iter().any(|parts| !parts.is_empty());
    if said.kind != ProductKind::Bundle && some {
        return Err(Flaw::new("components", "belong to bundles"));
    }
    if !named.is_empty() && named.len() != variants {
        return Err(Flaw::new("components", "are one list per variant"));
    }
    Ok(())
}

/// What the input names, where that is not what the bundle is made of already. A new bundle is made
/// of something.
pub(super) async fn remade(
    tx: &mut Tx<'_>,
    input: &ProductInput,
    product: ProductId,
    kept: &[(VariantId, bool)],
) -> Result<Option<Made>, CatalogError> {
    let said = input.extras.as_deref();
    let Some(said) = said.filter(|said| said.kind == ProductKind::Bundle) else {
        return Ok(None);
    };
    let mut is = extras::components_of_product(tx, product).await?;
    if said.components.is_empty() && !is.is_empty() {
        return Ok(None);
    }
    let parts = found(tx, said).await?;
    let standing = Standing {
        kind: ProductKind::Bundle,
        ..Standing::default()
    };
    let mut all = Extras {
        standing,
        ..Extras::plain(kept.len())
    };
    for (place, parts) in all.variants.iter_mut().zip(parts) {
        place.components = parts;
    }
    check_extras(&all)?;
    let variants: Vec<VariantId> = kept.iter().map(|(id, _)| *id).collect();
    let same = |(id, wanted): (&VariantId, &VariantExtras)| {
        is.remove(id).is_some_and(|is| is == wanted.components)
    };
    let unchanged = variants.iter().zip(&all.variants).all(same);
    let parts = all.variants;
    Ok((!unchanged).then_some(Made { variants, parts }))
}

/// The variants that are named; each is looked for once.
async fn found(
    tx: &mut Tx<'_>,
    said: &ProductExtras,
) -> Result<Vec<Vec<(VariantId, u32)>>, CatalogError> {
    let mut known: HashMap<(&str, &[String]), VariantId> = HashMap::new();
    let mut all = Vec::with_capacity(said.components.len());
    for named in &said.components {
        let mut parts = Vec::with_capacity(named.len());
        for part in named {
            let key = (part.handle.as_str(), part.options.as_slice());
            let id = match known.get(&key) {
                Some(id) => *id,
                None => extras::component_named(tx, part)
                    .await?
                    .ok_or_else(|| unknown(part))?,
            };
            known.insert(key, id);
            parts.push((id, part.quantity));
        }
        all.push(parts);
    }
    Ok(all)
}

fn unknown(part: &NamedComponent) -> Flaw {
    let values = match part.options.is_empty() {
        true => String::new(),
        false => format!(" with {}", part.options.join(" / ")),
    };
    let reason = format!("name `{}`{values}, which is not in this shop", part.handle);
    Flaw::new("components", reason)
}

impl App {
    /// Makes a bundle, whose lock the caller holds, of what was found.
    pub(super) async fn make_of(
        &self,
        tx: &mut Tx<'_>,
        (product, shape): (ProductId, Option<Shape>),
        made: &Made,
    ) -> Result<(), CatalogError> {
        let parts = made.parts.iter().flat_map(|each| &each.components);
        let asked: HashSet<VariantId> = parts.map(|(id, _)| *id).collect();
        let locked = extras::lock_components(tx, &Vec::from_iter(asked.iter().copied())).await?;
        if locked.len() < asked.len() {
            return Err(Flaw::new("components", "name a bundle, which no bundle can hold").into());
        }
        extras::write_components(tx, product, &made.variants, &made.parts).await?;
        extras::renew_bundles(tx, &made.variants).await?;
        Ok(self.renew_cards(tx, shape, &[product]).await?)
    }
}

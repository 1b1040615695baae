//! What a page shows, as the tags that outdate it. Says nothing of a page that may show what nobody
//! told of: any product outdates that one.

use stoa_cache::Tag;
use stoa_kernel::TenantId;

use crate::render::Page;
use crate::shop::Shop;
use crate::visit::Visit;

/// All products on a page, and the index where their order came from it. Goes with the response
/// from where the page is made to where it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(super) tags: Vec<Tag>,
}

impl Shown {
    /// To be asked after everything was read that the page is made from.
    pub(crate) async fn on(shop: &Shop, visit: &Visit, page: Page<'_>) -> Option<Self> {
        shop.pages.as_ref()?;
        let tenant = visit.tenant_id();
        let found = Tag::found(tenant);
        let mut tags = stoa_cache::told();
        let by_index = tags.contains(&found);
        match page {
            // Lists of the index are its products in its order; other lists are of the catalog.
            Page::Collection(_) | Page::Search(_) if by_index => Some(Self { tags }),
            // What was named as like it is on the page. That others are more like it by now is no
            // reason to make the page anew.
            Page::Product(view) if by_index || view.related.is_empty() => {
                tags.retain(|tag| *tag != found);
                tags.push(itself(shop, visit, &view.handle).await?);
                Some(Self { tags })
            }
            _ => None,
        }
    }
}

/// The product whose handle it is. Had another one taken the handle since the page was made, then
/// its change, and this tag, would outdate the page, kept or being made.
async fn itself(shop: &Shop, visit: &Visit, handle: &str) -> Option<Tag> {
    let tenant: TenantId = visit.tenant_id();
    // From memory: the page was just made from it.
    let product = shop
        .catalog
        .product_in(tenant, handle, visit.currency, visit.locale());
    product
        .await
        .ok()
        .flatten()
        .map(|product| Tag::product(tenant, product.id))
}

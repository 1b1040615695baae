//! What is known of a handle: a product ready to send, where it went, or that there is none.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use stoa_contracts::catalog::ProductView;
use stoa_kernel::ProductId;
use stoa_rest::{ETag, HeaderMap, HeaderName, HeaderValue, header};

use crate::api::{JSON, PUBLIC};
use crate::domain::Dates;
use crate::infrastructure::answers::StoredAnswer;

/// Lines of an answer that shows a product.
const HEADERS: usize = 8;
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const BY_TENANT_AND_ENCODING: HeaderValue =
    HeaderValue::from_static("stoa-tenant, accept-encoding");

/// A product as it goes over the wire, or as templates read it.
pub(crate) struct CachedProduct {
    pub(crate) body: Bytes,
    pub(crate) tag: ETag,
    pub(super) cache_tag: HeaderValue,
    /// Of answers that are given again and again.
    pub(super) headers: OnceLock<HeaderMap>,
    pub(crate) id: ProductId,
    /// Its dates: an entry may lie here from before the one, or until after the other.
    pub(crate) dates: Dates,
    /// Read from the body by the first who wants it: most want the bytes alone.
    pub(super) view: OnceLock<ProductView>,
    /// Another look costs little.
    pub(super) stored: bool,
}

impl CachedProduct {
    pub(crate) fn new(view: ProductView, dates: Dates) -> Result<Self, serde_json::Error> {
        let (id, body) = (view.id, Bytes::from(serde_json::to_vec(&view)?));
        Ok(Self {
            view: view.into(),
            ..Self::of(id, dates, ETag::of_bytes(&body), body)
        })
    }

    /// From the bytes and the tag that [`Self::new`] made of it.
    pub(crate) fn stored(answer: StoredAnswer) -> Self {
        let body = answer.body;
        let tag = ETag::of_text(&answer.tag).unwrap_or_else(|| ETag::of_bytes(&body));
        Self {
            stored: true,
            ..Self::of(answer.product, answer.dates, tag, body)
        }
    }

    fn of(id: ProductId, dates: Dates, tag: ETag, body: Bytes) -> Self {
        let cache_tag = HeaderValue::from_str(&format!("product-{id}"))
            .expect("an id is letters, digits and `_`");
        Self {
            cache_tag,
            headers: OnceLock::new(),
            tag,
            body,
            id,
            dates,
            view: OnceLock::new(),
            stored: false,
        }
    }

    /// Those of an answer that shows it.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.extend(self.tag.header());
        headers.insert(header::CACHE_CONTROL, PUBLIC);
        headers.insert(header::VARY, BY_TENANT_AND_ENCODING);
        headers.insert(CACHE_TAG, self.cache_tag.clone());
        stoa_rest::reserve_lines(&mut headers);
        headers
    }

    /// The same, kept for the next who asks.
    pub(crate) fn kept_headers(&self) -> &HeaderMap {
        self.headers.get_or_init(|| self.headers())
    }

    pub(crate) fn view(&self) -> Result<&ProductView, serde_json::Error> {
        match self.view.get() {
            Some(view) => Ok(view),
            None => {
                let view = serde_json::from_slice(&self.body)?;
                Ok(self.view.get_or_init(|| view))
            }
        }
    }
}

/// What is known of a handle; that there is nothing is knowledge too.
#[derive(Clone)]
pub(crate) enum Found {
    Product(Arc<CachedProduct>),
    /// A product had the handle; this is the one it has now.
    Moved(Arc<str>),
    Nothing,
}

impl From<Option<CachedProduct>> for Found {
    fn from(product: Option<CachedProduct>) -> Self {
        product.map_or(Self::Nothing, |product| Self::Product(Arc::new(product)))
    }
}

impl Found {
    pub(crate) fn product(self) -> Option<Arc<CachedProduct>> {
        match self {
            Self::Product(product) => Some(product),
            Self::Moved(_) | Self::Nothing => None,
        }
    }
}

//! Which tenant a host shows, remembered for a moment: asked for by nearly every request. A plain
//! table, since nothing in it is worth more than its second.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::RwLock;
use stoa_rest::RequestTenant;
use tokio::time::Instant;

/// How long a host may go on showing a tenant that another process has changed.
const TIME_TO_LIVE: Duration = Duration::from_secs(1);
const HOSTS_MAX: usize = 100_000;

/// By host, for requests without the header.
#[derive(Default)]
pub(crate) struct HostBook(RwLock<HashMap<Box<str>, Known>>);

struct Known {
    tenant: RequestTenant,
    until: Instant,
}

impl HostBook {
    pub(crate) fn get(&self, host: &str, now: Instant) -> Option<RequestTenant> {
        let book = self.0.read();
        let known = book.get(host)?;
        (now < known.until).then(|| known.tenant.clone())
    }

    /// `now` is from before the tenant was looked up.
    pub(crate) fn insert(&self, host: &str, tenant: RequestTenant, now: Instant) {
        let until = now + TIME_TO_LIVE;
        let mut book = self.0.write();
        if book.len() >= HOSTS_MAX && !book.contains_key(host) {
            book.retain(|_, known| now < known.until);
            if book.len() >= HOSTS_MAX {
                book.clear();
            }
        }
        book.insert(host.into(), Known { tenant, until });
    }
}

#[cfg(test)]
mod tests {
    use stoa_kernel::{Currency, TenantId};
    use stoa_rest::TenantInfo;

    use super::*;

    fn tenant(number: u128) -> RequestTenant {
        RequestTenant::new(TenantInfo {
            id: TenantId::from_u128(number),
            slug: "acme".to_owned(),
            name: "Acme".to_owned(),
            currency: Currency::EUR,
            test_mode: false,
        })
    }

    #[test]
    fn a_host_is_forgotten_after_its_second() {
        let (book, now) = (HostBook::default(), Instant::now());
        book.insert("acme.test", tenant(1), now);
        let late = now + TIME_TO_LIVE;
        let just = late - Duration::from_nanos(1);
        assert_eq!(book.get("acme.test", just), Some(tenant(1)));
        assert_eq!(book.get("acme.test", late), None);
        assert_eq!(book.get("other.test", now), None);
        book.insert("acme.test", tenant(2), late);
        assert_eq!(book.get("acme.test", late), Some(tenant(2)));
    }

    #[test]
    fn a_crowd_of_hosts_is_bounded_and_the_old_go_first() {
        let (book, now) = (HostBook::default(), Instant::now());
        for number in 0..HOSTS_MAX {
            book.insert(&format!("{number}.test"), tenant(1), now);
        }
        let half = now + TIME_TO_LIVE / 2;
        // All of them are fresh still: none is kept for its rank.
        book.insert("one.test", tenant(1), half);
        assert_eq!(book.0.read().len(), 1);
        for number in 1..HOSTS_MAX {
            book.insert(&format!("{number}.test"), tenant(1), now);
        }
        let late = now + TIME_TO_LIVE;
        book.insert("two.test", tenant(2), late);
        assert_eq!(book.0.read().len(), 2);
        assert_eq!(book.get("one.test", late), Some(tenant(1)));
    }
}

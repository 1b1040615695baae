//! Links that open one order's status for a day. Deterministic, so that a replay gives the same.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stoa_kernel::{AttemptId, OrderId, TenantId, Timestamp};

const VALID_FOR: Duration = Duration::from_secs(24 * 3600);

pub(crate) struct StatusLinks {
    secret: [u8; 32],
}

impl StatusLinks {
    pub(crate) const fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// The day runs from the attempt's making, which its id tells.
    pub(crate) fn url(&self, tenant: TenantId, order: OrderId, attempt: AttemptId) -> String {
        let expires = attempt.unix_ms() / 1_000 + VALID_FOR.as_secs();
        let signature = hex::encode(self.mac(tenant, order, expires).finalize().into_bytes());
        format!("/api/v1/checkouts/{order}/status?expires={expires}&signature={signature}")
    }

    /// `expires` in seconds since 1970.
    pub(crate) fn opens(
        &self,
        tenant: TenantId,
        order: OrderId,
        expires: u64,
        signature: &str,
        now: Timestamp,
    ) -> bool {
        let Ok(bytes) = hex::decode(signature) else {
            return false;
        };
        now.unix_ms() / 1_000 <= expires
            && self
                .mac(tenant, order, expires)
                .verify_slice(&bytes)
                .is_ok()
    }

    fn mac(&self, tenant: TenantId, order: OrderId, expires: u64) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        mac.update(format!("checkout-status:{tenant}{order}:{expires}").as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_its_order_in_its_shop_for_a_day() {
        let links = StatusLinks::new([7; 32]);
        let (tenant, order) = (TenantId::from_u128(1), OrderId::from_u128(2));
        let made = Timestamp::from_micros(1_767_225_600_000_000);
        let attempt = AttemptId::from_parts(made.unix_ms(), 3);
        let url = links.url(tenant, order, attempt);
        let signature = url
            .rsplit_once("signature=")
            .map(|(_, text)| text)
            .expect("a signature");
        let day = 1_767_225_600 + 86_400;
        let start = format!("/api/v1/checkouts/{order}/status?expires={day}&signature=");
        assert_eq!(url, format!("{start}{signature}"));
        assert_eq!(links.url(tenant, order, attempt), url);
        let last = made.plus(VALID_FOR);
        assert!(links.opens(tenant, order, day, signature, last));
        assert!(!links.opens(
            tenant,
            order,
            day,
            signature,
            last.plus(Duration::from_secs(1))
        ));
        assert!(!links.opens(tenant, order, day + 1, signature, made));
        assert!(!links.opens(TenantId::from_u128(9), order, day, signature, made));
        assert!(!links.opens(tenant, OrderId::from_u128(9), day, signature, made));
        assert!(!links.opens(tenant, order, day, &signature[..62], made));
        assert!(!links.opens(tenant, order, day, "", made));
    }
}

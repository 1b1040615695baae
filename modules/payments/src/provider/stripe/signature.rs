//! `Stripe-Signature: t=...,v1=...`: HMAC-SHA256 over time and body. Reads nothing of the body.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stoa_kernel::Timestamp;

use crate::provider::WebhookError;
use crate::seal::Secret;

const TOLERANCE_SECONDS: i64 = 300;
/// Two while a secret is rolled; more is nobody's.
const SIGNATURES_MAX: usize = 8;
const MICROS_PER_SECOND: i64 = 1_000_000;

pub(super) fn verify(
    secret: &Secret,
    header: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), WebhookError> {
    let (time, signatures) = parse(header).ok_or(WebhookError::Signature)?;
    let away = (now.micros() / MICROS_PER_SECOND).saturating_sub(time);
    if !(-TOLERANCE_SECONDS..=TOLERANCE_SECONDS).contains(&away) {
        return Err(WebhookError::Signature);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(time.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    // `verify_slice` takes the same time whatever differs.
    let right = signatures
        .iter()
        .any(|signature| mac.clone().verify_slice(signature).is_ok());
    right.then_some(()).ok_or(WebhookError::Signature)
}

fn parse(header: &str) -> Option<(i64, Vec<Vec<u8>>)> {
    let (mut time, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", text) => time = Some(text.parse().ok().filter(|time| *time >= 0)?),
            ("v1", text) if signatures.len() < SIGNATURES_MAX => {
                signatures.push(hex::decode(text).ok()?);
            }
            _ => {}
        }
    }
    Some((time?, signatures))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::SealKeys;

    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const AT: i64 = 1_767_225_600;

    fn secret(text: &str) -> Secret {
        let keys = SealKeys::opening([1; 32]);
        let sealed = keys.seal(text).expect("a box");
        keys.open(&sealed).expect("the secret")
    }

    fn signed(with: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(with.as_bytes()).expect("a key");
        mac.update(format!("{AT}.").as_bytes());
        mac.update(body);
        format!("t={AT},v1={}", hex::encode(mac.finalize().into_bytes()))
    }

    fn holds(header: &str, body: &[u8], seconds_later: i64) -> bool {
        let now = Timestamp::from_micros((AT + seconds_later) * MICROS_PER_SECOND);
        verify(&secret("whsec_1"), header, body, now).is_ok()
    }

    #[test]
    fn a_signature_holds_for_its_body_secret_and_five_minutes() {
        let header = signed("whsec_1", BODY);
        assert!(holds(&header, BODY, 0) && holds(&header, BODY, 300) && holds(&header, BODY, -300));
        assert!(!holds(&header, BODY, 301) && !holds(&header, BODY, -301));
        assert!(!holds(&header, br#"{"id":"evt_2"}"#, 0));
        assert!(!holds(&signed("whsec_2", BODY), BODY, 0));
    }

    #[test]
    fn one_of_two_signatures_is_enough_while_a_secret_is_rolled() {
        let (old, new) = (signed("whsec_0", BODY), signed("whsec_1", BODY));
        let both = format!("{old},{}", new.split_once(',').expect("two parts").1);
        assert!(holds(&both, BODY, 0));
        assert!(!holds(&old, BODY, 0));
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let fine = signed("whsec_1", BODY);
        let bare = fine.split_once(',').expect("two parts").1;
        for header in [
            "",
            "t=1",
            "v1=00",
            bare,
            "t=x,v1=00",
            &format!("t={AT},v1=zz"),
            &format!("t={AT},v1="),
        ] {
            assert!(!holds(header, BODY, 0), "{header}");
        }
    }
}

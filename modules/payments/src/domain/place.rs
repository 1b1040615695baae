//! Where a provider may be: outside, and by TLS. Resolves no name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

const URL_BYTES_MAX: usize = 255;

/// The base of a provider's address without a slash at its end, or why it may not be called.
pub(super) fn check_base_url(text: &str, allow_loopback: bool) -> Result<String, &'static str> {
    if text.len() > URL_BYTES_MAX {
        return Err("is too long");
    }
    let url = Url::parse(text).map_err(|_| "is not a URL such as https://api.stripe.com")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("names a user: keys have a field of their own");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("ends with its path");
    }
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err("names no host"),
    };
    if loopback && !allow_loopback {
        return Err("leads to this machine");
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    if address.is_some_and(|address| !may_be_called(address, allow_loopback)) {
        return Err("leads inside this network");
    }
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err("is not https"),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether an address is outside: no private, local or special network.
pub(crate) fn may_be_called(address: IpAddr, allow_loopback: bool) -> bool {
    let address = match address {
        IpAddr::V6(address) => address
            .to_ipv4_mapped()
            .map_or(IpAddr::V6(address), IpAddr::V4),
        address => address,
    };
    match address {
        address if address.is_loopback() => allow_loopback,
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 224;
    !(special
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_loopback())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let head = address.segments();
    // Only 2000::/3 is given out; tunnels and translations in it may lead anywhere.
    let given_out = head[0] & 0xe000 == 0x2000;
    let tunnel = head[0] == 0x2002 || (head[0] == 0x2001 && head[1] < 0x0200);
    let documentation = head[0] == 0x2001 && head[1] == 0x0db8 || head[0] == 0x3fff;
    given_out && !tunnel && !documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_outside_and_by_tls() {
        let base = |text: &str| check_base_url(text, false);
        assert_eq!(
            base("https://api.stripe.com/"),
            Ok("https://api.stripe.com".to_owned())
        );
        assert_eq!(
            base("https://pay.example/v2"),
            Ok("https://pay.example/v2".to_owned())
        );
        for inside in [
            "http://api.stripe.com",
            "https://localhost",
            "https://a.localhost",
            "https://127.0.0.1:8443",
            "https://[::1]",
            "https://10.0.0.1",
            "https://192.168.1.1",
            "https://169.254.169.254",
            "https://100.64.0.1",
            "https://[fd00::1]",
            "https://[fe80::1]",
            "https://[::ffff:10.0.0.1]",
            "https://[64:ff9b::a00:1]",
            "https://0x7f000001",
            "https://2130706433",
            "https://user:key@api.stripe.com",
            "https://api.stripe.com?x=1",
            "ftp://api.stripe.com",
            "not a url",
        ] {
            assert!(base(inside).is_err(), "{inside}");
        }
    }

    #[test]
    fn this_machine_is_called_only_where_it_may_be() {
        let base = |text: &str| check_base_url(text, true);
        assert_eq!(
            base("http://127.0.0.1:8420"),
            Ok("http://127.0.0.1:8420".to_owned())
        );
        assert!(base("http://localhost:8420").is_ok());
        assert!(base("http://10.0.0.1").is_err());
        assert!(base("http://api.stripe.com").is_err());
    }
}

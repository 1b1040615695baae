//! An address as somebody else gives it: what may be asked of it before any look-up.

use std::net::IpAddr;

use url::{Host, Url};

use crate::Reach;

const URL_LENGTH_MAX: usize = 2_048;

/// A URL that may be called, as far as its text shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    /// Whether it may be called without TLS wherever it is.
    plain: bool,
}

impl Target {
    /// One that is spoken to by TLS. `Err` says what is wrong with it, to the merchant.
    pub fn parse(text: &str, reach: Reach) -> Result<Self, String> {
        Self::checked(text, reach, false)
    }

    /// One that may be spoken to without TLS as well: for what is public anyway.
    pub fn parse_plain(text: &str, reach: Reach) -> Result<Self, String> {
        let whole = text.split_once('#').map_or(text, |(before, _)| before);
        Self::checked(whole, reach, true)
    }

    fn checked(text: &str, reach: Reach, plain: bool) -> Result<Self, String> {
        if text.len() > URL_LENGTH_MAX {
            return Err(format!("has more than {URL_LENGTH_MAX} characters"));
        }
        let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        let host = url.host().ok_or("names no host")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must hold no user name and no password".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must hold no `#` part".to_owned());
        }
        let literal = match host {
            Host::Ipv4(v4) => Some(IpAddr::V4(v4)),
            Host::Ipv6(v6) => Some(IpAddr::V6(v6)),
            Host::Domain(_) => None,
        };
        if let Some(address) = literal {
            let refused = |range| format!("names an address that is not public ({range})");
            reach.check(address).map_err(refused)?;
        }
        let local_name = matches!(&host, Host::Domain(name) if is_localhost(name));
        if local_name && reach == Reach::Public {
            return Err("names this machine".to_owned());
        }
        let local = local_name || literal.is_some_and(|address| address.is_loopback());
        match url.scheme() {
            "https" => Ok(Self { url, plain }),
            "http" if local || plain => Ok(Self { url, plain }),
            _ if plain => Err("must start with https:// or http://".to_owned()),
            _ => Err("must start with https://".to_owned()),
        }
    }

    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    /// The address where the host is one, else the name to look up.
    pub fn host(&self) -> Result<IpAddr, &str> {
        match self.url.host() {
            Some(Host::Ipv4(v4)) => Ok(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => Ok(IpAddr::V6(v6)),
            Some(Host::Domain(name)) => Err(name),
            None => Err(""),
        }
    }

    /// As the `Host` header has it: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    pub fn path_and_query(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// Where a redirect of this target leads; the same is asked of it.
    pub fn join(&self, location: &str, reach: Reach) -> Result<Self, String> {
        let next = self.url.join(location);
        let next = next.map_err(|error| format!("is not a URL: {error}"))?;
        if self.is_tls() && next.scheme() != "https" {
            return Err("leads from https:// to http://".to_owned());
        }
        match self.plain {
            true => Self::parse_plain(next.as_str(), reach),
            false => Self::parse(next.as_str(), reach),
        }
    }

    /// Whether a look-up may have led there: where TLS is asked for, without it only this machine.
    pub fn admits(&self, reach: Reach, address: IpAddr) -> bool {
        reach.check(address).is_ok() && (self.is_tls() || self.plain || address.is_loopback())
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_to_public_hosts_is_taken() {
        for good in [
            "https://example.com/hook?key=1",
            "https://example.com:8443",
            "https://8.8.8.8/",
        ] {
            assert!(Target::parse(good, Reach::Public).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("http://example.com", "must start with https://"),
            ("ftp://example.com", "must start with https://"),
            ("example.com", "is not a URL: relative URL without a base"),
            (
                "https://a:b@example.com",
                "must hold no user name and no password",
            ),
            ("https://example.com/#x", "must hold no `#` part"),
            ("https://localhost", "names this machine"),
            ("https://shop.localhost./", "names this machine"),
            (
                "https://127.0.0.1",
                "names an address that is not public (loopback)",
            ),
            // The URL standard reads all of these as 127.0.0.1 or 169.254.169.254.
            (
                "https://2130706433",
                "names an address that is not public (loopback)",
            ),
            (
                "https://0x7f.1",
                "names an address that is not public (loopback)",
            ),
            (
                "https://0251.0376.0251.0376",
                "names an address that is not public (link-local)",
            ),
            (
                "https://[::ffff:10.0.0.1]",
                "names an address that is not public (not global)",
            ),
            (
                "https://[::1]",
                "names an address that is not public (not global)",
            ),
        ] {
            assert_eq!(
                Target::parse(bad, Reach::Public),
                Err(why.to_owned()),
                "{bad}"
            );
        }
        let long = format!("https://example.com/{}", "a".repeat(URL_LENGTH_MAX));
        assert!(Target::parse(&long, Reach::Public).is_err());
    }

    #[test]
    fn development_may_send_to_this_machine_without_tls() {
        for good in ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"] {
            let target = Target::parse(good, Reach::Loopback).expect(good);
            let own = IpAddr::from([127, 0, 0, 1]);
            assert!(target.admits(Reach::Loopback, own) && !target.admits(Reach::Public, own));
            let public = IpAddr::from([8, 8, 8, 8]);
            assert!(
                !target.admits(Reach::Loopback, public),
                "plain text stays here"
            );
        }
        for bad in ["http://example.com", "http://10.0.0.1", "https://10.0.0.1"] {
            assert!(Target::parse(bad, Reach::Loopback).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_public_anyway_may_come_without_tls_and_redirects_are_asked_the_same() {
        let target = Target::parse_plain("http://example.com/a#x", Reach::Public).expect("a URL");
        assert!(target.admits(Reach::Public, IpAddr::from([8, 8, 8, 8])));
        assert!(!target.admits(Reach::Public, IpAddr::from([10, 0, 0, 1])));
        let join = |target: &Target, to: &str| {
            let next = target.join(to, Reach::Public);
            next.map(|next| next.as_str().to_owned())
        };
        assert_eq!(join(&target, "/b#y"), Ok("http://example.com/b".to_owned()));
        assert_eq!(
            join(&target, "http://169.254.169.254/latest"),
            Err("names an address that is not public (link-local)".to_owned())
        );
        assert_eq!(
            join(&target, "file:///etc/passwd"),
            Err("names no host".to_owned())
        );
        let safe = Target::parse_plain("https://example.com/a", Reach::Public).expect("a URL");
        assert_eq!(
            join(&safe, "http://example.com/a"),
            Err("leads from https:// to http://".to_owned())
        );
        assert!(Target::parse_plain("ftp://example.com", Reach::Public).is_err());
    }

    #[test]
    fn the_parts_of_a_request_come_from_the_url() {
        let target = Target::parse("https://example.com:8443/a?b=c", Reach::Public).expect("a URL");
        assert_eq!(target.authority(), "example.com:8443");
        assert_eq!(target.path_and_query(), "/a?b=c");
        assert_eq!((target.port(), target.is_tls()), (8443, true));
        assert_eq!(target.host(), Err("example.com"));
        let short = Target::parse("https://example.com", Reach::Public).expect("a URL");
        assert_eq!(short.authority(), "example.com");
        assert_eq!((short.path_and_query().as_str(), short.port()), ("/", 443));
    }
}

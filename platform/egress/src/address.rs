//! Which addresses strangers may send us to. Pure: resolves nothing, connects to nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far a request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Public,
    /// And to this machine itself: development and tests.
    Loopback,
}

/// Ranges of IPv4 that are no stranger's server, with how many leading bits name each.
const CLOSED_V4: [(Ipv4Addr, u32, &str); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "carrier-grade NAT"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "protocol assignments"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
    // Public by its number, yet inside every machine of that cloud it answers with its secrets.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "cloud metadata"),
];

/// Ranges inside of global unicast (2000::/3) that are no stranger's server.
const CLOSED_V6: [(Ipv6Addr, u32, &str); 4] = [
    // Teredo, ORCHID and other tunnels and names: 2001::/23.
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        23,
        "protocol assignments",
    ),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        "documentation",
    ),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (
        Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0),
        20,
        "documentation",
    ),
];
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

impl Reach {
    /// `Err` names the range that keeps requests out.
    pub fn check(self, address: IpAddr) -> Result<(), &'static str> {
        let own = match address {
            IpAddr::V4(v4) => v4.is_loopback(),
            IpAddr::V6(v6) => v6 == Ipv6Addr::LOCALHOST,
        };
        if own && self == Self::Loopback {
            return Ok(());
        }
        closed(address).map_or(Ok(()), Err)
    }
}

fn closed(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => {
            let inside = |&&(net, bits, _): &&(Ipv4Addr, u32, &str)| {
                let shift = 32 - bits;
                v4.to_bits() >> shift == net.to_bits() >> shift
            };
            CLOSED_V4.iter().find(inside).map(|&(.., name)| name)
        }
        IpAddr::V6(v6) => {
            let inside = |net: Ipv6Addr, bits: u32| {
                let shift = 128 - bits;
                v6.to_bits() >> shift == net.to_bits() >> shift
            };
            // Everything else is loopback, local, multicast, or IPv4 in disguise (mapped,
            // compatible, NAT64), which would get around the list above.
            if !inside(GLOBAL_V6.0, GLOBAL_V6.1) {
                return Some("not global");
            }
            let found = CLOSED_V6.iter().find(|&&(net, bits, _)| inside(net, bits));
            found.map(|&(.., name)| name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reach: Reach, address: &str) -> Result<(), &'static str> {
        reach.check(address.parse().expect(address))
    }

    #[test]
    fn the_first_and_last_address_of_every_closed_range_is_refused_and_its_neighbours_are_not() {
        let ranges = [
            ("0.0.0.0", "0.255.255.255", "this network"),
            ("10.0.0.0", "10.255.255.255", "private"),
            ("100.64.0.0", "100.127.255.255", "carrier-grade NAT"),
            ("127.0.0.0", "127.255.255.255", "loopback"),
            ("169.254.0.0", "169.254.255.255", "link-local"),
            ("172.16.0.0", "172.31.255.255", "private"),
            ("192.0.0.0", "192.0.0.255", "protocol assignments"),
            ("192.0.2.0", "192.0.2.255", "documentation"),
            ("192.88.99.0", "192.88.99.255", "6to4 relay"),
            ("192.168.0.0", "192.168.255.255", "private"),
            ("198.18.0.0", "198.19.255.255", "benchmarking"),
            ("198.51.100.0", "198.51.100.255", "documentation"),
            ("203.0.113.0", "203.0.113.255", "documentation"),
            ("224.0.0.0", "239.255.255.255", "multicast"),
            ("240.0.0.0", "255.255.255.255", "reserved"),
            ("168.63.129.16", "168.63.129.16", "cloud metadata"),
            (
                "2001::",
                "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
                "protocol assignments",
            ),
            (
                "2001:db8::",
                "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                "documentation",
            ),
            ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6to4"),
            (
                "3fff::",
                "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
                "documentation",
            ),
        ];
        for (first, last, name) in ranges {
            assert_eq!(check(Reach::Public, first), Err(name), "{first}");
            assert_eq!(check(Reach::Public, last), Err(name), "{last}");
        }
        for open in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "223.255.255.255",
            "2001:200::1",
            "2001:db7:ffff::1",
            "2003::1",
            "2606:4700::1111",
            "3ffe::1",
        ] {
            assert_eq!(check(Reach::Public, open), Ok(()), "{open}");
        }
    }

    #[test]
    fn local_addresses_of_ipv6_and_ipv4_in_disguise_are_refused() {
        for address in [
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert_eq!(
                check(Reach::Public, address),
                Err("not global"),
                "{address}"
            );
        }
    }

    #[test]
    fn the_flag_for_development_opens_loopback_and_nothing_else() {
        for address in ["127.0.0.1", "127.8.8.8", "::1"] {
            assert_eq!(check(Reach::Loopback, address), Ok(()), "{address}");
        }
        for address in ["10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fc00::1"] {
            assert!(check(Reach::Loopback, address).is_err(), "{address}");
        }
    }
}

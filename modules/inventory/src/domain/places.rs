//! Places that hold stock, and the order in which they give to a destination. Counts nothing.

use std::cmp::Reverse;

use stoa_contracts::Destination;
use stoa_kernel::{LocationId, Timestamp};

/// Every shop has this place: it stands even where nobody wrote it down, and cannot be removed.
pub(crate) const DEFAULT_LOCATION: LocationId = LocationId::from_u128(0);
const DEFAULT_LOCATION_NAME: &str = "Default";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) id: LocationId,
    pub(crate) name: String,
    pub(crate) country: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) postal_code: Option<String>,
    /// Whether its stock counts at all.
    pub(crate) active: bool,
    /// Whether orders are sent from there.
    pub(crate) ships: bool,
    /// Lower gives first.
    pub(crate) priority: i64,
    /// 0 for the default place that nobody wrote down.
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Place {
    pub(crate) fn unwritten() -> Self {
        Self {
            id: DEFAULT_LOCATION,
            name: DEFAULT_LOCATION_NAME.to_owned(),
            country: None,
            region: None,
            postal_code: None,
            active: true,
            ships: true,
            priority: 0,
            version: 0,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    pub(crate) const fn gives(&self) -> bool {
        self.active && self.ships
    }

    /// Smaller is nearer: how much of the address is the same.
    fn distance(&self, to: &Destination) -> (u8, Reverse<usize>) {
        let (Some(here), Some(there)) = (&self.country, &to.country) else {
            return (2, Reverse(0));
        };
        if !same(here, there) {
            return (2, Reverse(0));
        }
        let same_region = match (&self.region, &to.region) {
            (Some(here), Some(there)) => same(here, there),
            // Most countries have no regions in their addresses.
            (None, None) => true,
            _ => false,
        };
        if !same_region {
            return (1, Reverse(0));
        }
        let shared = match (&self.postal_code, &to.postal_code) {
            (Some(here), Some(there)) => shared_prefix(here, there),
            _ => 0,
        };
        (0, Reverse(shared))
    }
}

fn same(a: &str, b: &str) -> bool {
    a.trim().eq_ignore_ascii_case(b.trim())
}

/// Letters and digits at the start that both have; spaces and dashes say nothing.
fn shared_prefix(a: &str, b: &str) -> usize {
    let plain = |text: &str| -> Vec<char> {
        let kept = text.chars().filter(|letter| letter.is_alphanumeric());
        kept.flat_map(char::to_uppercase).collect()
    };
    let (a, b) = (plain(a), plain(b));
    a.iter().zip(&b).take_while(|(a, b)| a == b).count()
}

/// Which place is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preference {
    Priority,
    Nearest,
}

impl Preference {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Nearest => "nearest",
        }
    }
}

/// How a shop sources its orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) preference: Preference,
    /// Whether one order may be sent from several places.
    pub(crate) split: bool,
    /// The default place first, the others by priority.
    places: Vec<Place>,
}

impl Rule {
    /// Of a shop that never said anything.
    pub(crate) fn plain() -> Self {
        Self::new(Preference::Priority, true, Vec::new())
    }

    pub(crate) fn new(preference: Preference, split: bool, mut places: Vec<Place>) -> Self {
        if places.iter().all(|place| place.id != DEFAULT_LOCATION) {
            places.push(Place::unwritten());
        }
        places.sort_by_key(|place| (place.id != DEFAULT_LOCATION, place.priority, place.id));
        Self {
            preference,
            split,
            places,
        }
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(crate) fn place(&self, id: LocationId) -> Option<&Place> {
        self.places.iter().find(|place| place.id == id)
    }

    /// As the rule was before, or would be with, another state of one place.
    pub(crate) fn with_flags(mut self, id: LocationId, active: bool, ships: bool) -> Self {
        for place in self.places.iter_mut().filter(|place| place.id == id) {
            (place.active, place.ships) = (active, ships);
        }
        self
    }

    /// The places that give to orders, in the order in which they are asked.
    pub(crate) fn ranked(&self, to: &Destination) -> Vec<LocationId> {
        let mut giving: Vec<&Place> = self.places.iter().filter(|place| place.gives()).collect();
        match self.preference {
            Preference::Priority => giving.sort_by_key(|place| (place.priority, place.id)),
            Preference::Nearest => {
                giving.sort_by_key(|place| (place.distance(to), place.priority, place.id));
            }
        }
        giving.into_iter().map(|place| place.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: u128, priority: i64, address: [&str; 3]) -> Place {
        let text = |part: &str| (!part.is_empty()).then(|| part.to_owned());
        Place {
            id: LocationId::from_u128(number),
            country: text(address[0]),
            region: text(address[1]),
            postal_code: text(address[2]),
            priority,
            ..Place::unwritten()
        }
    }

    fn ranked(preference: Preference, places: &[Place], to: [&str; 3]) -> Vec<u128> {
        let text = |part: &str| (!part.is_empty()).then(|| part.to_owned());
        let to = Destination {
            country: text(to[0]),
            region: text(to[1]),
            postal_code: text(to[2]),
        };
        let rule = Rule::new(preference, true, places.to_vec());
        let ids = rule.ranked(&to).into_iter();
        ids.map(LocationId::as_u128).collect()
    }

    #[test]
    fn nearest_goes_by_postal_prefix_then_region_then_country_then_priority() {
        let places = [
            place(0, 9, ["", "", ""]),
            place(1, 1, ["DE", "BY", "80331"]),
            place(2, 0, ["DE", "BE", "10115"]),
            place(3, 5, ["DE", "BE", "10999"]),
            place(4, 0, ["FR", "", "75001"]),
            place(5, 3, ["DE", "BE", ""]),
        ];
        let to = ["de", "be", "10 997"];
        assert_eq!(ranked(Preference::Nearest, &places, to), [3, 2, 5, 1, 4, 0]);
        assert_eq!(
            ranked(Preference::Priority, &places, to),
            [2, 4, 1, 5, 3, 0]
        );
        let unknown = ["", "", ""];
        assert_eq!(
            ranked(Preference::Nearest, &places, unknown),
            [2, 4, 1, 5, 3, 0]
        );
    }

    #[test]
    fn only_places_that_are_active_and_ship_give() {
        let closed = Place {
            active: false,
            ..place(1, 0, ["", "", ""])
        };
        let shelf_only = Place {
            ships: false,
            ..place(2, 0, ["", "", ""])
        };
        let places = [closed, shelf_only, place(3, 1, ["", "", ""])];
        assert_eq!(
            ranked(Preference::Priority, &places, ["", "", ""]),
            [0, 3],
            "the default place stands unwritten"
        );
    }
}

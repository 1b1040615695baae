//! A merchant's own say in what is found: words of one meaning, products put first or hidden.

use std::collections::{HashMap, HashSet};

use stoa_kernel::ProductId;

pub(crate) const GROUPS_MAX: usize = 500;
pub(crate) const ALTERNATIVES_MAX: usize = 10;
/// Words of one alternative.
pub(crate) const PHRASE_WORDS_MAX: usize = 4;
pub(crate) const PHRASE_BYTES_MAX: usize = 80;
/// Pinned and hidden products of one query or collection.
pub(crate) const PINS_MAX: usize = 50;
/// Those of a tenant.
pub(crate) const PINS_TOTAL_MAX: usize = 2_000;
pub(crate) const POSITION_MAX: i64 = 250;

/// What a pin hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    Query,
    Collection,
}

impl Scope {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Collection => "collection",
        }
    }

    pub(crate) fn of(text: &str) -> Option<Self> {
        match text {
            "query" => Some(Self::Query),
            "collection" => Some(Self::Collection),
            _ => None,
        }
    }
}

/// One product's place, from 1; hidden where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) product: ProductId,
    pub(crate) position: Option<i64>,
}

/// What a query or collection puts first, and what it hides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pins {
    /// By position.
    pub(crate) places: Vec<(i64, ProductId)>,
    pub(crate) hidden: Vec<ProductId>,
}

/// All rules of a tenant, ready to be used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// The language of texts that are no translations.
    pub(crate) locale: String,
    /// Tells two versions of the rules apart.
    pub(crate) digest: String,
    groups: Vec<Vec<Vec<String>>>,
    /// An alternative to its group.
    by_words: HashMap<Vec<String>, usize>,
    pins: HashMap<(Scope, String), Pins>,
}

impl Rules {
    /// `groups` hold alternatives as words; later groups with an alternative already known join it.
    pub(crate) fn new(
        locale: String,
        digest: String,
        groups: Vec<Vec<Vec<String>>>,
        pins: Vec<(Scope, String, Pin)>,
    ) -> Self {
        let mut rules = Self {
            locale,
            digest,
            ..Self::default()
        };
        for group in groups {
            rules.add_group(group);
        }
        for (scope, term, pin) in pins {
            let of = rules.pins.entry((scope, term)).or_default();
            match pin.position {
                Some(position) => of.places.push((position, pin.product)),
                None => of.hidden.push(pin.product),
            }
        }
        for of in rules.pins.values_mut() {
            of.places.sort_by_key(|(position, _)| *position);
        }
        rules
    }

    fn add_group(&mut self, group: Vec<Vec<String>>) {
        let group: Vec<Vec<String>> = group
            .into_iter()
            .filter(|words| (1..=PHRASE_WORDS_MAX).contains(&words.len()))
            .collect();
        let known = group
            .iter()
            .find_map(|words| self.by_words.get(words))
            .copied();
        let at = known.unwrap_or_else(|| {
            self.groups.push(Vec::new());
            self.groups.len() - 1
        });
        for words in group {
            if !self.by_words.contains_key(&words) {
                self.by_words.insert(words.clone(), at);
                self.groups[at].push(words);
            }
        }
    }

    /// The longest alternative that `words` begin with: how many words it has, and all of its group.
    pub(crate) fn alternatives(&self, words: &[String]) -> Option<(usize, &[Vec<String>])> {
        let longest = PHRASE_WORDS_MAX.min(words.len());
        (1..=longest).rev().find_map(|length| {
            let group = *self.by_words.get(&words[..length])?;
            Some((length, self.groups[group].as_slice()))
        })
    }

    pub(crate) fn pins(&self, scope: Scope, term: &str) -> Option<&Pins> {
        self.pins.get(&(scope, term.to_owned()))
    }
}

/// The order of one page: what is pinned at its places, what was found around it. `start` products
/// came before; `found` go on where those ended, of `found_total` in all. Pins of places beyond the
/// end follow at the end.
pub(crate) fn place(
    start: u64,
    limit: usize,
    pinned: &[(i64, ProductId)],
    found: &[ProductId],
    found_total: u64,
) -> Placed {
    let mut placed = Placed::default();
    let mut pins = pinned
        .iter()
        .enumerate()
        .map(|(index, (position, product))| {
            let last = found_total + index as u64 + 1;
            (last.min(position.unsigned_abs()), *product)
        })
        .skip_while(|(position, _)| *position <= start)
        .peekable();
    let mut found = found.iter().copied();
    while placed.products.len() < limit {
        let place = start + placed.products.len() as u64 + 1;
        let pin = pins.next_if(|(position, _)| *position == place);
        let next = match pin {
            Some((_, product)) => product,
            None => match found.next() {
                Some(product) => {
                    placed.found_used += 1;
                    product
                }
                None => break,
            },
        };
        placed.products.push(next);
    }
    let end = start + placed.products.len() as u64;
    placed.more = end < found_total + pinned.len() as u64;
    placed
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) products: Vec<ProductId>,
    /// How many of the found ones are among them: from the front.
    pub(crate) found_used: usize,
    pub(crate) more: bool,
}

/// Whether no product is named twice and no place given twice.
pub(crate) fn are_distinct(pins: &[Pin]) -> bool {
    let (mut products, mut places) = (HashSet::new(), HashSet::new());
    pins.iter().all(|pin| {
        products.insert(pin.product) && pin.position.is_none_or(|place| places.insert(place))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(n: u128) -> ProductId {
        ProductId::from_u128(n)
    }

    fn numbers(placed: &Placed) -> Vec<u128> {
        placed.products.iter().map(|id| id.as_u128()).collect()
    }

    #[test]
    fn pins_stand_at_their_places_and_push_the_others_on() {
        let found: Vec<ProductId> = (1..=9).map(product).collect();
        let pins = [(1, product(100)), (3, product(101)), (7, product(102))];
        let first = place(0, 4, &pins, &found, 9);
        assert_eq!(numbers(&first), [100, 1, 101, 2]);
        assert_eq!((first.found_used, first.more), (2, true));
        let second = place(4, 4, &pins, &found[2..], 9);
        assert_eq!(numbers(&second), [3, 4, 102, 5]);
        let third = place(8, 4, &pins, &found[5..], 9);
        assert_eq!(numbers(&third), [6, 7, 8, 9]);
        assert!(!third.more);
    }

    #[test]
    fn pins_beyond_the_end_come_last_and_once() {
        let pins = [(50, product(100)), (60, product(101))];
        let all = place(0, 10, &pins, &[product(1)], 1);
        assert_eq!(numbers(&all), [1, 100, 101]);
        assert!(!all.more);
        let first = place(0, 2, &pins, &[product(1)], 1);
        assert_eq!((numbers(&first), first.more), (vec![1, 100], true));
        let second = place(2, 2, &pins, &[], 1);
        assert_eq!((numbers(&second), second.more), (vec![101], false));
    }

    #[test]
    fn the_longest_alternative_is_taken() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let groups = vec![
            vec![words("tee"), words("t shirt")],
            vec![words("t"), words("tea")],
        ];
        let rules = Rules::new("en".to_owned(), String::new(), groups, Vec::new());
        let (length, group) = rules.alternatives(&words("t shirt red")).expect("a group");
        assert_eq!(
            (length, group),
            (2, [words("tee"), words("t shirt")].as_slice())
        );
        assert_eq!(rules.alternatives(&words("t bag")).map(|(n, _)| n), Some(1));
        assert!(rules.alternatives(&words("red t")).is_none());
    }
}

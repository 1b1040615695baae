//! The script of pgbench: the statements of an order as the modules write them, every value at hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};

use super::carts::uuid;
use super::order::{Kept, kept, kept_sql};
use super::shop::{Good, VARIANTS_PER_PRODUCT};
use super::statements::{OfLine, PLACE, Place, with_places};

const HELD_MICROS: i64 = 15 * 60 * 1_000_000;
const LOCATION: &str = "00000000-0000-0000-0000-000000000000";

/// Which of an order's ids; ids of different sorts never meet.
#[derive(Clone, Copy)]
pub(super) enum Sort {
    Cart = 1,
    Order,
    Attempt,
    Job,
    Event,
    Line,
}

/// What every order has in common: literals, read from one that the shop placed.
pub(super) struct Literals(BTreeMap<Kept, String>);

impl Literals {
    /// `owner` sees storage's own tables, `tenant` the modules'.
    pub(super) async fn read(
        owner: &tokio_postgres::Client,
        tenant: &tokio_postgres::Client,
    ) -> Result<Self> {
        let mut values = BTreeMap::new();
        for kept in kept() {
            let client = match kept.0.starts_with("stoa_") {
                true => owner,
                false => tenant,
            };
            let column = format!("({})::text", kept.1);
            let sql = kept_sql((kept.0, kept.1)).replacen(kept.1, &column, 1);
            let row = client
                .query_one(&sql, &[])
                .await
                .with_context(|| format!("{}.{} of the first order", kept.0, kept.1))?;
            values.insert(kept, literal(row.get(0)));
        }
        Ok(Self(values))
    }
}

/// pgbench looks for its variables between quotes too, so no colon may stand there.
fn literal(value: Option<&str>) -> String {
    let escaped = |text: &str| {
        text.replace('\\', "\\\\")
            .replace('\'', "''")
            .replace(':', "\\x3a")
    };
    value.map_or("NULL".to_owned(), |text| format!("E'{}'", escaped(text)))
}

/// How the ids of goods count: so many digits after what all of them begin with.
pub(super) struct Goods {
    /// The first 20 hexadecimal digits and their dashes.
    prefix: String,
    products: usize,
    /// Of a product's own number: what its id adds, and what each of its variants' adds.
    product: i64,
    variants: [i64; VARIANTS_PER_PRODUCT],
    step: i64,
}

impl Goods {
    pub(super) fn of(goods: &[Good]) -> Result<Self> {
        let number = |bits: u128| uuid(bits)[24..].parse::<i64>();
        let products = goods.len() / VARIANTS_PER_PRODUCT;
        let first = number(goods[0].1.as_u128())?;
        let step = number(goods[VARIANTS_PER_PRODUCT].1.as_u128())? - first;
        let mut variants = [0; VARIANTS_PER_PRODUCT];
        for (at, variant) in variants.iter_mut().enumerate() {
            *variant = number(goods[at].0.as_u128())? - step;
        }
        let all = Self {
            prefix: uuid(goods[0].1.as_u128())[..24].to_owned(),
            products,
            product: first - step,
            variants,
            step,
        };
        for (at, (variant, product)) in goods.iter().enumerate() {
            let base = (at / VARIANTS_PER_PRODUCT) as i64 * step + step;
            let its = all.variants[at % VARIANTS_PER_PRODUCT];
            ensure!(
                number(product.as_u128())? == base + all.product
                    && number(variant.as_u128())? == base + its,
                "the ids of goods do not count as the script would"
            );
        }
        Ok(all)
    }

    /// An id of `sort` with the number that `expression` gives.
    pub(super) fn id(&self, sort: Sort, expression: &str) -> String {
        let head = &self.prefix[..self.prefix.len() - 2];
        let sort = sort as u8;
        format!("'{head}{sort}-' || lpad(({expression})::text, 12, '0')")
    }

    fn good(&self, expression: &str) -> String {
        format!("'{}' || lpad(({expression})::text, 12, '0')", self.prefix)
    }
}

/// What a script is made from.
pub(super) struct Script<'a> {
    pub(super) goods: &'a Goods,
    pub(super) literals: &'a Literals,
    pub(super) tenant: u128,
    pub(super) now: i64,
    /// The whole order in one flight, as Stoa sends what it can; else a statement at a time.
    pub(super) pipelined: bool,
}

impl Script<'_> {
    /// Needs `base` (the first order's number) and `per_client` besides what pgbench knows.
    pub(super) fn text(&self) -> String {
        let mut text = self.ids();
        if self.pipelined {
            text += "\\startpipeline\n";
        }
        text += "BEGIN;\n";
        for step in &PLACE {
            for line in 0..step.times() {
                let values = step.values(line);
                let sql = step
                    .sql
                    .replace(":tenant", &format!("'{}'", uuid(self.tenant)))
                    .replace("{lock}", "FOR UPDATE");
                let sql = with_places(&sql, |number| self.value(values[number - 1]));
                text += &sql;
                text += ";\n";
            }
        }
        text += "COMMIT;\n";
        if self.pipelined {
            text += "\\endpipeline\n";
        }
        text
    }

    /// One statement more, which makes up the order's ids, so that the others get them as values.
    fn ids(&self) -> String {
        let products = self.goods.products;
        let mut text = String::new();
        // Of each third of the products one, so that lines are in the order of their ids.
        for line in 0..3 {
            let (first, last) = (products * line / 3, products * (line + 1) / 3 - 1);
            let last_size = VARIANTS_PER_PRODUCT - 1;
            let _ = write!(
                text,
                "\\set s{line} random(0, {last_size})\n\\set g{line} random({first}, {last})\n"
            );
        }
        text += "\\set n :base + :client_id * :per_client + :i\n\\set i :i + 1\nSELECT ";
        let id = |sort, expression: &str| self.goods.id(sort, expression);
        let _ = write!(
            text,
            "{} AS c, {} AS o, {} AS a, {} AS j, {} AS e, 'cart_' || lpad(:n::text, 26, '0') AS ck, \
             'order_' || lpad(:n::text, 26, '0') AS ok, 'pay_' || lpad(:n::text, 26, '0') AS ak",
            id(Sort::Cart, ":n"),
            id(Sort::Order, ":n"),
            id(Sort::Attempt, ":n"),
            id(Sort::Job, ":n"),
            id(Sort::Event, ":n"),
        );
        let step = self.goods.step;
        for line in 0..3 {
            let base = format!("(:g{line}::bigint + 1) * {step}");
            let its = self.goods.variants;
            let size = format!(
                "CASE :s{line}::int WHEN 0 THEN {} WHEN 1 THEN {} ELSE {} END",
                its[0], its[1], its[2]
            );
            let _ = write!(
                text,
                ", {} AS l{line}, {} AS v{line}, {} AS p{line}",
                id(Sort::Line, &format!(":n::bigint * 3 + {line}")),
                self.goods.good(&format!("{base} + {size}")),
                self.goods.good(&format!("{base} + {}", self.goods.product)),
            );
        }
        text + " \\gset\n"
    }

    fn value(&self, place: Place) -> String {
        match place {
            Place::Tenant => format!("'{}'", uuid(self.tenant)),
            Place::Cart => ":c".to_owned(),
            Place::Order => ":o".to_owned(),
            Place::Attempt => ":a".to_owned(),
            Place::Job => ":j".to_owned(),
            Place::Event => ":e".to_owned(),
            Place::Number | Place::Line(_, OfLine::Version) => ":n".to_owned(),
            Place::Key => ":ck".to_owned(),
            Place::OrderText => ":ok".to_owned(),
            Place::AttemptText => ":ak".to_owned(),
            Place::Now => self.now.to_string(),
            Place::Until => (self.now + HELD_MICROS).to_string(),
            Place::Null => "NULL".to_owned(),
            Place::Location => format!("'{LOCATION}'"),
            Place::Int(value) => value.to_string(),
            Place::Text(text) => format!("'{text}'"),
            Place::Kept(table, column) => self.literals.0[&(table, column)].clone(),
            Place::Line(line, OfLine::Id) => format!(":l{line}"),
            Place::Line(line, OfLine::Variant) => format!(":v{line}"),
            Place::Line(line, OfLine::Product) => format!(":p{line}"),
            Place::Line(line, OfLine::Position) => line.to_string(),
            Place::Variants(_) => unreachable!("a step's values name each variant"),
        }
    }
}

//! The statements that placing an order executes, in their order, and what each is given. A test
//! holds each against the modules' sources.
use super::shop::LINES_PER_ORDER;

/// What stands at one place of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Tenant,
    Cart,
    Order,
    Attempt,
    Job,
    Event,
    Number,
    Key,
    OrderText,
    AttemptText,
    Now,
    /// When the stock is given back.
    Until,
    Null,
    /// The location that is there without being made.
    Location,
    Int(i64),
    Text(&'static str),
    /// As in the order that the shop itself placed.
    Kept(&'static str, &'static str),
    Line(usize, OfLine),
    /// As many places as there are, the last variant again and again.
    Variants(usize),
}

/// What a line of an order has of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfLine {
    Id,
    Variant,
    Product,
    Position,
    /// The level's, after its units were held.
    Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Write,
    Read,
    /// Reads levels, whose versions the movements name.
    ReadLevels,
}

/// One statement, executed once, or once for each line.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) sql: &'static str,
    pub(super) places: &'static [Place],
    pub(super) does: Does,
    pub(super) each_line: bool,
}

impl Step {
    const fn write(sql: &'static str, places: &'static [Place]) -> Self {
        Self::new(sql, places, Does::Write, false)
    }

    const fn each_line(sql: &'static str, places: &'static [Place]) -> Self {
        Self::new(sql, places, Does::Write, true)
    }

    const fn read(sql: &'static str, places: &'static [Place]) -> Self {
        Self::new(sql, places, Does::Read, false)
    }

    const fn new(sql: &'static str, places: &'static [Place], does: Does, each_line: bool) -> Self {
        Self {
            sql,
            places,
            does,
            each_line,
        }
    }

    /// How often one order executes it.
    pub(super) const fn times(&self) -> usize {
        match self.each_line {
            true => LINES_PER_ORDER,
            false => 1,
        }
    }

    /// What is at `$1` and on, when it is executed for the `line`th time.
    pub(super) fn values(&self, line: usize) -> Vec<Place> {
        let mut values = Vec::new();
        for place in self.places {
            match *place {
                Place::Variants(count) => values.extend((0..count).map(|at| {
                    let line = at.min(LINES_PER_ORDER - 1);
                    Place::Line(line, OfLine::Variant)
                })),
                Place::Line(_, what) => values.push(Place::Line(line, what)),
                other => values.push(other),
            }
        }
        values
    }
}

#[cfg(test)]
const CART_COLUMNS: &str = "id, status, currency, email, shipping_address, billing_address, \
     shipping_option_id, order_id, version, coupons, note, customer_id, left_out, updated_at, \
     abandoned_at, look_at";
#[cfg(test)]
const LOOK_AT_CART: &str = "SELECT id, status, currency, email, shipping_address, \
     billing_address, shipping_option_id, order_id, version, coupons, note, customer_id, \
     left_out, updated_at, abandoned_at, look_at FROM cart_cart \
     WHERE tenant_id = :tenant AND id = $1";
#[cfg(test)]
const TAX: &str = "SELECT body FROM pricing_document WHERE tenant_id = :tenant AND kind = $1";
const CLAIM_KEY: &str = "INSERT INTO stoa_idempotency (tenant_id, scope, key, \
     body_hash, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
const LOCK_CART: &str = "SELECT id, status, currency, email, shipping_address, \
     billing_address, shipping_option_id, order_id, version, coupons, note, customer_id, \
     left_out, updated_at, abandoned_at, look_at FROM cart_cart \
     WHERE tenant_id = :tenant AND id = $1 {lock}";
const CART_LINES: &str = "SELECT id, variant_id, quantity, place, product_handle, \
     title, variant_title, sku, image, unit_price FROM cart_line \
     WHERE tenant_id = :tenant AND cart_id = $1 ORDER BY place, id";
const SNAPSHOTS: &str = "SELECT v.id, p.id, p.handle, p.title, v.title, v.sku, \
     coalesce(v.image, p.image), v.image IS NULL, p.status, v.requires_shipping, v.taxable, \
     v.grams, p.product_type, p.kind, p.publish_at, p.unpublish_at FROM catalog_variant v \
     JOIN catalog_product p ON p.tenant_id = :tenant AND p.id = v.product_id \
     WHERE v.tenant_id = :tenant AND v.id IN \
     ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
     $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) \
     ORDER BY v.id";
const TERMS_MARK: &str = "SELECT terms_mark FROM pricing_settings WHERE tenant_id = :tenant";
const PRICES: &str = "SELECT variant_id, amount FROM pricing_price \
     WHERE tenant_id = :tenant AND currency = $33 AND variant_id IN \
     ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
     $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) ORDER BY variant_id";
const INSERT_ORDER: &str = "INSERT INTO orders_order (tenant_id, id, number, cart_id, status, \
     payment_status, fulfilment_status, email, shipping_address, billing_address, \
     shipping_option, currency, subtotal, discount, shipping, tax, total, tax_inclusive, test, \
     placed_at, waiting_since, updated_at, version, customer_id, name_key, note, promotions, \
     taxes, gift_card, paid) \
     VALUES (:tenant, $1, $2, $3, $4, 'pending', 'not_fulfilled', $5, $6, $7, $8, $9, $10, \
     $11, $12, $13, $14, $15, $16, $17, $17, $17, 1, $18, $19, $20, $21, $22, $23, 0)";
const INSERT_LINE: &str = "INSERT INTO orders_line (tenant_id, order_id, position, id, \
     variant_id, product_id, title, variant_title, sku, image, quantity, unit_price, subtotal, \
     tax, total, discount, requires_shipping, grams, adjustments, return_id, components) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
     $18, $19, $20)";
const EMIT: &str = "INSERT INTO stoa_event (event_id, tenant_id, subject, key, \
     occurred_at, actor, causation, trace, payload) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const INSERT_ATTEMPT: &str = "INSERT INTO payments_attempt (tenant_id, id, order_id, number, \
     amount, currency, provider, token, return_url, state, created_at, updated_at, version, kind, \
     authorized_at) \
     VALUES (:tenant, $1, $2, (SELECT coalesce(max(number), 0) + 1 FROM payments_attempt \
     WHERE tenant_id = :tenant AND order_id = $2), $3, $4, $5, $6, $7, 'created', $8, $8, 1, $9, \
     $10)";
const FREEZE_CART: &str = "UPDATE cart_cart SET status = 'frozen', order_id = $2, \
     version = version + 1, updated_at = $3, look_at = NULL \
     WHERE tenant_id = :tenant AND id = $1 AND status <> 'completed'";
const ENQUEUE: &str = "INSERT INTO stoa_job (id, tenant_id, kind, unique_key, payload, \
     run_at, attempts_max, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
     ON CONFLICT DO NOTHING";
const JOURNAL: &str = "INSERT INTO checkout_journal (tenant_id, order_id, attempt_id, step, \
     parts, open, detail, at) VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
const RAISE: &str = "UPDATE inventory_level \
     SET reserved = reserved + $3, version = version + 1, updated_at = $5 \
     WHERE tenant_id = :tenant AND variant_id = $1 AND location_id = $2 \
     AND tracked = 1 AND (backorder = 1 OR on_hand - reserved >= $3) \
     AND NOT EXISTS (SELECT 1 FROM inventory_hold WHERE tenant_id = :tenant AND order_id = $4) \
     AND NOT EXISTS (SELECT 1 FROM inventory_location WHERE tenant_id = :tenant \
     AND (id <> $2 OR active = 0 OR ships = 0))";
const LEVELS: &str = "SELECT variant_id, location_id, on_hand, reserved, incoming, backorder, \
     tracked, low_threshold, version, updated_at, \
     (SELECT count(*) FROM inventory_location WHERE tenant_id = :tenant \
     AND (id <> $1 OR active = 0 OR ships = 0)) \
     FROM inventory_level WHERE tenant_id = :tenant \
     AND variant_id IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
     ORDER BY variant_id, location_id";
const INSERT_HOLD: &str = "INSERT INTO inventory_hold (tenant_id, order_id, variant_id, \
     location_id, units, state, expires_at, created_at) \
     VALUES (:tenant, $1, $2, $3, $4, 'held', $5, $6)";
const INSERT_MOVEMENT: &str = "INSERT INTO inventory_movement (tenant_id, variant_id, \
     location_id, level_version, kind, on_hand_delta, reserved_delta, order_id, reason, moved_at) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9)";
const STORE_RESPONSE: &str = "UPDATE stoa_idempotency SET status = $4, response = $5 \
     WHERE tenant_id = $1 AND scope = $2 AND key = $3";

/// Where `version` stands in what [`LEVELS`] reads.
pub(super) const LEVEL_VERSION_COLUMN: usize = 8;

const ID: Place = Place::Line(0, OfLine::Id);
const VARIANT: Place = Place::Line(0, OfLine::Variant);
const PRODUCT: Place = Place::Line(0, OfLine::Product);
const POSITION: Place = Place::Line(0, OfLine::Position);
const VERSION: Place = Place::Line(0, OfLine::Version);
const UNITS: Place = Place::Int(1);

const fn order(column: &'static str) -> Place {
    Place::Kept("orders_order", column)
}

const fn line(column: &'static str) -> Place {
    Place::Kept("orders_line", column)
}

const fn event(column: &'static str) -> Place {
    Place::Kept("stoa_event", column)
}

const fn attempt(column: &'static str) -> Place {
    Place::Kept("payments_attempt", column)
}

const fn job(column: &'static str) -> Place {
    Place::Kept("stoa_job", column)
}

const fn journal(column: &'static str) -> Place {
    Place::Kept("checkout_journal", column)
}

const fn key(column: &'static str) -> Place {
    Place::Kept("stoa_idempotency", column)
}

/// What is read before the transaction, on connections of readers; the bare loop has it at hand.
#[cfg(test)]
pub(super) const AHEAD: [Step; 3] = [
    Step::read(LOOK_AT_CART, &[Place::Cart]),
    Step::read(CART_LINES, &[Place::Cart]),
    Step::read(TAX, &[Place::Text("tax")]),
];

/// The transaction; the claim of a block of order numbers now and then is left out.
pub(super) const PLACE: [Step; 18] = [
    Step::write(
        CLAIM_KEY,
        &[
            Place::Tenant,
            key("scope"),
            Place::Key,
            key("body_hash"),
            Place::Now,
        ],
    ),
    Step::read(LOCK_CART, &[Place::Cart]),
    Step::read(CART_LINES, &[Place::Cart]),
    Step::read(SNAPSHOTS, &[Place::Variants(32)]),
    Step::read(TERMS_MARK, &[]),
    Step::read(PRICES, &[Place::Variants(32), order("currency")]),
    Step::write(
        INSERT_ORDER,
        &[
            Place::Order,
            Place::Number,
            Place::Cart,
            order("status"),
            order("email"),
            order("shipping_address"),
            order("billing_address"),
            order("shipping_option"),
            order("currency"),
            order("subtotal"),
            order("discount"),
            order("shipping"),
            order("tax"),
            order("total"),
            order("tax_inclusive"),
            order("test"),
            Place::Now,
            Place::Null,
            order("name_key"),
            order("note"),
            order("promotions"),
            order("taxes"),
            order("gift_card"),
        ],
    ),
    Step::each_line(
        INSERT_LINE,
        &[
            Place::Order,
            POSITION,
            ID,
            VARIANT,
            PRODUCT,
            line("title"),
            line("variant_title"),
            line("sku"),
            line("image"),
            line("quantity"),
            line("unit_price"),
            line("subtotal"),
            line("tax"),
            line("total"),
            line("discount"),
            line("requires_shipping"),
            line("grams"),
            line("adjustments"),
            Place::Null,
            Place::Null,
        ],
    ),
    Step::write(
        EMIT,
        &[
            Place::Event,
            Place::Tenant,
            event("subject"),
            Place::OrderText,
            Place::Now,
            event("actor"),
            Place::Null,
            event("trace"),
            event("payload"),
        ],
    ),
    Step::write(
        INSERT_ATTEMPT,
        &[
            Place::Attempt,
            Place::Order,
            attempt("amount"),
            attempt("currency"),
            attempt("provider"),
            attempt("token"),
            Place::Null,
            Place::Now,
            attempt("kind"),
            Place::Null,
        ],
    ),
    Step::write(FREEZE_CART, &[Place::Cart, Place::Order, Place::Now]),
    Step::write(
        ENQUEUE,
        &[
            Place::Job,
            Place::Tenant,
            job("kind"),
            Place::AttemptText,
            job("payload"),
            Place::Now,
            job("attempts_max"),
            Place::Now,
        ],
    ),
    Step::write(
        JOURNAL,
        &[
            Place::Order,
            Place::Attempt,
            journal("step"),
            journal("parts"),
            journal("open"),
            journal("detail"),
            Place::Now,
        ],
    ),
    Step::each_line(
        RAISE,
        &[VARIANT, Place::Location, UNITS, Place::Order, Place::Now],
    ),
    Step::new(
        LEVELS,
        &[Place::Location, Place::Variants(16)],
        Does::ReadLevels,
        false,
    ),
    Step::each_line(
        INSERT_HOLD,
        &[
            Place::Order,
            VARIANT,
            Place::Location,
            UNITS,
            Place::Until,
            Place::Now,
        ],
    ),
    Step::each_line(
        INSERT_MOVEMENT,
        &[
            VARIANT,
            Place::Location,
            VERSION,
            Place::Text("reserve"),
            Place::Int(0),
            UNITS,
            Place::Order,
            Place::Null,
            Place::Now,
        ],
    ),
    Step::write(
        STORE_RESPONSE,
        &[
            Place::Tenant,
            key("scope"),
            Place::Key,
            key("status"),
            key("response"),
        ],
    ),
];

/// Statements of the transaction of one order of three lines.
pub(super) fn per_order() -> u64 {
    PLACE.iter().map(|step| step.times() as u64).sum()
}

/// The text with each `$n` replaced by what `of` answers for n.
pub(super) fn with_places(sql: &str, mut of: impl FnMut(usize) -> String) -> String {
    let mut parts = sql.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = part[..digits].parse().expect("a number follows each `$`");
        text += &of(number);
        text += &part[digits..];
    }
    text
}

/// As storage writes it for SQLite: the tenant is parameter 1 where it is named, the others follow.
pub(super) fn for_sqlite(sql: &str) -> String {
    let shift = usize::from(sql.contains(":tenant"));
    let sql = sql.replace(":tenant", "?1").replace("{lock}", "");
    with_places(&sql, |number| format!("?{}", number + shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White space and line breaks of source text say nothing in SQL, and lists that a module keeps
    /// in a macro are looked for apart.
    fn bare(text: &str) -> String {
        let places: String = (1..=32).map(|at| format!("${at}")).collect();
        text.replace("id_places!()", "")
            .replace("cart_columns!()", "")
            .replace(CART_COLUMNS, "")
            .replace("concat!(", "")
            .split([' ', '\n', '\\', '"', ','])
            .collect::<String>()
            .replace(&format!("v.idIN({places})"), "v.idIN")
    }

    #[test]
    fn each_statement_is_the_modules_own() {
        let sources = bare(concat!(
            include_str!("../../../platform/storage/src/idempotency.rs"),
            include_str!("../../../platform/storage/src/jobs.rs"),
            include_str!("../../../platform/storage/src/outbox.rs"),
            include_str!("../../../modules/cart/src/infrastructure.rs"),
            include_str!("../../../modules/cart/src/infrastructure/status.rs"),
            include_str!("../../../modules/catalog/src/infrastructure/listings.rs"),
            include_str!("../../../modules/pricing/src/infrastructure.rs"),
            include_str!("../../../modules/pricing/src/infrastructure/terms.rs"),
            include_str!("../../../modules/inventory/src/infrastructure.rs"),
            include_str!("../../../modules/orders/src/infrastructure.rs"),
            include_str!("../../../modules/orders/src/infrastructure/lines.rs"),
            include_str!("../../../modules/payments/src/infrastructure/attempts.rs"),
            include_str!("../../../workflows/checkout/src/infrastructure.rs"),
        ));
        for step in AHEAD.iter().chain(&PLACE) {
            let sql = step.sql;
            assert!(sources.contains(&bare(sql)), "no module says: {sql}");
        }
        let columns: String = CART_COLUMNS.split([' ', ',']).collect();
        assert!(sources.contains(&columns), "a cart has other columns");
    }

    #[test]
    fn each_place_is_given_something() {
        for step in AHEAD.iter().chain(&PLACE) {
            let given = step.values(0).len();
            let mut most = 0;
            with_places(step.sql, |number| {
                most = most.max(number);
                String::new()
            });
            assert_eq!(given, most, "{}", step.sql);
        }
        assert_eq!(per_order(), 26);
    }

    #[test]
    fn parameters_are_numbered_as_storage_numbers_them() {
        assert_eq!(
            for_sqlite("SELECT $12 FROM t WHERE tenant_id = :tenant AND a = $1 {lock}"),
            "SELECT ?13 FROM t WHERE tenant_id = ?1 AND a = ?2 "
        );
        assert_eq!(for_sqlite("SELECT $1"), "SELECT ?1");
    }
}

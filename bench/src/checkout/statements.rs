//! The statements that placing an order executes, in their order, as the modules write them. A test
//! holds each against the modules' sources.

pub(super) const CLAIM_KEY: &str = "INSERT INTO stoa_idempotency (tenant_id, scope, key, \
     body_hash, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
pub(super) const LOCK_CART: &str = "SELECT id, status, currency, email, shipping_address, \
     billing_address, shipping_option_id, order_id, version FROM cart_cart \
     WHERE tenant_id = :tenant AND id = $1 {lock}";
pub(super) const CART_LINES: &str = "SELECT id, variant_id, quantity, place, product_handle, \
     title, variant_title, sku, image, unit_price FROM cart_line \
     WHERE tenant_id = :tenant AND cart_id = $1 ORDER BY place, id";
pub(super) const SNAPSHOTS: &str = "SELECT v.id, p.id, p.handle, p.title, v.title, v.sku, \
     coalesce(v.image, p.image), v.image IS NULL, p.status, v.requires_shipping, v.taxable, \
     v.grams FROM catalog_variant v \
     JOIN catalog_product p ON p.tenant_id = :tenant AND p.id = v.product_id \
     WHERE v.tenant_id = :tenant AND v.id IN \
     ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
     $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) \
     ORDER BY v.id";
pub(super) const PRICES: &str = "SELECT variant_id, amount FROM pricing_price \
     WHERE tenant_id = :tenant AND currency = $33 AND variant_id IN \
     ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
     $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) ORDER BY variant_id";
pub(super) const TERMS: &str = "SELECT s.currency, s.tax_ppm, s.tax_inclusive, s.tax_version, \
     s.shipping_version, o.id, o.name, o.currency, o.amount, o.free_from \
     FROM pricing_settings s LEFT JOIN pricing_shipping_option o \
     ON o.tenant_id = :tenant AND o.currency = $1 WHERE s.tenant_id = :tenant \
     ORDER BY o.position, o.id";
pub(super) const INSERT_ORDER: &str = "INSERT INTO orders_order (tenant_id, id, number, cart_id, \
     status, payment_status, fulfilment_status, email, shipping_address, billing_address, \
     shipping_option, currency, subtotal, discount, shipping, tax, total, tax_inclusive, test, \
     placed_at, waiting_since, updated_at, version) \
     VALUES (:tenant, $1, $2, $3, 'pending', 'pending', 'not_fulfilled', $4, $5, $6, $7, $8, \
     $9, $10, $11, $12, $13, $14, $15, $16, $16, $16, 1)";
pub(super) const INSERT_LINE: &str = "INSERT INTO orders_line (tenant_id, order_id, position, id, \
     variant_id, product_id, title, variant_title, sku, image, quantity, unit_price, subtotal, \
     tax, total) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
pub(super) const EMIT: &str = "INSERT INTO stoa_event (event_id, tenant_id, subject, key, \
     occurred_at, actor, causation, trace, payload) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
pub(super) const INSERT_ATTEMPT: &str = "INSERT INTO payments_attempt (tenant_id, id, order_id, \
     number, amount, currency, provider, token, return_url, state, created_at, updated_at, version) \
     VALUES (:tenant, $1, $2, (SELECT coalesce(max(number), 0) + 1 FROM payments_attempt \
     WHERE tenant_id = :tenant AND order_id = $2), $3, $4, $5, $6, $7, 'created', $8, $8, 1)";
pub(super) const FREEZE_CART: &str = "UPDATE cart_cart SET status = $2, \
     order_id = coalesce($3, order_id), version = version + 1, updated_at = $4 \
     WHERE tenant_id = :tenant AND id = $1 AND status <> 'completed'";
pub(super) const ENQUEUE: &str = "INSERT INTO stoa_job (id, tenant_id, kind, unique_key, payload, \
     run_at, attempts_max, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
     ON CONFLICT DO NOTHING";
pub(super) const RAISE: &str = "UPDATE inventory_level \
     SET reserved = reserved + $3, version = version + 1, updated_at = $5 \
     WHERE tenant_id = :tenant AND variant_id = $1 AND location_id = $2 \
     AND (backorder = 1 OR on_hand - reserved >= $3) \
     AND NOT EXISTS (SELECT 1 FROM inventory_hold WHERE tenant_id = :tenant AND order_id = $4)";
pub(super) const LEVELS: &str = "SELECT variant_id, location_id, on_hand, reserved, backorder, \
     version, updated_at FROM inventory_level WHERE tenant_id = :tenant AND location_id = $1 \
     AND variant_id IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
     ORDER BY variant_id";
pub(super) const INSERT_HOLD: &str = "INSERT INTO inventory_hold (tenant_id, order_id, variant_id, \
     location_id, units, state, expires_at, created_at) \
     VALUES (:tenant, $1, $2, $3, $4, 'held', $5, $6)";
pub(super) const INSERT_MOVEMENT: &str = "INSERT INTO inventory_movement (tenant_id, variant_id, \
     location_id, level_version, kind, on_hand_delta, reserved_delta, order_id, reason, moved_at) \
     VALUES (:tenant, $1, $2, $3, $4, $5, $6, $7, $8, $9)";
pub(super) const STORE_RESPONSE: &str = "UPDATE stoa_idempotency SET status = $4, response = $5 \
     WHERE tenant_id = $1 AND scope = $2 AND key = $3";

/// Statements of one order of three lines; the claim of a block of numbers now and then is left
/// out.
pub(super) const PER_ORDER: u64 = 25;

/// As storage writes it for SQLite: the tenant is parameter 1 where it is named, the others follow.
pub(super) fn for_sqlite(sql: &str) -> String {
    let shift = usize::from(sql.contains(":tenant"));
    let sql = sql.replace(":tenant", "?1").replace("{lock}", "");
    let mut parts = sql.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = part[..digits].parse().expect("a number follows each `$`");
        text += &format!("?{}{}", number + shift, &part[digits..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White space and line breaks of source text say nothing in SQL.
    fn bare(text: &str) -> String {
        text.replace("id_places!()", "")
            .split([' ', '\n', '\\', '"', ','])
            .collect()
    }

    #[test]
    fn each_statement_is_the_modules_own() {
        let places = (1..=32)
            .map(|at| format!("${at}"))
            .collect::<Vec<_>>()
            .join("");
        let sources = bare(concat!(
            include_str!("../../../platform/storage/src/idempotency.rs"),
            include_str!("../../../platform/storage/src/jobs.rs"),
            include_str!("../../../platform/storage/src/outbox.rs"),
            include_str!("../../../modules/cart/src/infrastructure.rs"),
            include_str!("../../../modules/catalog/src/infrastructure/listings.rs"),
            include_str!("../../../modules/pricing/src/infrastructure.rs"),
            include_str!("../../../modules/inventory/src/infrastructure.rs"),
            include_str!("../../../modules/orders/src/infrastructure.rs"),
            include_str!("../../../modules/payments/src/infrastructure.rs"),
        ));
        let all = [
            CLAIM_KEY,
            LOCK_CART,
            CART_LINES,
            PRICES,
            TERMS,
            INSERT_ORDER,
            INSERT_LINE,
            EMIT,
            INSERT_ATTEMPT,
            FREEZE_CART,
            ENQUEUE,
            RAISE,
            LEVELS,
            INSERT_HOLD,
            INSERT_MOVEMENT,
            STORE_RESPONSE,
        ];
        for sql in all {
            assert!(sources.contains(&bare(sql)), "no module says: {sql}");
        }
        // Its list of places is a macro in the catalog.
        let snapshots = bare(SNAPSHOTS).replace(&format!("({places})"), "");
        assert!(sources.contains(&snapshots), "no module says: {SNAPSHOTS}");
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

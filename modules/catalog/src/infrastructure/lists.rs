//! Product lists, each one statement: sorted by an index, continued after the last row seen.

use serde::{Deserialize, Serialize};
use stoa_contracts::catalog::{ProductStatus, ProductSummary};
use stoa_kernel::{CollectionId, Currency, Money, ProductId, Timestamp};
use stoa_storage::{Db, Error, Result, Row, Value, params};

use super::json_opt;
use crate::domain::{SearchWords, status_of};

/// How a list is ordered; each is one index and one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListOrder {
    Newest,
    Title,
    PriceAscending,
    PriceDescending,
    /// As the merchant arranged the collection.
    Position,
    /// The collection's own, whichever that is; never asked of a statement.
    Own,
}

/// Which products a list holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListFilter {
    Words(SearchWords),
    /// The handle.
    Collection(String),
    /// The handle of a category, with everything below it.
    Category(String),
}

/// The sort key of a row, which continues the list after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    key: PlaceKey,
    id: ProductId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum PlaceKey {
    Number(i64),
    Text(String),
}

impl ListOrder {
    /// Before every row.
    fn start(self) -> Place {
        let (key, id) = match self {
            Self::Newest | Self::PriceDescending => (PlaceKey::Number(i64::MAX), u128::MAX),
            Self::Title => (PlaceKey::Text(String::new()), 0),
            Self::PriceAscending | Self::Position | Self::Own => (PlaceKey::Number(-1), 0),
        };
        Place {
            key,
            id: ProductId::from_u128(id),
        }
    }

    /// Whether a place, which a client sent back, can be one of this order.
    pub(crate) fn owns(self, place: &Place) -> bool {
        matches!(place.key, PlaceKey::Text(_)) == (self == Self::Title)
    }
}

const COLUMNS: usize = 9;

macro_rules! columns {
    ($key:literal) => {
        concat!(
            "SELECT p.id, p.handle, p.title, p.vendor, p.image, c.price_min, c.price_max, \
             c.compare_at, c.in_stock, ",
            $key
        )
    };
}

/// The words of a search, each optional: `$5` to `$12`.
macro_rules! words {
    () => {
        " AND (CAST($5 AS TEXT) IS NULL OR p.search_text LIKE CAST($5 AS TEXT) ESCAPE '\\') \
          AND (CAST($6 AS TEXT) IS NULL OR p.search_text LIKE CAST($6 AS TEXT) ESCAPE '\\') \
          AND (CAST($7 AS TEXT) IS NULL OR p.search_text LIKE CAST($7 AS TEXT) ESCAPE '\\') \
          AND (CAST($8 AS TEXT) IS NULL OR p.search_text LIKE CAST($8 AS TEXT) ESCAPE '\\') \
          AND (CAST($9 AS TEXT) IS NULL OR p.search_text LIKE CAST($9 AS TEXT) ESCAPE '\\') \
          AND (CAST($10 AS TEXT) IS NULL OR p.search_text LIKE CAST($10 AS TEXT) ESCAPE '\\') \
          AND (CAST($11 AS TEXT) IS NULL OR p.search_text LIKE CAST($11 AS TEXT) ESCAPE '\\') \
          AND (CAST($12 AS TEXT) IS NULL OR p.search_text LIKE CAST($12 AS TEXT) ESCAPE '\\')"
    };
}

/// What is joined by an id is looked up by it: `status || ''` and `currency || ''` are in no index,
/// so that a database which knows nothing of its tables yet does not take theirs instead.
/// `$1` currency, `$2` and `$3` the place, `$4` the limit; `CROSS JOIN` keeps SQLite in the order
/// of the tables, so that the index which sorts is the one that is walked.
macro_rules! tail {
    ($key:literal, $than:literal, $direction:literal) => {
        concat!(
            " AND (",
            $key,
            ", p.id) ",
            $than,
            " ($2, $3) ORDER BY ",
            $key,
            " ",
            $direction,
            ", p.id ",
            $direction,
            " LIMIT $4"
        )
    };
}

/// Dates are looked at again here: the clock of the job that published may have been ahead.
macro_rules! open {
    ($now:literal) => {
        concat!(
            " AND (p.publish_at IS NULL OR p.publish_at <= ",
            $now,
            ") AND (p.unpublish_at IS NULL OR p.unpublish_at > ",
            $now,
            ")"
        )
    };
}
pub(crate) use open;

macro_rules! all {
    ($key:literal, $than:literal, $direction:literal) => {
        concat!(
            columns!($key),
            " FROM catalog_product p LEFT JOIN catalog_card c ON c.tenant_id = :tenant \
             AND c.product_id = p.id AND c.currency || '' = $1 \
             WHERE p.tenant_id = :tenant AND p.status = 'active'",
            words!(),
            open!("$13"),
            tail!($key, $than, $direction)
        )
    };
}

macro_rules! all_by_price {
    ($than:literal, $direction:literal) => {
        concat!(
            columns!("c.price_min"),
            " FROM catalog_card c CROSS JOIN catalog_product p \
             WHERE c.tenant_id = :tenant AND c.currency = $1 AND p.tenant_id = :tenant \
             AND p.id = c.product_id AND p.status || '' = 'active'",
            words!(),
            open!("$13"),
            // The card's own id, so that the index on it also breaks ties.
            " AND (c.price_min, c.product_id) ",
            $than,
            " ($2, $3) ORDER BY c.price_min ",
            $direction,
            ", c.product_id ",
            $direction,
            " LIMIT $4"
        )
    };
}

/// The members of a group: `$5` its handle, `$6` now. What the list is sorted by stands in the
/// members' own rows, and the group is found first, so that one index is walked in its order.
macro_rules! members {
    ($groups:literal, $key:literal, $than:literal, $direction:literal) => {
        concat!(
            columns!($key),
            " FROM catalog_member m CROSS JOIN catalog_product p \
             LEFT JOIN catalog_card c ON c.tenant_id = :tenant AND c.product_id = p.id \
             AND c.currency || '' = $1 \
             WHERE m.tenant_id = :tenant AND m.group_id = (SELECT k.id FROM ",
            $groups,
            " k WHERE k.tenant_id = :tenant AND k.handle = $5) \
             AND p.tenant_id = :tenant AND p.id = m.product_id AND p.status || '' = 'active'",
            open!("$6"),
            members_tail!($key, $than, $direction)
        )
    };
}

macro_rules! members_by_price {
    ($groups:literal, $than:literal, $direction:literal) => {
        concat!(
            columns!("m.price_min"),
            " FROM catalog_member_price m CROSS JOIN catalog_product p \
             CROSS JOIN catalog_card c \
             WHERE m.tenant_id = :tenant AND m.group_id = (SELECT k.id FROM ",
            $groups,
            " k WHERE k.tenant_id = :tenant AND k.handle = $5) AND m.currency = $1 \
             AND p.tenant_id = :tenant AND p.id = m.product_id AND p.status || '' = 'active' \
             AND c.tenant_id = :tenant AND c.product_id = m.product_id AND c.currency || '' = $1",
            open!("$6"),
            members_tail!("m.price_min", $than, $direction)
        )
    };
}

/// Ties are broken by the member's own id, which the index goes on with.
macro_rules! members_tail {
    ($key:literal, $than:literal, $direction:literal) => {
        concat!(
            " AND (",
            $key,
            ", m.product_id) ",
            $than,
            " ($2, $3) ORDER BY ",
            $key,
            " ",
            $direction,
            ", m.product_id ",
            $direction,
            " LIMIT $4"
        )
    };
}

const ALL_NEWEST: &str = all!("p.created_at", "<", "DESC");
const ALL_BY_TITLE: &str = all!("p.title_lower", ">", "ASC");
const ALL_CHEAPEST: &str = all_by_price!(">", "ASC");
const ALL_DEAREST: &str = all_by_price!("<", "DESC");
const COLLECTED_NEWEST: &str = members!("catalog_collection", "m.created_at", "<", "DESC");
const COLLECTED_BY_TITLE: &str = members!("catalog_collection", "m.title_lower", ">", "ASC");
const COLLECTED_CHEAPEST: &str = members_by_price!("catalog_collection", ">", "ASC");
const COLLECTED_DEAREST: &str = members_by_price!("catalog_collection", "<", "DESC");
const COLLECTED_ARRANGED: &str = members!("catalog_collection", "m.position", ">", "ASC");
const BRANCH_NEWEST: &str = members!("catalog_category", "m.created_at", "<", "DESC");
const BRANCH_BY_TITLE: &str = members!("catalog_category", "m.title_lower", ">", "ASC");
const BRANCH_CHEAPEST: &str = members_by_price!("catalog_category", ">", "ASC");
const BRANCH_DEAREST: &str = members_by_price!("catalog_category", "<", "DESC");

/// At most `limit` published products after `after`. Lists by price hold priced products only.
pub(crate) async fn products(
    db: &Db,
    filter: &ListFilter,
    order: ListOrder,
    currency: Currency,
    now: Timestamp,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<(ProductSummary, Place)>> {
    let start = order.start();
    let after = after.unwrap_or(&start);
    let key = match &after.key {
        PlaceKey::Number(number) => Value::Int(*number),
        PlaceKey::Text(text) => Value::Text(text),
    };
    let mut values: Vec<Value<'_>> = vec![(&currency).into(), key, after.id.into(), limit.into()];
    let sql = match filter {
        ListFilter::Words(words) => {
            values.extend(words.0.iter().map(Value::from));
            values.push(now.into());
            match order {
                // Only collections are arranged.
                ListOrder::Newest | ListOrder::Position | ListOrder::Own => ALL_NEWEST,
                ListOrder::Title => ALL_BY_TITLE,
                ListOrder::PriceAscending => ALL_CHEAPEST,
                ListOrder::PriceDescending => ALL_DEAREST,
            }
        }
        ListFilter::Collection(handle) => {
            values.push(handle.into());
            values.push(now.into());
            match order {
                ListOrder::Newest => COLLECTED_NEWEST,
                ListOrder::Title => COLLECTED_BY_TITLE,
                ListOrder::PriceAscending => COLLECTED_CHEAPEST,
                ListOrder::PriceDescending => COLLECTED_DEAREST,
                ListOrder::Position | ListOrder::Own => COLLECTED_ARRANGED,
            }
        }
        ListFilter::Category(handle) => {
            values.push(handle.into());
            values.push(now.into());
            match order {
                ListOrder::Newest | ListOrder::Position | ListOrder::Own => BRANCH_NEWEST,
                ListOrder::Title => BRANCH_BY_TITLE,
                ListOrder::PriceAscending => BRANCH_CHEAPEST,
                ListOrder::PriceDescending => BRANCH_DEAREST,
            }
        }
    };
    db.fetch(sql, &values, |row| {
        let summary = summary_of(row, currency)?;
        let key = match order {
            ListOrder::Title => PlaceKey::Text(row.get(COLUMNS)?),
            _ => PlaceKey::Number(row.get(COLUMNS)?),
        };
        let id = summary.id;
        Ok((summary, Place { key, id }))
    })
    .await
}

pub(crate) fn summary_of(row: &Row<'_>, currency: Currency) -> Result<ProductSummary> {
    let money = |amount: Option<i64>| amount.map(|amount| Money::new(amount, currency));
    let (price, price_max) = (money(row.get(5)?), money(row.get(6)?));
    Ok(ProductSummary {
        id: row.get(0)?,
        handle: row.get(1)?,
        title: row.get(2)?,
        vendor: row.get(3)?,
        image: json_opt(row, 4)?,
        price,
        price_max: price_max.filter(|max| price.is_some_and(|min| min != *max)),
        compare_at_price: money(row.get(7)?),
        available: row.get::<Option<bool>>(8)?.unwrap_or(false),
    })
}

/// The handle of the group that a list is of, where there is no such group.
pub(crate) async fn missing(db: &Db, filter: &ListFilter) -> Result<Option<String>> {
    const COLLECTION: &str =
        "SELECT id FROM catalog_collection WHERE tenant_id = :tenant AND handle = $1";
    const CATEGORY: &str =
        "SELECT id FROM catalog_category WHERE tenant_id = :tenant AND handle = $1";
    let (sql, handle) = match filter {
        ListFilter::Words(_) => return Ok(None),
        ListFilter::Collection(handle) => (COLLECTION, handle),
        ListFilter::Category(handle) => (CATEGORY, handle),
    };
    let found = db
        .fetch(sql, params![handle], |row| row.get::<CollectionId>(0))
        .await?;
    Ok(found.is_empty().then(|| handle.clone()))
}

/// A product in the merchant's list.
#[derive(Debug, Clone)]
pub(crate) struct AdminRow {
    pub(crate) id: ProductId,
    pub(crate) handle: String,
    pub(crate) title: String,
    pub(crate) status: ProductStatus,
    pub(crate) vendor: Option<String>,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// Products of every status, newest first, after (created, id).
pub(crate) async fn admin_products(
    db: &Db,
    after: Option<(Timestamp, ProductId)>,
    limit: i64,
) -> Result<Vec<AdminRow>> {
    const SQL: &str = "SELECT id, handle, title, coalesce(set_status, status), vendor, version, created_at, updated_at \
         FROM catalog_product WHERE tenant_id = :tenant AND (created_at, id) < ($1, $2) \
         ORDER BY created_at DESC, id DESC LIMIT $3";
    let (created, id) = after.unwrap_or((
        Timestamp::from_micros(i64::MAX),
        ProductId::from_u128(u128::MAX),
    ));
    db.fetch(SQL, params![created, id, limit], |row| {
        let word = row.str(3)?;
        Ok(AdminRow {
            id: row.get(0)?,
            handle: row.get(1)?,
            title: row.get(2)?,
            status: status_of(word).ok_or_else(|| Error::Json {
                message: format!("`{word}` is no product status"),
            })?,
            vendor: row.get(4)?,
            version: row.get(5)?,
            created_at: row.get(6)?,
            updated_at: row.get(7)?,
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: usize = 13;

    /// The plan of each list of all products, and of a collection as it was arranged: an index is
    /// walked in its order, so that a page costs the same in a catalog of any size.
    #[tokio::test]
    async fn no_list_scans_or_sorts_a_whole_table() {
        const PLANS: [&str; 9] = [
            concat!("EXPLAIN QUERY PLAN ", all!("p.created_at", "<", "DESC")),
            concat!("EXPLAIN QUERY PLAN ", all!("p.title_lower", ">", "ASC")),
            concat!("EXPLAIN QUERY PLAN ", all_by_price!(">", "ASC")),
            concat!("EXPLAIN QUERY PLAN ", all_by_price!("<", "DESC")),
            concat!(
                "EXPLAIN QUERY PLAN ",
                members!("catalog_collection", "m.position", ">", "ASC")
            ),
            concat!(
                "EXPLAIN QUERY PLAN ",
                members!("catalog_category", "m.created_at", "<", "DESC")
            ),
            concat!(
                "EXPLAIN QUERY PLAN ",
                members!("catalog_category", "m.title_lower", ">", "ASC")
            ),
            concat!(
                "EXPLAIN QUERY PLAN ",
                members_by_price!("catalog_category", ">", "ASC")
            ),
            concat!(
                "EXPLAIN QUERY PLAN ",
                members_by_price!("catalog_collection", "<", "DESC")
            ),
        ];
        for cells in stoa_testkit::everywhere(&[crate::MIGRATIONS]).await {
            if !cells.kind.starts_with("sqlite") {
                continue;
            }
            let db = cells.db(cells.tenant("plans").await).await;
            for (index, plan) in PLANS.into_iter().enumerate() {
                let places = if index < 4 { PLACES } else { 6 };
                let values = vec![Value::Int(1); places];
                let steps = db.fetch(plan, &values, |row| row.get::<String>(3)).await;
                let steps = steps.expect("a plan");
                assert!(!steps.is_empty(), "{plan}");
                for step in &steps {
                    let group = index >= 4 && step.starts_with("SCALAR SUBQUERY");
                    assert!(step.starts_with("SEARCH") || group, "{step} of {steps:?}");
                }
            }
        }
    }
}

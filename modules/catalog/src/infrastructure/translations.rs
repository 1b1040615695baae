//! Translations of products and collections, and the languages of a shop.

use std::collections::HashMap;

use stoa_contracts::catalog::{DocumentTranslation, ShopLocales};
use stoa_storage::{Db, Result, Row, Tx, Value, params};

use super::{IDS_PER_STATEMENT, id_places, id_values, json};
use crate::domain::{Locale, Translation, plain_text};

/// An id of a product or a collection, as their rows hold it.
pub(crate) type Owner = [u8; 16];

pub(crate) fn translation_of(row: &Row<'_>, from: usize) -> Result<Translation> {
    Ok(Translation {
        title: row.get(from)?,
        description_html: row.get(from + 1)?,
        seo: json(row, from + 2)?,
        options: json(row, from + 3)?,
    })
}

/// The words for one thing: those of the tag over those of its language.
pub(crate) async fn of(db: &Db, owner: Owner, locale: &Locale) -> Result<Translation> {
    const SQL: &str = "SELECT locale, title, description_html, seo, options \
         FROM catalog_translation WHERE tenant_id = :tenant AND owner_id = $1 \
         AND locale IN ($2, $3)";
    let values = [
        Value::Id(owner),
        (&locale.tag).into(),
        (&locale.language).into(),
    ];
    let rows = db
        .fetch(SQL, &values, |row| {
            Ok((row.str(0)? == locale.tag, translation_of(row, 1)?))
        })
        .await?;
    Ok(merged(rows))
}

/// Titles in a language, of as many of these as have one.
pub(crate) async fn titles(
    db: &Db,
    owners: &[Owner],
    locale: &Locale,
) -> Result<HashMap<Owner, String>> {
    const SQL: &str = concat!(
        "SELECT owner_id, locale, title FROM catalog_translation \
         WHERE tenant_id = :tenant AND title IS NOT NULL AND owner_id IN ",
        id_places!(),
        " AND locale IN ($33, $34)"
    );
    let mut found: HashMap<Owner, String> = HashMap::new();
    for chunk in owners.chunks(IDS_PER_STATEMENT) {
        let mut values = id_values(chunk);
        values.extend([Value::from(&locale.tag), Value::from(&locale.language)]);
        db.fetch(SQL, &values, |row| {
            let owner = owner_of(row, 0)?;
            if row.str(1)? == locale.tag || !found.contains_key(&owner) {
                found.insert(owner, row.get(2)?);
            }
            Ok(())
        })
        .await?;
    }
    Ok(found)
}

/// The words for all collections.
pub(crate) async fn of_collections(
    db: &Db,
    locale: &Locale,
) -> Result<HashMap<Owner, Translation>> {
    const SQL: &str = "SELECT t.owner_id, t.locale, t.title, t.description_html, t.seo, t.options \
         FROM catalog_collection k JOIN catalog_translation t ON t.tenant_id = :tenant \
         AND t.owner_id = k.id AND t.locale IN ($1, $2) WHERE k.tenant_id = :tenant";
    let mut rows: HashMap<Owner, Vec<(bool, Translation)>> = HashMap::new();
    db.fetch(SQL, params![&locale.tag, &locale.language], |row| {
        let each = (row.str(1)? == locale.tag, translation_of(row, 2)?);
        rows.entry(owner_of(row, 0)?).or_default().push(each);
        Ok(())
    })
    .await?;
    Ok(rows
        .into_iter()
        .map(|(owner, rows)| (owner, merged(rows)))
        .collect())
}

/// Titles of all categories that have one in a language.
pub(crate) async fn of_categories(db: &Db, locale: &Locale) -> Result<HashMap<Owner, String>> {
    const SQL: &str = "SELECT t.owner_id, t.locale, t.title FROM catalog_category k \
         JOIN catalog_translation t ON t.tenant_id = :tenant AND t.owner_id = k.id \
         AND t.locale IN ($1, $2) WHERE k.tenant_id = :tenant AND t.title IS NOT NULL";
    let mut found: HashMap<Owner, String> = HashMap::new();
    db.fetch(SQL, params![&locale.tag, &locale.language], |row| {
        let owner = owner_of(row, 0)?;
        if row.str(1)? == locale.tag || !found.contains_key(&owner) {
            found.insert(owner, row.get(2)?);
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

/// What search reads of at most 32 products.
pub(crate) async fn documents(
    tx: &mut Tx<'_>,
    owners: &[Owner],
    chars_max: usize,
) -> Result<Vec<(Owner, DocumentTranslation)>> {
    const SQL: &str = concat!(
        "SELECT owner_id, locale, title, description_html FROM catalog_translation \
         WHERE tenant_id = :tenant AND owner_id IN ",
        id_places!(),
        " ORDER BY owner_id, locale"
    );
    tx.query(SQL, &id_values(owners), |row| {
        let html: Option<String> = row.get(3)?;
        let words = DocumentTranslation {
            locale: row.get(1)?,
            title: row.get::<Option<String>>(2)?.unwrap_or_default(),
            description: plain_text(&html.unwrap_or_default(), chars_max),
        };
        Ok((owner_of(row, 0)?, words))
    })
    .await
}

/// All languages of one thing, by tag.
pub(crate) async fn all(tx: &mut Tx<'_>, owner: Owner) -> Result<Vec<(String, Translation)>> {
    const SQL: &str = "SELECT locale, title, description_html, seo, options \
         FROM catalog_translation WHERE tenant_id = :tenant AND owner_id = $1 ORDER BY locale";
    tx.query(SQL, &[Value::Id(owner)], |row| {
        Ok((row.get(0)?, translation_of(row, 1)?))
    })
    .await
}

pub(crate) async fn put(
    tx: &mut Tx<'_>,
    owner: Owner,
    locale: &str,
    words: &Translation,
) -> Result<()> {
    const SQL: &str = "INSERT INTO catalog_translation (tenant_id, owner_id, locale, title, \
         description_html, seo, options) VALUES (:tenant, $1, $2, $3, $4, $5, $6) \
         ON CONFLICT (tenant_id, owner_id, locale) DO UPDATE SET title = excluded.title, \
         description_html = excluded.description_html, seo = excluded.seo, \
         options = excluded.options";
    let seo = serde_json::to_string(&words.seo)?;
    let options = serde_json::to_string(&words.options)?;
    let values = [
        Value::Id(owner),
        locale.into(),
        (&words.title).into(),
        (&words.description_html).into(),
        (&seo).into(),
        (&options).into(),
    ];
    tx.execute(SQL, &values).await.map(|_| ())
}

/// False where there was none.
pub(crate) async fn remove(tx: &mut Tx<'_>, owner: Owner, locale: &str) -> Result<bool> {
    const SQL: &str = "DELETE FROM catalog_translation \
                       WHERE tenant_id = :tenant AND owner_id = $1 AND locale = $2";
    let values = [Value::Id(owner), locale.into()];
    Ok(tx.execute(SQL, &values).await? > 0)
}

pub(crate) async fn locales(db: &Db) -> Result<Option<ShopLocales>> {
    const SQL: &str = "SELECT main, others FROM catalog_locales WHERE tenant_id = :tenant";
    let found = db.fetch(SQL, &[], |row| {
        Ok(ShopLocales {
            main: row.get(0)?,
            others: json(row, 1)?,
        })
    });
    Ok(found.await?.into_iter().next())
}

pub(crate) async fn put_locales(tx: &mut Tx<'_>, locales: &ShopLocales) -> Result<()> {
    const SQL: &str = "INSERT INTO catalog_locales (tenant_id, main, others) \
         VALUES (:tenant, $1, $2) ON CONFLICT (tenant_id) DO UPDATE SET main = excluded.main, \
         others = excluded.others";
    let others = serde_json::to_string(&locales.others)?;
    tx.execute(SQL, params![&locales.main, &others])
        .await
        .map(|_| ())
}

fn owner_of(row: &Row<'_>, index: usize) -> Result<Owner> {
    // Both kinds of id are the same sixteen bytes.
    Ok(row.get::<stoa_kernel::ProductId>(index)?.to_bytes())
}

/// `true` marks the words of the tag itself.
fn merged(rows: Vec<(bool, Translation)>) -> Translation {
    let (exact, language): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(exact, _)| *exact);
    let first = |rows: Vec<(bool, Translation)>| {
        rows.into_iter()
            .next()
            .map(|(_, words)| words)
            .unwrap_or_default()
    };
    first(exact).or(first(language))
}

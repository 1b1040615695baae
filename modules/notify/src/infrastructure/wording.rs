//! SQL of a shop's own templates and settings.

use stoa_kernel::Timestamp;
use stoa_storage::{Db, Result, Row, Tx, params};

use crate::domain::{Kind, Settings, Source};

/// A shop's own wording of a kind in a locale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) kind: String,
    pub(crate) locale: String,
    pub(crate) source: Source,
    pub(crate) updated_at: Timestamp,
}

/// All of them, by kind and locale.
pub(crate) async fn own_templates(db: &Db) -> Result<Vec<Own>> {
    const SQL: &str = "SELECT kind, locale, subject, text, html, updated_at FROM notify_template \
         WHERE tenant_id = :tenant ORDER BY kind, locale";
    db.fetch(SQL, &[], own_of).await
}

/// That of the first locale which has one, of two that may be the same.
pub(crate) async fn own_template(db: &Db, kind: Kind, locales: [&str; 2]) -> Result<Option<Own>> {
    const SQL: &str = "SELECT kind, locale, subject, text, html, updated_at FROM notify_template \
         WHERE tenant_id = :tenant AND kind = $1 AND (locale = $2 OR locale = $3)";
    let values = params![kind.as_str(), locales[0], locales[1]];
    let mut found = db.fetch(SQL, values, own_of).await?;
    // The longer locale is the closer one.
    found.sort_by_key(|own| own.locale.len());
    Ok(found.pop())
}

fn own_of(row: &Row<'_>) -> Result<Own> {
    Ok(Own {
        kind: row.get(0)?,
        locale: row.get(1)?,
        source: Source {
            subject: row.get(2)?,
            text: row.get(3)?,
            html: row.get(4)?,
        },
        updated_at: row.get(5)?,
    })
}

pub(crate) async fn put_template(tx: &mut Tx<'_>, own: &Own) -> Result<()> {
    const SQL: &str = "INSERT INTO notify_template (tenant_id, kind, locale, subject, text, html, \
         updated_at) VALUES (:tenant, $1, $2, $3, $4, $5, $6) \
         ON CONFLICT (tenant_id, kind, locale) DO UPDATE SET subject = excluded.subject, \
         text = excluded.text, html = excluded.html, updated_at = excluded.updated_at";
    let values = params![
        &own.kind,
        &own.locale,
        &own.source.subject,
        &own.source.text,
        &own.source.html,
        own.updated_at
    ];
    tx.execute(SQL, values).await.map(drop)
}

/// False where there was none.
pub(crate) async fn remove_template(tx: &mut Tx<'_>, kind: Kind, locale: &str) -> Result<bool> {
    const SQL: &str = "DELETE FROM notify_template \
         WHERE tenant_id = :tenant AND kind = $1 AND locale = $2";
    Ok(tx.execute(SQL, params![kind.as_str(), locale]).await? == 1)
}

pub(crate) async fn settings(db: &Db) -> Result<Settings> {
    const SQL: &str = "SELECT from_name, reply_to, staff_email, locale, abandoned_cart, public_url \
         FROM notify_settings WHERE tenant_id = :tenant";
    let found = db.fetch(SQL, &[], |row| {
        Ok(Settings {
            from_name: row.get(0)?,
            reply_to: row.get(1)?,
            staff_email: row.get(2)?,
            locale: row.get(3)?,
            abandoned_cart: row.get(4)?,
            public_url: row.get(5)?,
        })
    });
    Ok(found.await?.into_iter().next().unwrap_or_default())
}

pub(crate) async fn put_settings(tx: &mut Tx<'_>, settings: &Settings) -> Result<()> {
    const SQL: &str = "INSERT INTO notify_settings (tenant_id, from_name, reply_to, staff_email, \
         locale, abandoned_cart, public_url) VALUES (:tenant, $1, $2, $3, $4, $5, $6) \
         ON CONFLICT (tenant_id) DO UPDATE SET from_name = excluded.from_name, \
         reply_to = excluded.reply_to, staff_email = excluded.staff_email, \
         locale = excluded.locale, abandoned_cart = excluded.abandoned_cart, \
         public_url = excluded.public_url";
    let values = params![
        &settings.from_name,
        &settings.reply_to,
        &settings.staff_email,
        &settings.locale,
        settings.abandoned_cart,
        &settings.public_url
    ];
    tx.execute(SQL, values).await.map(drop)
}

//! One SQL text for both databases: placeholder numbering and the migration template.

/// A statement and its parameters, for [`crate::Tx::batch`].
pub type Stmt<'a> = (&'static str, &'a [crate::Value<'a>]);

/// Which database a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// A statement with the tenant as parameter 1 and `$N` moved to N + 1.
///
/// SQLite numbers `$2 ... $1` by first appearance, so `$N` becomes `?N` there.
pub(crate) struct Rewritten {
    pub(crate) text: String,
    /// How often `:tenant` stands in the text.
    pub(crate) tenant_bindings: usize,
}

pub(crate) fn rewrite(sql: &str, dialect: Dialect) -> Rewritten {
    const TENANT: &str = ":tenant";
    // Every second piece between quotes is quoted text.
    let tenant_bindings = sql
        .split('\'')
        .step_by(2)
        .map(|unquoted| unquoted.matches(TENANT).count())
        .sum();
    let shift = usize::from(tenant_bindings > 0);
    let mark = match dialect {
        Dialect::Sqlite => '?',
        Dialect::Postgres => '$',
    };
    let lock = match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE",
    };
    let skip_locked = match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let sql = sql
        .replace("{lock}", lock)
        .replace("{skip_locked}", skip_locked);
    let mut text = String::with_capacity(sql.len() + 8);
    let mut rest = sql.as_str();
    while let Some(at) = rest.find([':', '$', '\'']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(tail) = rest.strip_prefix(TENANT) {
            text.push(mark);
            text.push('1');
            rest = tail;
        } else if rest.starts_with('\'') {
            let end = rest[1..].find('\'').map_or(rest.len(), |end| end + 2);
            text.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if let Some(tail) = rest.strip_prefix('$') {
            let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
            match tail[..digits].parse::<usize>() {
                Ok(number) => {
                    text.push(mark);
                    text.push_str(&(number + shift).to_string());
                }
                Err(_) => text.push('$'),
            }
            rest = &tail[digits..];
        } else {
            text.push(':');
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    Rewritten {
        text,
        tenant_bindings,
    }
}

/// Fills a migration's `{id}`, `{int}`, `{text}`, `{bytes}`, `{serial}` and `{strict}`.
pub(crate) fn render_migration(sql: &str, dialect: Dialect) -> String {
    let words: [(&str, &str); 6] = match dialect {
        Dialect::Sqlite => [
            ("{id}", "BLOB"),
            ("{int}", "INTEGER"),
            ("{text}", "TEXT"),
            ("{bytes}", "BLOB"),
            ("{serial}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("{strict}", "STRICT"),
        ],
        Dialect::Postgres => [
            ("{id}", "UUID"),
            ("{int}", "BIGINT"),
            ("{text}", "TEXT COLLATE \"C\""),
            ("{bytes}", "BYTEA"),
            (
                "{serial}",
                "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            ),
            ("{strict}", ""),
        ],
    };
    words.iter().fold(sql.to_owned(), |text, (word, with)| {
        text.replace(word, with)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(sql: &str) -> (String, String) {
        (
            rewrite(sql, Dialect::Sqlite).text,
            rewrite(sql, Dialect::Postgres).text,
        )
    }

    #[test]
    fn the_tenant_is_parameter_one_and_the_others_move_up() {
        let (lite, postgres) =
            both("UPDATE t SET a = a + $2 WHERE tenant_id = :tenant AND id = $1 AND $12 > 0");
        assert_eq!(
            lite,
            "UPDATE t SET a = a + ?3 WHERE tenant_id = ?1 AND id = ?2 AND ?13 > 0"
        );
        assert_eq!(postgres, lite.replace('?', "$"));
    }

    #[test]
    fn quoted_text_and_casts_stay_as_they_are() {
        let (lite, postgres) = both("SELECT '$1 :tenant', x::bigint FROM t WHERE a = $1");
        assert_eq!(
            postgres,
            "SELECT '$1 :tenant', x::bigint FROM t WHERE a = $1"
        );
        assert_eq!(lite, "SELECT '$1 :tenant', x::bigint FROM t WHERE a = ?1");
        assert_eq!(both("SELECT $1").0, "SELECT ?1");
    }

    #[test]
    fn locks_exist_only_where_the_database_has_them() {
        let (lite, postgres) = both("SELECT id FROM t WHERE id = $1 {lock}");
        assert_eq!(lite, "SELECT id FROM t WHERE id = ?1 ");
        assert_eq!(postgres, "SELECT id FROM t WHERE id = $1 FOR UPDATE");
    }
}

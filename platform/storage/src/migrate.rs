//! Numbered, forward-only migrations per module, each applied once and never edited after.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use crate::sqlite::Connection;
use crate::{Dialect, Error, Result};

/// One module's schema. `steps[0]` is migration 1; SQL uses the template words `{id}` (16 bytes),
/// `{int}` (64 bits), `{text}`, `{bytes}`, `{serial}` and `{strict}`.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    pub module: &'static str,
    pub plane: Plane,
    pub steps: &'static [&'static str],
}

/// Which databases a module's tables live in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// Every cell.
    Cell,
    /// The one control database.
    Control,
}

pub(crate) const BOOTSTRAP: &str = "CREATE TABLE IF NOT EXISTS stoa_migration (\
    module {text} NOT NULL, number {int} NOT NULL, checksum {text} NOT NULL, \
    PRIMARY KEY (module, number)) {strict}";

pub(crate) struct Applied {
    pub(crate) module: String,
    pub(crate) number: i64,
    pub(crate) checksum: String,
}

pub(crate) struct Step {
    pub(crate) module: &'static str,
    pub(crate) number: i64,
    pub(crate) sql: &'static str,
    pub(crate) checksum: String,
}

/// What is still to run; an applied migration whose text changed is an error.
pub(crate) fn pending(migrations: &[Migrations], applied: &[Applied]) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut known: HashSet<(&str, i64)> = HashSet::new();
    for module in migrations {
        for (index, sql) in module.steps.iter().enumerate() {
            let number = index as i64 + 1;
            known.insert((module.module, number));
            let checksum = hex::encode(&Sha256::digest(sql.as_bytes())[..8]);
            let before = applied
                .iter()
                .find(|step| step.module == module.module && step.number == number);
            match before {
                None => steps.push(Step {
                    module: module.module,
                    number,
                    sql,
                    checksum,
                }),
                Some(step) if step.checksum == checksum => {}
                Some(_) => {
                    return Err(Error::Migration {
                        module: module.module.to_owned(),
                        number,
                        problem: "was edited after it was applied; add a new one".to_owned(),
                    });
                }
            }
        }
    }
    let newer = applied
        .iter()
        .find(|step| !known.contains(&(step.module.as_str(), step.number)));
    match newer {
        Some(step) => Err(Error::Migration {
            module: step.module.clone(),
            number: step.number,
            problem: "is not known to this program: it is older than the data".to_owned(),
        }),
        None => Ok(steps),
    }
}

/// Migrates a SQLite file in one transaction.
pub(crate) fn migrate_lite(connection: &mut Connection, migrations: &[Migrations]) -> Result<()> {
    connection.run("BEGIN EXCLUSIVE")?;
    let outcome = apply_lite(connection, migrations);
    connection.run(if outcome.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    })?;
    outcome
}

fn apply_lite(connection: &mut Connection, migrations: &[Migrations]) -> Result<()> {
    use crate::tx::Scope::System;
    connection.run(&crate::sql::render_migration(BOOTSTRAP, Dialect::Sqlite))?;
    const APPLIED: &str = "SELECT module, number, checksum FROM stoa_migration";
    let applied = connection.query(System, APPLIED, &[], |row| {
        Ok(Applied {
            module: row.get(0)?,
            number: row.get(1)?,
            checksum: row.get(2)?,
        })
    })?;
    for step in pending(migrations, &applied)? {
        let sql = crate::sql::render_migration(step.sql, Dialect::Sqlite);
        connection.run(&sql).map_err(|error| Error::Migration {
            module: step.module.to_owned(),
            number: step.number,
            problem: error.to_string(),
        })?;
        const RECORD: &str =
            "INSERT INTO stoa_migration (module, number, checksum) VALUES ($1, $2, $3)";
        let values = crate::params![step.module, step.number, &step.checksum];
        connection.execute(System, RECORD, values)?;
    }
    Ok(())
}

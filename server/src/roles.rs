//! The role table: which role runs what, and what it needs. `--list-targets` prints it.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    All,
    Api,
    Worker,
    Payments,
}

/// One row of the table.
pub(crate) struct Role {
    pub(crate) target: Target,
    pub(crate) does: &'static str,
    pub(crate) parts: &'static [&'static str],
    pub(crate) needs: &'static str,
    /// Listens on TCP.
    pub(crate) serves_http: bool,
    /// Serves shops and the whole API; else the routes of payments alone.
    pub(crate) serves_shops: bool,
    /// Moves events and runs jobs, but for those that pay.
    pub(crate) runs_worker: bool,
    /// Opens the providers' secrets and speaks to them.
    pub(crate) pays: bool,
}

pub(crate) const ROLES: [Role; 4] = [
    Role {
        target: Target::All,
        does: "everything, on one machine",
        parts: &["storefront", "api", "events", "jobs", "payments"],
        needs: "nothing; or PostgreSQL",
        serves_http: true,
        serves_shops: true,
        runs_worker: true,
        pays: true,
    },
    Role {
        target: Target::Api,
        does: "shops and the API",
        parts: &["storefront", "api"],
        needs: "PostgreSQL; worker and payments beside it",
        serves_http: true,
        serves_shops: true,
        runs_worker: false,
        pays: false,
    },
    Role {
        target: Target::Worker,
        does: "events, jobs and schedules",
        parts: &["events", "jobs", "mail", "webhooks"],
        needs: "PostgreSQL",
        serves_http: false,
        serves_shops: false,
        runs_worker: true,
        pays: false,
    },
    Role {
        target: Target::Payments,
        does: "payments and their secrets",
        parts: &["payment jobs", "payment webhooks", "test provider"],
        needs: "PostgreSQL",
        serves_http: true,
        serves_shops: false,
        runs_worker: false,
        pays: true,
    },
];

impl Target {
    pub(crate) fn role(self) -> &'static Role {
        ROLES
            .iter()
            .find(|role| role.target == self)
            .unwrap_or(&ROLES[0])
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Payments => "payments",
        }
    }
}

/// The table as `--list-targets` prints it.
pub(crate) fn table() -> String {
    let mut text = format!(
        "{:<8} {:<28} {:<52} {}\n",
        "TARGET", "DOES", "PARTS", "NEEDS"
    );
    for role in &ROLES {
        let (target, parts) = (role.target.as_str(), role.parts.join(", "));
        text += &format!("{target:<8} {:<28} {parts:<52} {}\n", role.does, role.needs);
    }
    text
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Target {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = ROLES
            .iter()
            .map(|role| role.target)
            .find(|target| target.as_str() == text);
        known.ok_or_else(|| {
            let names: Vec<&str> = ROLES.iter().map(|role| role.target.as_str()).collect();
            format!("`{text}` is no target; known are: {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ARCHITECTURE.md shows the table; this keeps it true.
    #[test]
    fn the_architecture_document_shows_the_table() {
        let document = include_str!("../../ARCHITECTURE.md");
        assert!(
            document.contains(&table()),
            "paste this into ARCHITECTURE.md:\n{}",
            table()
        );
    }
}

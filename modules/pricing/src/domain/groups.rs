//! Groups of customers that price lists may hold for. Knows ids of customers, never addresses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_kernel::{Id, IdKind};

use super::Flaw;
use super::settings::{check_id, check_name};

pub(crate) enum Group {}
impl IdKind for Group {
    const PREFIX: &'static str = "cgroup";
}
pub(crate) type GroupId = Id<Group>;

/// What a merchant says of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupTerms {
    /// 1 to 64 of a-z, 0-9, - and _; price lists name the group by it, and it stays.
    pub(crate) handle: String,
    pub(crate) name: String,
}

pub(crate) fn check_group(terms: &GroupTerms) -> Result<(), Flaw> {
    check_id(&terms.handle, || "handle".to_owned())?;
    check_name(&terms.name, || "name".to_owned())
}

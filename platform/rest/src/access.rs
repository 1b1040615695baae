//! Who may call a route, and who is calling. Decides nothing: the guard compares the two.

use std::fmt;

use stoa_kernel::{Actor, ApiKeyId};

use crate::permission::{Permission, PermissionSet};

/// Who may call a route. A required argument of every route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without a tenant: health and documentation.
    Public,
    /// Anyone, within the tenant that the host names.
    Shopper,
    /// A staff key of the tenant with this permission, or the operator.
    Staff(Permission),
    /// Whoever runs this installation; no tenant is resolved.
    Operator,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Shopper => f.write_str("shopper"),
            Self::Staff(permission) => write!(f, "staff {permission}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

/// Who is calling, as the gate made it out from the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    Anonymous,
    /// A `pk_` key: names the shop's own client, opens nothing that a shopper may not see.
    Publishable {
        key: ApiKeyId,
    },
    /// An `sk_` key.
    Staff {
        key: ApiKeyId,
        permissions: PermissionSet,
    },
    Operator,
}

impl Caller {
    /// As whom the caller's changes are recorded.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Anonymous | Self::Publishable { .. } => Actor::Shopper,
            Self::Staff { key, .. } => Actor::Staff(key.to_string()),
            Self::Operator => Actor::Operator,
        }
    }

    /// A stable name that scopes idempotency keys: two callers never share one.
    pub fn id(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Publishable { key } | Self::Staff { key, .. } => key.to_string(),
            Self::Operator => "operator".to_owned(),
        }
    }
}

/// Marks a request that came over the process's own Unix socket, whose file mode lets only the
/// operator in. Only the accept loop sets it.
#[derive(Debug, Clone, Copy)]
pub struct LocalOperator;

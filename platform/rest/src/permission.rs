//! What a staff key may do. The text forms are stored with keys and never change.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a permission such as `products:write`")]
pub struct UnknownPermission {
    pub text: String,
}

macro_rules! permissions {
    ($($name:ident $text:literal)*) => {
        /// One thing a staff key may be allowed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Permission {
            $(#[doc = $text] $name,)*
        }

        impl Permission {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

permissions! {
    ProductsRead "products:read"
    ProductsWrite "products:write"
    CollectionsRead "collections:read"
    CollectionsWrite "collections:write"
    PricesRead "prices:read"
    PricesWrite "prices:write"
    MediaRead "media:read"
    MediaWrite "media:write"
    InventoryRead "inventory:read"
    InventoryWrite "inventory:write"
    ImportsRead "imports:read"
    ImportsWrite "imports:write"
    CartsRead "carts:read"
    CartsWrite "carts:write"
    OrdersRead "orders:read"
    OrdersWrite "orders:write"
    PaymentsRead "payments:read"
    PaymentsWrite "payments:write"
    CustomersRead "customers:read"
    CustomersWrite "customers:write"
    SettingsRead "settings:read"
    SettingsWrite "settings:write"
    KeysRead "keys:read"
    KeysWrite "keys:write"
    ThemesRead "themes:read"
    ThemesWrite "themes:write"
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for Permission {
    type Err = UnknownPermission;
    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL
            .iter()
            .copied()
            .find(|permission| permission.as_str() == text)
            .ok_or_else(|| UnknownPermission {
                text: text.to_owned(),
            })
    }
}
impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
impl schemars::JsonSchema for Permission {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Permission".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<&str> = Self::ALL
            .iter()
            .map(|permission| permission.as_str())
            .collect();
        schemars::json_schema!({ "type": "string", "enum": names })
    }
}

/// A set of permissions; `Copy`, since every request of a staff key carries one.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct PermissionSet(u64);

const _: () = assert!(Permission::ALL.len() <= 64, "a PermissionSet has 64 places");

impl PermissionSet {
    pub const EMPTY: Self = Self(0);

    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | (1 << permission as u8))
    }
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .iter()
            .copied()
            .filter(move |&permission| self.contains(permission))
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::EMPTY, Self::with)
    }
}
/// Text forms separated by spaces, as keys are stored with.
impl fmt::Display for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, permission) in self.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{permission}")?;
        }
        Ok(())
    }
}
impl FromStr for PermissionSet {
    type Err = UnknownPermission;
    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        text.split_whitespace().map(str::parse).collect()
    }
}
impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(Permission::as_str))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_reads_back_from_its_text() {
        for &permission in Permission::ALL {
            assert_eq!(permission.to_string().parse(), Ok(permission));
        }
        assert_eq!(
            PermissionSet::all().to_string().parse(),
            Ok(PermissionSet::all())
        );
        let error = "products:destroy"
            .parse::<Permission>()
            .map_err(|error| error.to_string());
        assert_eq!(
            error,
            Err("`products:destroy` is not a permission such as `products:write`".to_owned())
        );
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let set = PermissionSet::EMPTY
            .with(Permission::OrdersRead)
            .with(Permission::KeysWrite);
        assert_eq!(set.to_string(), "orders:read keys:write");
        assert!(set.contains(Permission::OrdersRead) && !set.contains(Permission::OrdersWrite));
    }
}

//! Where a crate stands: its folder is its layer. Knows nothing of who may use whom.

use std::fmt;

/// The layer and the name that a crate's folder gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Kernel,
    Contracts,
    Storage,
    Bus,
    /// What carries the bus between processes, such as jetstream; only the server knows of it.
    Transport,
    Telemetry,
    /// Any other crate of `platform/`, such as rest.
    Platform,
    Testkit,
    Module {
        name: String,
        /// A crate inside the module's folder: private to the module.
        nested: bool,
    },
    Workflow(String),
    /// `gateway`, `storefront` and `admin`: what faces the outside.
    Surface(String),
    Server,
    Bench,
    Xtask,
}

impl Place {
    /// `None` for a folder outside every layer.
    pub fn of(dir: &str) -> Option<Self> {
        let parts: Vec<&str> = dir.split('/').collect();
        Some(match parts.as_slice() {
            ["platform", "kernel"] => Self::Kernel,
            ["platform", "contracts"] => Self::Contracts,
            ["platform", "storage"] => Self::Storage,
            ["platform", "bus"] => Self::Bus,
            ["platform", "jetstream"] => Self::Transport,
            ["platform", "telemetry"] => Self::Telemetry,
            ["platform", "testkit"] => Self::Testkit,
            ["platform", _] => Self::Platform,
            ["modules", name] => Self::Module {
                name: (*name).to_owned(),
                nested: false,
            },
            ["modules", name, ..] => Self::Module {
                name: (*name).to_owned(),
                nested: true,
            },
            ["workflows", name] => Self::Workflow((*name).to_owned()),
            [surface @ ("gateway" | "storefront" | "admin")] => {
                Self::Surface((*surface).to_owned())
            }
            ["server"] => Self::Server,
            ["bench"] => Self::Bench,
            ["xtask"] => Self::Xtask,
            _ => return None,
        })
    }

    /// The name under which others call it through `stoa_contracts`, where it has one.
    pub fn unit(&self) -> Option<&str> {
        match self {
            Self::Module { name, .. } | Self::Workflow(name) | Self::Surface(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the crate must declare whom it calls and what it listens to.
    pub fn declares_peers(&self) -> bool {
        self.unit().is_some() && !self.is_nested()
    }

    pub fn is_nested(&self) -> bool {
        matches!(self, Self::Module { nested: true, .. })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel => f.write_str("the kernel"),
            Self::Contracts => f.write_str("the contracts"),
            Self::Storage => f.write_str("the storage layer"),
            Self::Bus => f.write_str("the bus"),
            Self::Transport => f.write_str("a transport of the bus"),
            Self::Telemetry => f.write_str("telemetry"),
            Self::Platform => f.write_str("a platform crate"),
            Self::Testkit => f.write_str("the testkit"),
            Self::Module {
                name,
                nested: false,
            } => write!(f, "module {name}"),
            Self::Module { name, nested: true } => write!(f, "a private part of module {name}"),
            Self::Workflow(name) => write!(f, "workflow {name}"),
            Self::Surface(name) => write!(f, "the {name}"),
            Self::Server => f.write_str("the server"),
            Self::Bench => f.write_str("the bench"),
            Self::Xtask => f.write_str("xtask"),
        }
    }
}

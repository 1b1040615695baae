//! One broken rule, said so that it can be acted on. Knows nothing of any rule.

use std::fmt;

/// Prints as `path:line: what is wrong; what to do`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Relative to the workspace root.
    pub path: String,
    /// From 1.
    pub line: usize,
    pub wrong: String,
    pub remedy: String,
}

impl Violation {
    pub fn new(
        path: impl Into<String>,
        line: usize,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            line,
            wrong: wrong.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}; {}",
            self.path, self.line, self.wrong, self.remedy
        )
    }
}

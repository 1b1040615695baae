//! One tenant's index: its files, what it holds, and how it is asked. Knows no database and no HTTP.

pub(crate) mod clauses;
pub(crate) mod counts;
pub(crate) mod directory;
pub(crate) mod document;
pub(crate) mod live;
pub(crate) mod page;
pub(crate) mod pen;
pub(crate) mod prices;
pub(crate) mod schema;
pub(crate) mod sets;
pub(crate) mod suggest;
pub(crate) mod top;
pub(crate) mod vocabulary;

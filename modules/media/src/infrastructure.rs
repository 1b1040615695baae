//! SQL of pictures. Decides nothing.

mod assets;
mod imports;
mod uses;

pub(crate) use self::assets::{
    AssetPage, Unused, asset, assets, begin, by_content, condemn_stale, condemn_unused, condemned,
    discard, exists, forget, publish, set_alt, touch,
};
pub(crate) use self::imports::{
    ImportPage, Known, NewImport, Sum, fail, finish, imports, known, note, one, put, retry,
};
pub(crate) use self::uses::{held, release, take};

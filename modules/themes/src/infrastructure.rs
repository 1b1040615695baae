//! All SQL of themes. Decides nothing.

mod reading;
mod writing;

pub(crate) use self::reading::{
    Failure, Kept, KeptFile, ShopRow, asset, failures, file, files, id_with, published_source,
    shop, source_of, source_with, theme, themes,
};
pub(crate) use self::writing::{
    bring_file, forget_previous, id_with_in, ids_oldest_first, insert, lock_shop, mark_published,
    next_revision, note_failure, publish, put_settings, remove, sweep_files, theme_in,
};

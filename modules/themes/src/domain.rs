//! What a theme is: its archive, its files, its settings, its preview links. Pure.

mod archive;
mod link;
mod manifest;
mod pack;
mod package;
mod paths;

#[cfg(test)]
mod tests;

pub(crate) use self::archive::ARCHIVE_BYTES_MAX;
pub(crate) use self::link::LinkKey;
pub(crate) use self::manifest::{Manifest, Setting, settings};
pub(crate) use self::pack::pack;
pub(crate) use self::package::{File, Known, Package, source};
pub(crate) use self::paths::content_type;

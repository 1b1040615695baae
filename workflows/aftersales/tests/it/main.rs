//! The workflow over real modules, on every kind of cell.

mod cancel;
mod credit;
mod drafts;
mod edits;
mod goods;
mod provider;
mod race;
mod refunds;
mod returns;
mod shop;
mod sweep;

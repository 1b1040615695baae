//! The catalog over every kind of cell, through its contract and through its routes.

mod admin;
mod answers;
mod bulk;
mod categories;
mod codes;
mod documents;
mod isolation;
mod kinds;
mod lists;
mod pages;
mod records;
mod rules;
mod stock;
mod support;
mod translations;
mod upsert;

//! The catalog over every kind of cell.

//! Pricing over every kind of cell.

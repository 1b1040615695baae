//! Search over every kind of cell, through its contract and through its routes.

mod finding;
mod following;
mod full;
mod model;
mod real;
mod routes;
mod shelf;
mod steering;
mod support;
mod tenants;
mod torn;

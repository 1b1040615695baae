//! Finds products. Owns no product.

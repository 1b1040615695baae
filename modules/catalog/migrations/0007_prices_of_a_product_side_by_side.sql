-- All that a product page shows of its variants' prices lies side by side: one descent instead of two
-- for each variant.
DROP INDEX catalog_listing_of_product;
CREATE INDEX catalog_listing_of_product
    ON catalog_listing (tenant_id, product_id, currency, variant_id, price, compare_at);

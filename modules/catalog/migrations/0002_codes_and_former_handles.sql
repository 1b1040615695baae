CREATE INDEX catalog_variant_by_barcode ON catalog_variant (tenant_id, barcode)
    WHERE barcode IS NOT NULL;
CREATE INDEX catalog_variant_by_sku ON catalog_variant (tenant_id, sku) WHERE sku IS NOT NULL;

-- Handles that products had: links to them lead on. A row yields to a product that takes its handle.
CREATE TABLE catalog_former_handle (
    tenant_id {id} NOT NULL,
    handle {text} NOT NULL CHECK (length(handle) BETWEEN 1 AND 255),
    product_id {id} NOT NULL,
    left_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, handle)
) {strict};
CREATE INDEX catalog_former_handle_of_product
    ON catalog_former_handle (tenant_id, product_id, left_at, handle);

-- Which lists the catalog's listings show. While `walking`, the listings of its variants are being
-- worked out anew; those up to `after_variant` are done. Stays until a removed list is walked.
CREATE TABLE pricing_list_feed (
    tenant_id {id} NOT NULL,
    list_id {id} NOT NULL,
    currency {text} NOT NULL CHECK (length(currency) = 3),
    shown {int} NOT NULL CHECK (shown IN (0, 1)),
    walking {int} NOT NULL CHECK (walking IN (0, 1)),
    after_variant {id},
    PRIMARY KEY (tenant_id, list_id),
    CHECK (walking = 1 OR after_variant IS NULL)
) {strict};

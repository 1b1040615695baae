-- The languages a shop speaks; the main one is what products are written in.
CREATE TABLE catalog_locales (
    tenant_id {id} NOT NULL,
    main {text} NOT NULL,
    others {text} NOT NULL,
    PRIMARY KEY (tenant_id)
) {strict};

-- Of products and collections, whose ids never meet. What is NULL is shown as it was written.
CREATE TABLE catalog_translation (
    tenant_id {id} NOT NULL,
    owner_id {id} NOT NULL,
    locale {text} NOT NULL CHECK (length(locale) BETWEEN 2 AND 35),
    title {text},
    description_html {text},
    seo {text} NOT NULL,
    options {text} NOT NULL,
    PRIMARY KEY (tenant_id, owner_id, locale)
) {strict};

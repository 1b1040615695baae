CREATE TABLE search_settings (
    tenant_id {id} NOT NULL PRIMARY KEY,
    -- The language of texts that are no translations; the installation's where there is none.
    locale {text},
    -- Rises with every change of a tenant's rules: those who change them wait for each other here.
    version {int} NOT NULL CHECK (version > 0)
) {strict};
CREATE TABLE search_synonyms (
    tenant_id {id} NOT NULL,
    -- Its place in the list.
    position {int} NOT NULL CHECK (position BETWEEN 0 AND 499),
    -- A JSON array of texts with one meaning.
    words {text} NOT NULL,
    PRIMARY KEY (tenant_id, position)
) {strict};
CREATE TABLE search_pins (
    tenant_id {id} NOT NULL,
    scope {text} NOT NULL CHECK (scope IN ('query', 'collection')),
    -- The query's words, or the collection's handle.
    term {text} NOT NULL,
    product_id {id} NOT NULL,
    -- Its place, from 1; a product without one is hidden.
    position {int} CHECK (position BETWEEN 1 AND 250),
    PRIMARY KEY (tenant_id, scope, term, product_id),
    UNIQUE (tenant_id, scope, term, position)
) {strict};

CREATE TABLE themes_shop (
    tenant_id {id} NOT NULL,
    -- NULL: the built-in theme.
    published_id {id},
    previous_id {id},
    can_roll_back {int} NOT NULL CHECK (can_roll_back IN (0, 1)),
    -- Rises with everything that shoppers see change.
    revision {int} NOT NULL CHECK (revision >= 0),
    PRIMARY KEY (tenant_id),
    CHECK (previous_id IS NULL OR can_roll_back = 1)
) {strict};
CREATE TABLE themes_theme (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    -- Of all its files: the same upload is the same theme.
    digest {text} NOT NULL CHECK (length(digest) = 32),
    name {text} NOT NULL,
    version {text} NOT NULL,
    manifest {text} NOT NULL,
    -- What the shop has set, over the defaults of the manifest.
    settings {text} NOT NULL,
    bytes {int} NOT NULL CHECK (bytes >= 0),
    created_at {int} NOT NULL,
    published_at {int},
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, digest)
) {strict};
CREATE TABLE themes_entry (
    tenant_id {id} NOT NULL,
    theme_id {id} NOT NULL,
    path {text} NOT NULL,
    digest {text} NOT NULL CHECK (length(digest) = 64),
    bytes {int} NOT NULL CHECK (bytes >= 0),
    -- Read with the theme itself: a template or a locale.
    compiled {int} NOT NULL CHECK (compiled IN (0, 1)),
    PRIMARY KEY (tenant_id, theme_id, path)
) {strict};
CREATE INDEX themes_entry_file ON themes_entry (tenant_id, digest);
CREATE TABLE themes_file (
    tenant_id {id} NOT NULL,
    digest {text} NOT NULL CHECK (length(digest) = 64),
    content {bytes} NOT NULL CHECK (length(content) <= 2097152),
    -- When an upload last brought it: one that no theme holds goes an hour after.
    brought_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, digest)
) {strict};
CREATE TABLE themes_failure (
    tenant_id {id} NOT NULL,
    theme_id {id} NOT NULL,
    page {text} NOT NULL,
    file {text} NOT NULL,
    line {int},
    kind {text} NOT NULL CHECK (kind IN ('error', 'limit', 'time', 'busy')),
    reason {text} NOT NULL,
    times {int} NOT NULL CHECK (times > 0),
    last_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, theme_id, page)
) {strict};

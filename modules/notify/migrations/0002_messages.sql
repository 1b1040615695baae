CREATE TABLE notify_message (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    kind {text} NOT NULL,
    dedupe_key {text} NOT NULL,
    locale {text} NOT NULL,
    recipient {text} NOT NULL,
    subject {text} NOT NULL,
    text {text} NOT NULL,
    html {text} NOT NULL,
    message_id {text} NOT NULL,
    via {text} NOT NULL CHECK (via IN ('mailbox', 'smtp')),
    state {text} NOT NULL CHECK (state IN ('queued', 'sent', 'failed')),
    attempts {int} NOT NULL CHECK (attempts >= 0),
    answer {text},
    queued_at {int} NOT NULL,
    next_attempt_at {int},
    sent_at {int},
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, dedupe_key),
    CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
    CHECK ((state = 'queued') = (next_attempt_at IS NOT NULL))
) {strict};
CREATE INDEX notify_message_queued ON notify_message (tenant_id, queued_at, id);
INSERT INTO notify_message (tenant_id, id, kind, dedupe_key, locale, recipient, subject, text, html,
    message_id, via, state, attempts, answer, queued_at, next_attempt_at, sent_at)
    SELECT tenant_id, id, 'order_confirmation', dedupe_key, 'en', recipient, subject, text, html,
        '', 'mailbox', 'sent', 1, NULL, sent_at, NULL, sent_at FROM notify_mail;
DROP TABLE notify_mail;
CREATE TABLE notify_template (
    tenant_id {id} NOT NULL,
    kind {text} NOT NULL,
    locale {text} NOT NULL,
    subject {text} NOT NULL,
    text {text} NOT NULL,
    html {text} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, kind, locale)
) {strict};
CREATE TABLE notify_settings (
    tenant_id {id} NOT NULL,
    from_name {text},
    reply_to {text},
    staff_email {text},
    locale {text} NOT NULL,
    abandoned_cart {int} NOT NULL CHECK (abandoned_cart IN (0, 1)),
    public_url {text},
    PRIMARY KEY (tenant_id)
) {strict};
CREATE TABLE notify_low_stock (
    tenant_id {id} NOT NULL,
    variant_id {id} NOT NULL,
    available {int} NOT NULL,
    threshold {int} NOT NULL,
    waiting {int} NOT NULL CHECK (waiting IN (0, 1)),
    heard_at {int} NOT NULL,
    told_at {int},
    PRIMARY KEY (tenant_id, variant_id)
) {strict};

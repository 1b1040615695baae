CREATE TABLE notify_mail (
    tenant_id {id} NOT NULL,
    id {id} NOT NULL,
    dedupe_key {text} NOT NULL,
    recipient {text} NOT NULL,
    subject {text} NOT NULL,
    text {text} NOT NULL,
    html {text} NOT NULL,
    sent_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, dedupe_key)
) {strict};
CREATE INDEX notify_mail_sent ON notify_mail (tenant_id, sent_at, id);

-- Append-only. What moved money, once; its lines say between which accounts.
CREATE TABLE ledger_entry (
    tenant_id {id} NOT NULL,
    entry_id {id} NOT NULL,
    kind {text} NOT NULL CHECK (kind IN ('captured', 'refunded', 'dispute_lost', 'spent',
        'given_back', 'credited', 'issued', 'topped_up', 'adjusted')),
    order_id {id},
    -- The attempt or refund behind it, as an id in text form.
    source {text},
    currency {text} NOT NULL,
    reason {text},
    actor {text} NOT NULL,
    posted_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, entry_id)
) {strict};

CREATE INDEX ledger_entry_order ON ledger_entry (tenant_id, order_id, entry_id)
    WHERE order_id IS NOT NULL;

-- Append-only. Debits are positive, credits negative; the lines of an entry add up to zero.
CREATE TABLE ledger_line (
    tenant_id {id} NOT NULL,
    entry_id {id} NOT NULL,
    line {int} NOT NULL CHECK (line >= 0),
    account {text} NOT NULL CHECK (account IN ('provider_clearing', 'sales', 'gift_cards',
        'store_credit', 'promotional', 'disputes')),
    -- The payment provider of a clearing account; empty elsewhere.
    provider {text} NOT NULL,
    -- The card, or the customer's credit, whose own account this is.
    wallet_id {id},
    amount {int} NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (tenant_id, entry_id, line),
    CHECK (account IN ('gift_cards', 'store_credit') AND wallet_id IS NOT NULL
        OR account NOT IN ('gift_cards', 'store_credit') AND wallet_id IS NULL),
    CHECK (account = 'provider_clearing' AND provider <> ''
        OR account <> 'provider_clearing' AND provider = '')
) {strict};

CREATE INDEX ledger_line_wallet ON ledger_line (tenant_id, wallet_id, entry_id)
    WHERE wallet_id IS NOT NULL;

-- A gift card, or one customer's credit in one currency. Its balance is what its lines add up to.
CREATE TABLE ledger_wallet (
    tenant_id {id} NOT NULL,
    wallet_id {id} NOT NULL,
    kind {text} NOT NULL CHECK (kind IN ('gift_cards', 'store_credit')),
    currency {text} NOT NULL,
    customer_id {id},
    -- HMAC of the code; the code itself is nowhere.
    code_hash {bytes},
    last4 {text},
    balance {int} NOT NULL CHECK (balance >= 0),
    -- Set aside for orders and not spent yet.
    held {int} NOT NULL CHECK (held >= 0),
    disabled {int} NOT NULL CHECK (disabled IN (0, 1)),
    expires_at {int},
    note {text},
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, wallet_id),
    CHECK (held <= balance),
    CHECK (kind = 'gift_cards' AND code_hash IS NOT NULL AND last4 IS NOT NULL
            AND customer_id IS NULL
        OR kind = 'store_credit' AND customer_id IS NOT NULL AND code_hash IS NULL)
) {strict};

CREATE UNIQUE INDEX ledger_wallet_code ON ledger_wallet (tenant_id, code_hash);
CREATE UNIQUE INDEX ledger_wallet_customer ON ledger_wallet (tenant_id, customer_id, currency);
CREATE INDEX ledger_wallet_kind ON ledger_wallet (tenant_id, kind, wallet_id);

-- One row per order that cards or credit pay for: it is locked first, so that one order's holds
-- are changed by one transaction at a time.
CREATE TABLE ledger_tender (
    tenant_id {id} NOT NULL,
    order_id {id} NOT NULL,
    created_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, order_id)
) {strict};

-- What is set aside for an order. Spent or released, the row goes.
CREATE TABLE ledger_hold (
    tenant_id {id} NOT NULL,
    order_id {id} NOT NULL,
    wallet_id {id} NOT NULL,
    position {int} NOT NULL CHECK (position >= 0),
    amount {int} NOT NULL CHECK (amount > 0),
    PRIMARY KEY (tenant_id, order_id, wallet_id)
) {strict};

CREATE INDEX ledger_hold_wallet ON ledger_hold (tenant_id, wallet_id);

-- What an order was paid with, in the order of use, and how much of it was given back.
CREATE TABLE ledger_spend (
    tenant_id {id} NOT NULL,
    order_id {id} NOT NULL,
    seq {int} NOT NULL CHECK (seq >= 0),
    wallet_id {id} NOT NULL,
    currency {text} NOT NULL,
    amount {int} NOT NULL CHECK (amount > 0),
    given_back {int} NOT NULL CHECK (given_back >= 0),
    PRIMARY KEY (tenant_id, order_id, seq),
    CHECK (given_back <= amount)
) {strict};

-- Which refunds were answered, so that each moves money once.
CREATE TABLE ledger_refund (
    tenant_id {id} NOT NULL,
    refund_id {id} NOT NULL,
    kind {text} NOT NULL CHECK (kind IN ('given_back', 'credited')),
    amount {int} NOT NULL CHECK (amount >= 0),
    refunded_at {int} NOT NULL,
    PRIMARY KEY (tenant_id, refund_id, kind)
) {strict};

-- The currencies that a shop sells in besides its own, joined by commas.
ALTER TABLE pricing_settings ADD COLUMN currencies {text} NOT NULL DEFAULT '';
ALTER TABLE pricing_settings ADD COLUMN currencies_version {int} NOT NULL DEFAULT 1;

-- How often a consumer was taken back, so that a worker under way does not move on over it.
ALTER TABLE stoa_consumer ADD COLUMN replays {int} NOT NULL DEFAULT 0;

-- What a query cost beside its reads: the most memory it held, bytes written to disk, microseconds waited for a place.
ALTER TABLE query
    ADD COLUMN memory    BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN spilled   BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN waited_us BIGINT NOT NULL DEFAULT 0;

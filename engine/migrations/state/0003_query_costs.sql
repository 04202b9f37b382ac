-- What a query cost beside its reads: the most memory it held, bytes written to disk, microseconds waited for a place.
ALTER TABLE query ADD COLUMN memory    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query ADD COLUMN spilled   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query ADD COLUMN waited_us INTEGER NOT NULL DEFAULT 0;

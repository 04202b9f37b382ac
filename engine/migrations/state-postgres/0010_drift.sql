-- One row per difference between a contract and its files that queries met, and what was done. Times are microseconds since 1970 UTC.
CREATE TABLE drift (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product     TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    table_name  TEXT    NOT NULL,
    column_name TEXT    NOT NULL,
    change      TEXT    NOT NULL,
    promised    TEXT    NOT NULL,
    stored      TEXT    NOT NULL,
    done        TEXT    NOT NULL,
    pinned      TEXT    NOT NULL,
    first_at    BIGINT NOT NULL,
    last_at     BIGINT NOT NULL,
    queries     BIGINT NOT NULL,
    UNIQUE (product, version, table_name, column_name, change, promised, stored, done)
);

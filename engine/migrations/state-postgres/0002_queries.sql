-- One row per query that ended: finished, failed, cancelled or dropped. Times are microseconds since 1970 UTC.
CREATE TABLE query (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    query_id    TEXT   NOT NULL,
    started_at  BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    principal   TEXT   NOT NULL,
    purpose     TEXT,
    statement   TEXT   NOT NULL,
    versions    TEXT   NOT NULL,
    rows        BIGINT NOT NULL,
    rows_read   BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    requests    BIGINT NOT NULL,
    outcome     TEXT   NOT NULL,
    error_kind  TEXT,
    error       TEXT
);
CREATE INDEX query_by_start ON query (started_at);
CREATE INDEX query_by_principal ON query (principal);

-- The products that a query read: domain, product, major version.
CREATE TABLE query_product (
    seq     BIGINT NOT NULL REFERENCES query (seq) ON DELETE CASCADE,
    product TEXT   NOT NULL,
    major   BIGINT NOT NULL,
    PRIMARY KEY (product, major, seq)
);
CREATE INDEX query_product_by_query ON query_product (seq);

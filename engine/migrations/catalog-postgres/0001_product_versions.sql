-- The catalog of one mesh: append-only product versions, and one number that grows with every change.
-- `stamp` is new with every change, so that a database that was restored from a backup is never taken for what it was before.
CREATE TABLE catalog_version (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version BIGINT  NOT NULL,
    stamp   UUID    NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO catalog_version (id, version) VALUES (1, 0);

CREATE TABLE product_version (
    name_folded     TEXT    NOT NULL,
    version         TEXT    NOT NULL,
    domain          TEXT    NOT NULL,
    product         TEXT    NOT NULL,
    contract        BYTEA   NOT NULL,
    is_json         BOOLEAN NOT NULL,
    place           TEXT    NOT NULL,
    resolved        TEXT,
    hash            TEXT    NOT NULL,
    registered_at   TEXT,
    registered_by   TEXT,
    catalog_version BIGINT  NOT NULL,
    PRIMARY KEY (name_folded, version)
);

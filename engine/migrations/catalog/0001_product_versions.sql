-- The catalog of one mesh: append-only product versions, and one number that grows with every change.
CREATE TABLE catalog_version (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
);
INSERT INTO catalog_version (id, version) VALUES (1, 0);

CREATE TABLE product_version (
    name_folded     TEXT    NOT NULL,
    version         TEXT    NOT NULL,
    domain          TEXT    NOT NULL,
    product         TEXT    NOT NULL,
    contract        BLOB    NOT NULL,
    is_json         INTEGER NOT NULL,
    place           TEXT    NOT NULL,
    resolved        TEXT,
    hash            TEXT    NOT NULL,
    registered_at   TEXT,
    registered_by   TEXT,
    catalog_version INTEGER NOT NULL,
    PRIMARY KEY (name_folded, version)
);

-- Manifests by their hash, kept until `expires_at` (seconds since 1970 UTC).
CREATE TABLE manifest (
    hash       TEXT   PRIMARY KEY,
    body       BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX manifest_by_expiry ON manifest (expires_at);

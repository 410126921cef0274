-- The version counts the changes of a client.
ALTER TABLE lso_clients ADD COLUMN version BIGINT NOT NULL DEFAULT 0;

-- What is kept with a client that registered itself. The unique_hash is null
-- where a registration claims nothing for itself alone.
CREATE TABLE lso_registrations (
    client_id   TEXT NOT NULL PRIMARY KEY REFERENCES lso_clients (id) ON DELETE CASCADE,
    unique_hash TEXT UNIQUE,
    data        TEXT NOT NULL
);

-- The identifiers that are never given out again: those of clients that
-- registered themselves, and those of deleted clients.
CREATE TABLE lso_client_ids (
    id TEXT NOT NULL PRIMARY KEY
);

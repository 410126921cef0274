-- The version counts the changes of a client.
ALTER TABLE lso_clients ADD COLUMN version BIGINT NOT NULL DEFAULT 0;

-- What is kept with a client that registered itself.
CREATE TABLE lso_registrations (
    client_id TEXT NOT NULL PRIMARY KEY REFERENCES lso_clients (id) ON DELETE CASCADE,
    data      TEXT NOT NULL
);

-- What a client has for itself alone. No key leads to the client: a suspended one
-- that is removed holds it for good.
CREATE TABLE lso_registration_uniques (
    hash      TEXT NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL
);

CREATE INDEX lso_registration_uniques_client ON lso_registration_uniques (client_id);

-- The identifiers that are never given out again: those of clients that
-- registered themselves, and those of deleted clients.
CREATE TABLE lso_client_ids (
    id TEXT NOT NULL PRIMARY KEY
);

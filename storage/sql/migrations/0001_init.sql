-- Times are microseconds since 1970 in UTC. Columns named hash hold base64url
-- SHA-256 hashes, columns named data hold JSON.

CREATE TABLE lso_intents (
    id         TEXT   NOT NULL PRIMARY KEY,
    client_id  TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    data       TEXT   NOT NULL
);

CREATE INDEX lso_intents_client ON lso_intents (client_id, state);

-- The value is base64, and empty for a mark that something was used.
CREATE TABLE lso_once (
    hash       TEXT   NOT NULL PRIMARY KEY,
    value      TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX lso_once_expiry ON lso_once (expires_at);

CREATE TABLE lso_clients (
    id   TEXT NOT NULL PRIMARY KEY,
    data TEXT NOT NULL
);

-- The kind is one of code, openid, access, refresh. The column spent counts how
-- often a code was redeemed or a refresh token rotated, and expires_at is 0 for
-- what never expires.
CREATE TABLE lso_requests (
    kind       TEXT   NOT NULL,
    hash       TEXT   NOT NULL,
    request_id TEXT   NOT NULL,
    client_id  TEXT   NOT NULL REFERENCES lso_clients (id) ON DELETE CASCADE,
    spent      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    data       TEXT   NOT NULL,
    PRIMARY KEY (kind, hash)
);

CREATE INDEX lso_requests_request ON lso_requests (request_id);

CREATE INDEX lso_requests_client ON lso_requests (client_id);

CREATE INDEX lso_requests_expiry ON lso_requests (expires_at);

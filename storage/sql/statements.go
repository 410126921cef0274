package sql

// The statements, the same text for every dialect. Placeholders appear in
// ascending order, as SQLite numbers named ones by appearance.
const (
	insertIntent = `INSERT INTO lso_intents (id, client_id, state, expires_at, version, data)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING`

	selectIntent = `SELECT data FROM lso_intents WHERE id = $1`

	swapIntent = `UPDATE lso_intents SET client_id = $1, state = $2, expires_at = $3, version = $4, data = $5
WHERE id = $6 AND version = $7`

	putOnce = `INSERT INTO lso_once (hash, value, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (hash) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`

	getOnce = `SELECT value FROM lso_once WHERE hash = $1 AND expires_at > $2`

	takeOnce = `DELETE FROM lso_once WHERE hash = $1 AND expires_at > $2 RETURNING value`

	useOnce = `INSERT INTO lso_once (hash, value, expires_at) VALUES ($1, '', $2)
ON CONFLICT (hash) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
WHERE lso_once.expires_at <= $3`

	putClient = `INSERT INTO lso_clients (id, data) VALUES ($1, $2)
ON CONFLICT (id) DO UPDATE SET data = excluded.data, version = lso_clients.version + 1`

	selectClient = `SELECT data FROM lso_clients WHERE id = $1`

	deleteClientRequests = `DELETE FROM lso_requests WHERE client_id = $1`

	deleteClient = `DELETE FROM lso_clients WHERE id = $1`

	insertRequest = `INSERT INTO lso_requests (kind, hash, request_id, client_id, spent, expires_at, data)
VALUES ($1, $2, $3, $4, 0, $5, $6) ON CONFLICT (kind, hash) DO NOTHING`

	selectRequest = `SELECT r.data, r.spent, c.data
FROM lso_requests r JOIN lso_clients c ON c.id = r.client_id
WHERE r.kind = $1 AND r.hash = $2 AND (r.expires_at = 0 OR r.expires_at > $3)`

	deleteRequest = `DELETE FROM lso_requests WHERE kind = $1 AND hash = $2`

	// The row lock makes the count a queue: who reads 1 was the first.
	spendCode = `UPDATE lso_requests SET spent = spent + 1
WHERE kind = 'code' AND hash = $1 AND (expires_at = 0 OR expires_at > $2) RETURNING spent`

	// The access tokens go only with whoever finds the refresh token unspent.
	// Spent is as good as deleted for an access token, and fits in one
	// statement with the rest.
	rotateRefresh = `UPDATE lso_requests SET spent = spent + 1
WHERE (kind = 'refresh' AND hash = $1 AND request_id = $2 AND (expires_at = 0 OR expires_at > $3))
   OR (kind = 'access' AND request_id = $2 AND spent = 0 AND EXISTS (
         SELECT 1 FROM lso_requests o
         WHERE o.kind = 'refresh' AND o.hash = $1 AND o.request_id = $2 AND o.spent = 0
           AND (o.expires_at = 0 OR o.expires_at > $3)))
RETURNING kind, spent`

	revokeRefresh = `UPDATE lso_requests SET spent = spent + 1 WHERE kind = 'refresh' AND request_id = $1`

	revokeAccess = `DELETE FROM lso_requests WHERE kind = 'access' AND request_id = $1`

	sweepOnce = `DELETE FROM lso_once WHERE expires_at <= $1`

	sweepRequests = `DELETE FROM lso_requests WHERE expires_at > 0 AND expires_at <= $1`
)

package storage

import (
	"context"
	"time"
)

// MaxUnique bounds the strings that one registration has for itself alone.
const MaxUnique = 8

// Registration is a client that registered itself (RFC 7591), and what the
// server keeps with it. Times are UTC with a precision of one microsecond; a
// zero time is one that did not come yet. It holds no secret in clear.
type Registration struct {
	// Client is what the server's other endpoints know of the client.
	Client Client `json:"client,omitzero"`
	// TokenHash is the SHA-256 of the registration access token (RFC 7592 §3),
	// base64url without padding. The token itself is kept nowhere.
	TokenHash string `json:"token_hash"`
	// IssuedAt is the client_id_issued_at of RFC 7591 §3.2.1, and UpdatedAt the
	// last change by the client.
	IssuedAt  time.Time `json:"issued_at"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// SoftwareID is the software_id of RFC 7591 §2, and OrgID the identifier
	// of the legal entity behind it.
	SoftwareID string `json:"software_id,omitempty"`
	OrgID      string `json:"org_id,omitempty"`
	// SoftwareStatement is the JWT as it was sent; the response repeats it
	// unmodified (RFC 7591 §3.2.1).
	SoftwareStatement string `json:"software_statement,omitempty"`
	// Unique is what no two live registrations may share, not one of these
	// strings, whatever the server makes them of: the DID, or the legal entity
	// with the software (MEF W128 R1). There are at most MaxUnique, and none is
	// empty; their order means nothing. No strings are shared freely.
	Unique []string `json:"unique,omitempty"`
	// DID is the identifier by which the client's keys are resolved, if it
	// registered one.
	DID string `json:"did,omitempty"`
	// Entity links the client to its legal entity (MEF W128 R4); nil if no
	// credential was presented.
	Entity *EntityCredential `json:"entity,omitempty"`
	// Version counts the changes; ReplaceClient compares it.
	Version int64 `json:"version"`
}

// EntityCredential is what a verified credential says of the legal entity of a
// client, and where its status is found (MEF W128 R4 to R10).
type EntityCredential struct {
	// ID is the credential's identifier and Digest the SHA-256 of its token
	// without the signature, base64url without padding.
	ID     string `json:"id"`
	Digest string `json:"digest,omitempty"`
	// Subject is the identifier that the credential is about, the client's own
	// or its delegator's, and Holder who presented it.
	Subject string `json:"subject,omitempty"`
	Holder  string `json:"holder,omitempty"`
	// Delegator is the identifier on whose behalf the client may act, and
	// DelegationID the credential that says so; empty if there is none.
	Delegator    string `json:"delegator,omitempty"`
	DelegationID string `json:"delegation_id,omitempty"`
	// Issuer issued the credential, and Anchor is the accepted issuer at the
	// end of its chain.
	Issuer string `json:"issuer,omitempty"`
	Anchor string `json:"anchor,omitempty"`
	// LegalName, LEI (ISO 17442), TrustDomain and MEFID are the subject's.
	LegalName   string `json:"legal_name"`
	LEI         string `json:"lei,omitempty"`
	TrustDomain string `json:"trust_domain,omitempty"`
	MEFID       string `json:"mef_id,omitempty"`
	// Status points to the status of every credential of the chain, and of
	// those that make up the delegation.
	Status []CredentialStatus `json:"status,omitempty"`
	// CheckedAt is when the status was last seen to be good, NextCheck when it
	// has to be looked at again, and ExpiresAt when the first of these credentials
	// expires, zero for never.
	CheckedAt time.Time `json:"checked_at,omitzero"`
	NextCheck time.Time `json:"next_check,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// CredentialStatus points to one bit of a status list (Bitstring Status List
// 1.0 §2.1, Status List 2021 §5.1).
type CredentialStatus struct {
	// ID is the credential whose status it is, if that is known, and Issuer who
	// issued that credential and answers for the list.
	ID     string `json:"id,omitempty"`
	Issuer string `json:"issuer"`
	// StatusType is the kind of list, StatusPurpose what a set bit means.
	StatusType    string `json:"status_type"`
	StatusPurpose string `json:"status_purpose"`
	// StatusListCredential is the URL of the list, StatusListIndex the position
	// of the bit in it.
	StatusListCredential string `json:"status_list_credential"`
	StatusListIndex      uint64 `json:"status_list_index"`
}

// Registrar keeps the clients that register themselves (RFC 7591, RFC 7592).
// Each method changes the client and all that is kept with it in one step, or
// nothing at all; within a transaction that the store has open in the context
// it is part of that, and an error leaves the rest of it as it was.
// Implementations are safe for concurrent use, by several processes too.
type Registrar interface {
	// CreateClient stores a new client with Version 0. It returns ErrExists
	// where a client of this identifier is there or ever was, or where another
	// one holds a string of r.Unique; of concurrent callers one gets nil. A Unique
	// that is too long, or has an empty string, is another error. The argument is
	// not changed, here and below.
	CreateClient(ctx context.Context, r *Registration) error
	// GetRegistration returns a copy of the registration with the client as it
	// is now, or ErrNotFound, also for a client that did not register itself.
	GetRegistration(ctx context.Context, clientID string) (*Registration, error)
	// ReplaceClient replaces the registration of r.Client.ID, of which nothing
	// stays, if its Version equals r.Version, storing Version+1. It returns
	// ErrConflict where the version is another, so that of concurrent callers
	// one gets nil; ErrNotFound where there is no registration, and ErrExists
	// where another client holds a string of r.Unique. Those that r no longer
	// has are free again. Every other change of the client changes its version
	// too.
	ReplaceClient(ctx context.Context, r *Registration) error
	// RemoveClient removes a client that registered itself, with its metadata,
	// codes, tokens and intents, for good: its identifier is never given out
	// again. Its Unique may be, unless the client is suspended at that moment,
	// which then holds it for good: who was shut out does not come back by
	// another registration. It returns ErrNotFound where there is no
	// registration; of concurrent callers one gets nil.
	RemoveClient(ctx context.Context, clientID string) error
	// SuspendClient sets Suspended in the client's metadata and removes its codes
	// and tokens, if the registration has this version; its registration and
	// intents stay. It returns ErrConflict where the version is another, as after
	// a ReplaceClient that came first, and ErrNotFound where there is no
	// registration. A client that is suspended already only loses its codes and
	// tokens again, with nil, whatever its version. What is issued at the same
	// moment may stay: it is refused as long as the client is suspended.
	SuspendClient(ctx context.Context, clientID string, version int64) error
}

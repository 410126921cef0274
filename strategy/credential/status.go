package credential

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
)

// The ways in which a credential's status speaks against it.
var (
	ErrRevoked   = errors.New("credential: revoked by its issuer")
	ErrSuspended = errors.New("credential: suspended by its issuer")
	// ErrSupportRevoked: a credential that the entity's rests on was revoked,
	// such as the accreditation of its issuer. Another may take its place.
	ErrSupportRevoked = errors.New("credential: one that it rests on was revoked by its issuer")
	// ErrStatusUnavailable: the status cannot be found out. It counts as bad.
	ErrStatusUnavailable = errors.New("credential: status unavailable")
)

// StatusEntry says where the status of a credential is found: a bit of a
// list (Bitstring Status List 1.0 §2.1, Status List 2021 §5.1).
type StatusEntry struct {
	// Credential is the identifier of the credential, and Issuer who issued it
	// and answers for the list.
	Credential string `json:"credential"`
	Issuer     string `json:"issuer"`
	// Type is BitstringStatusList or StatusList2021.
	Type StatusType `json:"type"`
	// Purpose is revocation or suspension.
	Purpose StatusPurpose `json:"purpose"`
	// List is the https URL of the list, Index the position in it.
	List  string `json:"list"`
	Index uint64 `json:"index"`
}

// StatusType is a kind of status list.
type StatusType string

// The kinds. The entries and the lists are named after them.
const (
	BitstringStatusList StatusType = "BitstringStatusList"
	StatusList2021      StatusType = "StatusList2021"
)

// StatusPurpose is what a set bit means.
type StatusPurpose string

// The purposes that are understood.
const (
	Revocation StatusPurpose = "revocation" // for good
	Suspension StatusPurpose = "suspension" // until it is taken back
)

// maxEntries bounds the status entries of one credential.
const maxEntries = 4

var errStatusEntry = invalid(ruleStatus, "A credential's status cannot be understood.")

// parseStatus reads the entries that bear on validity. An entry of a kind that
// is not known is an error: it may be the one that says revoked. A list with
// messages says nothing of the sort and is left out.
func parseStatus(raw json.RawMessage, id, issuer string) ([]StatusEntry, error) {
	list, ok := elements(raw)
	if !ok || len(list) > maxEntries {
		return nil, errStatusEntry
	}
	var entries []StatusEntry
	for _, one := range list {
		e, err := parseEntry(object(jose.Object{"": one}, ""), issuer)
		if err != nil {
			return nil, err
		}
		if e.Purpose != "" {
			e.Credential = id
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// revocable: a status that can only be taken back is not enough (MEF W128 R4).
func revocable(entries []StatusEntry) bool {
	return slices.ContainsFunc(entries, func(e StatusEntry) bool { return e.Purpose == Revocation })
}

// uninformative are purposes of Bitstring Status List that leave a credential
// valid.
var uninformative = []string{"refresh", "message"}

func parseEntry(o jose.Object, issuer string) (StatusEntry, error) {
	kind, err1 := o.String("type")
	purpose, err2 := o.String("statusPurpose")
	list, err3 := o.String("statusListCredential")
	position, err4 := o.String("statusListIndex")
	if errors.Join(err1, err2, err3, err4) != nil {
		return StatusEntry{}, errStatusEntry
	}
	e := StatusEntry{Issuer: issuer, Purpose: StatusPurpose(purpose), List: list}
	switch kind {
	case string(BitstringStatusList) + "Entry":
		e.Type = BitstringStatusList
	case string(StatusList2021) + "Entry":
		e.Type = StatusList2021
	default:
		return StatusEntry{}, errStatusEntry
	}
	if slices.Contains(uninformative, purpose) {
		return StatusEntry{}, nil
	}
	var err error
	e.Index, err = strconv.ParseUint(position, 10, 63)
	// statusSize is the bits of one status; a purpose that is a yes or a no
	// has one.
	size := string(o["statusSize"])
	if err != nil || !isHTTPS(list) || e.Purpose != Revocation && e.Purpose != Suspension || size != "" && size != "1" {
		return StatusEntry{}, errStatusEntry
	}
	return e, nil
}

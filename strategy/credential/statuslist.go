package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/strategy/internal/jose"
	"github.com/meflso/fosite-meflso/strategy/internal/keep"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// StatusConfig configures StatusLists. Profile and Keys are required.
type StatusConfig struct {
	Profile *profile.Profile
	// Keys finds the keys of those who sign the lists.
	Keys Keys
	// Delegates are other issuers who may sign the status lists of an issuer,
	// by that issuer.
	Delegates map[string][]string
	// Outbound fetches the lists; nil means outbound.New with a limit of 1 MiB.
	Outbound Getter
	// Clock returns the time; nil means time.Now.
	Clock func() time.Time
	// MaxBytes bounds the memory for unpacked lists; 0 means 64 MiB. The issuer
	// whose lists take most of it loses the oldest of them to a new one, so that
	// many or large lists of one issuer push out none of another that has less.
	// One list is kept in any case.
	MaxBytes int64
}

// MaxList bounds a status list as it is fetched, in bytes.
const MaxList = 1 << 20

const (
	defaultListTTL  = 5 * time.Minute  // of a list that says nothing
	minListTTL      = time.Second      // whatever its ttl says
	maxListTTL      = 15 * time.Minute // the same; a revocation is seen within it
	defaultMaxBytes = 64 << 20
	maxLists        = 10_000

	failureTTL  = 30 * time.Second // how long a failure is not tried again
	loadTimeout = 10 * time.Second // of one load, whoever waits for it
	// verifyTimeout bounds a Verify or a Recheck with all that is fetched for it:
	// keys and lists come from several hosts, each of which may be slow.
	verifyTimeout = 10 * time.Second

	maxLoads          = 32 // of lists at a time, each of MaxList
	maxLoadsPerOrigin = 4  // the same, of one origin
	maxUnpackings     = 4  // at a time, for each takes some 36 MiB at its end
)

// StatusLists answers whether a credential was revoked or suspended. It is safe
// for concurrent use and runs no goroutine but a fetch that somebody asked
// for.
//
// A list is kept for its ttl, else for what its Cache-Control says, within 1 s
// to 15 minutes; for 5 minutes if both are silent, and never beyond its
// validUntil, but for 1 s at least. A stale list does not serve, and a fetch that failed is not
// repeated for 30 s.
//
// At most 32 lists are loaded at a time, 4 of them from one origin, and 4 are
// unpacked. The others wait for their turn, for 10 s with the load, and those
// that nobody waits for any more are dropped.
type StatusLists struct {
	config     StatusConfig
	lists      *keep.Cache[*statusList, any]
	unpackings keep.Turns
}

// statusList is a list that verified.
type statusList struct {
	bits     Bits
	purposes []string
	until    time.Time // when it is stale
}

// NewStatusLists returns a StatusLists with an empty cache.
func NewStatusLists(config StatusConfig) *StatusLists {
	if config.Outbound == nil {
		config.Outbound = outbound.New(outbound.Config{MaxBytes: MaxList})
	}
	if config.Clock == nil {
		config.Clock = time.Now
	}
	if config.MaxBytes <= 0 {
		config.MaxBytes = defaultMaxBytes
	}
	s := &StatusLists{config: config, unpackings: keep.NewTurns(maxUnpackings)}
	s.lists = keep.New(keep.Config[*statusList, any]{
		Load:       s.load,
		Clock:      config.Clock,
		Timeout:    loadTimeout,
		Size:       maxLists,
		FailureTTL: failureTTL,
		Weigh:      func(l *statusList) int64 { return int64(len(l.bits)) },
		MaxWeight:  config.MaxBytes,
		Owner:      func(source string) string { return parts(source)[1] },
		// A load asks for the keys of the signer, which may be a load of another
		// cache. None of those asks for a status, so they end without this one.
		MaxLoads: maxLoads, MaxLoadsPerOrigin: maxLoadsPerOrigin,
		Origin: func(source string) string { return keep.Origin(parts(source)[2]) },
	})
	return s
}

// Check returns nil if the bit is 0. Otherwise the error wraps ErrRevoked,
// ErrSuspended or, whatever else went wrong, ErrStatusUnavailable.
func (s *StatusLists) Check(ctx context.Context, e StatusEntry) error {
	_, err := s.check(ctx, e)
	return err
}

// check is Check, and tells until when its answer is fresh.
func (s *StatusLists) check(ctx context.Context, e StatusEntry) (until time.Time, err error) {
	list, err := s.lists.Get(ctx, e.source(), nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrStatusUnavailable, err)
	}
	return list.until, list.check(e)
}

func (list *statusList) check(e StatusEntry) error {
	on, err := list.bits.Get(e.Index)
	switch {
	case !slices.Contains(list.purposes, string(e.Purpose)):
		return fmt.Errorf("%w: the list has another purpose", ErrStatusUnavailable)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrStatusUnavailable, err)
	case on && e.Purpose == Suspension:
		return ErrSuspended
	case on:
		return ErrRevoked
	}
	return nil
}

// source is what a list is kept under. The issuer is a part of it: what one
// issuer's credential says of the list of another must not spoil it for that
// one.
func (e StatusEntry) source() string { return string(e.Type) + "\n" + e.Issuer + "\n" + e.List }

// parts splits a source: kind, issuer, URL.
func parts(source string) []string { return strings.SplitN(source, "\n", 3) }

// listTypes are the media types of a list.
var listTypes = []string{"application/vc+jwt", "application/vc+ld+json+jwt", "application/jwt"}

var (
	errListIssuer = errors.New("credential: the status list is signed by somebody else")
	errListForm   = errors.New("credential: not a status list of the kind that the credential names")
	errListTime   = errors.New("credential: the status list is not valid now")
)

func (s *StatusLists) load(ctx context.Context, source string) (*statusList, time.Duration, error) {
	of := parts(source)
	kind, issuer, url := of[0], of[1], of[2]
	doc, err := s.config.Outbound.Get(ctx, url, listTypes...)
	if err != nil {
		return nil, 0, err
	}
	list, err := parseList(strings.TrimSpace(string(doc.Body)), kind, url)
	if err != nil {
		return nil, 0, err
	}
	signer := list.issuer
	if signer != issuer && !slices.Contains(s.config.Delegates[issuer], signer) {
		return nil, 0, errListIssuer
	}
	if err := verify(ctx, s.config.Profile, s.config.Keys, list.signed, signer, AssertionMethod); err != nil {
		return nil, 0, err
	}
	now := s.config.Clock()
	if !list.valid.contains(now, s.config.Profile.RequestObject.Skew) {
		return nil, 0, errListTime
	}
	unpacked, err := s.unpack(ctx, list)
	if err != nil {
		return nil, 0, err
	}
	ttl := list.ttl(now, doc)
	unpacked.until = now.Add(ttl)
	return unpacked, ttl, nil
}

// unpack is the list's, in its turn.
func (s *StatusLists) unpack(ctx context.Context, list *listVC) (*statusList, error) {
	if err := s.unpackings.Take(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", keep.ErrBusy, err)
	}
	defer s.unpackings.Return()
	return list.unpack()
}

// listVC is a status list as a credential.
type listVC struct {
	*document
	issuer string
	about  jose.Object
	valid  span
}

// parseList is parseVC for a list, which has less to it: its id and its subject
// need not be there. An id must be the URL, so that no list of the issuer can
// stand in for another.
func parseList(token, kind, url string) (*listVC, error) {
	d := credentialForm.parse(token, MaxList)
	if d == nil || !slices.Contains(d.types, kind+"Credential") {
		return nil, errListForm
	}
	l := &listVC{document: d, about: object(d.body, "credentialSubject")}
	iss, err1 := d.claims.String("iss")
	issuer, err2 := identifier(d.body, "issuer")
	l.issuer = same(iss, err1, issuer, err2)
	jti, err1 := d.claims.String("jti")
	id, err2 := d.body.String("id")
	names := err1 == nil && err2 == nil && (jti == "" || jti == url) && (id == "" || id == url)
	subject, err := l.about.String("type")
	var ok bool
	if l.valid, ok = d.span(); !ok || !names || err != nil || subject != kind {
		return nil, errListForm
	}
	return l, nil
}

func (l *listVC) unpack() (*statusList, error) {
	purposes, err1 := l.about.Strings("statusPurpose")
	encoded, err2 := l.about.String("encodedList")
	if err := errors.Join(err1, err2); err != nil {
		return nil, errListForm
	}
	bits, err := DecodeBits(encoded)
	return &statusList{bits: bits, purposes: purposes}, err
}

// ttl is in milliseconds (Bitstring Status List §2.2). It is never less than
// minListTTL, though the list was taken within the skew after its validUntil.
func (l *listVC) ttl(now time.Time, doc *outbound.Document) time.Duration {
	ttl := defaultListTTL
	var ms int64
	if raw := l.about["ttl"]; len(raw) > 0 && json.Unmarshal(raw, &ms) == nil {
		ms = min(max(ms, 0), maxListTTL.Milliseconds())
		ttl = max(time.Duration(ms)*time.Millisecond, minListTTL)
	} else if doc.HasMaxAge {
		ttl = min(max(doc.MaxAge, minListTTL), maxListTTL)
	}
	if !l.valid.until.IsZero() {
		ttl = max(min(ttl, l.valid.until.Sub(now)), minListTTL)
	}
	return ttl
}

package authorization

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/requestobject"
)

// pendingParam is the query parameter that brings a pending authorization back.
const pendingParam = "pending"

// record is a pending authorization in the store.
type record struct {
	ID          string     `json:"id"`
	ClientID    string     `json:"client_id"`
	RequestedAt time.Time  `json:"requested_at"`
	Expires     time.Time  `json:"expires"`
	Params      url.Values `json:"-"` // one value each
	IntentID    string     `json:"intent_id,omitempty"`
	// ReplayKey is used up with the authorization, until ObjectExpires.
	ReplayKey     string    `json:"replay_key,omitempty"`
	ObjectExpires time.Time `json:"object_expires"`
}

// stored is the JSON form of a record. Its params are names and values by turns,
// which is quicker to write and read than a map of lists.
type stored struct {
	record
	Pairs []string `json:"params"`
}

func encodeRecord(r *record) ([]byte, error) {
	s := stored{*r, make([]string, 0, 2*len(r.Params))}
	for name := range r.Params {
		s.Pairs = append(s.Pairs, name, r.Params.Get(name))
	}
	return json.Marshal(&s)
}

func decodeRecord(data []byte) (*record, error) {
	s := stored{}
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	s.Params = make(url.Values, len(s.Pairs)/2)
	for i := 0; i+1 < len(s.Pairs); i += 2 {
		s.Params.Set(s.Pairs[i], s.Pairs[i+1])
	}
	return &s.record, nil
}

const rulePending profile.Rule = "MEF-10.5.1"

// handle names the pending authorization of one request object or request_uri.
// It is the same each time that comes, so that a reload or a flood of reloads makes no
// second record; without the secret nobody can compute it, and the store knows
// only its hash.
func (e *Endpoint) handle(object string) string {
	mac := hmac.New(sha256.New, e.HandleSecret)
	mac.Write([]byte(object))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func pendingKey(handle string) string { return "pending:" + hash(handle) }

// keep stores an admitted request as pending, or finds it pending already.
func (e *Endpoint) keep(ctx context.Context, c *candidate, first func() (*record, error)) (*Request, error) {
	handle := e.handle(c.raw)
	kept, err := e.loadRecord(ctx, pendingKey(handle))
	fresh := errors.Is(err, storage.ErrNotFound)
	if err != nil && !fresh {
		return nil, profile.Unavailable(err)
	}
	if fresh {
		if kept, err = first(); err != nil {
			return nil, err
		}
	}
	request, err := e.request(ctx, c, kept, handle)
	if err != nil || !fresh {
		return request, err
	}
	return request, e.put(ctx, pendingKey(handle), kept)
}

func (e *Endpoint) newRecord(c *candidate) (*record, error) {
	id := make([]byte, 16)
	if _, err := io.ReadFull(e.Rand, id); err != nil {
		return nil, profile.ServerError("No random numbers.", err)
	}
	now := e.Clock().UTC().Truncate(time.Second)
	r := &record{
		ID: base64.RawURLEncoding.EncodeToString(id), ClientID: c.client.GetID(),
		RequestedAt: now, Expires: now.Add(e.Profile.TTL.AuthorizeSession), Params: c.params,
		ReplayKey: e.replayKey(c.client.GetID(), c.object.ID), ObjectExpires: c.object.Expires.Add(e.Profile.RequestObject.Skew),
	}
	// The object may expire while its user is at it; another handle of the
	// same object must then still find it used. A pushed one is used at once.
	if r.ObjectExpires.Before(r.Expires) && !c.pushing {
		r.ObjectExpires = r.Expires
	}
	r.ObjectExpires = r.ObjectExpires.Add(time.Minute)
	if c.intent != nil {
		r.IntentID = c.intent.ID
	}
	return r, nil
}

func (e *Endpoint) loadRecord(ctx context.Context, key string) (*record, error) {
	data, err := e.Once.GetOnce(ctx, key)
	if err != nil {
		return nil, err
	}
	kept, err := decodeRecord(data)
	if err != nil {
		return nil, err
	}
	if !e.Clock().Before(kept.Expires) {
		return nil, storage.ErrNotFound
	}
	return kept, nil
}

func (e *Endpoint) put(ctx context.Context, key string, kept *record) error {
	data, err := encodeRecord(kept)
	if err == nil {
		err = e.Once.PutOnce(ctx, key, data, kept.Expires)
	}
	if err != nil {
		return profile.Unavailable(err)
	}
	return nil
}

// request makes the requester that the host gets: Fosite's own, with the ID
// and time of the first request, and the pages' view of it.
func (e *Endpoint) request(ctx context.Context, c *candidate, kept *record, handle string) (*Request, error) {
	ar, err := e.parse(ctx, c.client, c.params)
	if err != nil {
		return nil, err
	}
	ar.SetID(kept.ID)
	ar.RequestedAt = kept.RequestedAt
	p := c.pending
	p.Handle, p.Client, p.Intent, p.Scopes = handle, c.metadata, c.intent, c.scopes
	p.ACR, p.EssentialACR = c.wantedACR()
	p.Prompt = strings.Fields(c.params.Get("prompt"))
	p.RequestedAt, p.Expires = kept.RequestedAt, kept.Expires
	return &Request{AuthorizeRequest: ar, pending: p, record: *kept, claims: c.claims}, nil
}

// resume brings a pending authorization back and asks again what may have
// changed since: the client, its redirect_uri and scopes, the intent, the
// policy.
func (e *Endpoint) resume(ctx context.Context, c *candidate) (*Request, error) {
	handle := c.query.Get(pendingParam)
	if len(c.query[pendingParam]) != 1 || c.query.Has("request") || c.query.Has("client_id") {
		return nil, rulePending.InvalidRequest("A pending authorization comes alone.")
	}
	kept, err := e.loadRecord(ctx, pendingKey(handle))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, rulePending.InvalidRequest("The authorization is over or has expired.").Because(err)
	}
	if err != nil {
		return nil, profile.Unavailable(err)
	}
	if err := e.judgeAgain(ctx, c, kept); err != nil {
		return nil, err
	}
	return e.request(ctx, c, kept, handle)
}

// judgeAgain brings the candidate of a record back and asks what may have
// changed since it was judged.
func (e *Endpoint) judgeAgain(ctx context.Context, c *candidate, kept *record) (err error) {
	c.clientID, c.params, c.scopes = kept.ClientID, kept.Params, strings.Fields(kept.Params.Get("scope"))
	if kept.IntentID != "" {
		c.intent = &storage.Intent{ID: kept.IntentID}
	}
	if c.claims, err = requestobject.ParseClaims(kept.Params.Get("claims")); err != nil {
		return err
	}
	return e.judge(ctx, c, resumeRules)
}

func (e *Endpoint) stillRegistered(ctx context.Context, c *candidate) error {
	raw := c.params.Get("redirect_uri")
	uri, err := url.Parse(raw)
	if err != nil || !slices.Contains(c.client.GetRedirectURIs(), raw) {
		return ruleRegistered.InvalidRequest("The redirect_uri is not registered any more.")
	}
	if err := e.serviceEndpoint(ctx, c.clientID, raw); err != nil {
		return err
	}
	c.redirect = uri
	return nil
}

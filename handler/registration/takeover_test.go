package registration_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/handler/registration"
	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/credential"
	"github.com/meflso/fosite-meflso/strategy/outbound"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

func byTLS(w *world) { w.endpoint.TLSClientAuth = true }

var mallory = object{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=mallory"}

// A statement that names the software's keys is of no use to somebody else, who
// would add a certificate of his own.
func TestSubjectOfAnother(t *testing.T) {
	const rule = "RFC8705-2.1.2"
	without := func(change object) object {
		return object{"software_statement": statement(edit(object{"jwks_uri": nil}, change)), "jwks_uri": jwksURI}
	}
	t.Run(rule+" beside the statement's keys", func(t *testing.T) {
		w := newWorld(t, byTLS)
		w.refuses(t, w.register(metadata(mallory)), 0, rule, codeMetadata)
	})
	t.Run(rule+" in two steps", func(t *testing.T) {
		w := newWorld(t, byTLS)
		w.refuses(t, w.register(metadata(object{"tls_client_auth_subject_dn": "CN=mallory"})), 0, rule, codeMetadata)
	})
	t.Run(rule+" before the statement that names the keys", func(t *testing.T) {
		w := newWorld(t, byTLS, open)
		a := w.registered(t, plain(edit(mallory, object{"software_id": software})))
		body := back(a, object{"software_statement": statement(object{"org_id": nil}), "jwks_uri": jwksURI})
		w.refuses(t, w.own(http.MethodPut, a, body, a.text("registration_access_token")), 1, rule, codeMetadata)
	})
	t.Run(rule+" with the registration token of a DID alone", func(t *testing.T) {
		w := newWorld(t, byTLS, open)
		a := w.registered(t, ofDID(nil))
		w.refuses(t, w.own(http.MethodPut, a, back(a, mallory), a.text("registration_access_token")), 1, rule, codeMetadata)
		if got := w.own(http.MethodPut, a, back(a, edit(mallory, object{"lso_entity_presentation": present(nil)})), a.text("registration_access_token")); got.status != http.StatusOK {
			t.Errorf("its owner: %d %v", got.status, got.body)
		}
	})
	t.Run(rule+" signed with them", func(t *testing.T) {
		w := newWorld(t, byTLS)
		if a := w.do(http.MethodPost, "/register", "application/jwt", signed(software, mallory), ""); a.status != http.StatusCreated {
			t.Errorf("%d %v", a.status, a.body)
		}
	})
	t.Run(rule+" in the statement", func(t *testing.T) {
		w := newWorld(t, byTLS)
		a := w.registered(t, metadata(edit(mallory, object{"software_statement": statement(object{"tls_client_auth_subject_dn": "CN=tpp"})})))
		if a.text("tls_client_auth_subject_dn") != "CN=tpp" {
			t.Errorf("%v", a.body)
		}
	})
	t.Run(rule+" beside keys of its own", func(t *testing.T) {
		w := newWorld(t, byTLS)
		w.registered(t, metadata(edit(without(nil), mallory)))
	})
	t.Run(rule+" later", func(t *testing.T) {
		w := newWorld(t, byTLS)
		a := w.registered(t, metadata(nil))
		w.refuses(t, w.own(http.MethodPut, a, back(a, mallory), a.text("registration_access_token")), 1, rule, codeMetadata)
	})
	t.Run(rule+" by a holder who is not the DID's owner", func(t *testing.T) {
		w := newWorld(t, byTLS, open)
		w.endpoint.Entities.Policy.Onboarded = func(context.Context, string, string) (bool, error) { return true, nil }
		shown := must(party(stranger, "sig-1").Present(credential.Presentation{
			Audience: issuer, ID: "vp-1", Issued: now, Expires: now.Add(60e9), Credentials: []string{entity(nil)},
		}))
		body := ofDID(edit(mallory, object{"lso_entity_presentation": shown}))
		w.refuses(t, w.register(body), 0, rule, codeMetadata)
		w.registered(t, ofDID(mallory)) // its owner may
	})
}

// MEF-R10: the trust domain in which a holder is known is the credential's, and
// not the one that his own statement names.
func TestHolderOfAnotherDomain(t *testing.T) {
	w := newWorld(t)
	w.endpoint.Entities.Policy.Onboarded = func(context.Context, string, string) (bool, error) { return true, nil }
	shown := must(party(stranger, "sig-1").Present(credential.Presentation{
		Audience: issuer, ID: "vp-1", Issued: now, Expires: now.Add(60e9),
		Credentials: []string{entity(func(c *credential.Credential) { delete(c.Claims, "trustDomain") })},
	}))
	w.refuses(t, w.register(ofDID(object{
		"software_statement": statement(object{"trust_domain": "stranger.example", "jwks_uri": nil}), "lso_entity_presentation": shown,
	})), 0, "MEF-R10", codeUnapproved)
}

// A statement is about one software, and about nobody else's client.
func TestStatementOfAnother(t *testing.T) {
	t.Run("RFC7591-2.3 no software", func(t *testing.T) {
		w := newWorld(t)
		w.refuses(t, w.register(metadata(object{"software_statement": statement(object{"software_id": nil}), "software_id": "mine"})), 0, "RFC7591-2.3", codeStatement)
	})
	t.Run("RFC7591-2.3 of a DID, for a client without", func(t *testing.T) {
		w := newWorld(t, open)
		a := w.registered(t, plain(object{"software_id": software}))
		body := back(a, object{"software_statement": statement(object{"client_id": buyer, "org_id": nil, "jwks_uri": nil})})
		w.refuses(t, w.own(http.MethodPut, a, body, a.text("registration_access_token")), 1, "RFC7591-2.3", codeStatement)
	})
	t.Run("MEF-R58 of no domain, by the server's own word", func(t *testing.T) {
		w := newWorld(t)
		w.endpoint.Requirements = func(_ context.Context, r *storage.Registration) error {
			r.Client.TrustDomain = "client_id=c-1"
			return nil
		}
		w.refuses(t, w.register(metadata(nil)), 0, "MEF-R58", codeStatement)
	})
	t.Run("MEF-R58 of no domain", func(t *testing.T) {
		w := newWorld(t)
		w.refuses(t, w.register(metadata(object{"software_statement": statement(object{"trust_domain": "client_id=c-1"})})), 0, "MEF-R58", codeStatement)
	})
}

// RFC7592-2.2: a client does not get back what the operator took from it, nor
// takes along what it was given elsewhere.
func TestOperatorsWord(t *testing.T) {
	change := func(w *world, a answer, do func(c *storage.Client)) {
		r := must(w.store.GetRegistration(t.Context(), a.text("client_id")))
		do(&r.Client)
		if err := w.store.PutClient(t.Context(), &r.Client); err != nil {
			t.Fatal(err)
		}
	}
	put := func(w *world, a answer, more object) storage.Client {
		t.Helper()
		if got := w.own(http.MethodPut, a, back(a, more), a.text("registration_access_token")); got.status != http.StatusOK {
			t.Fatalf("%d %v", got.status, got.body)
		}
		return must(w.store.GetRegistration(t.Context(), a.text("client_id"))).Client
	}
	w := newWorld(t)
	a := w.registered(t, metadata(object{"lso_entity_presentation": present(nil)}))
	change(w, a, func(c *storage.Client) { c.TrustDomain, c.LegalEntityName = "", "" })
	if c := put(w, a, object{"lso_entity_presentation": nil}); c.TrustDomain != "" || c.LegalEntityName != "" {
		t.Errorf("%q, %q", c.TrustDomain, c.LegalEntityName)
	}
	w = newWorld(t)
	a = w.registered(t, metadata(nil))
	change(w, a, func(c *storage.Client) { c.IntrospectTrustDomain = true })
	if c := put(w, a, nil); !c.IntrospectTrustDomain || c.TrustDomain != "buyer.example" {
		t.Errorf("%+v", c)
	}
	c := put(w, a, object{"software_statement": statement(object{"trust_domain": "other.example", "jti": "ssa-2"})})
	if c.IntrospectTrustDomain || c.TrustDomain != "other.example" {
		t.Errorf("%+v", c)
	}
}

// MEF-R9: a presentation that came to nothing may be shown again.
func TestPresentationKept(t *testing.T) {
	w := newWorld(t)
	w.registered(t, metadata(nil))
	shown := present(nil)
	w.refuses(t, w.register(metadata(object{"lso_entity_presentation": shown})), 1, "MEF-R1", codeMetadata)
	other := object{"lso_entity_presentation": shown, "software_statement": statement(object{"software_id": "other", "jti": "ssa-2"})}
	w.registered(t, metadata(other))
	other["software_statement"] = statement(object{"software_id": "third", "jti": "ssa-3"})
	w.refuses(t, w.register(metadata(other)), 2, "MEF-R9", codeStatement)
}

// fetches counts what is fetched.
type fetches struct {
	web
	count int
}

func (f *fetches) Get(ctx context.Context, url string, accept ...string) (*outbound.Document, error) {
	f.count++
	return f.web.Get(ctx, url, accept...)
}

// A stranger shows who he is before anything that he names is fetched.
func TestStranger(t *testing.T) {
	forged := present(nil)
	forged = forged[:len(forged)-8] + "AAAAAAAA"
	for name, shown := range map[string]any{"MEF-R4 nothing": nil, "MEF-R9 not signed by its holder": forged} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, open)
			w.profile.EntityCredential = profile.EntityRequired
			f := &fetches{web: w.web}
			w.endpoint.Outbound = f
			if a := w.register(plain(object{"lso_entity_presentation": shown})); a.text("error") != codeStatement || f.count != 0 {
				t.Errorf("%d fetches, %v", f.count, a.body)
			}
			w.registered(t, plain(object{"lso_entity_presentation": present(nil)}))
			if f.count != 1 {
				t.Errorf("%d fetches", f.count)
			}
		})
	}
}

// MEF-R1, MEF-R8: a client that was shut out does not come back as another one,
// nor does a copy of its statement register a second.
func TestComesBack(t *testing.T) {
	bare := statement(object{"jwks_uri": nil})
	asDID := ofDID(object{"software_statement": bare})
	for name, body := range map[string]object{
		"MEF-R1 without the DID":     metadata(object{"software_statement": bare}),
		"MEF-R1 without the entity":  metadata(object{"software_statement": statement(object{"jti": "ssa-2"})}),
		"MEF-R1 as the entity alone": metadata(object{"software_statement": statement(object{"jti": "ssa-3", "org_id": nil}), "lso_entity_presentation": present(nil)}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.registered(t, asDID)
			w.refuses(t, w.register(body), 1, "MEF-R1", codeMetadata)
		})
	}
	t.Run("MEF-R8 after it removed itself", func(t *testing.T) {
		w := newWorld(t)
		a := w.registered(t, metadata(object{"lso_entity_presentation": present(nil)}))
		if err := w.store.SuspendClient(t.Context(), a.text("client_id"), 0); err != nil {
			t.Fatal(err)
		}
		if gone := w.own(http.MethodDelete, a, nil, a.text("registration_access_token")); gone.status != http.StatusNoContent {
			t.Fatal(gone.status)
		}
		w.refuses(t, w.register(metadata(nil)), 2, "MEF-R1", codeMetadata)
		w.registered(t, metadata(object{"software_statement": statement(object{"software_id": "other"})}))
	})
	t.Run("MEF-R8 a suspended client changes nothing", func(t *testing.T) {
		w := newWorld(t)
		a := w.registered(t, metadata(object{"lso_entity_presentation": present(nil)}))
		if err := w.store.SuspendClient(t.Context(), a.text("client_id"), 0); err != nil {
			t.Fatal(err)
		}
		w.refuses(t, w.own(http.MethodPut, a, back(a, nil), a.text("registration_access_token")), 1, "RFC7592-2.2", codeMetadata)
	})
	t.Run("MEF-R8 removes itself before it is suspended", func(t *testing.T) {
		w := newWorld(t)
		w.endpoint.Standing = registration.NewStanding(registration.StandingConfig{
			Profile: &w.profile, Clients: w.store, Entities: w.endpoint.Entities, Audit: w.audit, Clock: w.endpoint.Clock,
		}).Check
		a := w.registered(t, metadata(object{"lso_entity_presentation": present(nil)}))
		w.publishList(94567)
		w.clock = now.Add(20 * time.Minute)
		if gone := w.own(http.MethodDelete, a, nil, a.text("registration_access_token")); gone.status != http.StatusNoContent {
			t.Fatal(gone.status)
		}
		w.refuses(t, w.register(metadata(nil)), 2, "MEF-R1", codeMetadata)
	})
	t.Run("MEF-R8 is not suspended for a change of its own", func(t *testing.T) {
		w := newWorld(t)
		w.endpoint.Standing = registration.NewStanding(registration.StandingConfig{
			Profile: &w.profile, Clients: conflicting{w.store}, Entities: w.endpoint.Entities, Audit: w.audit, Clock: w.endpoint.Clock,
		}).Check
		a := w.registered(t, metadata(object{"lso_entity_presentation": present(nil)}))
		w.publishList(94567)
		w.clock = now.Add(20 * time.Minute)
		if kept := w.own(http.MethodDelete, a, nil, a.text("registration_access_token")); kept.status != http.StatusServiceUnavailable {
			t.Errorf("%d %v", kept.status, kept.body)
		}
		w.refuses(t, w.register(metadata(nil)), 1, "MEF-R1", codeMetadata)
	})
	t.Run("MEF-R8 replaced meanwhile", func(t *testing.T) {
		w := newWorld(t)
		a := w.registered(t, metadata(object{"lso_entity_presentation": present(nil)}))
		if got := w.own(http.MethodPut, a, back(a, object{"client_name": "New"}), a.text("registration_access_token")); got.status != http.StatusOK {
			t.Fatalf("%d %v", got.status, got.body)
		}
		if err := w.store.SuspendClient(t.Context(), a.text("client_id"), 0); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("got %v", err)
		}
	})
}

// conflicting suspends nobody: the client has changed something meanwhile.
type conflicting struct{ storage.Registrar }

func (conflicting) SuspendClient(context.Context, string, int64) error { return storage.ErrConflict }

// MEF-R1: organisations that nobody mixes up do not get into each other's way.
func TestUniqueApart(t *testing.T) {
	of := func(lei, id string) func(*credential.Credential) {
		return func(c *credential.Credential) {
			c.ID, c.Claims["lei"], c.Claims["mefId"] = "https://registry.example/credentials/"+id, lei, "mef/"+id
			c.Subject = "did:web:" + id + ".example"
		}
	}
	vendors := statement(object{"org_id": nil, "jwks_uri": nil})
	w := newWorld(t)
	for id, lei := range map[string]string{"one": "5493001KJTIIGC8Y1R12", "two": "529900T8BM49AURSDO55"} {
		holder := party("did:web:"+id+".example", "sig-1")
		w.web[holder.ID] = documentOf(holder.ID, callback)
		shown := must(holder.Present(credential.Presentation{
			Audience: issuer, ID: id, Issued: now, Expires: now.Add(time.Minute), Credentials: []string{entity(of(lei, id))},
		}))
		w.registered(t, metadata(object{"software_statement": vendors, "lso_entity_presentation": shown}))
	}
	w = newWorld(t, open, withPrincipal())
	w.registered(t, ofDID(edit(acting(), object{"software_id": "portal"})))
	stored := must(w.store.GetRegistration(t.Context(), buyer))
	for _, unique := range stored.Unique {
		if unique != buyer && unique != `["`+buyer+`","portal"]` {
			t.Errorf("a delegate takes %s", unique)
		}
	}
}

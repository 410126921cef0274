package interop

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/relyingparty"
	"github.com/meflso/fosite-meflso/test/harness"
)

// TestOwnRelyingParty: the library's own half for clients does with the same
// server what openid-client does, in each way to ask and to be answered.
func TestOwnRelyingParty(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the example server")
	}
	ca := harness.NewCA(t, "Clients")
	banks := newBanks(t, ca)
	op := startOP(t, "fapi1-advanced", ca, banks)
	for i, b := range banks {
		for _, way := range []struct{ par, jarm bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
			t.Run(fmt.Sprintf("%s/PAR %v, JARM %v", b.ID, way.par, way.jarm), func(t *testing.T) {
				client := b.connect(t, op, profile.FAPI1Advanced(), func(config *relyingparty.Config) {
					config.PAR, config.JARM = way.par, way.jarm
					if i%2 == 0 {
						config.RequestEncryption = relyingparty.Encryption{Alg: profile.ECDHES, Enc: profile.A256GCM}
					}
				})
				request := relyingparty.AuthorizationRequest{Scopes: []string{"accounts"}, MaxAge: time.Hour}
				tokens := logIn(t, op, client, b.Redirect, request)
				if tokens.RefreshToken == "" {
					t.Fatal("no refresh token")
				}
				callResource(t, op, client, tokens)
				renewed, err := client.Refresh(t.Context(), tokens)
				must(t, err)
				callResource(t, op, client, renewed)
			})
		}
	}
}

// connect makes the bank a client of the library's own half.
func (b *bank) connect(t *testing.T, op *harness.OP, p profile.Profile, change func(*relyingparty.Config)) *relyingparty.Client {
	t.Helper()
	transport := op.HTTP.Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.Certificates = []tls.Certificate{b.certificate}
	t.Cleanup(transport.CloseIdleConnections)
	presenting := &http.Client{Transport: transport}
	metadata, err := relyingparty.Discover(t.Context(), presenting, op.Issuer)
	must(t, err)
	config := relyingparty.Config{
		ClientID: b.ID, RedirectURI: b.Redirect, Issuer: metadata, Profile: &p, HTTP: presenting, MTLS: true,
		Signer: b.Key, KeyID: b.Kid, Alg: profile.Alg(b.Alg), AuthMethod: profile.AuthMethod(b.method),
		IDTokenAlg: profile.Alg(b.Alg), ResponseAlg: profile.Alg(b.Alg),
	}
	if b.enc != nil {
		registered := relyingparty.Encryption{Alg: profile.KeyEncAlg(b.enc.Algorithm), Enc: profile.ContentEncAlg(b.contentEnc)}
		config.IDTokenEncryption, config.ResponseEncryption = registered, registered
		config.Decryption = []key.Decryption{{ID: b.enc.KeyID, Alg: registered.Alg, Key: b.enc.Key}}
	}
	change(&config)
	client, err := relyingparty.New(config)
	must(t, err)
	return client
}

// TestOwnRelyingPartyWithIntents: the same with the intents of MEF W128, and
// without a certificate.
func TestOwnRelyingPartyWithIntents(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the example server")
	}
	b := harness.NewBuyer(t, "buyer", "ES256", "")
	metadata := registration(b)
	metadata["response_types"], metadata["authorization_signed_response_alg"] = []string{"code id_token", "code"}, b.Alg
	op := harness.StartOP(t, []harness.Claims{metadata}, "-store", "memory", "-auto-approve", "alice")
	b.Issuer = op.Issuer
	issuer, err := relyingparty.Discover(t.Context(), op.HTTP, op.Issuer)
	must(t, err)
	for _, way := range []struct{ par, jarm bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
		t.Run(fmt.Sprintf("PAR %v, JARM %v", way.par, way.jarm), func(t *testing.T) {
			client, err := relyingparty.New(relyingparty.Config{
				ClientID: b.ID, RedirectURI: b.Redirect, Issuer: issuer, HTTP: op.HTTP, PAR: way.par, JARM: way.jarm, Signer: b.Key, KeyID: b.Kid,
			})
			must(t, err)
			request := relyingparty.AuthorizationRequest{
				IntentID: op.NewIntent(t, b, "repeated"), Scopes: []string{"quote"}, ACR: []string{"urn:meflso:sca"}, EssentialACR: true,
			}
			callResource(t, op, client, logIn(t, op, client, b.Redirect, request))
		})
	}
}

// logIn plays one authorization; the server approves by itself.
func logIn(t *testing.T, op *harness.OP, client *relyingparty.Client, redirectURI string, request relyingparty.AuthorizationRequest) *relyingparty.Tokens {
	t.Helper()
	address, login, err := client.Begin(t.Context(), request)
	must(t, err)
	response, err := op.HTTP.Get(address)
	must(t, err)
	defer response.Body.Close()
	location, err := response.Location()
	if err != nil {
		t.Fatalf("%s: %v", response.Status, err)
	}
	params, delivery := location.Query(), relyingparty.Query
	if location.Fragment != "" {
		params, err = url.ParseQuery(location.EscapedFragment())
		must(t, err)
		delivery = relyingparty.Fragment
	}
	detached, err := client.Finish(t.Context(), login, redirectURI, params, delivery)
	must(t, err)
	tokens, err := client.Exchange(t.Context(), detached)
	must(t, err)
	if tokens.Subject == "" || tokens.IntentID != request.IntentID {
		t.Fatalf("subject %q, intent %q", tokens.Subject, tokens.IntentID)
	}
	return tokens
}

func callResource(t *testing.T, op *harness.OP, client *relyingparty.Client, tokens *relyingparty.Tokens) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, op.Resource+"/resource", nil)
	must(t, err)
	customer := relyingparty.Customer{LastLogin: time.Now(), IP: netip.MustParseAddr("2001:db8::7")}
	response, err := client.Call(request, tokens, customer)
	must(t, err)
	sent := response.Request.Header.Get("x-fapi-interaction-id")
	got := harness.ReadJSON(t, response)
	if got.Status != http.StatusOK || got.Body["sub"] != tokens.Subject || got.Header.Get("x-fapi-interaction-id") != sent {
		t.Errorf("%d %s, interaction id %q, want %q", got.Status, got.Raw, got.Header.Get("x-fapi-interaction-id"), sent)
	}
}

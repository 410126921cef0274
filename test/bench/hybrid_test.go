// Package bench measures the server's half of one authorization against what
// its bare signatures cost.
//
//	go test ./test/bench -bench . -benchmem
package bench

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/compose"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/test/harness"
)

// BenchmarkHybridFlow is one authorization request, its answer and the
// redemption of the code: two signatures verified, two made. The metric
// x-floor is the CPU time of the process over the CPU time of those four bare
// operations in the same run: the machine is not equally fast all the time,
// so that they take turns. What the client sends is made before.
func BenchmarkHybridFlow(b *testing.B) {
	for _, alg := range []profile.Alg{profile.ES256, profile.PS256, profile.EdDSA} {
		b.Run(string(alg), func(b *testing.B) { hybrid(b, alg) })
	}
}

func hybrid(b *testing.B, alg profile.Alg) {
	buyer := harness.NewBuyer(b, "buyer-a", string(alg), harness.Issuer)
	seller := harness.NewBuyer(b, "seller", string(alg), harness.Issuer)
	p := profile.MEFLSO()
	p.PreferredSigningAlg = alg
	h := harness.StartHost(b, p, nil, func(c *compose.Config) {
		c.Keys, c.Audit = key.Signing(seller.Key), audit.Discard
	})
	h.Register(b, buyer)
	handler := h.Handler()
	prepare := func() func() {
		f := prepare(b, h, buyer)
		return func() { f.play(b, handler) }
	}
	compare(b, prepare, func() { bare(b, seller.Key, 2, 2) })
}

// compare plays the flows of the benchmark and their bare operations in turns,
// and reports what the one costs in terms of the other. Each turn is prepared
// on its own, and what that left behind collected: the clients' requests are
// not the server's to keep alive.
func compare(b *testing.B, prepare func() (play func()), bare func()) {
	b.Helper()
	var spent, floor time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	b.StopTimer()
	for first := 0; first < b.N; first += turn {
		flows := make([]func(), min(turn, b.N-first))
		for i := range flows {
			flows[i] = prepare()
		}
		runtime.GC()
		spent += cpuOf(func() {
			b.StartTimer()
			for _, play := range flows {
				play()
			}
			b.StopTimer()
		})
		floor += cpuOf(func() {
			for range flows {
				bare()
			}
		})
	}
	b.ReportMetric(float64(spent)/float64(floor), "x-floor")
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// turn is how many flows are played, and then how many times their bare
// operations.
const turn = 500

// flow is what the client sends, but for the code.
type flow struct {
	authorize *http.Request
	token     string // the form, up to the code
}

func prepare(b *testing.B, h *harness.Host, buyer *harness.Buyer) flow {
	b.Helper()
	intent := h.NewIntent(b, buyer, "once")
	return flow{
		authorize: httptest.NewRequest(http.MethodGet, h.URL(buyer, buyer.Object(intent), "response_type", "code id_token", "scope", "openid quote"), nil),
		token:     buyer.Authenticated(url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {buyer.Redirect}}).Encode() + "&code=",
	}
}

func (f flow) play(b *testing.B, handler http.Handler) {
	front := &answer{header: http.Header{}}
	handler.ServeHTTP(front, f.authorize)
	_, fragment, ok := strings.Cut(front.header.Get("Location"), "#code=")
	if !ok {
		b.Fatalf("authorize: %d %v", front.code, front.header)
	}
	code, _, _ := strings.Cut(fragment, "&")
	if back := post(b, handler, "/oauth2/token", f.token+code, nil); back.code != http.StatusOK || back.size == 0 {
		b.Fatalf("token: %d", back.code)
	}
}

// post sends a form, with a client certificate where there is one.
func post(b *testing.B, handler http.Handler, path, form string, tls *tls.ConnectionState) *answer {
	b.Helper()
	r, err := http.NewRequest(http.MethodPost, harness.Issuer+path, strings.NewReader(form))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.TLS = tls
	back := &answer{header: http.Header{}, code: http.StatusOK}
	handler.ServeHTTP(back, r)
	return back
}

// answer is an http.ResponseWriter that keeps no long body.
type answer struct {
	header http.Header
	code   int
	size   int
	keep   []byte // the last piece, if it is short
}

func (a *answer) Header() http.Header  { return a.header }
func (a *answer) WriteHeader(code int) { a.code = code }

func (a *answer) Write(data []byte) (int, error) {
	a.size += len(data)
	if len(data) < 1<<10 {
		a.keep = append(a.keep[:0], data...)
	}
	return len(data), nil
}

// cpuOf is the CPU time of the process for fn, with the garbage collection
// that fn began.
func cpuOf(fn func()) time.Duration {
	start := cpu()
	fn()
	time.Sleep(20 * time.Millisecond)
	return cpu() - start
}

// cpu is the CPU time of the process, user and system.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// bare is signatures and verifications with nothing around them.
func bare(b *testing.B, signer crypto.Signer, signatures, verifications int) {
	b.Helper()
	var signature []byte
	for range signatures {
		signature = sign(b, signer, input)
	}
	for range verifications {
		if !verify(signer.Public(), input, signature) {
			b.Fatal("the bare signature does not verify")
		}
	}
}

// input is as long as the JWTs here.
var input = []byte(strings.Repeat("x", 800))

func sign(b *testing.B, signer crypto.Signer, input []byte) []byte {
	digest, opts := sha256.Sum256(input), crypto.SignerOpts(crypto.SHA256)
	message := digest[:]
	switch signer.(type) {
	case *rsa.PrivateKey:
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	case ed25519.PrivateKey:
		message, opts = input, crypto.Hash(0)
	}
	signature, err := signer.Sign(rand.Reader, message, opts)
	if err != nil {
		b.Fatal(err)
	}
	return signature
}

func verify(public crypto.PublicKey, input, signature []byte) bool {
	digest := sha256.Sum256(input)
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, digest[:], signature)
	case *rsa.PublicKey:
		return rsa.VerifyPSS(k, crypto.SHA256, digest[:], signature, nil) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(k, input, signature)
	}
	return false
}

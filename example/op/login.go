package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"sync"
	"time"
)

// The cookies. Their prefix binds them to this very origin (RFC 6265bis
// §4.1.3.2).
const (
	loginCookie = "__Host-lso-login"
	visitCookie = "__Host-lso-visit" // of a browser that is shown the login page
)

const (
	loginLifetime = 8 * time.Hour
	maxLogins     = 10_000
)

// login is who uses a browser, and since when.
type login struct {
	id      string // the cookie; only its hash is a key of the table
	user    string
	at      time.Time
	expires time.Time
}

// logins are the logins of all browsers. They live in memory: after a restart
// everybody logs in again. It is safe for concurrent use.
type logins struct {
	clock  func() time.Time
	secret []byte // of the forms' tokens

	mu    sync.Mutex
	byKey map[[sha256.Size]byte]*login
	order [][sha256.Size]byte // oldest first, with those that are gone
}

func newLogins(clock func() time.Time) *logins {
	return &logins{clock: clock, secret: random(), byKey: map[[sha256.Size]byte]*login{}}
}

// random returns 256 random bits.
func random() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return b
}

func randomID() string { return base64.RawURLEncoding.EncodeToString(random()) }

// find returns the login of the browser, or nil.
func (l *logins) find(r *http.Request) *login {
	cookie, err := r.Cookie(loginCookie)
	if err != nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.byKey[sha256.Sum256([]byte(cookie.Value))]
	if found == nil || !l.clock().Before(found.expires) {
		return nil
	}
	return found
}

// start logs the user in under a fresh id; the browser's login before it ends.
func (l *logins) start(rw http.ResponseWriter, before *login, user string) {
	now := l.clock()
	fresh := &login{id: randomID(), user: user, at: now, expires: now.Add(loginLifetime)}
	l.put(fresh, before)
	setCookie(rw, loginCookie, fresh.id, loginLifetime)
}

func (l *logins) put(fresh, before *login) {
	key := sha256.Sum256([]byte(fresh.id))
	l.mu.Lock()
	defer l.mu.Unlock()
	if before != nil {
		delete(l.byKey, sha256.Sum256([]byte(before.id)))
	}
	l.byKey[key] = fresh
	l.order = append(l.order, key)
	l.shrink(fresh.at)
}

// shrink drops the oldest logins, which are the first to expire: the expired
// ones, and as many as are too many.
func (l *logins) shrink(now time.Time) {
	for len(l.order) > 0 {
		oldest := l.byKey[l.order[0]]
		if oldest != nil && len(l.order) <= maxLogins && now.Before(oldest.expires) {
			return
		}
		delete(l.byKey, l.order[0])
		l.order = l.order[1:]
	}
}

func setCookie(rw http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(rw, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// token is what a page's form sends back to prove that this server made it for
// this browser and this authorization.
func (l *logins) token(purpose, id, handle string) string {
	mac := hmac.New(sha256.New, l.secret)
	mac.Write([]byte(purpose + "\x00" + id + "\x00" + handle))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (l *logins) consentToken(of *login, handle string) string {
	return l.token("consent", of.id, handle)
}

func (l *logins) tokenFits(of *login, handle, sent string) bool {
	return equal(sent, l.consentToken(of, handle))
}

// visitToken is the token of the login form. A browser that is not logged in
// has an identifier too, so that nobody can log it in as somebody else.
func (l *logins) visitToken(rw http.ResponseWriter, r *http.Request, handle string) string {
	id := visitOf(r)
	if id == "" {
		id = randomID()
	}
	setCookie(rw, visitCookie, id, time.Hour)
	return l.token("login", id, handle)
}

func visitOf(r *http.Request) string {
	cookie, err := r.Cookie(visitCookie)
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (l *logins) visitTokenFits(r *http.Request, handle, sent string) bool {
	id := visitOf(r)
	return id != "" && equal(sent, l.token("login", id, handle))
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// demoUsers have their own name as password. A real server keeps a slow, salted
// hash of each password, and limits the attempts.
var demoUsers = map[string]string{"alice": "alice", "bob": "bob"}

// authenticate takes the same time for every name and password.
func authenticate(user, password string) bool {
	found := 0
	for name, right := range demoUsers {
		found |= equalDigest(user, name) & equalDigest(password, right)
	}
	return found == 1
}

func equalDigest(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

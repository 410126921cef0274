package did

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/strategy/outbound"
)

// getter is a Getter made of a function.
type getter func(ctx context.Context, url string, accept ...string) (*outbound.Document, error)

func (g getter) Get(ctx context.Context, url string, accept ...string) (*outbound.Document, error) {
	return g(ctx, url, accept...)
}

// told is an error that tells the status of an answer.
type told int

func (told) Error() string     { return "not 200" }
func (s told) StatusCode() int { return int(s) }

// everyNameIsLoopback answers each question for an address with 127.0.0.1, and
// lets the tests of a whole exchange use names that look public.
func everyNameIsLoopback(t *testing.T) {
	old := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = old })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go answerNames(theirs)
		return ours, nil
	}}
}

// answerNames speaks DNS over a stream (RFC 1035 §4.2.2).
func answerNames(conn net.Conn) {
	defer conn.Close()
	for {
		size := make([]byte, 2)
		if _, err := io.ReadFull(conn, size); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		end := 12
		for query[end] != 0 {
			end += int(query[end]) + 1
		}
		question, answers := query[12:end+5], byte(0)
		if query[end+2] == 1 { // type A
			answers = 1
		}
		reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0}, question...)
		if answers == 1 {
			reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
		}
		conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	}
}

// serve starts a host named example.com and returns its DID and a config that
// reaches it.
func serve(t *testing.T, handler http.HandlerFunc) (DID, outbound.Config) {
	t.Helper()
	everyNameIsLoopback(t)
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	config := outbound.InsecureLoopback()
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AddCert(server.Certificate())
	config.MaxBytes = maxDocument
	return mustParse(t, fmt.Sprintf("did:web:example.com%%3A%d", server.Listener.Addr().(*net.TCPAddr).Port)), config
}

// documentOf answers with the whole document for whatever DID the host has.
func documentOf(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, strings.ReplaceAll(whole, buyer, "did:web:"+strings.Replace(r.Host, ":", "%3A", 1)))
}

func TestWebMethod(t *testing.T) {
	id, config := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/did.json" || !strings.Contains(r.Header.Get("Accept"), "application/did+json") {
			t.Errorf("asked for %s, %s", r.URL.Path, r.Header.Get("Accept"))
		}
		w.Header().Set("Cache-Control", "max-age=400")
		documentOf(w, r)
	})
	doc, err := WebMethod{Outbound: outbound.New(config)}.Resolve(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Keys(Authentication, id.String()+"#sig-1")) != 1 || doc.ID() != id || doc.maxAge != 400*time.Second {
		t.Errorf("got %+v", doc)
	}
}

// Each is refused within its limits, and nothing of the answer is quoted.
func TestHostileHosts(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"1 MB": func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, refusedDocuments["1 MB"]) },
		"a redirect inside": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://169.254.169.254/latest/meta-data", http.StatusFound)
		},
		"a redirect to itself": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/did.json", http.StatusTemporaryRedirect)
		},
		"a slow body": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		},
		"silence":       func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a web page":    func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>s3cr3t") },
		"another's":     func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, whole) },
		"deeply nested": func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, refusedDocuments["very deep"]) },
	} {
		t.Run(name, func(t *testing.T) {
			id, config := serve(t, handler)
			config.Timeout = 300 * time.Millisecond
			start := time.Now()
			_, err := WebMethod{Outbound: outbound.New(config)}.Resolve(t.Context(), id)
			if took := time.Since(start); err == nil || took > 2*time.Second || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("after %v: %v", took, err)
			}
		})
	}
}

func answerJSON(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, body)
}

// A DID whose name leads to this machine is refused when its address is known;
// its host gets no connection.
func TestNameOfLoopbackIsNotDialled(t *testing.T) {
	everyNameIsLoopback(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var dialled atomic.Bool
	go func() {
		if conn, err := listener.Accept(); err == nil {
			dialled.Store(true)
			conn.Close()
		}
	}()
	id := mustParse(t, fmt.Sprintf("did:web:inside.example%%3A%d", listener.Addr().(*net.TCPAddr).Port))
	for _, config := range []outbound.Config{{AllowAnyPort: true}, {AllowAnyPort: true, AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}} {
		_, err = WebMethod{Outbound: outbound.New(config)}.Resolve(t.Context(), id)
		wantError(t, err, outbound.ErrRefused)
	}
	_, err = WebMethod{}.Resolve(t.Context(), id) // its port is not 443
	wantError(t, err, outbound.ErrRefused)
	_, err = WebMethod{}.Resolve(t.Context(), mustParse(t, "did:web:inside.example"))
	wantError(t, err, outbound.ErrRefused)
	listener.Close()
	if dialled.Load() {
		t.Error("the host was dialled")
	}
}

func TestWebStatus(t *testing.T) {
	for status, want := range map[int]error{404: ErrNotFound, 410: ErrNotFound, 500: nil, 403: nil, 301: nil} {
		client := getter(func(context.Context, string, ...string) (*outbound.Document, error) {
			return nil, fmt.Errorf("x: %w", told(status))
		})
		_, err := WebMethod{Outbound: client}.Resolve(t.Context(), mustParse(t, buyer))
		if want != nil && !errors.Is(err, want) || want == nil && (err == nil || IsFinal(err)) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// LocalNames opens names of one label, and nothing else.
func TestLocalNames(t *testing.T) {
	for text, want := range map[string]string{
		"did:web:localhost%3A8443":   "https://localhost:8443/.well-known/did.json",
		"did:web:localhost:tpp":      "https://localhost/tpp/did.json",
		"did:web:example.com":        "https://example.com/.well-known/did.json",
		"did:web:127.0.0.1":          "",
		"did:web:127.0.0.1%3A8443":   "",
		"did:web:2130706433":         "",
		"did:web:%5B%3A%3A1%5D:tpp":  "",
		"did:web:localhost.:tpp":     "",
		"did:web:localhost%3A8443.a": "",
	} {
		id, err := Parse(text)
		if err != nil {
			continue // no DID at all
		}
		if got, err := (WebMethod{LocalNames: true}).url(id); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	if _, err := (WebMethod{}).url(mustParse(t, "did:web:localhost%3A8443")); !errors.Is(err, ErrInvalid) {
		t.Errorf("without LocalNames: %v", err)
	}
}

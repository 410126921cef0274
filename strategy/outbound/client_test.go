package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const secret = "s3cr3t-of-the-other-side"

// serve starts a TLS server on loopback and returns it with a config that
// reaches it.
func serve(t *testing.T, handler http.HandlerFunc) (*httptest.Server, Config) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	config := InsecureLoopback()
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AddCert(server.Certificate())
	return server, config
}

func answer(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		io.WriteString(w, body)
	}
}

func wantFailure(t *testing.T, err error) {
	t.Helper()
	if err == nil || errors.Is(err, ErrRefused) {
		t.Fatalf("got %v, want an error that is not ErrRefused", err)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error quotes the answer: %v", err)
	}
}

func TestGet(t *testing.T) {
	var got *http.Request
	server, config := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Cache-Control", "max-age=60")
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		answer("Application/JWK-Set+JSON; charset=utf-8", `{"keys":[]}`)(w, r)
	})
	client := New(config)
	for range 2 {
		doc, err := client.Get(t.Context(), server.URL+"/jwks?v=1", "application/jwk-set+json", "application/json")
		if err != nil {
			t.Fatal(err)
		}
		if string(doc.Body) != `{"keys":[]}` || doc.MaxAge != time.Minute || !doc.HasMaxAge {
			t.Errorf("got %+v", doc)
		}
		if got.Header.Get("Accept") != "application/jwk-set+json, application/json" || got.RequestURI != "/jwks?v=1" || got.Header.Get("Cookie") != "" || got.Header.Get("Accept-Encoding") != "" {
			t.Errorf("sent %v %v", got.RequestURI, got.Header)
		}
	}
}

func TestAnswersNotTaken(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"text/html": answer("text/html", secret),
		"no content type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			io.WriteString(w, secret)
		},
		"broken type": answer("application/", secret),
		"404":         func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, http.StatusNotFound) },
		"500":         func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, http.StatusInternalServerError) },
		"204":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"body cut short": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			answer("application/json", secret)(w, r)
		},
		"header too large": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Long", strings.Repeat(secret, maxHeaderBytes/len(secret)+200))
			answer("application/json", "{}")(w, r)
		},
		"not HTTP": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			io.WriteString(conn, "HTTP/1.1 "+secret+"\r\n\r\n")
			conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, config := serve(t, handler)
			_, err := New(config).Get(t.Context(), server.URL, "application/json")
			wantFailure(t, err)
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Bool
	server, config := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed.Store(true)
		}
		status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	})
	for _, status := range []string{"301", "302", "303", "307", "308"} {
		_, err := New(config).Get(t.Context(), server.URL+"/"+status, "application/json")
		wantFailure(t, err)
	}
	if followed.Load() {
		t.Error("a redirect was followed")
	}
}

func TestBodySize(t *testing.T) {
	for size, ok := range map[int]bool{defaultMaxBytes: true, defaultMaxBytes + 1: false, 4 * defaultMaxBytes: false} {
		server, config := serve(t, answer("application/json", strings.Repeat("x", size)))
		doc, err := New(config).Get(t.Context(), server.URL, "application/json")
		if !ok {
			wantFailure(t, err)
		} else if err != nil || len(doc.Body) != size {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestSlowBodyTimesOut(t *testing.T) {
	server, config := serve(t, func(w http.ResponseWriter, r *http.Request) {
		answer("application/json", "{")(w, r)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	config.Timeout = 100 * time.Millisecond
	_, err := New(config).Get(t.Context(), server.URL, "application/json")
	wantFailure(t, err)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}
}

func TestSilentServerTimesOut(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	config := InsecureLoopback()
	config.Timeout = 100 * time.Millisecond
	_, err = New(config).Get(t.Context(), "https://"+listener.Addr().String())
	wantFailure(t, err)
}

func TestCallerCancels(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server, config := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := New(config).Get(ctx, server.URL)
	if wantFailure(t, err); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}

func TestCertificates(t *testing.T) {
	server, config := serve(t, answer("application/json", "{}"))
	config.RootCAs = nil
	_, err := New(config).Get(t.Context(), server.URL)
	wantFailure(t, err)
	var certificate *tls.CertificateVerificationError
	if !errors.As(err, &certificate) {
		t.Errorf("got %v, want a certificate error", err)
	}
}

func TestOldTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(answer("application/json", "{}"))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.StartTLS()
	t.Cleanup(server.Close)
	config := InsecureLoopback()
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AddCert(server.Certificate())
	_, err := New(config).Get(t.Context(), server.URL)
	wantFailure(t, err)
}

// A name that leads to this machine is refused when its address is known,
// before a connection is made.
func TestNameOfLoopbackIsRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connected := make(chan bool, 1)
	go func() {
		_, err := listener.Accept()
		connected <- err == nil
	}()
	at := fmt.Sprintf("https://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
	if _, err := New(Config{AllowAnyPort: true}).Get(t.Context(), at); !errors.Is(err, ErrRefused) {
		t.Errorf("the name: got %v, want ErrRefused", err)
	}
	private := Config{AllowAnyPort: true, AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	if _, err := New(private).Get(t.Context(), at); !errors.Is(err, ErrRefused) {
		t.Errorf("its address: got %v, want ErrRefused", err)
	}
	listener.Close()
	if <-connected {
		t.Error("the address was dialled")
	}
}

func TestNoProxy(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
	server, config := serve(t, answer("application/json", "{}"))
	if _, err := New(config).Get(t.Context(), server.URL); err != nil {
		t.Fatal(err)
	}
}

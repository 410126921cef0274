package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// web is what the applicants and those who vouch for them publish. It is safe
// for concurrent use.
type web struct {
	base   string
	server *http.Server

	mu    sync.Mutex
	pages map[string]page
}

type page struct {
	mediaType, body string
	location        string // the page is elsewhere
	large           bool   // spaces follow, more than anybody should read
}

// largeBytes are more than a server reads of any document.
const largeBytes = 4 << 20

func newWeb(c *WebConfig) (*web, error) {
	pair, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", c.Listen)
	if err != nil {
		return nil, err
	}
	w := &web{base: c.URL, pages: map[string]page{}}
	w.server = &http.Server{
		Handler: w, ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}
	go func() { _ = w.server.ServeTLS(listener, "", "") }() // until close
	return w, nil
}

func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	at, known := w.pages[r.URL.Path]
	w.mu.Unlock()
	switch {
	case !known:
		http.NotFound(rw, r)
	case at.location != "":
		http.Redirect(rw, r, at.location, http.StatusFound)
	default:
		rw.Header().Set("Content-Type", at.mediaType)
		_, err := io.WriteString(rw, at.body)
		spaces := bytes.Repeat([]byte(" "), 64<<10)
		for sent := 0; at.large && err == nil && sent < largeBytes; sent += len(spaces) {
			_, err = rw.Write(spaces) // who hangs up has read enough
		}
	}
}

func (w *web) put(path, mediaType, body string) { w.set(path, page{mediaType: mediaType, body: body}) }

func (w *web) set(path string, as page) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages[path] = as
}

// publish puts the document of a did:web of this web where it is looked for.
func (w *web) publish(did string, document *members) {
	w.put(pathOf(did), "application/did+json", string(document.bytes()))
}

// pathOf is the path of the document of a did:web.
func pathOf(did string) string {
	segments := strings.Split(strings.TrimPrefix(did, "did:web:"), ":")
	if len(segments) == 1 {
		return "/.well-known/did.json"
	}
	return "/" + strings.Join(segments[1:], "/") + "/did.json"
}

func (w *web) close() { _ = w.server.Close() }

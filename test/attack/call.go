package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf16"
)

// pairs are the parameters of a form or query, in order and perhaps twice.
type pairs [][2]string

func (f *pairs) set(name, value string) {
	for i := range *f {
		if (*f)[i][0] == name {
			(*f)[i][1] = value
			return
		}
	}
	*f = append(*f, [2]string{name, value})
}

func (f *pairs) remove(name string) {
	kept := pairs{}
	for _, pair := range *f {
		if pair[0] != name {
			kept = append(kept, pair)
		}
	}
	*f = kept
}

// rawPair is a pair that is written as it is.
const rawPair = ""

func (f pairs) encode() string {
	var parts []string
	for _, pair := range f {
		if pair[0] == rawPair {
			parts = append(parts, pair[1])
			continue
		}
		parts = append(parts, url.QueryEscape(pair[0])+"="+url.QueryEscape(pair[1]))
	}
	return strings.Join(parts, "&")
}

// alter does the row's changes on a query or form.
func (p *play) alter(on string, f pairs) (pairs, error) {
	f = append(pairs{}, f...)
	for _, c := range p.row.does(on) {
		value, err := p.value(c.Value)
		if err != nil {
			return nil, err
		}
		switch c.Do {
		case "set":
			f.set(c.Name, text(value))
		case "add":
			f = append(f, [2]string{c.Name, text(value)})
		case "add-long":
			f = append(f, [2]string{c.Name, strings.Repeat("x", number(value))})
		case "remove":
			f.remove(c.Name)
		case "raw":
			f = append(f, [2]string{rawPair, text(value)})
		default:
			return nil, fmt.Errorf("%s: %q is unknown", on, c.Do)
		}
	}
	return f, nil
}

// call is an HTTP request.
type call struct {
	method, url, body string
	header            http.Header
	certificate       string // of the hostile request; "" is the usual one
}

func formCall(address string, form pairs) *call {
	return &call{
		method: http.MethodPost, url: address, body: form.encode(),
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	}
}

// distort does the row's changes on the HTTP request.
func (p *play) distort(c *call) error {
	for _, change := range p.row.does("call") {
		do, ok := distortions[change.Do]
		if !ok {
			return fmt.Errorf("call: %q is unknown", change.Do)
		}
		value, err := p.value(change.Value)
		if err != nil {
			return err
		}
		do(c, change.Name, value)
	}
	return nil
}

// distortions are the mutations of an HTTP request, by the names that rows use.
var distortions = map[string]func(c *call, name string, value any){
	"sender":        func(*call, string, any) {}, // see play.sender
	"method":        func(c *call, _ string, v any) { c.method = text(v) },
	"to":            func(c *call, _ string, v any) { c.url = text(v) },
	"header":        func(c *call, name string, v any) { c.header.Set(name, text(v)) },
	"add-header":    func(c *call, name string, v any) { c.header.Add(name, text(v)) },
	"remove-header": func(c *call, name string, _ any) { c.header.Del(name) },
	"query": func(c *call, name string, v any) {
		c.url += separator(c.url) + url.Values{name: {text(v)}}.Encode()
	},
	"body-to-query": func(c *call, _ string, _ any) {
		c.url += separator(c.url) + c.body
		c.body = ""
	},
	"body": func(c *call, _ string, v any) { c.body = text(v) },
	"gzip": func(c *call, _ string, _ any) {
		c.header.Set("Content-Encoding", "gzip")
		c.body = string(zipped(strings.NewReader(c.body)))
	},
	"utf-16":      func(c *call, _ string, _ any) { c.body = wide(c.body) },
	"long-body":   func(c *call, _ string, v any) { c.body += "&padding=" + strings.Repeat("x", number(v)) },
	"certificate": func(c *call, _ string, v any) { c.certificate = text(v) },
	"plain-http":  func(c *call, _ string, _ any) { c.url = strings.Replace(c.url, "https://", "http://", 1) },
}

func zipped(body io.Reader) []byte {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = io.Copy(zip, body) // from memory to memory
	_ = zip.Close()
	return packed.Bytes()
}

// wide is the text in UTF-16, little end first, with its mark.
func wide(body string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune("\ufeff" + body)) {
		b.Write([]byte{byte(unit), byte(unit >> 8)})
	}
	return b.String()
}

func separator(address string) string {
	if strings.Contains(address, "?") {
		return "&"
	}
	return "?"
}

// outcome is what the server answered.
type outcome struct {
	status   int
	header   http.Header
	body     string
	json     map[string]any
	location *url.URL
	params   url.Values // of the location
	fragment bool
	tlsError error // the handshake failed, or plain HTTP did

	won, lost int // of many at once
	refused   []string
}

func (o *outcome) broken() bool { return o.tlsError != nil }

// String tells the answer without tokens and markup.
func (o *outcome) String() string {
	if o.broken() {
		return o.tlsError.Error()
	}
	body := strings.Join(strings.Fields(tags.ReplaceAllString(o.body, " ")), " ")
	if len(body) > 2000 {
		body = body[:2000] + "…"
	}
	said := fmt.Sprintf("%d %v %s %s", o.status, o.location, o.header.Get("WWW-Authenticate"), body)
	return long.ReplaceAllString(said, "…")
}

// tags are what a page has beside its text.
var tags = regexp.MustCompile(`(?is)<style.*?</style>|<[^>]*>`)

// long is a token, or a part of one.
var long = regexp.MustCompile(`[A-Za-z0-9_-]{40,}`)

const maxAnswer = 1 << 20

// send sends the call as the client with the certificate.
func (p *play) send(c *Client, certificate string, request *call) (*outcome, error) {
	if request.certificate != "" {
		certificate = request.certificate
	}
	client, err := p.target.http(certificate, c)
	if err != nil {
		return nil, err
	}
	return p.do(client, request)
}

func (p *play) do(client *http.Client, request *call) (*outcome, error) {
	r, err := http.NewRequestWithContext(p.ctx, request.method, request.url, strings.NewReader(request.body))
	if err != nil {
		return nil, err
	}
	if request.header != nil {
		r.Header = request.header.Clone()
	}
	response, err := client.Do(r)
	if err != nil {
		return broken(r, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return broken(r, err)
	}
	return p.read(response, request.url, string(body)), nil
}

// broken: a server that ends the handshake, or a plain connection, refuses.
func broken(r *http.Request, err error) (*outcome, error) {
	if isRemoteAlert(err) || r.URL.Scheme == "http" {
		return &outcome{tlsError: err, header: http.Header{}}, nil
	}
	return nil, err
}

func (p *play) read(response *http.Response, from, body string) *outcome {
	o := &outcome{status: response.StatusCode, header: response.Header, body: body}
	_ = json.Unmarshal([]byte(body), &o.json) // a page has none
	location := response.Header.Get("Location")
	base, err := url.Parse(from)
	if location == "" || err != nil {
		return o
	}
	reference, err := url.Parse(location)
	if err != nil {
		return o
	}
	o.location = base.ResolveReference(reference)
	o.params = o.location.Query()
	if _, fragment, found := strings.Cut(location, "#"); found {
		o.fragment = true
		o.params, _ = url.ParseQuery(fragment)
	}
	return o
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// browser is a user's: it has cookies, follows redirects, shows pages and
// presses buttons. It stops where a redirect leads to the callback.
type browser struct {
	client   *http.Client
	callback string
}

func newBrowser(transport http.RoundTripper, callback string) *browser {
	jar, _ := cookiejar.New(nil) // never fails
	return &browser{callback: callback, client: &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if strings.HasPrefix(req.URL.String(), callback) || len(via) > 10 {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

// page is what the browser shows.
type page struct {
	status int
	url    *url.URL
	root   *html.Node
	// fragment is what came to the callback, if the browser was sent there.
	fragment url.Values
}

func (b *browser) open(ctx context.Context, address string) (*page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return b.do(req)
}

func (b *browser) do(req *http.Request) (*page, error) {
	res, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	p := &page{status: res.StatusCode, url: res.Request.URL}
	if to, err := res.Location(); err == nil && strings.HasPrefix(to.String(), b.callback) {
		if to.RawQuery != "" {
			return nil, errors.New("the answer came in the query")
		}
		p.fragment, err = url.ParseQuery(to.EscapedFragment())
		return p, err
	}
	p.root, err = html.Parse(io.LimitReader(res.Body, 1<<20))
	return p, err
}

// press fills in fields of a form, by element id, and presses its button.
func (b *browser) press(ctx context.Context, p *page, button string, fields map[string]string) (*page, error) {
	pressed := find(p.root, func(n *html.Node) bool { return attr(n, "id") == button })
	form := pressed
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	if form == nil {
		return nil, fmt.Errorf("the page has no button %s in a form: %.200s", button, p.text())
	}
	values := url.Values{}
	find(form, func(n *html.Node) bool {
		if n.Type == html.ElementNode && n.Data == "input" && attr(n, "name") != "" {
			value := attr(n, "value")
			if typed, ok := fields[attr(n, "id")]; ok {
				value = typed
			}
			values.Add(attr(n, "name"), value)
		}
		return false
	})
	if name := attr(pressed, "name"); name != "" {
		values.Set(name, attr(pressed, "value"))
	}
	target, err := p.url.Parse(attr(form, "action"))
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", target.Scheme+"://"+target.Host)
	return b.do(req)
}

// has reports whether an element with the id is on the page.
func (p *page) has(id string) bool {
	return find(p.root, func(n *html.Node) bool { return attr(n, "id") == id }) != nil
}

// text is what the page says, without markup.
func (p *page) text() string {
	var words []string
	find(p.root, func(n *html.Node) bool {
		if n.Type == html.TextNode && n.Parent.Data != "style" && n.Parent.Data != "script" {
			words = append(words, strings.Fields(n.Data)...)
		}
		return false
	})
	return strings.Join(words, " ")
}

func find(n *html.Node, match func(*html.Node) bool) *html.Node {
	if n == nil || match(n) {
		return n
	}
	for child := range n.ChildNodes() {
		if found := find(child, match); found != nil {
			return found
		}
	}
	return nil
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

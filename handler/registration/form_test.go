package registration_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// RFC 7591 §3: who may register at all.
func TestInitialAccessToken(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.endpoint.Admit = func(_ context.Context, _ *http.Request, token string) error {
			if token != "initial" {
				return errors.New("no such token")
			}
			return nil
		}
	})
	body := string(must(json.Marshal(metadata(nil))))
	for _, token := range []string{"", "other"} {
		a := w.do(http.MethodPost, "/register", "application/json", body, token)
		if a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` || w.store.writes != 0 {
			t.Errorf("%q: %d %v", token, a.status, a.body)
		}
	}
	if a := w.do(http.MethodPost, "/register", "application/json", body, "initial"); a.status != http.StatusCreated {
		t.Errorf("%d %v", a.status, a.body)
	}
}

// What is no registration at all.
func TestForm(t *testing.T) {
	for name, c := range map[string]struct {
		method, mediaType, body string
		status                  int
	}{
		"GET":                  {http.MethodGet, "", "", http.StatusMethodNotAllowed},
		"PUT":                  {http.MethodPut, "application/json", "{}", http.StatusMethodNotAllowed},
		"form":                 {http.MethodPost, "application/x-www-form-urlencoded", "a=b", http.StatusUnsupportedMediaType},
		"no media type":        {http.MethodPost, "", "{}", http.StatusUnsupportedMediaType},
		"too large":            {http.MethodPost, "application/json", `{"a":"` + strings.Repeat("x", 128<<10) + `"}`, http.StatusRequestEntityTooLarge},
		"not JSON":             {http.MethodPost, "application/json", "{", http.StatusBadRequest},
		"nothing":              {http.MethodPost, "application/json", "", http.StatusBadRequest},
		"no object":            {http.MethodPost, "application/json", "[]", http.StatusBadRequest},
		"null":                 {http.MethodPost, "application/json", "null", http.StatusBadRequest},
		"two objects":          {http.MethodPost, "application/json", "{}{}", http.StatusBadRequest},
		"a member twice":       {http.MethodPost, "application/json", `{"scope":"a","scope":"b"}`, http.StatusBadRequest},
		"a member twice below": {http.MethodPost, "application/json", `{"jwks":{"keys":[{"kid":"a","\u006bid":"b"}]}}`, http.StatusBadRequest},
		"not UTF-8":            {http.MethodPost, "application/json", "{\"scope\":\"\xff\"}", http.StatusBadRequest},
		"deep":                 {http.MethodPost, "application/json", `{"a":` + strings.Repeat("[", 90) + strings.Repeat("]", 90) + "}", http.StatusBadRequest},
		"signed nothing":       {http.MethodPost, "application/jwt", "a.b", http.StatusBadRequest},
	} {
		t.Run("RFC7591-3.1 "+name, func(t *testing.T) {
			w := newWorld(t, open)
			a := w.do(c.method, "/register", c.mediaType, c.body, "")
			if a.status != c.status || a.text("error") == "" || w.store.writes != 0 || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %v", a.status, a.body)
			}
			if c.status == http.StatusMethodNotAllowed && a.header.Get("Allow") != "POST" {
				t.Errorf("%v", a.header)
			}
		})
	}
}

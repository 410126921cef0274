package record

import (
	"encoding/json"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
)

// fill puts something into every field, so that the test fails when a type has
// one more than its form here.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2025, 3, 4, 5, 6, 7, 123456789, time.UTC)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.String:
		v.SetString("text")
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte(`{"id_token":{}}`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		if v.Type() == reflect.TypeFor[map[string]any]() {
			v.SetMapIndex(reflect.ValueOf("name"), reflect.ValueOf("Ada"))
		}
	}
}

func fullSession() *storage.DefaultSession {
	session := &storage.DefaultSession{}
	fill(reflect.ValueOf(session).Elem())
	for i, kind := range []fosite.TokenType{fosite.AccessToken, fosite.RefreshToken, fosite.AuthorizeCode, fosite.IDToken} {
		session.SetExpiresAt(kind, time.Date(2025, 3, 4+i, 0, 0, 0, 0, time.UTC))
	}
	return session
}

func roundTrip(t *testing.T, session fosite.Session, fresh storage.Session) fosite.Requester {
	t.Helper()
	request := fosite.NewRequest()
	request.ID, request.Client, request.Session = "id", &storage.Client{ID: "buyer"}, session
	request.Form = url.Values{"scope": {"openid quote"}, "resource": {"a", "b"}}
	data, err := Encode(request)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data, request.Client, fresh)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.GetRequestForm(), request.Form) {
		t.Errorf("got the form %v", got.GetRequestForm())
	}
	return got
}

func TestSessionComesBack(t *testing.T) {
	other := fullSession()
	other.SetExpiresAt(fosite.PushedAuthorizeRequestContext, time.Unix(1, 0).UTC())
	empty := storage.NewSession()
	empty.Claims.RequestedAt = time.Time{}
	bare := &storage.DefaultSession{DefaultSession: empty.DefaultSession}
	bare.Headers = nil
	for name, want := range map[string]*storage.DefaultSession{"full": fullSession(), "another kind of token": other, "empty": empty, "no headers": bare} {
		if got := roundTrip(t, want, storage.NewSession()).GetSession(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

// own is a host's session type.
type own struct {
	storage.DefaultSession
	Tenant string `json:"tenant"`
}

// A server that gets a session type of its own still reads what it has.
func TestSessionOfTheHost(t *testing.T) {
	want := &own{*fullSession(), "t1"}
	if got := roundTrip(t, want, &own{DefaultSession: *storage.NewSession()}).GetSession(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	want.Tenant = ""
	if got := roundTrip(t, fullSession(), &own{DefaultSession: *storage.NewSession()}).GetSession(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCopyIntentIsWhatDecodeMakes(t *testing.T) {
	for name, details := range map[string]string{"none": "", "spaces": `{ "a" : "<b>" }`} {
		in := &storage.Intent{}
		fill(reflect.ValueOf(in).Elem())
		in.Details, in.ExchangedAt = json.RawMessage(details), time.Time{}
		data, err := EncodeIntent(in, 2)
		if err != nil {
			t.Fatal(err)
		}
		want, err := DecodeIntent(data)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := CopyIntent(in, 2); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
	if _, err := CopyIntent(&storage.Intent{Details: json.RawMessage(`{`)}, 1); err == nil {
		t.Error("took details that are no JSON")
	}
}

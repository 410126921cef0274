package registration_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/meflso/fosite-meflso/handler/registration"
	"github.com/meflso/fosite-meflso/storage/memory"
	"github.com/meflso/fosite-meflso/strategy/audit"
	"github.com/meflso/fosite-meflso/strategy/profile"
)

// A server that lets everybody register, within the profile.
func ExampleEndpoint() {
	p := profile.MEFLSO()
	store := memory.New(memory.Config{})
	endpoint := &registration.Endpoint{
		Profile: &p, Issuer: "https://as.seller.example", URL: "https://as.seller.example/register",
		Clients: store, Once: store, Audit: audit.Discard, Clock: time.Now, Rand: rand.Reader,
	}
	mux := http.NewServeMux()
	endpoint.Routes(mux, "/register")

	request := httptest.NewRequest(http.MethodPost, "https://as.seller.example/register", strings.NewReader(`{
		"client_name": "Buyer", "redirect_uris": ["http://localhost/cb"], "jwks_uri": "https://buyer.example/jwks" }`))
	request.Header.Set("Content-Type", "application/json")
	response := httptest.NewRecorder()
	mux.ServeHTTP(response, request)
	fmt.Print(response.Code, " ", response.Body)
	// Output: 400 {"error":"invalid_redirect_uri","error_description":"A redirect URI is no https URL."}
}

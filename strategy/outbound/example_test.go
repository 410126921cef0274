package outbound_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/meflso/fosite-meflso/strategy/outbound"
)

func Example() {
	client := outbound.New(outbound.Config{})
	for _, url := range []string{"http://buyer.example/jwks.json", "https://169.254.169.254/latest/meta-data", "https://localhost/jwks.json"} {
		_, err := client.Get(context.Background(), url, "application/jwk-set+json", "application/json")
		fmt.Println(errors.Is(err, outbound.ErrRefused), err)
	}
	// Output:
	// true outbound: refused by policy: the scheme is not https
	// true outbound: refused by policy: the host is no public domain name
	// true outbound: refused by policy: the host is no public domain name
}

func ExampleClient_Check() {
	client := outbound.New(outbound.Config{})
	fmt.Println(client.Check("https://buyer.example/jwks.json"))
	fmt.Println(client.Check("https://buyer.example:8443/jwks.json"))
	// Output:
	// <nil>
	// outbound: refused by policy: the port is not open
}

package requestobject_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/meflso/fosite-meflso/storage"
	"github.com/meflso/fosite-meflso/strategy/key"
	"github.com/meflso/fosite-meflso/strategy/profile"
	"github.com/meflso/fosite-meflso/strategy/requestobject"
)

// The request object of FAPI 1.0 Advanced, Appendix A.1, on the day on which
// it was signed.
func Example() {
	p := profile.MEFLSO()
	verifier := &requestobject.Verifier{
		Profile: &p,
		Issuer:  "https://fapi-as.example.com/",
		Keys:    key.NewClientKeys(key.ClientKeysConfig{}),
		Clock:   func() time.Time { return time.Unix(1594140100, 0) },
	}
	raw, client := appendixA1()
	object, err := verifier.Open(context.Background(), raw, "52480754053", client)
	if err != nil {
		fmt.Println(err)
		return
	}
	// The caller compares the redirect_uri with the registered ones here.
	fmt.Println(object.RedirectURI())
	if err := verifier.CheckTimes(object); err != nil {
		fmt.Println(err)
		return
	}
	params, err := object.Params()
	fmt.Println(params.Get("scope"), err)

	verifier.Clock = func() time.Time { return time.Unix(1594150000, 0) }
	fmt.Println(verifier.CheckTimes(object))
	// Output:
	// https://fapi-client.example.org/fapi-as-callback
	// openid payments <nil>
	// FAPI-5.2.2-13: invalid_request_object: The request object has expired.
}

func appendixA1() (string, *storage.ClientMetadata) {
	var v struct {
		JWKS   json.RawMessage   `json:"jwks"`
		Tokens map[string]string `json:"tokens"`
	}
	data, err := os.ReadFile("../internal/jose/testdata/fapi-appendix-a.json")
	if err != nil || json.Unmarshal(data, &v) != nil {
		panic("the vectors cannot be read")
	}
	return v.Tokens["A.1"], &storage.ClientMetadata{JWKS: v.JWKS}
}

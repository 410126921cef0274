package jose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func parse(t testing.TB, data string) Object {
	t.Helper()
	object, err := ParseObject([]byte(data))
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return object
}

func TestParseObjectDepth(t *testing.T) {
	parse(t, `{"a":`+nested(maxDepth)+`}`)
	parse(t, strings.Repeat(`{"a":`, maxDepth)+"1"+strings.Repeat("}", maxDepth))
	for _, n := range []int{maxDepth + 1, 1000, 100_000} {
		if _, err := ParseObject([]byte(`{"a":` + nested(n) + `}`)); err != ErrPayload {
			t.Errorf("%d levels: got %v, want ErrPayload", n, err)
		}
	}
}

func TestParseObjectKeepsCase(t *testing.T) {
	object := parse(t, `{"exp":1,"EXP":2,"Exp":3,"ſub":4}`)
	if len(object) != 4 || string(object["exp"]) != "1" || object.Has("sub") || !object.Has("EXP") {
		t.Errorf("got %s", object)
	}
}

// Siblings may have the same members; only one object's must differ.
func TestParseObjectAllowsSiblings(t *testing.T) {
	parse(t, `{"a":{"x":1},"b":{"x":1},"c":[{"x":1},{"x":1}],"x":1}`)
}

func TestString(t *testing.T) {
	object := parse(t, `{"s":"a\u0062","empty":"","n":1,"null":null,"list":["a"],"o":{},"b":true}`)
	for name, want := range map[string]string{"s": "ab", "empty": "", "missing": "", "S": ""} {
		if got, err := object.String(name); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"n", "null", "list", "o", "b"} {
		if got, err := object.String(name); err != ErrMember || got != "" {
			t.Errorf("%s: got %q, %v, want ErrMember", name, got, err)
		}
	}
}

func TestStrings(t *testing.T) {
	object := parse(t, `{"one":"a","many":["a","b"],"none":[],"empty":"","n":1,"null":null,"mixed":["a",1],"gap":["a",null],"deep":[["a"]],"o":{}}`)
	for name, want := range map[string][]string{"one": {"a"}, "many": {"a", "b"}, "none": {}, "empty": nil, "missing": nil} {
		if got, err := object.Strings(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"n", "null", "mixed", "gap", "deep", "o"} {
		if got, err := object.Strings(name); err != ErrMember || got != nil {
			t.Errorf("%s: got %q, %v, want ErrMember", name, got, err)
		}
	}
}

// RFC 7519 §2: a NumericDate is a number of seconds.
func TestTime(t *testing.T) {
	for value, want := range map[string]int64{
		"1": 1, "1594140390": 1594140390, "1594140390.9": 1594140390, "1.59414039e9": 1594140390, "253402300799": maxDate,
	} {
		got, err := parse(t, fmt.Sprintf(`{"exp":%s}`, value)).Time("exp")
		if err != nil || !got.Equal(time.Unix(want, 0)) || got.Location() != time.UTC {
			t.Errorf("%s: got %v, %v", value, got, err)
		}
	}
	for _, value := range []string{
		"0", "-0", "-1", "0.5", `"1594140390"`, `""`, "null", "true", "[1594140390]", "{}", "253402300800", "1e12", "1e308", "1e999",
		"9223372036854775808", "-1e999", "1594140390000", strings.Repeat("9", 5000),
	} {
		if got, err := parse(t, fmt.Sprintf(`{"exp":%s}`, value)).Time("exp"); err != ErrMember || !got.IsZero() {
			t.Errorf("%.40s: got %v, %v, want ErrMember", value, got, err)
		}
	}
	if got, err := parse(t, `{"EXP":1}`).Time("exp"); err != nil || !got.IsZero() {
		t.Errorf("missing: got %v, %v", got, err)
	}
}

package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed rows/*.json
var rowFiles embed.FS

// Row is one hostile request, as it stands in a file below rows.
type Row struct {
	Name string `json:"name"`
	// Requirement is the id of what the server breaks if it takes the request.
	Requirement string `json:"requirement"`
	// Profiles are the names of those that it is played for, or "all".
	Profiles []string `json:"profiles"`
	// Where names the endpoint that is attacked, see stages.
	Where  string   `json:"where"`
	Setup  Setup    `json:"setup"`
	Mutate []Change `json:"mutate"`
	Expect Expect   `json:"expect"`
	// Then is what must still work after the refusal: "same-object",
	// "same-intent", "same-code", "same-assertion", "same-token",
	// "same-application", "others-application", "same-registration" or "none".
	Then string `json:"then"`

	area string // the name of its file
}

// Setup is how the good request looks that the attack is made from.
type Setup struct {
	// Response is "hybrid" (the default) or "jarm".
	Response string `json:"response"`
	// Grant is that of the token: "authorization_code" (the default),
	// "refresh_token" or "client_credentials".
	Grant string `json:"grant"`
	// Scope replaces the client's own.
	Scope string `json:"scope"`
	// NoPKCE leaves the code_challenge out.
	NoPKCE bool `json:"no_pkce"`
	// Certificate is that of the good requests: "own", or "none"; the default
	// is what the profile needs.
	Certificate string `json:"certificate"`
	// First plays the good request before the hostile one.
	First bool `json:"first"`
	// Spoil does something to the token before the attack: "reuse" of what it
	// was issued for, "revoke" or "revoke-by-other". Of a registered client,
	// "remove" ends the registration and "revoke-credential" sets its bit.
	Spoil string `json:"spoil"`
	// Times sends the hostile request that often at once.
	Times int `json:"times"`
	// Client is "tls" for the client that authenticates by its certificate, or
	// "registered" for one that has just registered itself.
	Client string `json:"client"`
	// Needs is "login", for a server that does not approve by itself, "web", for
	// one that fetches what the engine publishes, or "no-web".
	Needs string `json:"needs"`
	// Applicant is the kind of who registers: "did", "keys" or "holder"; the
	// default is the first one that the configuration has all for.
	Applicant string `json:"applicant"`
	// Redirects are redirect URIs that everybody vouches for: the applicant, its
	// statement and its DID document.
	Redirects []string `json:"redirects"`
	// Challenge presents the credential in answer to a challenge.
	Challenge bool `json:"challenge"`
	// Signed sends the registration as a JWT.
	Signed bool `json:"signed"`
	// Status is what is published in the place of the status list: "html",
	// "missing", "elsewhere", "large" or "bomb".
	Status string `json:"status"`
	// Method, Path and Body are those of a call of the API.
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   json.RawMessage `json:"body"`
	// List is a member of the discovery document.
	List string `json:"list"`
	// Version and Suite are what the TLS client offers alone.
	Version string `json:"version"`
	Suite   string `json:"suite"`
}

// Change is one small mutation: what it is done on, what is done, and with
// which values. Texts may have ${names}, see play.value.
type Change struct {
	On    string          `json:"on"`
	Do    string          `json:"do"`
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// Expect is the only acceptable outcome.
type Expect struct {
	// Class is one of those in classes.
	Class string `json:"class"`
	// Errors are the acceptable OAuth error codes.
	Errors []string `json:"errors"`
	// Status is the HTTP status; 0 is the usual one of the class.
	Status int `json:"status"`
	// Has are members of a JSON answer that must be there.
	Has []string `json:"has"`
	// Lacks and Is are members of a registration that must not be there, or must
	// have this value.
	Lacks []string                   `json:"lacks"`
	Is    map[string]json.RawMessage `json:"is"`
}

// loadRows reads all rows, in the order of the files and their lines.
func loadRows() ([]Row, error) {
	files, err := fs.Glob(rowFiles, "rows/*.json")
	if err != nil {
		return nil, err
	}
	var all []Row
	for _, file := range files {
		rows, err := readRows(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, rows...)
	}
	return all, unique(all)
}

func readRows(file string) ([]Row, error) {
	f, err := rowFiles.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	decoder := json.NewDecoder(f)
	decoder.DisallowUnknownFields() // a typing error must not make an attack harmless
	var rows []Row
	if err := decoder.Decode(&rows); err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].area = strings.TrimSuffix(path.Base(file), ".json")
		if err := rows[i].check(); err != nil {
			return nil, fmt.Errorf("%q: %w", rows[i].Name, err)
		}
	}
	return rows, nil
}

func unique(rows []Row) error {
	seen := map[string]bool{}
	for _, row := range rows {
		if seen[row.ID()] {
			return fmt.Errorf("two rows are called %q", row.ID())
		}
		seen[row.ID()] = true
	}
	return nil
}

var (
	profileNames = []string{"all", "mef-lso", "mef-lso-128", "fapi1-advanced", "nz-banking", "uk-ob"}
	thens        = []string{"same-object", "same-intent", "same-code", "same-assertion", "same-token", "same-application", "others-application", "same-registration", "none"}
)

func (r *Row) check() error {
	if r.Name == "" || r.Requirement == "" || len(r.Profiles) == 0 {
		return fmt.Errorf("name, requirement or profiles are missing")
	}
	for _, p := range r.Profiles {
		if !slices.Contains(profileNames, p) {
			return fmt.Errorf("profile %q is unknown", p)
		}
	}
	if _, ok := stages[r.Where]; !ok {
		return fmt.Errorf("where %q is unknown", r.Where)
	}
	if _, ok := classes[r.Expect.Class]; !ok {
		return fmt.Errorf("class %q is unknown", r.Expect.Class)
	}
	if !slices.Contains(thens, r.Then) {
		return fmt.Errorf("then %q is unknown", r.Then)
	}
	for _, c := range r.Mutate {
		if !slices.Contains(targets, c.On) {
			return fmt.Errorf("on %q is unknown", c.On)
		}
	}
	return nil
}

// targets are what a Change may be done on.
var targets = []string{
	"object.header", "object.payload", "object.jws", "object.jwe", "object.text",
	"assertion.header", "assertion.payload", "assertion.jws", "assertion.text",
	"query", "form", "call", "body", "document",
	"statement.header", "statement.payload", "statement.jws", "statement.text",
	"credential.header", "credential.payload", "credential.jws", "credential.text",
	"presentation.header", "presentation.payload", "presentation.jws", "presentation.text",
	"status.header", "status.payload", "status.jws", "status.text",
	"signed.header", "signed.payload", "signed.jws", "signed.text",
}

// ID is the row's name with its area.
func (r *Row) ID() string { return r.area + "/" + r.Name }

// For reports whether the row is one of the profile.
func (r *Row) For(profile string) bool {
	return slices.Contains(r.Profiles, "all") || slices.Contains(r.Profiles, profile)
}

// isAbout reports whether the row changes something of one of these kinds.
func (r *Row) isAbout(kinds ...string) bool {
	return slices.ContainsFunc(r.Mutate, func(c Change) bool {
		kind, _, _ := strings.Cut(c.On, ".")
		return slices.Contains(kinds, kind)
	})
}

// does returns the changes of one target, in order.
func (r *Row) does(on string) []Change {
	var changes []Change
	for _, c := range r.Mutate {
		if c.On == on {
			changes = append(changes, c)
		}
	}
	return changes
}

package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// profiles are what example/op is started with.
var profiles = []string{"mef-lso", "mef-lso-128", "fapi1-advanced", "nz-banking", "uk-ob"}

// Every row against example/op, over TLS, once for each of its profiles.
func TestAttacks(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			w := startWorld(t, profile, Approval{Auto: true})
			w.play(t, func(Row) bool { return true })
		})
	}
	t.Run("with pages", func(t *testing.T) {
		t.Parallel()
		w := startWorld(t, "mef-lso", Approval{Username: "alice", Password: "alice", UsernameField: "username", Decision: "approve"})
		w.play(t, func(row Row) bool { return row.Setup.Needs == "login" || row.area == "intent" })
	})
	t.Run("without a way to this machine", func(t *testing.T) {
		t.Parallel()
		w := startWorld(t, "mef-lso", Approval{Auto: true}, func(w *world) { w.alone = true })
		w.play(t, func(row Row) bool { return row.Setup.Needs == "no-web" })
	})
}

func (w *world) play(t *testing.T, wanted func(Row) bool) {
	t.Helper()
	rows, err := loadRows()
	must(t, err)
	target, err := open(t.Context(), w.file)
	must(t, err)
	t.Cleanup(target.close)
	w.target = target
	for _, row := range rows {
		if !row.For(w.profile) || !wanted(row) {
			continue
		}
		t.Run(row.Requirement+"/"+row.ID(), func(t *testing.T) {
			switch err := target.run(t.Context(), &row); {
			case errors.Is(err, errSkip):
				t.Skip(err)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

// config is what a team would write for this server.
func (w *world) config(t *testing.T, issuer, base string, approval Approval) (config claims, registered []claims) {
	t.Helper()
	ca := newAuthority(t)
	w.write(t, "clients-ca.pem", ca.pem())
	scope := "openid accounts"
	if isMEF(w.profile) {
		scope = "openid quote"
	}
	var clients []ClientConfig
	for _, id := range []string{"buyer-a", "buyer-b"} {
		own, known := w.identity(t, id, scope, ca)
		if !isMEF(w.profile) {
			known["tls_client_auth_subject_dn"] = "CN=" + id
		}
		clients, registered = append(clients, own), append(registered, known)
	}
	byTLS, known := w.identity(t, "buyer-tls", scope, ca)
	known["token_endpoint_auth_method"], known["tls_client_auth_subject_dn"] = "tls_client_auth", "CN=buyer-tls"
	config = claims{
		"issuer": issuer, "profile": w.profile, "ca": "lso-tls-cert.pem", "clients": clients, "tls_client": byTLS,
		"mtls": !isMEF(w.profile), "approve": approval, "intent": w.intents(base), "resource": base + "/resource",
		"registration": w.registration(t),
	}
	if isMEF(w.profile) {
		config["api"] = base
	}
	return config, append(registered, known)
}

func isMEF(profile string) bool { return profile == "mef-lso" || profile == "mef-lso-128" }

// intents: quotes of MEF LSO, consents of open banking, and none of FAPI.
func (w *world) intents(base string) claims {
	switch {
	case isMEF(w.profile):
		return claims{
			"claim": "meflso_intent_id", "url": base + "/quote", "scope": "quote", "id": []string{"Data", "QuoteId"},
			"body": claims{"Data": claims{"Kind": "once"}}, "repeated_body": claims{"Data": claims{"Kind": "repeated"}},
		}
	case w.profile == "fapi1-advanced":
		return claims{}
	}
	body := claims{"Data": claims{"Permissions": []string{"ReadAccountsBasic"}}, "Risk": claims{}}
	return claims{
		"claim": "openbanking_intent_id", "url": base + "/open-banking/v3.1/aisp/account-access-consents", "scope": "accounts",
		"id": []string{"Data", "ConsentId"}, "body": body, "repeated_body": body,
	}
}

// The program reads the same files, prints a line per attack and a summary, and
// says by its status what came of it.
func TestProgram(t *testing.T) {
	w := startWorld(t, "mef-lso", Approval{Auto: true})
	out, errs := &strings.Builder{}, &strings.Builder{}
	play := func(args ...string) int {
		out.Reset()
		return run(t.Context(), args, out, errs)
	}
	if status := play("-config", w.file, "-only", "object-claims/exp"); status != 0 || !strings.Contains(out.String(), " passed, 0 failed") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	if status := play("-list"); status != 0 || !strings.Contains(out.String(), "tls/pages: TLS 1.0") {
		t.Errorf("-list gave status %d: %s", status, out)
	}
	if status := play("-config", os.DevNull); status != statusUsage {
		t.Errorf("an empty configuration gave status %d", status)
	}
	// A server that is not what the configuration says.
	data, err := os.ReadFile(w.file)
	must(t, err)
	file := w.write(t, "other.json", []byte(strings.Replace(string(data), `"profile": "mef-lso"`, `"profile": "nz-banking"`, 1)))
	if status := play("-config", file, "-only", "outside/state differs and"); status != statusFailed || !strings.Contains(out.String(), "FAIL FAPI-5.2.2-10") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// A slip in the files must not leave a profile without attacks.
func TestRows(t *testing.T) {
	rows, err := loadRows()
	must(t, err)
	for _, profile := range profiles {
		count := 0
		for _, row := range rows {
			if row.For(profile) {
				count++
			}
		}
		if count < 120 {
			t.Errorf("%s has %d attacks", profile, count)
		}
		t.Logf("%s: %d attacks of %d", profile, count, len(rows))
	}
}

// What a server uses up although it refused is found: here by a good request
// in the place of an attack.
func TestUnchanged(t *testing.T) {
	w := startWorld(t, "mef-lso", Approval{Auto: true})
	target, err := open(t.Context(), w.file)
	must(t, err)
	t.Cleanup(target.close)
	for where, then := range map[string]string{"register": "same-application", "authorize": "same-object", "token": "same-code", "pushed": "same-object"} {
		row := Row{Name: "good", Where: where, Expect: Expect{Class: "accepted"}, Then: then}
		if where == "register" {
			row.Expect.Status = http.StatusCreated
		}
		if err := target.run(t.Context(), &row); err == nil || !strings.Contains(err.Error(), "after the refusal") {
			t.Errorf("%s said %v", where, err)
		}
	}
}

// A list of intents serves as well as an API that makes them, until it ends.
func TestIntentsOfAList(t *testing.T) {
	w := startWorld(t, "mef-lso", Approval{Auto: true})
	target, err := open(t.Context(), w.file)
	must(t, err)
	t.Cleanup(target.close)
	id, err := target.play(t.Context(), &Row{}).lodge(target.a)
	must(t, err)
	target.Intent.URL, target.Intent.IDs = "", map[string][]string{target.a.ID: {id}}
	rows, err := loadRows()
	must(t, err)
	row := pick(rows, "intent/claims missing")[0]
	must(t, target.run(t.Context(), &row))
	if err := target.run(t.Context(), &row); err == nil || !strings.Contains(err.Error(), "no intent left") {
		t.Errorf("the second attack said %v", err)
	}
}

// Who connects to the canary is seen.
func TestCanary(t *testing.T) {
	c, err := newCanary(t.Context(), "", "")
	must(t, err)
	defer c.close()
	connection, err := net.Dial("tcp", c.listener.Addr().String())
	must(t, err)
	defer connection.Close()
	_, _ = connection.Read(make([]byte, 1)) // it hangs up once it has counted
	if c.hits.Load() != 1 {
		t.Errorf("%d hits", c.hits.Load())
	}
}

package op_test

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/meflso/fosite-meflso/test/harness"
)

// TestFlow: quote, login and consent at one process, code and submission at
// another.
func TestFlow(t *testing.T) {
	s := newSite(t)
	one := s.start(t)
	two := s.start(t)
	quote := one.quote(t, s.buyer, "")
	redeemed := two.Redeem(t, s.buyer, one.code(t, quote))
	token, _ := redeemed.Body["access_token"].(string)
	if token == "" || redeemed.Body["id_token"] == nil {
		t.Fatalf("no tokens: %d %s", redeemed.Status, redeemed.Raw)
	}
	submission := `{"Data":{"QuoteId":"` + quote + `"}}`
	if r := one.call(t, token, "/quote-submissions", submission); r.Status != http.StatusCreated {
		t.Errorf("submission: %d %s", r.Status, r.Raw)
	}
	if r := two.call(t, token, "/quote-submissions", submission); r.Status != http.StatusForbidden {
		t.Errorf("a second submission at the other process: %d %s", r.Status, r.Raw)
	}
	if r := two.call(t, token, "/quote/"+quote, ""); r.Status != http.StatusOK || !strings.Contains(r.Raw, "Consumed") {
		t.Errorf("the quote: %d %s", r.Status, r.Raw)
	}
	one.stop(t)
	two.stop(t)
	checkFiles(t, s)
}

// checkFiles: keys and secret are files that the owner alone can read, and are
// not in the database.
func checkFiles(t *testing.T, s *site) {
	t.Helper()
	tables := s.dump(t)
	for name, parts := range map[string][]string{"lso-keys.json": {`"d":`, `"p":`}, "lso-secret": nil} {
		path := filepath.Join(s.dir, name)
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		content, err := os.ReadFile(path)
		must(t, err)
		for _, part := range append(parts, string(content)) {
			if strings.Contains(tables, part) {
				t.Errorf("the database holds %.20q of %s", part, name)
			}
		}
	}
}

// dump is every row of every table of the library's.
func (s *site) dump(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	for _, table := range []string{"lso_intents", "lso_once", "lso_clients", "lso_requests"} {
		rows, err := s.db.QueryContext(t.Context(), `SELECT row_to_json(x)::text FROM `+table+` x`)
		must(t, err)
		for rows.Next() {
			var row string
			must(t, rows.Scan(&row))
			text.WriteString(row + "\n")
		}
		must(t, rows.Err())
		must(t, rows.Close())
	}
	if text.Len() == 0 {
		t.Fatal("the tables are empty")
	}
	return text.String()
}

// TestTwentyRedemptions: twenty at once, spread over two processes, and one of
// them gets tokens.
func TestTwentyRedemptions(t *testing.T) {
	s := newSite(t)
	processes := []*process{s.start(t, "-auto-approve", "alice"), s.start(t, "-auto-approve", "alice")}
	for range 5 {
		code := processes[0].code(t, processes[1].quote(t, s.buyer, ""))
		answers := make([]harness.Response, 20)
		var all sync.WaitGroup
		gate := make(chan struct{})
		for i := range answers {
			all.Go(func() {
				<-gate
				answers[i] = processes[i%2].Redeem(t, s.buyer, code)
			})
		}
		close(gate)
		all.Wait()
		checkOne(t, answers)
	}
	for _, p := range processes {
		p.stop(t)
	}
}

func checkOne(t *testing.T, answers []harness.Response) {
	t.Helper()
	won := 0
	for _, r := range answers {
		switch {
		case r.Status == http.StatusOK && r.Body["access_token"] != nil:
			won++
		case r.Status != http.StatusBadRequest || r.Body["error"] != "invalid_grant":
			t.Errorf("a loser got %d %s", r.Status, r.Raw)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d succeeded", won, len(answers))
	}
}

// TestKill: one of two processes is killed under load. Its clients go on at the
// other one: every code is redeemed once, or was redeemed with an answer that
// was lost on the way; nothing is left half done.
func TestKill(t *testing.T) {
	const (
		codes     = 80
		workers   = 8
		killAfter = 15
	)
	s := newSite(t)
	dies, survives := s.start(t, "-auto-approve", "alice"), s.start(t, "-auto-approve", "alice")
	grants := s.grants(t, survives, codes)
	work := make(chan *grant, codes)
	for _, g := range grants {
		work <- g
	}
	close(work)

	var done atomic.Int64
	var killed sync.Once
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for g := range work {
				if g.first = s.redeem(dies, g.code); g.first.err != nil {
					g.second = s.redeem(survives, g.code)
				}
				if done.Add(1) == killAfter {
					killed.Do(func() { dies.kill(t) })
				}
			}
		})
	}
	all.Wait()
	s.judge(t, survives, grants, workers)
	survives.stop(t)
}

// grant is a code and what came of it at either process.
type grant struct {
	quote, code   string
	first, second outcome
}

// outcome is an answer of the token endpoint, or what kept it from coming.
type outcome struct {
	status int
	body   harness.Claims
	err    error
}

func (o outcome) token() string {
	token, _ := o.body["access_token"].(string)
	return token
}

var errNotAsked = errors.New("not asked")

func (s *site) grants(t *testing.T, p *process, n int) []*grant {
	t.Helper()
	own := p.ownToken(t)
	grants := make([]*grant, n)
	for i := range grants {
		quote := p.quoteWith(t, own)
		grants[i] = &grant{quote: quote, code: p.code(t, quote), second: outcome{err: errNotAsked}}
	}
	return grants
}

// redeem does not fail the test where the server is gone.
func (s *site) redeem(p *process, code string) outcome {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {s.buyer.Redirect}}
	response, err := p.HTTP.PostForm(p.Token, s.buyer.Authenticated(form))
	if err != nil {
		return outcome{err: err}
	}
	return read(response)
}

// judge holds the answers against each other and against what is stored.
func (s *site) judge(t *testing.T, survives *process, grants []*grant, inFlight int) {
	t.Helper()
	count := map[string]int{}
	for _, g := range grants {
		count[s.verdict(t, survives, g)]++
	}
	t.Logf("%v", count)
	if count["at the first"] == 0 || count["at the second"] == 0 || count["lost"] > inFlight || count["wrong"] > 0 {
		t.Errorf("outcomes: %v", count)
	}
	var open int
	must(t, s.db.QueryRowContext(t.Context(), `SELECT count(*) FROM lso_intents WHERE data NOT LIKE '%"exchanged_at"%'`).Scan(&open))
	if open > 0 {
		t.Errorf("%d intents are not exchanged", open)
	}
}

// verdict names what came of a code. A token that was issued works.
func (s *site) verdict(t *testing.T, survives *process, g *grant) string {
	t.Helper()
	answers := []outcome{g.first, g.second}
	won := slices.IndexFunc(answers, func(o outcome) bool { return o.token() != "" })
	switch {
	case won < 0 && g.second.status == http.StatusBadRequest && g.second.body["error"] == "invalid_grant":
		return "lost"
	case won < 0 || (won == 0 && !errors.Is(g.second.err, errNotAsked)):
		t.Errorf("%+v, then %+v", g.first, g.second)
		return "wrong"
	}
	if r := survives.call(t, answers[won].token(), "/quote/"+g.quote, ""); r.Status != http.StatusOK {
		t.Errorf("the token is good for nothing: %d %s", r.Status, r.Raw)
		return "wrong"
	}
	return []string{"at the first", "at the second"}[won]
}

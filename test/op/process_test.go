package op_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/meflso/fosite-meflso/test/harness"
	"github.com/meflso/fosite-meflso/test/pgtest"
)

const password = "hunter2-of-the-database"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// program builds the server once for all tests.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lso-op")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "op")
	build := exec.Command("go", "build", "-o", path, "./op")
	build.Dir = filepath.Join("..", "..", "example") // a module of its own
	out, err := build.CombinedOutput()
	if err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return path, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(status)
}

// site is a database, a folder with the files of the server, and a client: what
// all processes of one server share.
type site struct {
	db      *sql.DB
	url     string // of the database
	shown   string // what may be shown of it
	dir     string
	issuer  string
	api     string
	ports   [2]string
	buyer   *harness.Buyer
	started bool
}

func newSite(t *testing.T) *site {
	t.Helper()
	server := pgtest.Server(t)
	s := &site{db: pgtest.Database(t, server), dir: t.TempDir(), ports: [2]string{freePort(t), freePort(t)}}
	s.issuer, s.api = "https://localhost:"+s.ports[0], "https://localhost:"+s.ports[1]
	s.locate(t, server)
	s.buyer = harness.NewBuyer(t, "buyer-a", "ES256", s.issuer)
	clients, err := json.Marshal([]harness.Claims{s.buyer.Metadata()})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(s.dir, "clients.json"), clients, 0o600))
	return s
}

// locate makes the URL of the database, with a password even where the server
// trusts everybody.
func (s *site) locate(t *testing.T, server string) {
	t.Helper()
	u, err := url.Parse(server)
	must(t, err)
	var name string
	must(t, s.db.QueryRowContext(t.Context(), `SELECT current_database()`).Scan(&name))
	u.Path = "/" + name
	if _, set := u.User.Password(); !set {
		u.User = url.UserPassword(u.User.Username(), password)
	}
	s.url = u.String()
	s.shown = "postgres://" + u.User.Username() + "@" + u.Host + u.Path
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// process is one running server of a site.
type process struct {
	harness.Target
	site    *site
	api     string // its own resource API
	command *exec.Cmd
	stdout  *bufio.Reader
	stderr  string // a file
}

// start runs one more process; the first one listens where the issuer is.
func (s *site) start(t *testing.T, args ...string) *process {
	t.Helper()
	path, err := program()
	must(t, err)
	ports := s.ports
	if s.started {
		ports = [2]string{freePort(t), freePort(t)}
	}
	s.started = true
	args = append([]string{
		"-store", s.url, "-clients", "clients.json", "-issuer", s.issuer, "-mtls-base", s.api,
		"-listen", "127.0.0.1:" + ports[0], "-mtls-listen", "127.0.0.1:" + ports[1],
	}, args...)
	p := &process{site: s, api: "https://localhost:" + ports[1], command: exec.Command(path, args...)}
	p.run(t)
	base := "https://localhost:" + ports[0]
	p.Target = harness.Target{
		Issuer: base, Authorize: base + "/oauth2/auth", Token: base + "/oauth2/token", HTTP: s.client(t),
		NewIntent: p.quote, User: "alice", Password: "alice",
	}
	return p
}

func (p *process) run(t *testing.T) {
	t.Helper()
	stderr, err := os.CreateTemp(p.site.dir, "stderr-*")
	must(t, err)
	defer stderr.Close()
	p.stderr, p.command.Stderr, p.command.Dir = stderr.Name(), stderr, p.site.dir
	out, err := p.command.StdoutPipe()
	must(t, err)
	must(t, p.command.Start())
	t.Cleanup(func() { _ = p.command.Process.Kill() })
	p.stdout = bufio.NewReader(out)
	line, err := p.stdout.ReadString('\n')
	want := "ready issuer=" + p.site.issuer + " mtls=" + p.site.api + " profile=mef-lso store=" + p.site.shown + "\n"
	if err != nil || line != want {
		t.Fatalf("ready line %q, %v, want %q; the log:\n%s", line, err, want, p.log(t))
	}
}

func (p *process) log(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(p.stderr)
	must(t, err)
	return string(data)
}

// stop ends the process in order and looks at what it said.
func (p *process) stop(t *testing.T) {
	t.Helper()
	must(t, p.command.Process.Signal(syscall.SIGTERM))
	rest, _ := io.ReadAll(p.stdout)
	if err := p.command.Wait(); err != nil || len(rest) > 0 {
		t.Errorf("it ended with %v, stdout %q", err, rest)
	}
	log := p.log(t)
	if strings.Contains(log, `"ERROR"`) || strings.Contains(log, password) {
		t.Errorf("the log:\n%s", log)
	}
}

// kill ends the process as a power failure does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = p.command.Wait() // it was killed
}

// client trusts the certificate that the first process made.
func (s *site) client(t *testing.T) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(s.dir, "lso-tls-cert.pem"))
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 32},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       20 * time.Second,
	}
}

// ownToken is a token of the client on its own behalf.
func (p *process) ownToken(t testing.TB) string {
	t.Helper()
	r := p.Post(t, p.Token, p.site.buyer.Authenticated(url.Values{"grant_type": {"client_credentials"}, "scope": {"quote"}}))
	token, ok := r.Body["access_token"].(string)
	if !ok {
		t.Fatalf("no token: %d %s", r.Status, r.Raw)
	}
	return token
}

// call calls the resource API; a body makes it a POST.
func (p *process) call(t testing.TB, token, path, body string) harness.Response {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, p.api+path, strings.NewReader(body))
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := p.HTTP.Do(r)
	must(t, err)
	return harness.ReadJSON(t, response)
}

// quote lodges an intent at the quote API.
func (p *process) quote(t testing.TB, _ *harness.Buyer, _ string) string {
	t.Helper()
	return p.quoteWith(t, p.ownToken(t))
}

func (p *process) quoteWith(t testing.TB, token string) string {
	t.Helper()
	r := p.call(t, token, "/quote", `{"Data":{"description":"Two access lines"}}`)
	data, _ := r.Body["Data"].(map[string]any)
	id, ok := data["QuoteId"].(string)
	if !ok {
		t.Fatalf("no quote: %d %s", r.Status, r.Raw)
	}
	return id
}

// code has the user approve a quote.
func (p *process) code(t testing.TB, quote string) string {
	t.Helper()
	answer := p.Approve(t, p.URL(p.site.buyer, p.site.buyer.Object(quote)))
	code := answer.Params.Get("code")
	if code == "" {
		t.Fatalf("no code: %d %v %s", answer.Status, answer.Params, answer.Body)
	}
	return code
}

// read reads an answer that may break off.
func read(response *http.Response) outcome {
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	o := outcome{status: response.StatusCode, err: err}
	if err == nil {
		o.err = json.Unmarshal(raw, &o.body)
	}
	return o
}

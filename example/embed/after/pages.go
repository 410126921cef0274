package host

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const (
	loginCookie   = "__Host-login"
	loginLifespan = 12 * time.Hour
)

var loginPage = template.Must(template.New("login").Parse(`<!DOCTYPE html>
<title>Log in</title>
{{with .Error}}<p role="alert">{{.}}</p>{{end}}
<form method="post">
<label>Name <input id="username" name="username" autocomplete="username" required></label>
<label>Password <input id="password" name="password" type="password" autocomplete="current-password" required></label>
<button id="submit_button">Log in</button>
</form>
`))

var consentPage = template.Must(template.New("consent").Parse(`<!DOCTYPE html>
<title>Allow access</title>
<form method="post" action="{{.Here}}">
<p>{{.User.ID}}, do you allow {{.Client.GetID}} access to {{with .Pending.Intent}}{{.ID}} ({{.Kind}}){{end}}:</p>
<ul>{{range .Scopes}}<li>{{.}}</li>{{end}}</ul>
<input type="hidden" name="csrf" value="{{.User.CSRF}}">
<button id="submit_button" name="decision" value="approve">Allow</button>
<button id="cancel_button" name="decision" value="decline">Cancel</button>
</form>
`))

func render(w http.ResponseWriter, page *template.Template, data map[string]any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_ = page.Execute(w, data) // fails only if the browser has gone away
}

// decisionOf returns what user chose on the consent page: "approve",
// "decline", or "" as long as the page has not been sent by that user.
func decisionOf(r *http.Request, user *User) string {
	if subtle.ConstantTimeCompare([]byte(r.PostForm.Get("csrf")), []byte(user.CSRF)) != 1 {
		return ""
	}
	return r.PostForm.Get("decision")
}

// login shows the login page and takes its form; it then returns to the
// address in next.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		render(w, loginPage, nil)
		return
	}
	cookie, err := s.store.login(r.Context(), r.PostFormValue("username"), r.PostFormValue("password"))
	if errors.Is(err, errWrongPassword) {
		render(w, loginPage, map[string]any{"Error": "Wrong name or password."})
		return
	}
	if err != nil {
		http.Error(w, "The login failed. Please try again.", http.StatusInternalServerError)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: loginCookie, Value: cookie, Path: "/",
		HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, local(r.URL.Query().Get("next")), http.StatusSeeOther)
}

// local returns next if it is the authorize endpoint of this server, the only
// page that sends users to the login. Anything else could lead them astray.
func local(next string) string {
	if strings.HasPrefix(next, "/oauth2/auth?") {
		return next
	}
	return "/"
}

var errWrongPassword = errors.New("wrong name or password")

// login checks the password and returns the value of a new login cookie.
func (s *store) login(ctx context.Context, id, password string) (string, error) {
	var hash []byte
	err := s.db.QueryRowContext(ctx, `SELECT password FROM users WHERE id = ?`, id).Scan(&hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil {
		return "", errWrongPassword
	}
	cookie := rand.Text()
	_, err = s.db.ExecContext(ctx, `INSERT INTO logins (cookie, user_id, auth_time) VALUES (?, ?, ?)`,
		digest("login", cookie), id, time.Now().Unix())
	return cookie, err
}

// userOf returns the user whose login cookie r carries, nil if there is none.
func (s *store) userOf(r *http.Request) *User {
	cookie, err := r.Cookie(loginCookie)
	if err != nil {
		return nil
	}
	user := &User{AMR: []string{"pwd"}, CSRF: digest("csrf", cookie.Value)}
	var authTime int64
	err = s.db.QueryRowContext(r.Context(), `SELECT users.id, tenant, acr, auth_time
		FROM logins JOIN users ON users.id = logins.user_id WHERE cookie = ? AND auth_time > ?`,
		digest("login", cookie.Value), time.Now().Add(-loginLifespan).Unix()).
		Scan(&user.ID, &user.Tenant, &user.ACR, &authTime)
	if err != nil {
		return nil
	}
	user.AuthTime = time.Unix(authTime, 0).UTC()
	return user
}

// AddUser opens an account; password is the bcrypt hash of its password.
func AddUser(ctx context.Context, db *sql.DB, u *User, password []byte) error {
	_, err := db.ExecContext(ctx, `INSERT INTO users (id, password, tenant, acr) VALUES (?, ?, ?, ?)`,
		u.ID, password, u.Tenant, u.ACR)
	return err
}

// digest derives a value from a login cookie: its key in the table logins,
// which thus holds no cookie that works, or the CSRF token of the login.
func digest(purpose, cookie string) string {
	sum := sha256.Sum256([]byte(purpose + ":" + cookie))
	return hex.EncodeToString(sum[:])
}

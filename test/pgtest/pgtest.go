// Package pgtest gives tests a real PostgreSQL: the server that
// LSO_TEST_POSTGRES names, or one that it starts on loopback in a temporary
// folder and stops with the test.
package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
)

// Env names a server to use instead of starting one, as a postgres:// URL
// whose user may create databases.
const Env = "LSO_TEST_POSTGRES"

// Server starts PostgreSQL and returns its URL. Where it is not installed the
// test is skipped, or fails with CI=true.
func Server(t testing.TB) string {
	t.Helper()
	if url := os.Getenv(Env); url != "" {
		return url
	}
	bin := binaries(t)
	// Not t.TempDir: the server runs as another user, which must reach it.
	dir, err := os.MkdirTemp("/tmp", "lso-pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	own(t, dir)
	data, port := filepath.Join(dir, "data"), freePort(t)
	run(t, as(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"))
	server := as(filepath.Join(bin, "postgres"), "-D", data, "-c", "listen_addresses=127.0.0.1", "-p", port,
		"-c", "unix_socket_directories="+dir, "-c", "fsync=off", "-c", "max_connections=200")
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server, filepath.Join(data, "postmaster.pid"), &log) })
	url := "postgres://postgres@127.0.0.1:" + port + "/postgres?sslmode=disable"
	wait(t, url, &log)
	return url
}

// Database makes a fresh database on the server and opens it.
func Database(t testing.TB, server string) *sql.DB {
	t.Helper()
	admin := open(t, server)
	name := "lso_" + strings.ToLower(rand.Text())
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	base, query, _ := strings.Cut(server, "?")
	return open(t, base[:strings.LastIndexByte(base, '/')+1]+name+"?"+query)
}

func open(t testing.TB, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(25)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func binaries(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		const missing = "PostgreSQL is not installed (Debian: apt-get install postgresql); or set " + Env
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	return filepath.Dir(found[len(found)-1])
}

// as runs a program as the user postgres where the test is root, which
// PostgreSQL refuses to be.
func as(name string, args ...string) *exec.Cmd {
	if os.Geteuid() == 0 {
		return exec.Command("runuser", append([]string{"-u", "postgres", "--", name}, args...)...)
	}
	return exec.Command(name, args...)
}

func own(t testing.TB, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	run(t, exec.Command("chown", u.Uid+":"+u.Gid, dir))
}

func run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

func wait(t testing.TB, url string, log *bytes.Buffer) {
	t.Helper()
	db := open(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for db.PingContext(ctx) != nil {
		select {
		case <-ctx.Done():
			t.Fatalf("PostgreSQL does not come up:\n%s", log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop asks for a fast shutdown: SIGINT to the postmaster itself, whose
// process id is the first line of its file.
func stop(t testing.TB, server *exec.Cmd, pidFile string, log *bytes.Buffer) {
	t.Helper()
	pid, err := os.ReadFile(pidFile)
	if err != nil {
		t.Errorf("no postmaster: %v\n%s", err, log)
		return
	}
	first, _, _ := strings.Cut(string(pid), "\n")
	run(t, exec.Command("kill", "-INT", first))
	if err := server.Wait(); err != nil {
		t.Errorf("PostgreSQL: %v\n%s", err, log)
	}
}

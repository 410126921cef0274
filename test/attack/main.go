// Command attack plays hostile requests against an OpenID Provider and tells
// which it took. Aim it at a server in a test environment:
//
//	go run ./test/attack -config attack.json
//
// The configuration names the issuer, the profile, two clients with their
// private keys and certificates, how an intent comes about and how the user
// approves; see [Config], and example.json beside this file. Each line is one
// attack: "ok", "FAIL" with what the server did instead, or "skip" with what
// the configuration lacks. The last line is the summary; the exit status is 1
// if the server took an attack, or changed something although it refused one,
// and 2 if nothing could be played.
//
// A server at which clients register themselves is told, in its own way, to
// trust a directory and a registry of the test environment; the configuration
// has their private keys, and a web server's certificate with which the engine
// publishes their documents and those of who registers.
//
// The attacks are data, in the files below rows: what is changed in a good
// request, where it goes, and the only acceptable answer. After a refusal the
// same intent, request object, code or token must still work.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

const (
	statusFailed = 1
	statusUsage  = 2
)

// run returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("attack", flag.ContinueOnError)
	set.SetOutput(stderr)
	file := set.String("config", "", "JSON `file` that names the server and the clients")
	only := set.String("only", "", "play the attacks whose name or area contains this `text`")
	list := set.Bool("list", false, "print the attacks and play none")
	if err := set.Parse(args); err != nil {
		return statusUsage
	}
	rows, err := loadRows()
	if err == nil && *list {
		return printRows(stdout, rows)
	}
	if err == nil && *file == "" {
		err = errors.New("the flag -config is missing")
	}
	if err == nil {
		var failed int
		if failed, err = attack(ctx, *file, pick(rows, *only), stdout); err == nil && failed > 0 {
			return statusFailed
		}
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "attack:", err)
		return statusUsage
	}
	return 0
}

func printRows(out io.Writer, rows []Row) int {
	for i := range rows {
		_, _ = fmt.Fprintf(out, "%-16s %s (%s)\n", rows[i].Requirement, rows[i].ID(), strings.Join(rows[i].Profiles, " "))
	}
	return 0
}

func pick(rows []Row, only string) (picked []Row) {
	for _, row := range rows {
		if strings.Contains(row.ID(), only) {
			picked = append(picked, row)
		}
	}
	return picked
}

// open makes the target of a configuration; close it after use.
func open(ctx context.Context, file string) (*Target, error) {
	config, err := readConfig(file)
	if err != nil {
		return nil, err
	}
	target, err := newTarget(ctx, config)
	if err != nil {
		return nil, err
	}
	target.canary, err = newCanary(ctx, config.CanaryListen, config.CanaryURL)
	return target, err
}

// attack plays the rows of the server's profile, one after the other.
func attack(ctx context.Context, file string, rows []Row, out io.Writer) (failed int, err error) {
	target, err := open(ctx, file)
	if err != nil {
		return 0, err
	}
	defer target.close()
	var passed, skipped int
	for i := range rows {
		row := &rows[i]
		if !row.For(target.Profile) {
			continue
		}
		switch err := target.run(ctx, row); {
		case err == nil:
			passed++
			_, _ = fmt.Fprintf(out, "ok   %-16s %s\n", row.Requirement, row.ID())
		case errors.Is(err, errSkip):
			skipped++
			_, _ = fmt.Fprintf(out, "skip %-16s %s: %v\n", row.Requirement, row.ID(), err)
		default:
			failed++
			_, _ = fmt.Fprintf(out, "FAIL %-16s %s: %v\n", row.Requirement, row.ID(), err)
		}
	}
	_, err = fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	return failed, err
}

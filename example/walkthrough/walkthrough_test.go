package main

import (
	"bytes"
	"context"
	"net"
	"regexp"
	"strings"
	"testing"
)

// The whole story, in this process but for the server.
func TestWalk(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the example provider")
	}
	var out bytes.Buffer
	if err := walk(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"Step 1 of 5", "Step 5 of 5", "refused with 403", "c_hash (MEF-R15)", "invalid_request_object", "error = invalid_request", "3 attacks were refused",
		"the client_id is the client's own DID", "token endpoint: invalid_client", "unauthorized_client", "quote API: 401", "registration endpoint: invalid_software_statement",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// A walk that is interrupted says so and takes its server with it.
func TestWalkEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the example provider")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &interrupter{at: "Step 3 of 5", cancel: cancel}
	if err := walk(ctx, out); err == nil {
		t.Error("a walk that was interrupted succeeded")
	}
	addresses := regexp.MustCompile(`localhost:\d+`).FindAllString(out.String(), 2)
	if len(addresses) != 2 {
		t.Fatalf("no addresses in %s", out)
	}
	for _, address := range addresses {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			t.Errorf("somebody still listens at %s", address)
		}
	}
}

// interrupter cancels when it reads a text.
type interrupter struct {
	bytes.Buffer
	at     string
	cancel func()
}

func (i *interrupter) Write(data []byte) (int, error) {
	if bytes.Contains(data, []byte(i.at)) {
		i.cancel()
	}
	return i.Buffer.Write(data)
}

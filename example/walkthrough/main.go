// Command walkthrough shows the whole profile at work: it starts the example
// provider, plays a Buyer and its user through the five steps from the quote
// to its submission, and then three attacks, which are refused. In a second act
// a client registers itself with what the example registry says of it, and is
// out as soon as the registry takes that back.
//
//	go run ./example/walkthrough
//
// It prints every JWT that passes. All keys and users are made for the run;
// codes and tokens are shortened all the same. Exit status 0 means that all
// went as it should.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	buildTime = 10 * time.Minute // the first build compiles SQLite
	playTime  = 2 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := walk(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "walkthrough:", err)
		os.Exit(1)
	}
}

// walk plays everything and leaves nothing behind.
func walk(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "lso-walkthrough-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system tidies its temporary folder, too

	p := &printer{out: out}
	p.title("A Buyer, its user and a Seller: MEF LSO API security, step by step")
	p.say("Building the example provider ...")
	if err := build(ctx, dir); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, playTime)
	defer cancel()
	w, err := prepare(ctx, dir, p)
	if err != nil {
		return err
	}
	defer w.late.close()
	err = w.play(ctx)
	if stopped := w.server.stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return fmt.Errorf("%w%s", err, w.server.lastWords())
	}
	p.title("Done. %d checks passed, 3 attacks were refused.", p.checks)
	return p.err
}

// world is everybody who takes part.
type world struct {
	*printer
	server *server
	buyer  *party // the client that is registered as Buyer
	other  *party // another one, who has nothing to do with it
	late   *newcomer
}

func prepare(ctx context.Context, dir string, p *printer) (*world, error) {
	s, err := newServer(dir)
	if err != nil {
		return nil, err
	}
	w := &world{printer: p, server: s, buyer: newParty("acme-buyer", "Acme Connectivity"), other: newParty("other-buyer", "Somebody Else")}
	if w.late, err = newNewcomer(ctx, s); err != nil {
		return nil, err
	}
	if err = s.choosePorts(ctx); err == nil {
		err = s.start(ctx, w.buyer, w.other)
	}
	if err != nil {
		w.late.close()
		return nil, fmt.Errorf("%w%s", err, s.lastWords())
	}
	for _, party := range []*party{w.buyer, w.other} {
		if err := party.connect(ctx, s); err != nil {
			_ = s.stop()
			w.late.close()
			return nil, err
		}
	}
	p.say("It runs at %s, the quote API at %s, with SQLite in a temporary folder.", s.issuer, s.api)
	p.ok("discovery names this issuer, and https endpoints alone")
	return w, nil
}

func (w *world) play(ctx context.Context) error {
	for _, act := range []func(context.Context) error{w.story, w.swappedCode, w.tamperedRequest, w.foreignIntent, w.registration} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

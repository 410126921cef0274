// Command conformance plays plans of the OpenID Foundation's conformance suite
// against example/op.
//
//	go run ./test/conformance -suite https://localhost:8443 \
//		-plan fapi1-advanced-final-test-plan \
//		-variant client_auth_type=mtls,fapi_auth_request_method=pushed
//
// The suite is a program of its own and has to run already, in its development
// mode, which asks for no token. The command makes all keys and certificates,
// starts the server with the suite's two clients, writes the configuration of
// the plan, runs its modules one after another, prints a line for each, and
// compares the results with expected.json. Every plan gets a fresh server.
//
// With -plan all it plays everything that the server is meant to pass. With
// -dir DIR -prepare it only writes the files, and with -dir DIR -running it
// uses a server that was started from them. -h tells the other flags.
//
// Exit status: 0 if all results are the expected ones, 1 if not, or if the
// suite or the server failed, 2 if the flags are wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "conformance:", err)
	os.Exit(1)
}

// errUnexpected is that the suite's results are not the expected ones.
var errUnexpected = errors.New("there are unexpected results")

func run(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parseFlags(args, stdout)
	if err != nil {
		return err
	}
	clean, err := o.makeDir()
	if err != nil {
		return err
	}
	defer clean()
	keys, err := loadMaterial(o.path("material.json"))
	if err != nil {
		return err
	}
	expected, err := loadExpected(o.expected)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range o.targets {
		s := &session{options: o, target: t, keys: keys, expected: expected, out: stdout}
		if err := s.play(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// session is one plan against one server.
type session struct {
	*options
	target
	keys     *material
	expected []expectation
	out      io.Writer
}

// play runs the plan from start to end.
func (s *session) play(ctx context.Context) error {
	if err := s.writeFiles(); err != nil {
		return err
	}
	if s.prepare {
		_, err := fmt.Fprintln(s.out, "start example/op with:", quoted(s.opArgs()))
		return err
	}
	if !s.running {
		op, err := s.startOP(ctx)
		if err != nil {
			return err
		}
		defer op.stop()
	}
	return s.playPlan(ctx, newSuite(s.suite))
}

func (s *session) playPlan(ctx context.Context, suite *suite) error {
	version, err := suite.version(ctx)
	if err != nil {
		return err
	}
	p, err := suite.createPlan(ctx, s.target, s.planConfig())
	if err != nil {
		return err
	}
	r := &report{target: s.target, profile: s.profileOf(), suite: version, planURL: suite.planURL(p.ID)}
	s.printf("%s\nsuite %s, op -profile %s, %s\n", s.target, version, r.profile, r.planURL)
	for _, m := range p.Modules {
		if !s.selects(m.Name) {
			continue
		}
		res, err := s.playModule(ctx, suite, p.ID, m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		res.judge(s.expected, s.target)
		s.printf("%s", res)
		r.results = append(r.results, res)
	}
	return s.finish(ctx, suite, p.ID, r)
}

// finish prints the summary and keeps what the flags ask to keep.
func (s *session) finish(ctx context.Context, suite *suite, plan string, r *report) error {
	if len(r.results) == 0 {
		return fmt.Errorf("no module of the plan has %q in its name", s.module)
	}
	s.printf("%s\n\n", r.summary())
	if s.row != "" {
		if err := appendRow(s.row, s.out, r.row()); err != nil {
			return err
		}
	}
	if s.export != "" {
		if err := suite.export(ctx, plan, s.export, s.fileName()); err != nil {
			return err
		}
	}
	if r.count(unexpected) > 0 {
		return errUnexpected
	}
	if names := idle(s.expected, s.target, r.results); len(names) > 0 && s.module == "" {
		return fmt.Errorf("the expectations of %q are for modules that the plan does not have", names)
	}
	return nil
}

func (s *session) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format, args...) // nobody reads it if this fails
}

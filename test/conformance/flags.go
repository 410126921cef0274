package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// options are the flags after they were checked.
type options struct {
	suite, alias     string
	targets          []target
	module           string // only modules with this in their name
	profile, scope   string
	issuer, mtlsBase string
	program, dir     string
	prepare, running bool
	expected         string
	row, export      string
	timeout, idle    time.Duration
}

var errUsage = errors.New("wrong flags")

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

func (o *options) define(set *flag.FlagSet) {
	set.StringVar(&o.suite, "suite", "https://localhost:8443", "`URL` of the conformance suite, in its development mode")
	set.StringVar(&o.alias, "alias", "fosite-meflso", "`name` in the suite's callback URLs")
	set.StringVar(&o.module, "module", "", "run only the modules with this `text` in their name")
	set.StringVar(&o.profile, "profile", "", "the server's -profile; by default what the plan is for")
	set.StringVar(&o.scope, "scope", "openid accounts", "`scopes` of the two clients")
	set.StringVar(&o.issuer, "issuer", "https://localhost:9443", "the server's `URL`")
	set.StringVar(&o.mtlsBase, "mtls-base", "https://localhost:9444", "`URL` of its listener with client certificates")
	set.StringVar(&o.program, "op", "", "built example/op `program`; built by default")
	set.StringVar(&o.dir, "dir", "", "`folder` for keys, clients and the server's log, kept and used again; a temporary one by default")
	set.BoolVar(&o.prepare, "prepare", false, "write the files into -dir, tell how to start the server, and stop")
	set.BoolVar(&o.running, "running", false, "use a server that runs already, with the files in -dir")
	set.StringVar(&o.expected, "expected", "", "`file` with the expected results; the one of this program by default")
	set.StringVar(&o.row, "row", "", "append a Markdown row with the result to this `file`, or print it (-)")
	set.StringVar(&o.export, "export", "", "keep the suite's own export of the plan and its logs in this `folder`")
	set.DurationVar(&o.timeout, "timeout", 5*time.Minute, "how long a module may take")
	set.DurationVar(&o.idle, "idle", 20*time.Second, "how long a module may wait for a browser that does nothing")
}

// parseFlags returns an errUsage, or flag.ErrHelp after it wrote the help.
func parseFlags(args []string, help io.Writer) (*options, error) {
	o := &options{}
	var plan, variant string
	set := flag.NewFlagSet("conformance", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	o.define(set)
	set.StringVar(&plan, "plan", "all", "`name` of the plan, or all")
	set.StringVar(&variant, "variant", "", "its variant: `key=value,...`; fapi1-advanced-final has defaults")
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		set.SetOutput(help)
		set.Usage()
		return nil, err
	case err != nil:
		return nil, usage("%v", err)
	case set.NArg() > 0:
		return nil, usage("unexpected argument %q", set.Arg(0))
	}
	var err error
	if o.targets, err = targets(plan, variant); err != nil {
		return nil, err
	}
	return o, o.check()
}

func (o *options) check() error {
	for name, raw := range map[string]string{"-suite": o.suite, "-issuer": o.issuer, "-mtls-base": o.mtlsBase} {
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "https" || u.Host == "" || strings.HasSuffix(raw, "/") {
			return usage("%s %q is no https URL without trailing slash", name, raw)
		}
	}
	if (o.prepare || o.running) && (o.dir == "" || len(o.targets) != 1) {
		return usage("-prepare and -running want a -dir and one plan")
	}
	if o.row != "" && o.module != "" {
		return usage("-row tells of whole plans, -module runs a part")
	}
	if o.dir != "" {
		// The server runs in that folder, so that a relative path would miss.
		var err error
		o.dir, err = filepath.Abs(o.dir)
		return err
	}
	return nil
}

// makeDir makes the folder. The returned function removes a temporary one.
func (o *options) makeDir() (clean func(), err error) {
	if o.dir != "" {
		return func() {}, os.MkdirAll(o.dir, 0o700)
	}
	o.dir, err = os.MkdirTemp("", "conformance-")
	return func() { _ = os.RemoveAll(o.dir) }, err
}

// path is that of a file in the folder.
func (o *options) path(name string) string { return filepath.Join(o.dir, name) }

func (o *options) selects(module string) bool { return strings.Contains(module, o.module) }

// redirects are the callbacks of the suite. Its second client adds a query, to
// see that it is kept.
func (o *options) redirects() []string {
	callback := o.suite + "/test/a/" + o.alias + "/callback"
	return []string{callback, callback + "?dummy1=lorem&dummy2=ipsum"}
}

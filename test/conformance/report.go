package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// class is how a result compares with the expected one.
type class int

const (
	unexpected class = iota
	known            // as expected.json says
	good
)

// result is what came out of one module.
type result struct {
	Module, Result string
	findings       []entry  // warnings and failures
	shown          []string // error codes of the pages that the browser saw
	took           time.Duration
	log            string // URL
	class          class
	comment        string // of the expectation
}

// errorCode is what the server's error page says.
var errorCode = regexp.MustCompile(`<code>\s*([a-z_]+)\s*</code>`)

// read takes what matters from the log.
func (r *result) read(log []entry) {
	for _, e := range log {
		switch {
		case e.Result == "WARNING" || e.Result == "FAILURE":
			r.findings = append(r.findings, e)
		case e.Result == "REVIEW" && e.Page != "":
			code := "no error"
			if found := errorCode.FindStringSubmatch(e.Page); found != nil {
				code = found[1]
			}
			r.shown = append(r.shown, code)
		}
	}
}

// refused tells whether all pages that are to be reviewed show an error that
// is not the server's own.
func (r *result) refused() bool {
	return len(r.shown) > 0 && !slices.Contains(r.shown, "no error") && !slices.Contains(r.shown, "server_error")
}

func (r *result) conditions() []string {
	names := make([]string, len(r.findings))
	for i, f := range r.findings {
		names[i] = f.Condition
	}
	return names
}

// String is a line, and more where there is more to say.
func (r *result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-11s %s (%.1f s)", r.Result, r.Module, r.took.Seconds())
	if len(r.shown) > 0 {
		b.WriteString(", page shows " + strings.Join(r.shown, ", "))
	}
	switch r.class {
	case known:
		b.WriteString(", expected: " + r.comment)
	case unexpected:
		b.WriteString(", UNEXPECTED, see " + r.log)
	}
	b.WriteString("\n")
	for _, f := range r.findings {
		fmt.Fprintf(&b, "            %s %s: %s\n", f.Result, f.Condition, f.Text)
	}
	return b.String()
}

// report is what came out of a plan.
type report struct {
	target
	profile, suite, planURL string
	results                 []*result
}

func (r *report) count(c class) int {
	n := 0
	for _, result := range r.results {
		if result.class == c {
			n++
		}
	}
	return n
}

// counts are the results with their numbers, such as "3 PASSED, 1 WARNING".
func (r *report) counts() string {
	numbers := map[string]int{}
	for _, result := range r.results {
		numbers[result.Result]++
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		parts = append(parts, fmt.Sprintf("%d %s", numbers[name], name))
	}
	return strings.Join(parts, ", ")
}

func (r *report) summary() string {
	return fmt.Sprintf("%d modules: %s; %d expected exceptions, %d unexpected",
		len(r.results), r.counts(), r.count(known), r.count(unexpected))
}

// outcomes are the results that have a column.
var outcomes = []string{"PASSED", "REVIEW", "WARNING", "FAILED", "SKIPPED"}

const rowHead = "| date | suite | plan | variant | op -profile | passed | review | warning | failed | skipped | unexpected |\n" +
	"|---|---|---|---|---|--:|--:|--:|--:|--:|--:|\n"

func (r *report) row() string {
	row := fmt.Sprintf("| %s | %s | %s | %s | %s |", time.Now().UTC().Format(time.DateOnly), r.suite, r.Plan, strings.ReplaceAll(r.variant(), ",", ", "), r.profile)
	for _, outcome := range outcomes {
		n := 0
		for _, result := range r.results {
			if result.Result == outcome {
				n++
			}
		}
		row += fmt.Sprintf(" %d |", n)
	}
	return row + fmt.Sprintf(" %d |\n", r.count(unexpected))
}

// appendRow writes the row at the end of the file, or to out if it is "-". A
// new file gets the head of the table too.
func appendRow(name string, out io.Writer, row string) error {
	if name == "-" {
		_, err := io.WriteString(out, row)
		return err
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if info, err := file.Stat(); err == nil && info.Size() == 0 {
		row = rowHead + row
	}
	_, err = io.WriteString(file, row)
	return errors.Join(err, file.Close())
}

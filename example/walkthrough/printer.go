package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// printer writes the story down.
type printer struct {
	out    io.Writer
	step   int
	checks int
	err    error // of the first write that failed
}

func (p *printer) print(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

const width = 88

func (p *printer) title(format string, args ...any) {
	line := strings.Repeat("=", width)
	p.print("\n%s\n%s\n%s\n\n", line, fmt.Sprintf(format, args...), line)
}

func (p *printer) heading(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.print("\n--- %s %s\n\n", text, strings.Repeat("-", max(3, width-len(text)-5)))
}

// next is the heading of the next of the five steps.
func (p *printer) next(text string) {
	p.step++
	p.heading("Step %d of 5: %s", p.step, text)
}

func (p *printer) say(format string, args ...any) {
	p.print("  %s\n", fmt.Sprintf(format, args...))
}

func (p *printer) blank() { p.print("\n") }

// ok is a check that passed.
func (p *printer) ok(format string, args ...any) {
	p.checks++
	p.print("  [ok] %s\n", fmt.Sprintf(format, args...))
}

// jwt shows header and payload of a JWT, without its signature.
func (p *printer) jwt(name, token string) {
	header, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	p.print("\n  %s, decoded:\n", name)
	p.indented(decode(header))
	p.indented(decode(payload))
	p.blank()
}

func (p *printer) body(name string, data []byte) {
	p.print("\n  %s:\n", name)
	p.indented(data)
	p.blank()
}

func (p *printer) indented(data []byte) {
	var text bytes.Buffer
	if json.Indent(&text, data, "    ", "  ") != nil {
		text.Write(data)
	}
	p.print("    %s\n", bytes.TrimSpace(text.Bytes()))
}

func decode(part string) []byte {
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return []byte("(not base64url)")
	}
	return data
}

// short shows the beginning of a code or token: enough to follow it, not
// enough to use it.
func short(token string) string { return token[:min(12, len(token))] + "..." }

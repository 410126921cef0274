package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// member is one member of a JSON object; its value is any text, so that an
// attack can write what no encoder would.
type member struct{ name, raw string }

// members is a JSON object that may have a member twice. Text, if set, stands
// instead of the object; before and after stand around it.
type members struct {
	list                []member
	text, before, after string
}

func object(pairs ...any) *members {
	m := &members{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.set(pairs[i].(string), encode(pairs[i+1]))
	}
	return m
}

func encode(value any) string {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // only texts, numbers, lists and maps come here
	}
	return strings.TrimSuffix(buffer.String(), "\n")
}

func (m *members) index(name string) int {
	return slices.IndexFunc(m.list, func(x member) bool { return x.name == name })
}

func (m *members) set(name, raw string) {
	if i := m.index(name); i >= 0 {
		m.list[i].raw = raw
		return
	}
	m.list = append(m.list, member{name, raw})
}

func (m *members) remove(name string) {
	m.list = slices.DeleteFunc(m.list, func(x member) bool { return x.name == name })
}

// string returns a member that is a string, else "".
func (m *members) string(name string) (s string) {
	if i := m.index(name); i >= 0 {
		_ = json.Unmarshal([]byte(m.list[i].raw), &s)
	}
	return s
}

func (m *members) bytes() []byte {
	if m.text != "" {
		return []byte(m.text)
	}
	var b strings.Builder
	b.WriteString(m.before + "{")
	for i, x := range m.list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(encode(x.name) + ":" + x.raw)
	}
	b.WriteString("}" + m.after)
	return []byte(b.String())
}

// edit does one change of a row on the object.
func (p *play) edit(m *members, c Change) error {
	do, ok := edits[c.Do]
	if !ok {
		return fmt.Errorf("%s: %q is unknown", c.On, c.Do)
	}
	value, err := p.value(c.Value)
	if err != nil {
		return fmt.Errorf("%s %s: %w", c.Do, c.Name, err)
	}
	do(m, p.expand(c.Name), value)
	return nil
}

// edits are the mutations of a JSON object, by the names that rows use.
var edits = map[string]func(m *members, name string, value any){
	"set":    func(m *members, name string, v any) { m.set(name, encode(v)) },
	"remove": func(m *members, name string, _ any) { m.remove(name) },
	// The value is JSON text, for numbers that no decoder keeps.
	"set-raw": func(m *members, name string, v any) { m.set(name, text(v)) },
	// The value is in seconds from now.
	"set-time": func(m *members, name string, v any) {
		m.set(name, fmt.Sprint(time.Now().Unix()+int64(number(v))))
	},
	"set-long": func(m *members, name string, v any) { m.set(name, encode(strings.Repeat("x", number(v)))) },
	"nest": func(m *members, name string, v any) {
		m.set(name, strings.Repeat("[", number(v))+strings.Repeat("]", number(v)))
	},
	// A second member of the name, before or after the good one.
	"duplicate-before": func(m *members, name string, v any) {
		m.list = slices.Insert(m.list, 0, member{name, encode(v)})
	},
	"duplicate-after": func(m *members, name string, v any) { m.list = append(m.list, member{name, encode(v)}) },
	"rename": func(m *members, name string, v any) {
		if i := m.index(name); i >= 0 {
			m.list[i].name = text(v)
		}
	},
	"append":  func(m *members, name string, v any) { m.set(name, encode(m.string(name)+text(v))) },
	"prepend": func(m *members, name string, v any) { m.set(name, encode(text(v)+m.string(name))) },
	"upper":   func(m *members, name string, _ any) { m.set(name, encode(strings.ToUpper(m.string(name)))) },
	"replace": func(m *members, name string, v any) {
		pair := v.([]any) // old, new
		m.set(name, encode(strings.Replace(m.string(name), text(pair[0]), text(pair[1]), 1)))
	},
	// The payload is this text, or has it before or after.
	"text":     func(m *members, _ string, v any) { m.text = text(v) },
	"before":   func(m *members, _ string, v any) { m.before = text(v) },
	"after":    func(m *members, _ string, v any) { m.after = text(v) },
	"bad-utf8": func(m *members, name string, _ any) { m.set(name, "\"\xff\xfe\"") },
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func number(v any) int {
	f, _ := v.(float64)
	return int(f)
}

// value is a change's value with all ${names} in it filled in.
func (p *play) value(raw json.RawMessage) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	v = p.fill(v)
	return v, p.failed
}

func (p *play) fill(v any) any {
	switch v := v.(type) {
	case string:
		switch { // the names that are no text
		case v == "${strangerJWK}":
			return p.target.stranger.jwk()
		case v == "${applicantJWK}" && p.applicant != nil:
			return publicKeys(p.applicant.Client).Keys[0]
		}
		return p.expand(v)
	case []any:
		for i := range v {
			v[i] = p.fill(v[i])
		}
	case map[string]any:
		filled := make(map[string]any, len(v))
		for name, member := range v {
			filled[p.expand(name)] = p.fill(member)
		}
		return filled
	}
	return v
}

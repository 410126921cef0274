package outbound

import (
	"net/http"
	"testing"
	"time"
)

func TestMaxAge(t *testing.T) {
	for _, tt := range []struct {
		name         string
		cacheControl []string
		age          string
		want         time.Duration
		ok           bool
	}{
		{"nothing said", nil, "", 0, false},
		{"public alone", []string{"public"}, "", 0, false},
		{"plain", []string{"max-age=600"}, "", 10 * time.Minute, true},
		{"case and spaces", []string{"Public ,  MAX-AGE=600 , must-revalidate"}, "", 10 * time.Minute, true},
		{"quoted", []string{`max-age="60"`}, "", time.Minute, true},
		{"s-maxage is for shared caches", []string{"s-maxage=60"}, "", 0, false},
		{"zero", []string{"max-age=0"}, "", 0, true},
		{"no-store wins", []string{"max-age=600, no-store"}, "", 0, true},
		{"no-cache wins", []string{"no-cache, max-age=600"}, "", 0, true},
		{"no-cache with fields", []string{`no-cache="Set-Cookie"`}, "", 0, true},
		{"several lines", []string{"public", "max-age=60"}, "", time.Minute, true},
		{"the smallest counts", []string{"max-age=600, max-age=60"}, "", time.Minute, true},
		{"negative", []string{"max-age=-1"}, "", 0, true},
		{"not a number", []string{"max-age=soon"}, "", 0, true},
		{"no value", []string{"max-age"}, "", 0, true},
		{"sign", []string{"max-age=+60"}, "", 0, true},
		{"overflow", []string{"max-age=99999999999999999999999"}, "", maxSeconds * time.Second, true},
		{"beyond the bound", []string{"max-age=9999999999"}, "", maxSeconds * time.Second, true},
		{"age is taken off", []string{"max-age=600"}, "60", 9 * time.Minute, true},
		{"older than max-age", []string{"max-age=60"}, "600", 0, true},
		{"unreadable age", []string{"max-age=60"}, "x", time.Minute, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{"Cache-Control": tt.cacheControl}
			if tt.age != "" {
				header.Set("Age", tt.age)
			}
			if got, ok := maxAge(header); got != tt.want || ok != tt.ok {
				t.Errorf("got %v, %v, want %v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

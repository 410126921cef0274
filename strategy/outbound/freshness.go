package outbound

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxSeconds is the largest delta-seconds (RFC 9111 §1.2.2).
const maxSeconds = 1 << 31

// maxAge reads the freshness of an answer from Cache-Control and Age. Of
// several max-age the smallest counts, and one that cannot be read counts as 0
// (RFC 9111 §4.2.1).
func maxAge(header http.Header) (age time.Duration, ok bool) {
	seconds := int64(maxSeconds)
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return 0, true
		case "max-age":
			seconds, ok = min(seconds, deltaSeconds(value)), true
		}
	}
	if !ok {
		return 0, false
	}
	seconds = max(0, seconds-deltaSeconds(header.Get("Age")))
	return time.Duration(seconds) * time.Second, true
}

// deltaSeconds reads 1*DIGIT, also in quotes. Too large a number counts as the
// largest, anything else as 0.
func deltaSeconds(value string) int64 {
	value = strings.Trim(value, `"`)
	if strings.Trim(value, "0123456789") != "" || value == "" {
		return 0
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return maxSeconds
	}
	return min(n, maxSeconds)
}

package release

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Notice tells of the newest version.
type Notice struct {
	Version string    `json:"version"` // 1.2.3
	Date    time.Time `json:"date"`
	Notes   string    `json:"notes"`   // address of what is new
	Expires time.Time `json:"expires"` // after it nobody believes the notice: who holds it back is found out
}

// What is wrong with a notice.
var (
	ErrNotice  = errors.New("release: not a notice of a version")
	ErrExpired = errors.New("release: the notice is out of date")
)

// ReadNotice verifies a notice as it comes from the network, at the time now.
func ReadNotice(key ed25519.PublicKey, content, signature []byte, now time.Time) (Notice, error) {
	var n Notice
	if len(content) > maxList || !ed25519.Verify(key, content, signature) {
		return n, ErrSignature
	}
	if err := json.Unmarshal(content, &n); err != nil {
		return Notice{}, fmt.Errorf("%w: %w", ErrNotice, err)
	}
	address, err := url.Parse(n.Notes)
	if _, ok := numbers(n.Version); !ok || n.Date.IsZero() || err != nil || address.Scheme != "https" || address.Host == "" {
		return Notice{}, ErrNotice
	}
	if now.After(n.Expires) {
		return Notice{}, ErrExpired
	}
	return n, nil
}

// NewerThan says whether the notice tells of a later version than that of a
// program, which may be some commits after its tag. Of a program that is no
// release nothing is newer.
func (n Notice) NewerThan(version string) bool {
	have, ok := numbers(tag(version))
	there, ok2 := numbers(n.Version)
	if !ok || !ok2 {
		return false
	}
	for i := range have {
		if have[i] != there[i] {
			return there[i] > have[i]
		}
	}
	return false
}

// IsVersion says whether the version of a program is one that can be compared.
func IsVersion(version string) bool {
	_, ok := numbers(tag(version))
	return ok
}

// tag is that of a version, as in 1.2.3 of v1.2.3-4-gabcdef0 or 1.2.3+4.gabcdef0.
func tag(version string) string {
	base, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "+")
	base, _, _ = strings.Cut(base, "-")
	return base
}

// numbers reads a version of three numbers.
func numbers(version string) (n [3]uint64, ok bool) {
	parts := strings.Split(version, ".")
	if len(parts) != len(n) {
		return n, false
	}
	for i, p := range parts {
		var err error
		if n[i], err = strconv.ParseUint(p, 10, 32); err != nil {
			return n, false
		}
	}
	return n, true
}

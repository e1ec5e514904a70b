package doctor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/softwarecie/cie/internal/browser"
)

// A limit is a setting of a Mozilla program that can exclude TLS 1.2, the one version
// where a CIE signs everywhere: TLS 1.3 asks for signatures that it cannot make.
var limit = regexp.MustCompile(`(?m)^[ \t]*user_pref\("security\.tls\.version\.(min|max)",[ \t]*([0-9])\);[ \t]*\r?\n?`)

// tls12 is TLS 1.2 as those settings number it.
const tls12 = '3'

// excludes says whether a line that limit has found excludes TLS 1.2.
func excludes(line string) bool {
	m := limit.FindStringSubmatch(line)
	version := m[2][0]
	return m[1] == "min" && version > tls12 || m[1] == "max" && version < tls12
}

// tls looks for settings by which a program cannot speak TLS 1.2: those of each
// profile, which can be taken out while the program is closed, and those of an
// administrator.
func (c Computer) tls() []Finding {
	var all []Finding
	for _, p := range c.Places() {
		switch p.Kind {
		case browser.NSS:
			if fix, found := c.limits(p); found {
				all = append(all, Finding{Check: "tls", Err: ErrTLS, About: p.ID, Fix: fix})
			}
		case browser.Policy:
			if limitedByPolicy(p.File) {
				all = append(all, Finding{Check: "tls", Err: ErrTLS, About: p.File})
			}
		}
	}
	if len(all) == 0 {
		return []Finding{{Check: "tls"}}
	}
	return all
}

// limits are the changes that take such settings out of a profile, none while its
// program runs and would write them anew.
func (c Computer) limits(p browser.Place) (fix []browser.Change, found bool) {
	for _, name := range []string{"prefs.js", "user.js"} {
		file := filepath.Join(filepath.Dir(p.File), name)
		before, err := read(file)
		if err != nil {
			continue // there is none, as a rule
		}
		after := limit.ReplaceAllStringFunc(before, func(line string) string {
			if excludes(line) {
				return ""
			}
			return line
		})
		if after == before {
			continue
		}
		found = true
		if info, err := os.Stat(file); err == nil && !p.Running {
			fix = append(fix, browser.Change{Place: p.ID, File: file, Before: &before, After: &after, Mode: uint32(info.Mode().Perm())})
		}
	}
	return fix, found
}

// limitedByPolicy says whether an administrator's policies.json excludes TLS 1.2
// (mozilla/policy-templates, SSLVersionMin and SSLVersionMax).
func limitedByPolicy(file string) bool {
	content, err := read(file)
	if err != nil {
		return false
	}
	var of struct {
		Policies struct{ SSLVersionMin, SSLVersionMax string } `json:"policies"`
	}
	if json.Unmarshal([]byte(content), &of) != nil {
		return false
	}
	return of.Policies.SSLVersionMin == "tls1.3" || slices.Contains([]string{"tls1", "tls1.1"}, strings.ToLower(of.Policies.SSLVersionMax))
}

package main

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/softwarecie/cie/internal/release"
)

// heading is that of a version in the changelog: "## Unreleased", "## 1.2.3",
// "## [1.2.3] - 2026-12-01" (Keep a Changelog 1.1.0).
var heading = regexp.MustCompile(`(?m)^## \[?([^\]\s]+)\]?(?: .*)?$`)

// notes are what the changelog says of a version, without the heading. What is
// some commits after a tag is not released yet.
func notes(changelog string, v version) (string, error) {
	name := v.tag
	if v.ahead > 0 {
		name = "Unreleased"
	}
	headings := heading.FindAllStringSubmatchIndex(changelog, -1)
	for i, h := range headings {
		end := len(changelog)
		if i+1 < len(headings) {
			end = headings[i+1][0]
		}
		if text := strings.TrimSpace(changelog[h[1]:end]); changelog[h[2]:h[3]] == name && text != "" {
			return text, nil
		}
	}
	return "", fmt.Errorf("the changelog says nothing of %s", name)
}

func (r *rel) printNotes() error {
	changelog, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return err
	}
	text, err := notes(string(changelog), r.version)
	if err == nil {
		fmt.Println(text)
	}
	return err
}

// validity is how long a notice is believed. Before it ends a new one must be
// published, of the same version if there is no other.
const validity = 120 * 24 * time.Hour

// notice writes notice.json, which tells of this version, and its signature.
func (r *rel) notice(now time.Time) error {
	key, err := r.signer()
	if err == nil && key == nil {
		err = errors.New("CIE_RELEASE_KEY is not set")
	}
	if err == nil && r.version.ahead > 0 {
		err = fmt.Errorf("%s is no release", r.version)
	}
	if err != nil {
		return err
	}
	now = now.UTC().Truncate(time.Second)
	content, err := json.MarshalIndent(release.Notice{
		Version: r.version.String(), Date: now, Notes: r.Homepage + "/releases/tag/v" + r.version.tag, Expires: now.Add(validity),
	}, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(r.out, "notice.json")
	return errors.Join(write(file, content, 0o644), write(file+".sig", ed25519.Sign(key, content), 0o644))
}

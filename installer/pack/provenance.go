package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/softwarecie/cie/internal/sums"
)

// provenance writes an in-toto statement (v1) with the SLSA provenance predicate
// (v1): which files were made, of which commit, by what. SHA256SUMS covers it, so
// it is signed with the list.
func (r *rel) provenance() error {
	type digest map[string]string
	type artefact struct {
		Name   string `json:"name,omitempty"`
		URI    string `json:"uri,omitempty"`
		Digest digest `json:"digest,omitempty"`
	}
	var subject []artefact
	for _, name := range files(r.out) {
		if strings.Contains(name, "/") || strings.HasPrefix(name, sums.Name) || strings.HasSuffix(name, ".json") {
			continue
		}
		sum, err := sums.Of(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		subject = append(subject, artefact{Name: name, Digest: digest{"sha256": sum}})
	}
	if len(subject) == 0 {
		return errors.New("nothing to tell of")
	}
	source := artefact{URI: "git+" + r.Homepage}
	if commit := output("git", "rev-parse", "HEAD"); commit != "" { // "" outside a repository
		source.Digest = digest{"gitCommit": commit}
	}
	statement := map[string]any{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       subject,
		"predicateType": "https://slsa.dev/provenance/v1",
		"predicate": map[string]any{
			"buildDefinition": map[string]any{
				"buildType":            r.Homepage + "/blob/main/docs/packaging.md",
				"externalParameters":   map[string]any{"version": r.version.String()},
				"internalParameters":   map[string]any{"go": runtime.Version(), "flags": os.Getenv("GOFLAGS")},
				"resolvedDependencies": []artefact{source},
			},
			"runDetails": map[string]any{"builder": map[string]any{"id": r.Homepage + "/blob/main/installer/linux/packages.sh"}},
		},
	}
	out, err := json.MarshalIndent(statement, "", "  ")
	if err != nil {
		return err
	}
	return write(filepath.Join(r.out, "provenance.json"), append(out, '\n'), 0o644)
}

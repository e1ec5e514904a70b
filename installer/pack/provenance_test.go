package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A statement has the fields of in-toto's Statement v1 and SLSA's provenance v1 that
// we use; there are no others.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     struct {
		BuildDefinition struct {
			BuildType            string         `json:"buildType"`
			ExternalParameters   map[string]any `json:"externalParameters"`
			InternalParameters   map[string]any `json:"internalParameters"`
			ResolvedDependencies []resource     `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
		RunDetails struct {
			Builder struct {
				ID string `json:"id"`
			} `json:"builder"`
		} `json:"runDetails"`
	} `json:"predicate"`
}

type resource struct {
	Name   string            `json:"name"`
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest"`
}

// The statement is what in-toto Attestation Framework v1, "Statement" and
// "ResourceDescriptor", and SLSA v1.0, "Provenance", ask for.
func TestProvenance(t *testing.T) { // [157]
	r := testRelease(t)
	if err := r.provenance(); err == nil {
		t.Error("a statement about nothing")
	}
	if err := write(filepath.Join(r.out, "cie.deb"), []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.provenance(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(r.out, "provenance.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s statement
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		t.Fatal(err)
	}
	if s.Type != "https://in-toto.io/Statement/v1" || s.PredicateType != "https://slsa.dev/provenance/v1" {
		t.Errorf("%s %s", s.Type, s.PredicateType)
	}
	// SHA-256 of "abc": FIPS 180-4, the NIST example.
	if len(s.Subject) != 1 || s.Subject[0].Name != "cie.deb" || s.Subject[0].Digest["sha256"] != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("%+v", s.Subject)
	}
	build := s.Predicate.BuildDefinition
	for _, address := range []string{build.BuildType, s.Predicate.RunDetails.Builder.ID} {
		if !strings.HasPrefix(address, "https://") {
			t.Errorf("%q is no address", address)
		}
	}
	if build.ExternalParameters["version"] != "1.2.3" || len(build.ResolvedDependencies) != 1 {
		t.Fatalf("%+v", build)
	}
	source := build.ResolvedDependencies[0]
	if commit, here := source.Digest["gitCommit"]; !strings.HasPrefix(source.URI, "git+https://") || here && !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(commit) {
		t.Errorf("%+v", source)
	}
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// bomSchema is the official schema of bills (testdata/cyclonedx).
func bomSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	const site = "http://cyclonedx.org/schema/" // their $id
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	for _, name := range []string{"bom-1.5", "jsf-0.82", "spdx"} {
		name += ".SNAPSHOT.schema.json"
		content, err := os.ReadFile(filepath.Join("testdata", "cyclonedx", name))
		if err != nil {
			t.Fatal(err)
		}
		schema, err := jsonschema.UnmarshalJSON(strings.NewReader(string(content)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(site+name, schema); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile(site + "bom-1.5.SNAPSHOT.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// A bill, here of this test, is what the schema of CycloneDX says; bills that are
// spoilt are not.
func TestBillIsValid(t *testing.T) { // [157]
	r := testRelease(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := write(filepath.Join(root, "usr/bin/cie"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := write(filepath.Join(r.out, "cie.deb"), []byte("package"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.bill("cie.deb", root); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(r.out, "cie.deb.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	schema := bomSchema(t)
	read := func() (bill map[string]any) {
		if err := json.Unmarshal(content, &bill); err != nil {
			t.Fatal(err)
		}
		return bill
	}
	if err := schema.Validate(read()); err != nil {
		t.Errorf("%#v", err)
	}
	if all := read()["components"].([]any); len(all) < 3 {
		t.Errorf("%d components", len(all))
	}
	for name, spoil := range map[string]func(bill map[string]any){
		"no format":         func(b map[string]any) { delete(b, "bomFormat") },
		"serial number":     func(b map[string]any) { b["serialNumber"] = "1" },
		"time":              func(b map[string]any) { b["metadata"].(map[string]any)["timestamp"] = "yesterday" },
		"hash":              func(b map[string]any) { hashOf(b)["content"] = "x" },
		"algorithm":         func(b map[string]any) { hashOf(b)["alg"] = "SHA256" },
		"nameless":          func(b map[string]any) { delete(b["components"].([]any)[0].(map[string]any), "name") },
		"unknown component": func(b map[string]any) { b["components"].([]any)[0].(map[string]any)["type"] = "program" },
		"unknown name":      func(b map[string]any) { b["colour"] = "red" },
		"the same twice":    func(b map[string]any) { b["components"] = append(b["components"].([]any), b["components"].([]any)[0]) },
	} {
		bill := read()
		spoil(bill)
		if schema.Validate(bill) == nil {
			t.Errorf("%s: valid", name)
		}
	}
}

func hashOf(bill map[string]any) map[string]any {
	return bill["components"].([]any)[0].(map[string]any)["hashes"].([]any)[0].(map[string]any)
}

//go:build gles

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestOneInstance(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", folder)
	first, err := claim("x", request{})
	if err != nil {
		t.Fatal(err)
	}
	taken := make(chan request, 1)
	go first.woken(func(r request) { taken <- r })
	long := make([]string, 2000)
	for i := range long {
		long[i] = filepath.Join(folder, strings.Repeat("x", 100), strconv.Itoa(i))
	}
	for name, r := range map[string]request{
		"just show it":      {},
		"no file":           {do: doVerify},
		"hostile names":     {do: doVerify, files: []string{folder + "/--demo", folder + "/a\nb \xff\u202E", folder + "/-"}},
		"many, in all long": {do: doVerify, files: long},
	} {
		if _, err := claim("x", r); !errors.Is(err, errRunning) {
			t.Errorf("%s: %v, want %v", name, err, errRunning)
		}
		if got := <-taken; got.do != r.do || !slices.Equal(got.files, r.files) {
			t.Errorf("%s: took %+v", name, got)
		}
	}
	first.close()

	// One that crashed leaves its socket behind.
	if err := os.WriteFile(filepath.Join(folder, "x.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := claim("x", request{})
	if err != nil || again.listener == nil {
		t.Fatalf("after the first ended: %v, %v", again, err)
	}
	again.close()
}

// What is no request only shows the window.
func TestRequestsOfOthers(t *testing.T) {
	for name, content := range map[string]string{
		"nothing":            "",
		"no words":           "verify",
		"cut off":            "verify\x00/tmp/a",
		"another word":       "delete\x00/tmp/a\x00",
		"a name not whole":   "verify\x00a\x00",
		"longer than it may": "verify\x00/" + strings.Repeat("a", maxRequest) + "\x00",
	} {
		if r := readRequest(strings.NewReader(content)); r.do != "" || r.files != nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

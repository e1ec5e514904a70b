package deptest

import (
	"go/build/constraint"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The window's program is whole on Windows without the tag gles: nothing else sees
// it before the installer is made, since it takes a C compiler and minutes.
func TestWindowIsWholeOnWindows(t *testing.T) {
	all, err := filepath.Glob("../../cmd/cie-gui/*.go")
	if err != nil || len(all) < 5 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	for _, file := range all {
		if strings.HasSuffix(file, "_test.go") || strings.HasSuffix(file, "_linux.go") {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(content), "\n") {
			if !constraint.IsGoBuild(line) {
				continue
			}
			expression, err := constraint.Parse(line)
			if err != nil || !expression.Eval(func(tag string) bool { return tag == "windows" }) {
				t.Errorf("%s is left out on Windows: %q (%v)", filepath.Base(file), line, err)
			}
		}
	}
}

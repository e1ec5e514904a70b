//go:build integration

package moduletest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/rig"
)

// TestWindows builds the DLL, the helper and a small program for Windows, and runs
// them under wine as far as that goes: without readers.
func TestWindows(t *testing.T) {
	const compiler = "x86_64-w64-mingw32-gcc"
	rig.Need(t, compiler, "wine", "go")
	folder := t.TempDir()
	build := func(environment []string, program string, arguments ...string) {
		t.Helper()
		command := exec.Command(program, arguments...)
		command.Env = append(os.Environ(), environment...)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
	}
	library, program := filepath.Join(folder, "cie-pkcs11.dll"), filepath.Join(folder, "program.exe")
	build([]string{"CC=" + compiler}, "../../cmd/cie-pkcs11/build.sh", library)
	build([]string{"GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0"}, "go", "build", "-o", filepath.Join(folder, "cie-pkcs11-helper.exe"), "../../cmd/cie-pkcs11-helper")
	exported := exportsOf(t, library)
	if len(exported) != 68+2 {
		t.Errorf("%d names are exported, want 70", len(exported))
	}
	for _, name := range exported {
		if !strings.HasPrefix(name, "C_") {
			t.Errorf("%s is exported", name)
		}
	}
	headers := filepath.Join(folder, "headers", "p11-kit")
	must(t, os.MkdirAll(headers, 0o700))
	build(nil, "cp", "/usr/include/p11-kit-1/p11-kit/pkcs11.h", headers)
	build(nil, compiler, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-cast-function-type", "-I", filepath.Dir(headers), "-o", program, "testdata/windows.c")
	prefix := filepath.Join(folder, "wine")
	environment := []string{"WINEPREFIX=" + prefix, "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=", "DISPLAY=", "HOME=" + folder, "XDG_CONFIG_HOME=", "XDG_STATE_HOME="}
	build(environment, "wine", "cmd", "/c", "exit")
	t.Cleanup(func() { // it may have ended already
		end := exec.Command("wineserver", "-k")
		end.Env = append(os.Environ(), environment...)
		_ = end.Run()
	})
	build(nil, compiler, "-shared", "-o", filepath.Join(prefix, "drive_c/windows/system32/bcryptprimitives.dll"), "testdata/bcryptprimitives.c", "-ladvapi32")
	run := exec.Command("wine", program, library)
	run.Dir, run.Env = folder, append(os.Environ(), environment...)
	out, err := run.Output()
	if err != nil || !strings.Contains(string(out), "all as wanted") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", strings.TrimSpace(string(out)))
}

// exportsOf are the names in the table of exports of a DLL, as objdump prints it.
func exportsOf(t *testing.T, library string) (names []string) {
	t.Helper()
	rig.Need(t, "x86_64-w64-mingw32-objdump")
	out, err := exec.Command("x86_64-w64-mingw32-objdump", "-p", library).Output()
	must(t, err)
	_, table, _ := strings.Cut(string(out), "[Ordinal/Name Pointer] Table")
	for _, line := range strings.Split(table, "\n")[1:] {
		fields := strings.Fields(line)
		if len(fields) == 0 || !strings.HasPrefix(fields[0], "[") {
			break
		}
		names = append(names, fields[len(fields)-1])
	}
	return names
}

// Package rig gives tests a smart card system of their own: a private pcscd with
// two virtual readers, in namespaces that nobody else sees, and a way to make its
// answers wrong. Only tests import it.
//
// A test package that needs pcscd hands over its TestMain:
//
//	func TestMain(m *testing.M) { rig.Main(m) }
//
//	func TestReaders(t *testing.T) {
//		rig.StartPCSCD(t)
//		…
//	}
//
// Its tests then run as process 1 of their own mount, network and process
// namespaces: own /run/pcscd, own ports 35963 and 35964. Packages run side by side,
// a pcscd of the machine is never touched, and whatever a test leaves running ends
// with it.
//
// For scripts the same is private-pcscd.sh COMMAND….
package rig

import (
	"os"
	"os/exec"
	"testing"
)

// Need skips the test when one of the programs is missing, or fails it where the
// environment variable CI is set: there everything has to be installed.
func Need(t testing.TB, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			Missing(t, tool+" is not installed")
		}
	}
}

// Missing skips the test for want of something, or fails it where CI is set.
func Missing(t testing.TB, what string) {
	t.Helper()
	if inCI() {
		t.Fatalf("%s, and CI is set", what)
	}
	t.Skip(what)
}

func inCI() bool { return os.Getenv("CI") != "" }

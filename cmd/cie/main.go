// Cie is the command line for the Italian electronic identity card.
package main

import (
	"os"

	"github.com/softwarecie/cie/internal/ades/apart"
	"github.com/softwarecie/cie/internal/cli"
	"github.com/softwarecie/cie/internal/secret"
)

// Set by the linker: the version from the tag; the public key of releases and the
// address that tells of the newest one, which programs of no release lack.
var (
	version          = "devel"
	releaseKey, feed string
)

func main() {
	apart.Serve()
	secret.NoDumps()
	os.Exit(cli.Main(version, releaseKey, feed))
}

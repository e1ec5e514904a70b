// Cie is the command line for the Italian electronic identity card.
package main

import (
	"os"

	"github.com/softwarecie/cie/internal/cli"
	"github.com/softwarecie/cie/internal/secret"
)

// version is set by the linker, from the tag.
var version = "devel"

func main() {
	secret.NoDumps()
	os.Exit(cli.Main(version))
}

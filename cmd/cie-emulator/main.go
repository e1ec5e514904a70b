// Cie-emulator puts emulated identity cards into virtual smart card readers.
//
// It speaks the vpcd protocol: it connects to the port on which the PC/SC
// daemon's virtual reader waits, and is then a card like any other for every
// program on the machine. See applet/emulator for what the card is.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Exit statuses.
const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cie-emulator:", err)
		if errors.As(err, new(*runError)) {
			os.Exit(exitFailure)
		}
		os.Exit(exitUsage)
	}
}

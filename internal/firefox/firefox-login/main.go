// Firefox-login logs in to a page with a real Firefox, a PKCS#11 library and the
// PIN of a test card, which it reads from standard input, and keeps a picture of
// what came. "make run" ends with it.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/softwarecie/cie/internal/firefox"
)

// limit is for all of it, on a slow computer.
const limit = 3 * time.Minute

func main() {
	var o firefox.LoginOptions
	flag.StringVar(&o.URL, "url", "", "page to log in to")
	flag.StringVar(&o.CA, "ca", "", "file with the CA of the page, PEM")
	flag.StringVar(&o.Module, "module", "", "the PKCS#11 library")
	flag.StringVar(&o.Screenshot, "screenshot", "", "file to write, PNG")
	flag.BoolVar(&o.Window, "window", false, "show Firefox on the display")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "firefox-login:", err)
		os.Exit(1)
	}
}

func run(o firefox.LoginOptions) error {
	pin, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return fmt.Errorf("PIN: %w", err)
	}
	o.PINs = []string{pin[:len(pin)-1]}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err = firefox.Login(ctx, o)
	return err
}

package doctor

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// LoadCommand is the argument by which our programs load the library named after it,
// and end. Whatever it does to them, it does not do to the one that asks.
const LoadCommand = "load-module"

// loadLimit is for a library that hangs.
const loadLimit = 10 * time.Second

// module looks for the library, and has another process load it.
func (c Computer) module(ctx context.Context) error {
	if c.Missing != nil || c.Load == nil {
		return c.Missing
	}
	if c.Machine.OS == "linux" {
		if err := architecture(c.Module); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	if err := c.Load(ctx, c.Module); err != nil {
		return errors.Join(ErrLoad, err)
	}
	return nil
}

// machines are the processors that this program runs on, as ELF numbers them.
func machines() map[string]elf.Machine {
	return map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "386": elf.EM_386, "arm": elf.EM_ARM, "riscv64": elf.EM_RISCV}
}

func architecture(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return errors.Join(ErrArchitecture, err)
	}
	defer func() { _ = f.Close() }()
	if want, known := machines()[runtime.GOARCH]; known && f.Machine != want {
		return fmt.Errorf("%w: %v", ErrArchitecture, f.Machine)
	}
	return nil
}

// loadElsewhere has another process of this program load the library.
func loadElsewhere(ctx context.Context, module string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return exec.CommandContext(ctx, program, LoadCommand, module).Run() //nolint:gosec // this program
}

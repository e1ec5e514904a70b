package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// insideVariable tells the second run of the test program from the first.
const insideVariable = "CIE_RIG_INSIDE"

// RunFolder is where pcscd has its socket; the daemon knows no other place.
const RunFolder = "/run/pcscd"

// serviceVariable names the socket for libpcsclite (PC/SC lite, SCardEstablishContext).
const serviceVariable = "PCSCLITE_CSOCK_NAME"

// serviceLink is the socket that programs inside connect to: a link to that of
// pcscd, or of a Proxy. libpcsclite reads the variable once in a process's life, so
// it is the link that changes.
const serviceLink = RunFolder + "/service.comm"

// Main runs the tests inside namespaces, for TestMain. It does not return. Where
// the kernel refuses namespaces it says so and runs no test: a skip on a laptop, a
// failure where CI is set.
func Main(m *testing.M) {
	if os.Getenv(insideVariable) != "" {
		if err := furnish(); err != nil {
			refuse(err)
		}
		os.Exit(m.Run())
	}
	code, err := again()
	if err != nil {
		refuse(err)
	}
	os.Exit(code)
}

func refuse(err error) {
	fmt.Fprintf(os.Stderr, "rig: no private pcscd, the system refuses namespaces: %v\n", err)
	if inCI() {
		os.Exit(1)
	}
	os.Exit(0)
}

// again runs this program once more in new namespaces, as their process 1, and
// returns its exit status. The child dies with the thread that started it, so that
// thread is kept.
func again() (int, error) {
	runtime.LockOSThread()
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(program, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Getuid() != 0 { // root of a namespace of one's own
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) {
		if code := cmd.ProcessState.ExitCode(); code >= 0 {
			return code, nil
		}
		return 1, nil // ended by a signal
	}
	return 0, err
}

// furnish makes the new namespaces fit to live in: /proc of the new processes, an
// empty run folder, a loopback interface that is up.
func furnish() error {
	const private = unix.MS_REC | unix.MS_PRIVATE
	if err := unix.Mount("", "/", "", private, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := mountRunFolder(); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("loopback up: %w", err)
	}
	if err := pointService(socket); err != nil {
		return err
	}
	return os.Setenv(serviceVariable, serviceLink)
}

// mountRunFolder hides the machine's run folder of pcscd, or the whole of /run where
// there is none and no right to make one.
func mountRunFolder() error {
	folder := RunFolder
	if _, err := os.Stat(folder); err != nil {
		folder = "/run"
	}
	if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount %s: %w", folder, err)
	}
	return os.MkdirAll(RunFolder, 0o755)
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// pointService leads new connections to the socket at that path.
func pointService(path string) error {
	fresh := serviceLink + ".new"
	if err := os.Symlink(path, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, serviceLink)
}

// Pack makes the packages of a release for Linux and Windows, as packages.toml describes them,
// out of what build.sh has built:
//
//	go run ./installer/pack [-arch amd64] [-build DIR] [-out DIR] deb|rpm|arch|tar|single|msi ...
//	go run ./installer/pack [-out DIR] provenance|sums   the statement; SHA256SUMS, signed with $CIE_RELEASE_KEY
//	go run ./installer/pack version|date      of the tag, of the commit
//	go run ./installer/pack ldflags|notes     what the linker tells the programs, what the changelog says
//	go run ./installer/pack [-out DIR] notice the notice of this version, signed
//	go run ./installer/pack [-build DIR] [-out DIR] icns   the icon for macOS, of its sizes
//	go run ./installer/pack [-build DIR] actions   what file managers offer, into DIR/share
//	go run ./installer/pack strings           the same for Windows, as a script for windres
//
// What it writes depends on the commit alone: not on the folder, the time or the
// user. It needs dpkg-deb and dpkg-shlibdeps, rpmbuild, bsdtar, and git;
// for an MSI wixl and msibuild.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// A rel is one run: which version, for which processor, from where to where.
type rel struct {
	description
	version version
	date    time.Time         // of the commit; every file has it
	arch    string            // Go's name
	build   string            // folder of what was built
	out     string            // folder of the packages
	known   map[string]string // licences by module
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("pack", flag.ContinueOnError)
	arch := flags.String("arch", runtime.GOARCH, "amd64, arm64 or 386")
	build := flags.String("build", "", "folder of what was built (build/linux-ARCH)")
	out := flags.String("out", "build/packages", "folder of the packages")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r := &rel{arch: *arch, build: *build, out: *out, known: map[string]string{}}
	if r.build == "" {
		r.build = "build/linux-" + r.arch
	}
	if err := r.read(); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("say what to make: deb rpm arch tar single msi provenance sums version date ldflags notes notice actions strings")
	}
	for _, what := range flags.Args() {
		if err := r.make(what); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// read learns what the release is: from git, or from the environment where there
// is no repository.
func (r *rel) read() (err error) {
	if r.description, err = load("installer/packages.toml"); err != nil {
		return err
	}
	described := os.Getenv("CIE_VERSION")
	if described == "" {
		described = output("git", "describe", "--tags", "--match", "v[0-9]*", "--long")
	}
	if described == "" { // before the first tag
		described = fmt.Sprintf("v0.0.0-%s-g%s", output("git", "rev-list", "--count", "HEAD"), output("git", "rev-parse", "--short=7", "HEAD"))
	}
	if r.version, err = parseVersion(described); err != nil {
		return err
	}
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		seconds = output("git", "log", "-1", "--format=%ct")
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("date of the commit: %w", err)
	}
	r.date = time.Unix(n, 0).UTC()
	return nil
}

func (r *rel) make(what string) error {
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	switch what {
	case "deb":
		return r.each("deb", r.deb)
	case "rpm":
		return r.each("rpm", r.rpm)
	case "arch":
		return r.each("arch", r.pacman)
	case "tar":
		return r.tarball()
	case "single":
		return r.single()
	case "msi":
		return r.msi()
	case "provenance":
		return r.provenance()
	case "sums":
		return r.sums()
	case "version":
		fmt.Println(r.version)
	case "date":
		fmt.Println(r.date.Unix())
	case "notes":
		return r.printNotes()
	case "notice":
		return r.notice(time.Now())
	case "icns":
		return r.icns()
	case "actions":
		return r.actions()
	case "strings":
		return r.printStrings()
	case "ldflags":
		flags, err := r.ldflags()
		if err != nil {
			return err
		}
		fmt.Println(flags)
	default:
		return errors.New("no such thing to make")
	}
	return nil
}

// each lays out every package in a folder of its own, and has it packed.
func (r *rel) each(format string, pack func(p *pkg, root string) (file string, err error)) error {
	for i := range r.Packages {
		p := &r.Packages[i]
		if r.arch == thirtyTwo && !p.Library {
			continue
		}
		folder, err := os.MkdirTemp("", "pack-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(folder) }()
		root := filepath.Join(folder, p.Name)
		if err := r.layOut(p, format, root); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		file, err := pack(p, root)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		if err := r.bill(file, root); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Println(filepath.Join(r.out, file))
	}
	return nil
}

// A version is what git describe tells: of a tag, and how far the commit is from it.
type version struct {
	tag    string // without the v
	ahead  int
	commit string
}

func parseVersion(described string) (version, error) {
	parts := strings.Split(described, "-")
	v := version{tag: strings.TrimPrefix(parts[0], "v")}
	if len(parts) == 1 && v.valid() {
		return v, nil
	}
	if len(parts) == 3 && v.valid() && strings.HasPrefix(parts[2], "g") {
		n, err := strconv.Atoi(parts[1])
		v.ahead, v.commit = n, parts[2]
		return v, err
	}
	return v, fmt.Errorf("%q is not a version such as v1.2.3 or v1.2.3-4-gabcdef0", described)
}

func (v version) valid() bool {
	numbers := strings.Split(v.tag, ".")
	for _, n := range numbers {
		if _, err := strconv.ParseUint(n, 10, 32); err != nil {
			return false
		}
	}
	return len(numbers) == 3
}

// String is the version as Debian and RPM order it: after the tag, before the next.
func (v version) String() string {
	if v.ahead == 0 {
		return v.tag
	}
	return fmt.Sprintf("%s+%d.%s", v.tag, v.ahead, v.commit)
}

// output is what a program prints, "" if it fails.
func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// command runs a program in a folder with the date of the release and a locale
// that sorts by bytes; what it prints is shown only if it fails.
func (r *rel) command(folder, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Dir = folder
	c.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.date.Unix()), "LC_ALL=C", "TZ=UTC")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

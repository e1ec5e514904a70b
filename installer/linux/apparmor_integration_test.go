//go:build integration

package linux

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/cardrig"
	"github.com/softwarecie/cie/internal/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// What a profile lets a program do with a file (apparmor.d(5), "File rules"), as the
// compiled profile says it.
const (
	mayExecute = 1 << iota
	mayWrite
	mayRead
	mayAppend
	mayLink
	mayLock
	mayMap // as code
)

var letters = map[byte]uint32{'x': mayExecute, 'w': mayWrite, 'r': mayRead, 'l': mayLink, 'k': mayLock, 'm': mayMap}

// A policy is the file rules of a compiled profile: the automaton that the kernel
// walks, a byte of the path at a time.
type policy struct {
	accept, base, fallback, next, check []uint32
	classes                             []uint32 // of bytes, nil if each is its own
}

// compile has AppArmor's parser make the policy of one profile of a file. The
// automaton comes last; what is before it is that of the profile's own name and of
// other rules.
func compile(t *testing.T, file, profile string) policy {
	t.Helper()
	out := filepath.Join(t.TempDir(), "policy")
	run(t, "apparmor_parser", "--skip-kernel-load", "--skip-cache", "--Optimize", "no-diff-encode", "--ofile", out, file)
	content, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	_, content, found := bytes.Cut(content, []byte("\x04\x08\x00profile\x00\x07\x05"+string([]byte{byte(len(profile) + 1), 0})+profile+"\x00"))
	if !found {
		t.Fatalf("no profile %s in %s", profile, file)
	}
	content, _, _ = bytes.Cut(content, []byte("\x04\x08\x00profile\x00"))
	at := bytes.LastIndex(content, []byte("\x1b\x5e\x78\x3d"))
	if at < 0 {
		t.Fatal("no automaton")
	}
	return tables(t, content[at:])
}

// tables reads an automaton: flex' file format for tables, of AppArmor's numbers.
func tables(t *testing.T, content []byte) policy {
	t.Helper()
	word := func(at int) int { return int(binary.BigEndian.Uint32(content[at:])) }
	length := word(8)
	var p policy
	for at := word(4); at < length; {
		id, size, count := binary.BigEndian.Uint16(content[at:]), int(binary.BigEndian.Uint16(content[at+2:])), word(at+8)
		values := make([]uint32, count)
		for i := range values {
			for _, b := range content[at+12+i*size : at+12+(i+1)*size] {
				values[i] = values[i]<<8 | uint32(b)
			}
		}
		at += (12 + count*size + 7) / 8 * 8
		if to, known := map[uint16]*[]uint32{1: &p.accept, 2: &p.base, 3: &p.check, 4: &p.fallback, 5: &p.classes, 8: &p.next}[id]; known {
			*to = values
		}
	}
	if len(p.accept) == 0 || len(p.next) != len(p.check) {
		t.Fatal("not an automaton as expected")
	}
	return p
}

// allowed is what a program may do with a file of its own user, or of another.
func (p policy) allowed(path string, owned bool) uint32 {
	state := uint32(1)
	for _, c := range []byte(path) {
		class := uint32(c)
		if p.classes != nil {
			class = p.classes[c]
		}
		at := p.base[state]&0xFFFFFF + class
		if p.check[at] == state {
			state = p.next[at]
		} else {
			state = p.fallback[state]
		}
	}
	if owned {
		return p.accept[state] & 0x7F
	}
	return p.accept[state] >> 14 & 0x7F
}

// places are where the packages install what "make build" has built, and a person's
// home.
func places(t *testing.T, home string) *strings.Replacer {
	t.Helper()
	return strings.NewReplacer(
		cardrig.Built(t, "cie-pkcs11-helper"), "/usr/libexec/cie/cie-pkcs11-helper",
		cardrig.Built(t, "libcie-pkcs11.so"), "/usr/lib/x86_64-linux-gnu/pkcs11/libcie-pkcs11.so",
		cardrig.Built(t, "cie-gui"), "/usr/bin/cie-gui", cardrig.Built(t, "cie"), "/usr/bin/cie",
		filepath.Dir(cardrig.Built(t, "cie"))+"/", "/usr/bin/",
		home, "/home/person", "/run/pcscd/service.comm", "/run/pcscd/pcscd.comm",
	)
}

// A trace is what a program and those that it started asked of the system: a file
// for each thread, PREFIX.ID, as strace writes them.
type trace struct {
	prefix   string
	places   *strings.Replacer
	policies map[string]policy // by program
	missing  map[string]bool   // what a policy does not allow
	folders  map[string]bool   // that were made, and may be gone
	seen     int
}

// A call of the system, as strace shows it.
var (
	call     = regexp.MustCompile(`^(\w+)\((.*)\)\s+= (-?\d+)(?:<(.*?)>)?(?: \(deleted\))?(?: (\w+) \(.*\))?$`)
	folder   = regexp.MustCompile(`mkdir(?:at)?\((?:[^<]*<(.*)>, )?"(.*)"`)
	absolute = regexp.MustCompile(`(?:<([^<>]*)>, )?"((?:[^"\\]|\\.)*)"`)
)

// judge holds what was written down of a program against its policy.
func (tr *trace) judge(t *testing.T, program string) {
	t.Helper()
	files, err := filepath.Glob(tr.prefix + ".*")
	if err != nil || len(files) == 0 {
		t.Fatalf("strace wrote nothing: %v", err)
	}
	first := math.MaxInt
	for _, file := range files {
		id, err := strconv.Atoi(strings.TrimPrefix(filepath.Ext(file), "."))
		content, err2 := os.ReadFile(file)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		first = min(first, id)
		for _, made := range folder.FindAllStringSubmatch(string(content), -1) {
			tr.folders[whole(made[1], made[2])] = true
		}
	}
	tr.follow(t, strconv.Itoa(first), program)
}

// follow holds a thread and what it starts against the policy of a program.
func (tr *trace) follow(t *testing.T, id, program string) {
	t.Helper()
	content, err := os.ReadFile(tr.prefix + "." + id)
	if errors.Is(err, os.ErrNotExist) {
		return // it was started, and did nothing
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(content), "\n") {
		m := call.FindStringSubmatch(line)
		if m == nil || m[5] != "" && m[5] != "EACCES" && m[5] != "EPERM" {
			continue // also what was looked for and is not there
		}
		name, args, result, file := m[1], m[2], m[3], m[4]
		if name == "clone" || name == "clone3" || name == "vfork" || name == "fork" {
			tr.follow(t, result, program)
			continue
		}
		var paths []string
		for _, found := range absolute.FindAllStringSubmatch(args, -1) {
			paths = append(paths, whole(found[1], found[2]))
		}
		switch name {
		case "execve":
			tr.want(program, linked(paths[0]), "x")
			if program = tr.places.Replace(paths[0]); len(tr.policies[program].accept) == 0 {
				return // on its own from here
			}
			tr.want(program, paths[0], "mr")
		case "open", "openat":
			tr.want(program, tr.named(file), access(args))
		case "mmap":
			if found := mapped.FindStringSubmatch(args); found != nil && strings.Contains(args, "PROT_EXEC") {
				tr.want(program, found[1], "m")
			}
		case "mkdir", "mkdirat":
			tr.want(program, paths[0]+"/", "w")
		case "connect", "bind":
			if strings.Contains(args, "sun_path=\"") {
				tr.want(program, paths[len(paths)-1], "rw")
			}
		case "flock", "fcntl":
			if found := held.FindStringSubmatch(args); found != nil && (name == "flock" || strings.Contains(args, "SETLK")) {
				tr.want(program, found[1], "k")
			}
		case "rename", "renameat", "renameat2":
			tr.want(program, tr.named(paths[0]), "rw")
			tr.want(program, tr.named(paths[1]), "w")
		case "link", "linkat":
			tr.want(program, paths[1], "l")
		default: // what changes a file by its name
			for _, path := range paths {
				tr.want(program, tr.named(path), "w")
			}
		}
	}
}

// linked is the file at the end of links, which alone counts.
func linked(path string) string {
	if end, err := filepath.EvalSymlinks(path); err == nil {
		return end
	}
	return path
}

// whole is the path of a name in a folder.
func whole(folder, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(folder, name)
}

// named is a path as rules name it: a folder ends in a slash.
func (tr *trace) named(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() || tr.folders[path] || process.MatchString(path) {
		return path + "/"
	}
	return path
}

var (
	mapped = regexp.MustCompile(`, \d+<(/[^>]*)>`)
	held   = regexp.MustCompile(`^\d+<(/[^>]*)>`)
)

// access is what a file is opened for.
func access(args string) string {
	switch {
	case strings.Contains(args, "O_RDWR"):
		return "rw"
	case strings.Contains(args, "O_WRONLY"):
		return "w"
	case strings.Contains(args, "O_CREAT"):
		return "rw"
	}
	return "r"
}

// want notes what a program's policy does not allow. The test runs as root: who owns
// what is told by the place.
func (tr *trace) want(program, path, what string) {
	tr.seen++
	path = tr.places.Replace(path)
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/memfd:") {
		return
	}
	owned := own.MatchString(path)
	has := tr.policies[program].allowed(path, owned)
	for i := range len(what) {
		if has&letters[what[i]] == 0 {
			tr.missing[fmt.Sprintf("%s: %s %s, owner: %v", program, path, what, owned)] = true
			return
		}
	}
}

var (
	own     = regexp.MustCompile(`^/((home/person|proc/\d+|run/user/\d+)/|tmp/.)`)
	process = regexp.MustCompile(`^/proc/\d+$`) // that may have ended
)

// asked is what strace is to write down.
const asked = "trace=open,openat,creat,execve,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat," +
	"chmod,fchmodat,truncate,connect,bind,mmap,mknod,mknodat,fcntl,flock,utimensat,clone,clone3,fork,vfork"

// TestAppArmor runs the programs, and holds everything that they do with files
// against what the profiles let them do. No kernel with AppArmor is needed; nothing is
// said here of networks, D-Bus and signals.
func TestAppArmor(t *testing.T) {
	rig.Need(t, "apparmor_parser", "strace")
	tr := &trace{policies: map[string]policy{}, missing: map[string]bool{}, folders: map[string]bool{}}
	for program, profile := range map[string]string{"/usr/bin/cie": "cie", "/usr/bin/cie-gui": "cie", "/usr/libexec/cie/cie-pkcs11-helper": "cie-pkcs11-helper"} {
		tr.policies[program] = compile(t, "apparmor/"+profile, profile)
	}
	card := cardrig.New(t, 5*time.Minute)
	card.Await(t, true)
	home := person(t, card)
	tr.places = places(t, home)
	display := rig.StartDisplay(t, "1000x720")
	for _, c := range []struct{ command, input string }{
		{"cie status", ""},
		{"cie pair --pin-stdin", "12345678"},
		{"cie pin verify --pin-stdin", "5678"},
		{"cie pin change --pin-stdin", "12345678\n31415926"},
		{"cie cert --pem -o " + filepath.Join(home, "certificate.pem"), ""},
		{"cie sign-digest --pin-stdin --in " + filepath.Join(home, "certificate.pem") + " --out " + filepath.Join(home, "signature"), "5926"},
		{"cie browser list", ""},
		{"cie browser add --all --module " + cardrig.Built(t, "libcie-pkcs11.so"), ""},
		{"cie doctor", ""},
		{"cie doctor --report " + filepath.Join(home, "report.zip") + " --yes", ""},
		{"cie-gui", ""},
		{"cie browser undo", ""},
		{"cie config show --origin", ""},
		{"cie card check", ""},
		{"cie demo", ""},
		{"cie forget --all --settings", ""},
	} {
		args := strings.Fields(c.command)
		tr.prefix = filepath.Join(t.TempDir(), args[0])
		program := exec.Command("strace", append([]string{"-ff", "-qq", "-y", "-s", "4096", "-e", "signal=none", "-e", asked, "-o", tr.prefix, cardrig.Built(t, args[0])}, args[1:]...)...)
		program.Env = append(os.Environ(), "HOME="+home, "CIE_CONFIG=", "XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "XDG_CACHE_HOME=", "XDG_RUNTIME_DIR=", "CIE_LANG=en", "DISPLAY="+display.Name, "LIBGL_ALWAYS_SOFTWARE=1")
		program.Stdin = strings.NewReader(c.input + "\n")
		var out bytes.Buffer
		program.Stdout, program.Stderr = &out, &out
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		if args[0] == "cie-gui" {
			display.Wait("Your card – Your CIE")
			time.Sleep(time.Second) // until it knows the card
			display.Keys("alt+F4")
		}
		err := program.Wait()
		if err != nil && c.command != "cie doctor" { // which finds something
			t.Errorf("%s: %v\n%s", c.command, err, out.Bytes())
		}
		before := tr.seen
		tr.judge(t, "/usr/bin/"+args[0])
		if tr.seen-before < 10 {
			t.Errorf("%s: only %d accesses seen", c.command, tr.seen-before)
		}
	}
	for _, name := range []string{"firefox-esr", "firefox", "chromium"} { // cie login-test starts one
		if browser, err := exec.LookPath(name); err == nil {
			tr.want("/usr/bin/cie", linked(browser), "x")
		}
	}
	for what := range tr.missing {
		t.Error(what)
	}
	t.Logf("%d accesses", tr.seen)
}

// What the programs have no business with. Were everything allowed, the test above
// would see nothing.
func TestAppArmorRefuses(t *testing.T) {
	rig.Need(t, "apparmor_parser")
	cie, helper := compile(t, "apparmor/cie", "cie"), compile(t, "apparmor/cie-pkcs11-helper", "cie-pkcs11-helper")
	for _, tt := range []struct {
		policy
		path  string
		owned bool
		not   uint32
	}{
		{cie, "/etc/shadow", false, mayRead},
		{cie, "/home/person/.ssh/id_rsa", true, mayRead},
		{cie, "/home/person/.bashrc", true, mayWrite},
		{cie, "/home/person/.mozilla/firefox/x.default/key4.db", true, mayRead},
		{cie, "/home/person/.mozilla/firefox/x.default/prefs.js", true, mayWrite},
		{cie, "/home/person/.thunderbird/x.default/Mail/Local Folders/Inbox", true, mayRead},
		{cie, "/home/person/snap/firefox/common/.mozilla/firefox/x/logins.json", true, mayRead},
		{cie, "/home/person/snap/chromium/common/chromium/Default/Login Data", true, mayRead},
		{cie, "/home/person/.config/google-chrome/Local State", true, mayRead},
		{cie, "/home/other/Documents/a.pdf", false, mayRead},
		{cie, "/usr/bin/cie", false, mayWrite},
		{cie, "/bin/sh", false, mayExecute},
		{cie, "/home/person/Downloads/program", true, mayExecute},
		{cie, "/proc/1/mem", true, mayRead},
		{helper, "/bin/sh", false, mayExecute},
		{helper, "/usr/bin/cie", false, mayExecute},
		{helper, "/home/person/Documents/a.pdf", true, mayRead | mayWrite},
		{helper, "/home/person/.mozilla/firefox/x.default/key4.db", true, mayRead},
		{helper, "/home/person/.config/cie/config.toml", true, mayWrite},
		{helper, "/home/other/.local/state/cie/pairings/x.card", false, mayRead},
	} {
		if has := tt.allowed(tt.path, tt.owned); has&tt.not != 0 {
			t.Errorf("%s: allowed are %#x", tt.path, has)
		}
	}
}

// person makes the home of somebody with a browser and settings.
func person(t *testing.T, card *cardrig.Rig) string {
	t.Helper()
	home := t.TempDir()
	config := filepath.Join(home, ".config/cie/config.toml")
	for _, folder := range []string{filepath.Dir(config), filepath.Join(home, ".pki/nssdb"), filepath.Join(home, ".config/chromium")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(card.Trust, filepath.Join(home, "trust")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, fmt.Appendf(nil, "[trust]\nextra = [%q]\n[log]\nlevel = \"debug\"\n", filepath.Join(home, "trust")), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

// An installation is what the template of the MSI is filled in with.
type installation struct {
	Name, Homepage           string
	ProductCode, UpgradeCode string
	Version, Full            string // as Windows compares it; as the release calls it
	User                     bool   // for one person, without an administrator
	Packages                 []pkg
	Verbs                    []verb
	Lists                    []string // files of each package's own folder
}

// Feature is the package's name in the MSI, as in ADDLOCAL=cli,pkcs11.
func (p pkg) Feature() string { return strings.TrimPrefix(p.Name, "cie-") }

// Hive is where the registry has what is for everybody, or for the person.
func (i installation) Hive() string {
	if i.User {
		return "HKCU"
	}
	return "HKLM"
}

// msi makes two installers for Windows with wixl: for the computer, and for a person.
func (r *rel) msi() error {
	for scope, code := range map[string]string{"": r.Windows.Computer, "-user": r.Windows.Person} {
		folder, err := os.MkdirTemp("", "msi-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(folder) }()
		i := installation{
			Name: r.Windows.Name, Homepage: r.Homepage, Version: r.version.tag, Full: r.version.String(), User: scope != "",
			UpgradeCode: code, ProductCode: guid(sha256.Sum256([]byte(code + r.version.String()))),
		}
		file := fmt.Sprintf("%s-%s-amd64%s.msi", r.Name, r.version, scope)
		if err := r.installer(i, folder, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Println(filepath.Join(r.out, file))
	}
	return nil
}

// installer makes one of them.
func (r *rel) installer(i installation, folder, file string) (err error) {
	if i.Verbs, err = r.verbs(); err != nil {
		return err
	}
	for _, p := range r.Packages {
		if len(p.Windows) == 0 {
			continue
		}
		i.Packages = append(i.Packages, p)
		for _, name := range p.Windows {
			if err := r.install("msi", filepath.Join(r.build, name), "/", folder); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(r.install("msi", filepath.Join(r.build, "cie.ico"), "/", folder), r.licenceText(folder)); err != nil {
		return err
	}
	for _, p := range i.Packages {
		own := path.Join("packages", p.Name)
		if err := r.installedList(p.Name, "msi", folder, own, append(slices.Clone(p.Windows), licencesName)); err != nil {
			return err
		}
		i.Lists = files(filepath.Join(folder, own))
	}
	script, err := template.ParseFiles("installer/windows/cie.wxs")
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := script.Execute(&text, i); err != nil {
		return err
	}
	if err := errors.Join(write(filepath.Join(folder, "cie.wxs"), text.Bytes(), 0o644), r.stamp(folder)); err != nil {
		return err
	}
	code, err := codeOf(folder)
	if err != nil {
		return err
	}
	if err := r.command(folder, "wixl", "-a", "x64", "-o", "cie.msi", "cie.wxs"); err != nil {
		return err
	}
	if err := r.command(folder, "msibuild", append([]string{"cie.msi"}, rest(i)...)...); err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(folder, "cie.msi"))
	if err == nil {
		err = stampSummary(content, code, r.date)
	}
	if err != nil {
		return err
	}
	return errors.Join(write(filepath.Join(r.out, file), content, 0o644), r.bill(file, folder))
}

// rest is what wixl cannot write, as queries for msibuild: the folder in the search
// path for programs, of the computer ("*") or the person, taken away with the program
// ("-"), behind what is there ("[~]"); the features chosen stay chosen in a newer
// version (msidbUpgradeAttributesMigrateFeatures, 1, beside both bounds included);
// FIREFOX=0 leaves Firefox's policy out. The files' versions are those in their
// resources: without them Windows would keep what it is about to remove.
func rest(i installation) (args []string) {
	path := "=-*PATH"
	if i.User {
		path = "=-PATH"
	}
	queries := []string{
		"CREATE TABLE `Environment` (`Environment` CHAR(72) NOT NULL, `Name` CHAR(255) NOT NULL LOCALIZABLE, `Value` CHAR(255) LOCALIZABLE, `Component_` CHAR(72) NOT NULL PRIMARY KEY `Environment`)",
		"INSERT INTO `Environment` (`Environment`, `Name`, `Value`, `Component_`) VALUES ('path', '" + path + "', '[~];[INSTALLDIR]', 'cie.exe')",
		"INSERT INTO `InstallExecuteSequence` (`Action`, `Sequence`) VALUES ('RemoveEnvironmentStrings', 3300)",
		"INSERT INTO `InstallExecuteSequence` (`Action`, `Sequence`) VALUES ('WriteEnvironmentStrings', 5200)",
		"DELETE FROM `Upgrade` WHERE `ActionProperty` = 'OLDERFOUND'",
		"INSERT INTO `Upgrade` (`UpgradeCode`, `VersionMin`, `VersionMax`, `Attributes`, `ActionProperty`) VALUES ('" + i.UpgradeCode + "', '0.0.0', '" + i.Version + "', 769, 'OLDERFOUND')",
		"UPDATE `Component` SET `Condition` = 'NOT FIREFOX = \"0\"' WHERE `Component` = 'firefox'",
	}
	for _, p := range i.Packages {
		for _, name := range p.Windows {
			queries = append(queries, "UPDATE `File` SET `Version` = '"+i.Version+".0' WHERE `File` = '"+name+"'")
		}
	}
	for _, q := range queries {
		args = append(args, "-q", q)
	}
	return args
}

const licencesName = "licences.txt"

// licenceText puts ours and those of the modules into one file, as Windows' editors
// want it.
func (r *rel) licenceText(folder string) error {
	own, modules, err := r.licences(folder)
	if err != nil {
		return err
	}
	text := r.Windows.Name + "\n" + r.Homepage + "\n\n" + string(own) + "\nThe modules that the programs hold:\n\n" + string(modules)
	return write(filepath.Join(folder, licencesName), []byte(strings.ReplaceAll(text, "\n", "\r\n")), 0o644)
}

// codeOf is the package code: another one for every other content.
func codeOf(folder string) (string, error) {
	all := sha256.New()
	for _, name := range files(folder) {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%s %x\n", name, sha256.Sum256(content))
	}
	return guid([32]byte(all.Sum(nil))), nil
}

// guid is a UUID made of a hash as Windows Installer writes it.
func guid(sum [32]byte) string { return "{" + strings.ToUpper(uuid(sum)) + "}" }

// summary is FMTID_SummaryInformation ([MS-OLEPS] 3.1).
var summary = []byte{0xE0, 0x85, 0x9F, 0xF2, 0xF9, 0x4F, 0x68, 0x10, 0xAB, 0x91, 0x08, 0x00, 0x2B, 0x27, 0xB3, 0xD9}

// Properties of the summary and their types ([MS-OLEPS] 3.1, 2.15).
const (
	pidRevision, pidCreated, pidSaved = 9, 12, 13
	vtText, vtTime                    = 0x1E, 0x40
)

// stampSummary gives an MSI its package code and its times, for which wixl takes
// chance and the clock. The property set is short, and so in one piece ([MS-OLEPS]
// 2.20 and 2.21).
func stampSummary(msi []byte, code string, date time.Time) error {
	at := bytes.Index(msi, summary)
	broken := errors.New("no summary information where it should be")
	if at < 28 || at+20 > len(msi) || bytes.Count(msi, summary) != 1 {
		return broken
	}
	word := func(at int) int {
		if at < 0 || at+4 > len(msi) {
			return -1
		}
		return int(binary.LittleEndian.Uint32(msi[at:]))
	}
	section := at - 28 + word(at+16)
	found := 0
	for n := range min(word(section+4), 32) {
		entry := section + 8 + 8*n
		value := section + word(entry+4)
		switch id, kind := word(entry), word(value); {
		case id == pidRevision && kind == vtText && word(value+4) >= len(code):
			found += copy(msi[value+8:], code)
		case (id == pidCreated || id == pidSaved) && kind == vtTime && value+12 <= len(msi):
			binary.LittleEndian.PutUint64(msi[value+4:], uint64(date.Unix()+11644473600)*10_000_000) //nolint:gosec // after 1601
			found++
		}
	}
	if found != len(code)+2 {
		return broken
	}
	return nil
}

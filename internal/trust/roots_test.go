package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every certificate carried is the one that its row in the README describes, and
// every row has its certificate.
func TestCertificatesAreTheDocumentedOnes(t *testing.T) {
	readme, err := os.ReadFile("certificates/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+\\.pem)` \\|.*$").FindAllStringSubmatch(string(readme), -1) {
		rows[row[1]] = row[0]
	}
	files, err := fs.Glob(builtIn, "certificates/c*/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 8 || len(rows) != 8 {
		t.Errorf("%d files, %d rows, want 8", len(files), len(rows))
	}
	for _, file := range files {
		data, err := builtIn.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		block, rest := pem.Decode(data)
		if block == nil || len(strings.TrimSpace(string(rest))) != 0 {
			t.Fatalf("%s is not one certificate", file)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		row := rows[filepath.Base(file)]
		for _, fact := range []string{
			fmt.Sprintf("%X", sha256.Sum256(c.Raw)), fmt.Sprintf("%X", c.SubjectKeyId), c.NotAfter.Format("2006-01-02"),
		} {
			if !strings.Contains(row, fact) {
				t.Errorf("%s: %s is not in its row", file, fact)
			}
		}
	}
}

// OpenSSL agrees on each certificate, with the roots it is said to have.
func TestOpenSSLAgreesOnCertificates(t *testing.T) {
	openssl := needOpenSSL(t)
	for file, root := range map[string]string{
		"csca/852df7a7": "csca/852df7a7", "csca/436ce392": "csca/436ce392", "csca/d11a505e": "csca/d11a505e",
		"cie/root-2016": "cie/root-2016", "cie/root-2024": "cie/root-2024",
		"cie/subca1": "cie/root-2016", "cie/subca002": "cie/root-2016", "cie/subca003": "cie/root-2024",
	} {
		arguments := []string{
			"verify", "-check_ss_sig", "-attime", fmt.Sprint(now.Unix()), "-CAfile", "certificates/" + root + ".pem",
			"certificates/" + file + ".pem",
		}
		if out, err := openssl(arguments...); err != nil {
			t.Errorf("%s by %s: %s", file, root, out)
		}
	}
	if out, err := openssl("verify", "-attime", fmt.Sprint(now.Unix()), "-CAfile", "certificates/cie/root-2016.pem",
		"certificates/cie/subca003.pem"); err == nil {
		t.Errorf("SUBCA003 by the root of 2016, of the same name: %s", out)
	}
}

func TestLoad(t *testing.T) {
	p := pki()
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	ca, impostor, ds := block("CERTIFICATE", p.ca.Raw), block("CERTIFICATE", p.impostor.Raw), block("CERTIFICATE", p.ds.Raw)
	known, err := builtIn.ReadFile("certificates/csca/d11a505e.pem")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, file, content string
		added               int // country CAs; -1 is an error
	}{
		{"PEM", "a.pem", ca, 1},
		{"PEM of several", "a.pem", ca + impostor, 2},
		{"PEM with a key", "a.PEM", block("PRIVATE KEY", []byte("key")) + ca, 1},
		{"DER, .der", "a.der", string(p.ca.Raw), 1},
		{"DER, .cer", "a.CER", string(p.ca.Raw), 1},
		{"PEM, .crt", "a.crt", ca, 1},
		{"the same twice", "a.pem", ca + ca, 1},
		{"no CA", "a.pem", ds, 0},
		{"a built-in one stays built in", "a.pem", string(known), 0},
		{"another extension", "a.txt", "anything", 0},
		{"a key only", "a.pem", block("PRIVATE KEY", []byte("key")), -1},
		{"empty", "a.pem", "", -1},
		{"empty, DER", "a.der", "", -1},
		{"no certificate", "a.cer", "anything", -1},
		{"two in DER", "a.der", string(p.ca.Raw) + string(p.impostor.Raw), -1},
		{"damaged PEM", "a.pem", block("CERTIFICATE", p.ca.Raw[1:]), -1},
		{"too large", "a.pem", ca + strings.Repeat("\n", maxFile), -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, tt.file), []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(folder, "sub"), 0o700); err != nil {
				t.Fatal(err)
			}
			roots, err := Load([]string{folder})
			if tt.added < 0 {
				if roots != nil || !errors.Is(err, ErrNotCertificates) || !strings.Contains(err.Error(), tt.file) {
					t.Errorf("%v, %v", roots, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := len(roots.csca) - len(BuiltIn().csca); n != tt.added || roots.HasTest() != (n > 0) {
				t.Errorf("%d added, want %d; HasTest %v", n, tt.added, roots.HasTest())
			}
		})
	}
	if _, err := Load([]string{filepath.Join(t.TempDir(), "absent")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent folder: %v", err)
	}
}

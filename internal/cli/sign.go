package cli

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/internal/wholefile"
)

func (a *App) certCommand() *cobra.Command {
	asPEM, asDER, asText, chain, out := false, false, false, false, ""
	c := a.command("cert [ID]", "cli.cert", "  cie cert --text\n  cie cert --pem -o cie.pem\n  cie cert --chain -o chain.pem", func(ctx context.Context, args []string) error {
		certificate, err := a.certificate(ctx, args)
		if err != nil {
			return err
		}
		content := trust.PEM(certificate)
		switch {
		case chain:
			content = trust.PEM(append([]*x509.Certificate{certificate}, a.holder.Roots.Describe(certificate).Path...)...)
		case asDER:
			content = certificate.Raw
		case asText:
			content = []byte(a.certificateText(certificate))
		}
		return a.write(out, content)
	})
	c.Flags().BoolVar(&asPEM, "pem", false, a.t("cli.flag.pem"))
	c.Flags().BoolVar(&asDER, "der", false, a.t("cli.flag.der"))
	c.Flags().BoolVar(&asText, "text", false, a.t("cli.flag.text"))
	c.Flags().StringVarP(&out, "output", "o", "", a.t("cli.flag.output"))
	c.Flags().BoolVar(&chain, "chain", false, a.t("cli.flag.chain"))
	a.exclusive(c, "pem", "der", "text")
	a.exclusive(c, "chain", "der", "text")
	a.consentFlags(c, false)
	return a.codeFlags(c, "pin")
}

// certificate is that of a paired card, which costs nothing, else it is read
// from the card, for which the PIN is needed.
func (a *App) certificate(ctx context.Context, args []string) (*x509.Certificate, error) {
	r, err := a.record(ctx, args)
	if err == nil {
		info := a.recordInfo(r)
		a.result.CardInfo = &info
		return x509.ParseCertificate(r.Certificate)
	}
	if !errors.Is(err, pairing.ErrNotPaired) || len(args) > 0 {
		return nil, err
	}
	var certificate *x509.Certificate
	err = a.withPIN(ctx, func(t cie.Target, pin *secret.Buffer) error {
		login, err := a.holder.Login(ctx, t, pin)
		if err != nil {
			return err
		}
		defer login.Close()
		certificate = login.Certificate()
		a.done(login.PAN())
		return nil
	}, func() {})
	return certificate, err
}

// certificateText is the certificate in words.
func (a *App) certificateText(c *x509.Certificate) string {
	text := ""
	for _, r := range a.messages.Certificate(a.holder.Roots.Describe(c), true) {
		text += r.Name + ": " + r.Value + "\n"
	}
	return text
}

// write puts content into a file, whole or not at all, or to standard output.
func (a *App) write(path string, content []byte) error {
	if path == "" || path == "-" {
		if a.json {
			a.result.Output = inJSON(content)
			return nil
		}
		_, err := a.Out.Write(content)
		return err
	}
	a.result.Output = path
	err := wholefile.Replace(path, content, 0o600)
	var failed *fs.PathError
	if errors.As(err, &failed) { // of a file beside it, with a name of its own
		return &fs.PathError{Op: failed.Op, Path: path, Err: failed.Err}
	}
	return err
}

// inJSON is a content as a string of JSON can hold it: text as it is, what is none in
// base64.
func inJSON(content []byte) string {
	if utf8.Valid(content) {
		return string(content)
	}
	return base64.StdEncoding.EncodeToString(content)
}

// hashes are the digests that a signature can be made over.
var hashes = map[string]crypto.Hash{
	"sha1": crypto.SHA1, "sha224": crypto.SHA224, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512,
}

// maxInput bounds the file that is signed, in bytes: 1 GiB, as usage.input-size says.
const maxInput = 1 << 30

func (a *App) signDigestCommand() *cobra.Command {
	name, in, out, isDigest, isFile := "", "", "", false, false
	c := a.command("sign-digest", "cli.sign-digest",
		"  cie sign-digest --hash sha256 --in document --out signature\n  openssl dgst -sha256 -verify key.pem -signature signature document",
		func(ctx context.Context, _ []string) error {
			hash, ok := hashes[strings.ToLower(name)]
			if !ok {
				return a.usage("digest-unknown", "name", name)
			}
			digest, err := a.digest(hash, in, isDigest, isFile)
			if err != nil {
				return err
			}
			var signature []byte
			err = a.withPIN(ctx, func(t cie.Target, pin *secret.Buffer) error {
				login, err := a.holder.Login(ctx, t, pin)
				if err != nil {
					return err
				}
				defer login.Close()
				a.done(login.PAN())
				signature, err = login.Signer(ctx).Sign(nil, digest, hash)
				return err
			}, func() {})
			if err != nil {
				return err
			}
			return a.write(out, signature)
		})
	c.Flags().StringVar(&name, "hash", "sha256", a.t("cli.flag.hash"))
	c.Flags().Lookup("hash").DefValue = "" // its text says it
	c.Flags().StringVar(&in, "in", "", a.t("cli.flag.in"))
	c.Flags().StringVar(&out, "out", "", a.t("cli.flag.output"))
	c.Flags().BoolVar(&isDigest, "digest", false, a.t("cli.flag.digest"))
	c.Flags().BoolVar(&isFile, "file", false, a.t("cli.flag.file"))
	a.exclusive(c, "digest", "file")
	a.consentFlags(c, false)
	return a.codeFlags(c, "pin")
}

// digest is what is signed: the digest of the file, or the file itself where it
// has just the length of one.
func (a *App) digest(hash crypto.Hash, path string, isDigest, isFile bool) ([]byte, error) {
	if path == "" {
		return nil, a.usage("input-missing")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	start := make([]byte, hash.Size()+1)
	n, err := io.ReadFull(file, start)
	start = start[:n]
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, err
	case isDigest && n != hash.Size():
		return nil, a.usage("digest-size", "file", path, "n", hash.Size())
	case n == hash.Size() && !isFile:
		return start, nil
	}
	digest, whole, err := sum(hash, io.MultiReader(bytes.NewReader(start), file), maxInput)
	switch {
	case err != nil:
		return nil, err
	case !whole: // a signature of a part would be one of something else
		return nil, a.usage("input-size", "file", path)
	}
	return digest, nil
}

// sum is the digest of what is read, and says whether that was all: not if it is more
// than so many bytes.
func sum(hash crypto.Hash, from io.Reader, most int64) (digest []byte, whole bool, err error) {
	h := hash.New()
	n, err := io.Copy(h, io.LimitReader(from, most+1))
	return h.Sum(nil), n <= most, err
}

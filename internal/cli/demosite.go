package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/trust"
)

// siteInfo says where the demo site is.
type siteInfo struct {
	Landing  string `json:"landing"`
	Required string `json:"required"`
	Optional string `json:"optional"`
	TLS13    string `json:"tls13"`
	CA       string `json:"ca"` // file, PEM
}

// attemptInfo is one attempt to log in there.
type attemptInfo struct {
	Door      demosite.Door     `json:"door"`    // required, optional, tls13
	Outcome   demosite.Outcome  `json:"outcome"` // ok, no-certificate, refused, failed, gone
	Holder    string            `json:"holder,omitempty"`
	TaxCode   string            `json:"tax_code,omitempty"`
	Issuer    string            `json:"issuer,omitempty"`
	Genuine   trust.Genuineness `json:"genuine,omitempty"`
	Version   string            `json:"version,omitempty"` // TLS 1.2
	Cipher    string            `json:"cipher,omitempty"`
	Signature string            `json:"signature,omitempty"` // scheme the card signed with
	Error     string            `json:"error,omitempty"`
}

func (a *App) demoSiteCommand() *cobra.Command {
	var port int
	var folder, open string
	once := false
	c := a.command("demo-site", "cli.demo-site", "  cie demo-site\n  cie demo-site --port 8443 --once\n  cie demo-site --open=firefox\n  cie demo-site --json", func(ctx context.Context, _ []string) error {
		return a.demoSite(ctx, port, folder, open, once)
	})
	c.Flags().StringVar(&open, "open", "", a.t("cli.flag.open"))
	c.Flags().Lookup("open").NoOptDefVal = firstBrowser
	c.Flags().IntVar(&port, "port", 0, a.t("cli.flag.port"))
	c.Flags().StringVar(&folder, "folder", "", a.t("cli.flag.site-folder"))
	c.Flags().BoolVar(&once, "once", false, a.t("cli.flag.once"))
	return c
}

// lastPort is the highest for the first page: three more follow.
const lastPort = 65532

// demoSite serves until it is interrupted, or somebody has logged in once. In JSON
// there is an object for the site, then one for each attempt.
func (a *App) demoSite(ctx context.Context, port int, folder, open string, once bool) error {
	if port < 0 || port > lastPort {
		return a.usage("port", "n", lastPort)
	}
	if folder == "" {
		made, err := os.MkdirTemp("", "cie-demo-site-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(made) }()
		folder = made
	}
	attempts := make(chan demosite.Attempt)
	site, err := demosite.Start(ctx, demosite.Options{Roots: a.holder.Roots, Folder: folder, Port: port, Attempt: func(at demosite.Attempt) {
		select {
		case attempts <- at:
		case <-ctx.Done():
		}
	}})
	if err != nil {
		return err
	}
	defer func() { _ = site.Close() }()
	a.print("%s", a.t("cli.site.open", "url", site.Landing))
	a.print("%s", a.t("cli.site.ca", "file", site.CA))
	a.result.Site = &siteInfo{site.Landing, site.Required, site.Optional, site.TLS13, site.CA}
	if open != "" {
		close, err := a.openBrowser(ctx, site, open)
		if err != nil {
			return err
		}
		defer close()
	}
	for {
		a.succeed()
		select {
		case at := <-attempts:
			a.attempted(at)
			if once && at.Outcome == demosite.OK {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// attempted tells of one attempt.
func (a *App) attempted(at demosite.Attempt) {
	info := &attemptInfo{
		Door: at.Door, Outcome: at.Outcome, Holder: at.Holder.FullName(), TaxCode: at.Holder.TaxCode, Issuer: at.Issuer, Genuine: at.Genuine,
		Version: at.Version, Cipher: at.CipherSuite, Signature: at.Signature,
	}
	if at.Err != nil {
		info.Error = at.Err.Error()
	}
	a.result.Site, a.result.Attempt = nil, info
	key := "cli.site." + string(at.Outcome)
	if at.Door == demosite.TLS13 && at.Outcome != demosite.OK {
		key = "cli.site.tls13"
	}
	if at.Outcome != demosite.Gone {
		a.print("%s", a.t(key, "holder", info.Holder, "version", at.Version, "signature", at.Signature, "detail", info.Error))
	}
}

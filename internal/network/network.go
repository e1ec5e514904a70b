// Package network fetches small things, for those who were told to: over the way that the
// settings name, bounded in size, time and redirections, and with nothing in a request that
// tells of who asks. Nobody but a command that says so uses it.
package network

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Errors of fetching.
var (
	ErrAddress = errors.New("address that is not asked")
	ErrAnswer  = errors.New("no answer that can be used")
)

// A Request is for what one address gives.
type Request struct {
	URL      string // http or https
	Media    string // of the body
	Body     []byte // posted; nil: the address is read
	Limit    int64  // of the answer, in bytes
	Patience time.Duration
}

const (
	maxRedirects = 3
	maxHeader    = 64 << 10 // bytes
	maxConnect   = 10 * time.Second
)

// Through is the way to the network that the settings name: "none", "manual" through
// the proxy at an address, else as the environment says.
func Through(mode, address string) *http.Client {
	proxy := http.ProxyFromEnvironment
	switch mode {
	case "none":
		proxy = nil
	case "manual":
		proxy = func(*http.Request) (*url.URL, error) { return url.Parse(address) }
	}
	return &http.Client{Transport: &http.Transport{
		Proxy: proxy, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
	}}
}

// Check refuses what is no address of http or https, and one with a name or password in
// it, which would be seen by others.
func Check(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return fmt.Errorf("%w: malformed", ErrAddress) // the error would repeat a password
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.User != nil:
		return fmt.Errorf("%w: %s", ErrAddress, u.Redacted())
	}
	return nil
}

// Fetch gets what an address gives.
func Fetch(ctx context.Context, client *http.Client, r Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if r.Body != nil {
		method, body = http.MethodPost, bytes.NewReader(r.Body)
	}
	if err := Check(r.URL); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, r.URL, body)
	if err != nil {
		return nil, fmt.Errorf("%w: malformed", ErrAddress)
	}
	if r.Body != nil {
		request.Header.Set("Content-Type", r.Media)
	}
	request.Header.Set("User-Agent", "")              // none
	request.Header.Set("Accept-Encoding", "identity") // so that the limit is that of what arrives
	asking := http.Client{Transport: client.Transport, CheckRedirect: redirect}
	response, err := asking.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s: %s", ErrAnswer, request.URL.Host, response.Status)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, r.Limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	case int64(len(content)) > r.Limit:
		return nil, fmt.Errorf("%w: %s: too large", ErrAnswer, request.URL.Host)
	}
	return content, nil
}

// redirect follows to the same scheme, or from http to https, a few times.
func redirect(request *http.Request, via []*http.Request) error {
	request.Header.Del("Referer")
	from, to := via[len(via)-1].URL.Scheme, request.URL.Scheme
	if len(via) > maxRedirects || to != from && (from != "http" || to != "https") || request.URL.User != nil {
		return fmt.Errorf("%w: led on to %s", ErrAddress, request.URL.Redacted())
	}
	return nil
}

// Public is the same way, for addresses that strangers name: it leads to the public
// internet only, not to this computer or a network it is in, whatever a name stands for. A
// proxy looks names up itself, and so has to keep to that itself.
func Public(client *http.Client) *http.Client {
	way, ok := client.Transport.(*http.Transport)
	if !ok {
		way = &http.Transport{}
	}
	direct := way.Clone()
	direct.Proxy = nil
	direct.DialContext = (&net.Dialer{Timeout: maxConnect, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !public(to.Addr()) {
			return fmt.Errorf("%w: %s is not public", ErrAddress, address)
		}
		return nil
	}}).DialContext
	return &http.Client{Transport: outside{direct, way}}
}

// outside sends requests directly, where it is checked whom they reach, or by proxy.
type outside struct{ direct, way *http.Transport }

func (o outside) RoundTrip(r *http.Request) (*http.Response, error) {
	if o.way.Proxy == nil {
		return o.direct.RoundTrip(r)
	}
	proxy, err := o.way.Proxy(r)
	if err != nil || proxy == nil {
		return o.direct.RoundTrip(r)
	}
	host := strings.TrimSuffix(strings.ToLower(r.URL.Hostname()), ".")
	to, err := netip.ParseAddr(host)
	if err == nil && !public(to) || err != nil && (host == "localhost" || strings.HasSuffix(host, ".localhost") || !strings.Contains(host, ".")) {
		return nil, fmt.Errorf("%w: %s is not public", ErrAddress, host)
	}
	return o.way.RoundTrip(r)
}

// notPublic are networks that are not of the public internet, besides those that netip
// knows (IANA special-purpose address registries; those of IPv6 that hold IPv4 too).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

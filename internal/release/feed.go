package release

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/internal/wholefile"
)

// Why nothing is known of a newer version.
var (
	ErrNoFeed      = situation.New("update-no-feed", "release: no address to ask is built into this program")
	ErrPackaged    = situation.New("update-packaged", "release: updates are the package manager's business")
	ErrUnreachable = situation.New("update-network", "release: the notice could not be fetched")
	ErrRefused     = situation.New("update-refused", "release: the notice is not to be believed")
	errOlder       = errors.New("release: a newer notice was seen before")
)

// AskCommand has the window's program ask the feed in a process of its own, which
// knows no card.
const AskCommand = "ask-for-updates"

// pause is how long the notice that was seen last will do.
const pause = 24 * time.Hour

// Bounds of what is fetched.
const (
	maxNotice    = 1 << 16 // bytes
	maxFetch     = 20 * time.Second
	maxRedirects = 5
)

// A Feed tells of the newest version: the notice at an https address, its signature
// (64 bytes) at the same with ".sig" behind. Asking is two GETs that tell nothing of
// who asks.
type Feed struct {
	Address string
	Key     ed25519.PublicKey
	Memory  string // file of the notice seen last: an older one is refused from then on
	Client  *http.Client
}

// NewFeed is the feed of a program into which address and key were built. It is
// ErrNoFeed where they were not, ErrPackaged in a package of the system.
func NewFeed(address, key, program string) (Feed, error) {
	if fromPackages(program) {
		return Feed{}, ErrPackaged
	}
	if address == "" || key == "" {
		return Feed{}, ErrNoFeed
	}
	public, err := ParsePublic([]byte(key))
	return Feed{Address: address, Key: public}, err
}

// Ask fetches the notice, and remembers it.
func (f Feed) Ask(ctx context.Context, now time.Time) (Notice, error) {
	content, err := f.get(ctx, f.Address)
	if err != nil {
		return Notice{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	signature, err := f.get(ctx, f.Address+".sig")
	if err != nil {
		return Notice{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	n, err := ReadNotice(f.Key, content, signature, now)
	if err != nil {
		return Notice{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if last, _, err := f.remembered(time.Time{}); err == nil && (n.Date.Before(last.Date) || last.NewerThan(n.Version)) {
		return Notice{}, fmt.Errorf("%w: %w", ErrRefused, errOlder)
	}
	return n, f.remember(memory{now, content, signature})
}

// errStale means that it is time to ask again.
var errStale = errors.New("release: the notice was seen too long ago")

// Seen is the notice seen last, if that was less than a day ago. It asks nobody.
func (f Feed) Seen(now time.Time) (Notice, error) {
	n, asked, err := f.remembered(now)
	if err == nil && (asked.After(now) || now.Sub(asked) >= pause) {
		err = errStale
	}
	return n, err
}

// memory is what the file holds: notice and signature as they came, for nobody
// else is believed who writes there.
type memory struct {
	Asked     time.Time `json:"asked"`
	Notice    []byte    `json:"notice"`
	Signature []byte    `json:"signature"`
}

func (f Feed) remembered(now time.Time) (n Notice, asked time.Time, err error) {
	content, err := wholefile.Read(f.Memory, 2*maxNotice)
	if err != nil {
		return n, asked, err
	}
	var m memory
	if err := json.Unmarshal(content, &m); err != nil {
		return n, asked, err
	}
	n, err = ReadNotice(f.Key, m.Notice, m.Signature, now)
	return n, m.Asked, err
}

func (f Feed) remember(m memory) error {
	content, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.Memory), 0o700); err != nil {
		return err
	}
	return wholefile.Replace(f.Memory, content, 0o600)
}

// get fetches a small file over https. The request has no name of a program, no
// cookie, and nothing of this computer.
func (f Feed) get(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, maxFetch)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if err := onlyHTTPS(request, nil); err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "")              // none
	request.Header.Set("Accept-Encoding", "identity") // so that the limit is that of what arrives
	client := http.Client{Transport: f.Client.Transport, CheckRedirect: onlyHTTPS}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, response.Status)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxNotice+1))
	if err == nil && len(content) > maxNotice {
		err = fmt.Errorf("%s: too large", address)
	}
	return content, err
}

// onlyHTTPS refuses to be led to anything else, or around in circles. A referrer
// would tell nothing new, but is not sent either.
func onlyHTTPS(request *http.Request, via []*http.Request) error {
	request.Header.Del("Referer")
	if request.URL.Scheme != "https" || len(via) > maxRedirects {
		return fmt.Errorf("%s: not followed", request.URL.Redacted())
	}
	return nil
}

package release

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var feedTime = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// A site serves a feed, and keeps what it was asked.
type site struct {
	*httptest.Server
	files map[string]string
	asked []*http.Request
}

func newSite(t *testing.T) (*site, Feed) {
	t.Helper()
	s := &site{files: map[string]string{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked = append(s.asked, r.Clone(context.Background()))
		if to, ok := s.files["to "+r.URL.Path]; ok {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		content, ok := s.files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(content))
	}))
	t.Cleanup(s.Close)
	return s, Feed{s.URL + "/notice.json", public(), filepath.Join(t.TempDir(), "update", "notice.json"), s.Client()}
}

// publish puts a notice on the site: a version, its day and the day it expires, of
// November 2026.
func (s *site) publish(version string, day, expires int) {
	text := fmt.Sprintf(`{"version":%q,"date":"2026-11-%02dT00:00:00Z","notes":"https://example.org/%s","expires":"2026-11-%02dT00:00:00Z"}`, version, day, version, expires)
	s.files["/notice.json"] = text
	s.files["/notice.json.sig"] = string(ed25519.Sign(testKey, []byte(text)))
}

func TestFeed(t *testing.T) { // [144]
	s, f := newSite(t)
	s.publish("1.2.3", 20, 30)
	n, err := f.Ask(context.Background(), feedTime)
	if err != nil || n.Version != "1.2.3" || n.Notes != "https://example.org/1.2.3" || !n.NewerThan("1.2.2") {
		t.Fatalf("%+v, %v", n, err)
	}
	if len(s.asked) != 2 {
		t.Errorf("%d requests", len(s.asked))
	}
	for _, r := range s.asked {
		headers := strings.Join(keysOf(r.Header), " ")
		if r.Method != http.MethodGet || r.ContentLength != 0 || r.URL.RawQuery != "" || headers != "Accept-Encoding" && headers != "Accept-Encoding Connection" && headers != "Connection Accept-Encoding" {
			t.Errorf("%s %s tells %s", r.Method, r.URL, headers)
		}
	}
	// For a day it will do; not after it, nor with the clock set back.
	if n, err := f.Seen(feedTime.Add(23 * time.Hour)); err != nil || n.Version != "1.2.3" {
		t.Errorf("%+v, %v", n, err)
	}
	for _, hours := range []time.Duration{-1, 24} {
		if _, err := f.Seen(feedTime.Add(hours * time.Hour)); !errors.Is(err, errStale) {
			t.Errorf("after %d hours: %v", hours, err)
		}
	}
	if len(s.asked) != 2 {
		t.Errorf("%d requests", len(s.asked))
	}
}

func keysOf(h http.Header) (names []string) {
	for name := range maps.Keys(h) {
		names = append(names, name)
	}
	return names
}

func TestFeedRefuses(t *testing.T) { // [144]
	for name, tt := range map[string]struct {
		spoil func(s *site)
		want  error
	}{
		"tampered":          {func(s *site) { s.files["/notice.json"] = strings.Replace(s.files["/notice.json"], "1.3.0", "9.9.9", 1) }, ErrSignature},
		"no signature":      {func(s *site) { delete(s.files, "/notice.json.sig") }, ErrUnreachable},
		"another signature": {func(s *site) { s.files["/notice.json.sig"] = strings.Repeat("x", 64) }, ErrSignature},
		"expired":           {func(s *site) { s.publish("1.3.0", 23, 24) }, ErrExpired},
		"an older version":  {func(s *site) { s.publish("1.2.2", 24, 30) }, errOlder},
		"an older notice":   {func(s *site) { s.publish("1.2.3", 19, 30) }, errOlder},
		"nothing there":     {func(s *site) { clear(s.files) }, ErrUnreachable},
		"too large":         {func(s *site) { s.files["/notice.json"] = strings.Repeat(" ", maxNotice+1) }, ErrUnreachable},
		"led to http":       {func(s *site) { s.files["to /notice.json"] = "http://" + strings.TrimPrefix(s.URL, "https://") + "/n" }, ErrUnreachable},
		"led around":        {func(s *site) { s.files["to /notice.json"] = s.URL + "/notice.json" }, ErrUnreachable},
		"gone":              {func(s *site) { s.Close() }, ErrUnreachable},
		"a list of hashes":  {func(s *site) { s.sign(both) }, ErrNotice},
		"no date": {func(s *site) {
			s.sign(`{"version":"1.3.0","notes":"https://example.org/","expires":"2026-11-30T00:00:00Z"}`)
		}, ErrNotice},
		"an address to a file": {func(s *site) {
			s.sign(`{"version":"1.3.0","date":"2026-11-24T00:00:00Z","notes":"file:///etc/passwd","expires":"2026-11-30T00:00:00Z"}`)
		}, ErrNotice},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := newSite(t)
			s.publish("1.2.3", 20, 30)
			if _, err := f.Ask(context.Background(), feedTime); err != nil {
				t.Fatal(err)
			}
			s.publish("1.3.0", 24, 30)
			tt.spoil(s)
			n, err := f.Ask(context.Background(), feedTime)
			if !errors.Is(err, tt.want) || n != (Notice{}) || !errors.Is(err, ErrRefused) && !errors.Is(err, ErrUnreachable) {
				t.Errorf("%+v, %v, want %v", n, err, tt.want)
			}
			if n, err := f.Seen(feedTime); err != nil || n.Version != "1.2.3" {
				t.Errorf("what was seen before is lost: %+v, %v", n, err)
			}
		})
	}
}

func (s *site) sign(text string) {
	s.files["/notice.json"], s.files["/notice.json.sig"] = text, string(ed25519.Sign(testKey, []byte(text)))
}

// What another program writes into the memory is not believed, and does no harm.
func TestFeedMemory(t *testing.T) {
	s, f := newSite(t)
	s.publish("1.2.3", 20, 30)
	for _, content := range []string{"", "x", `{"asked":"2026-11-25T12:00:00Z","notice":"e30=","signature":"AAAA"}`} {
		put(t, f.Memory, content)
		if n, err := f.Seen(feedTime); err == nil {
			t.Errorf("%q: %+v is believed", content, n)
		}
		if n, err := f.Ask(context.Background(), feedTime); err != nil || n.Version != "1.2.3" {
			t.Errorf("%q: %+v, %v", content, n, err)
		}
	}
	if info, err := os.Stat(f.Memory); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v", info, err)
	}
}

// A site that begins an answer and never ends it is given up.
func TestFeedCancelled(t *testing.T) {
	stop := make(chan struct{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(stop)
	f := Feed{server.URL, public(), filepath.Join(t.TempDir(), "notice.json"), server.Client()}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Ask(ctx, feedTime); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
}

func TestNewFeed(t *testing.T) {
	root := install(t)
	program := filepath.Join(root, "bin", "cie")
	key := "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=" // RFC 8410, 10.1
	if f, err := NewFeed("https://example.org/notice.json", key, program); err != nil || len(f.Key) != ed25519.PublicKeySize {
		t.Errorf("%+v, %v", f, err)
	}
	for _, tt := range []struct {
		address, key string
		want         error
	}{{"", key, ErrNoFeed}, {"https://example.org", "", ErrNoFeed}, {"https://example.org", "x", ErrKey}} {
		if _, err := NewFeed(tt.address, tt.key, program); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	put(t, filepath.Join(root, "share/cie/cie-cli", Origin), "cie-cli 1.2.3 rpm\n")
	if _, err := NewFeed("https://example.org", key, program); !errors.Is(err, ErrPackaged) {
		t.Errorf("in a package: %v", err)
	}
}

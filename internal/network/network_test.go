package network

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestThrough(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	request, err := http.NewRequest(http.MethodGet, "https://example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	if Through("none", "").Transport.(*http.Transport).Proxy != nil {
		t.Error("none is a proxy")
	}
	proxy, err := Through("manual", "socks5://proxy.example.org:1080").Transport.(*http.Transport).Proxy(request)
	if err != nil || proxy.String() != "socks5://proxy.example.org:1080" {
		t.Errorf("%v, %v", proxy, err)
	}
}

// Limits hold, and a request tells nothing of who asks.
func TestFetch(t *testing.T) {
	var last *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last = r.Clone(context.Background())
		switch r.URL.Path {
		case "/slow":
			<-r.Context().Done()
		case "/missing":
			http.NotFound(w, r)
		case "/around":
			http.Redirect(w, r, "/around", http.StatusTemporaryRedirect)
		case "/on":
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
		case "/away":
			http.Redirect(w, r, "ftp://example.org", http.StatusFound)
		default:
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(append([]byte("got "), body...))
		}
	}))
	defer server.Close()
	client := Through("none", "")
	get := func(path string, body string, limit int64) (string, error) {
		r := Request{URL: server.URL + path, Limit: limit, Patience: 300 * time.Millisecond}
		if strings.Contains(path, ":") {
			r.URL = path
		}
		if body != "" {
			r.Body, r.Media = []byte(body), "application/x"
		}
		content, err := Fetch(t.Context(), client, r)
		return string(content), err
	}
	for _, path := range []string{"/", "/on"} {
		if got, err := get(path, "body", 8); got != "got body" || err != nil || last.Method != http.MethodPost || last.Header.Get("Content-Type") != "application/x" {
			t.Errorf("%s: %q, %v, %+v", path, got, err, last)
		}
	}
	if got, err := get("/", "", 4); got != "got " || err != nil || last.Method != http.MethodGet {
		t.Errorf("%q, %v", got, err)
	}
	for _, name := range []string{"User-Agent", "Referer", "Cookie", "Authorization"} {
		if last.Header.Get(name) != "" {
			t.Errorf("%s: %s", name, last.Header.Get(name))
		}
	}
	for path, want := range map[string]error{
		"/slow": ErrAnswer, "/missing": ErrAnswer, "/around": ErrAddress, "/away": ErrAddress,
		"ldap://example.org": ErrAddress, "file:///etc/passwd": ErrAddress, "http://": ErrAddress, "http://user:word@example.org": ErrAddress, ":": ErrAddress,
	} {
		if _, err := get(path, "", 100); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := get("/", "body", 7); !errors.Is(err, ErrAnswer) {
		t.Errorf("too large: %v", err)
	}
}

// Strangers cannot lead to this computer, nor to the networks it is in: not by
// address, by name, by redirection, and not through a proxy.
func TestPublic(t *testing.T) {
	reached := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	proxied := Through("manual", server.URL)
	for _, address := range []string{server.URL, "http://localhost" + port, "http://[::1]" + port, "http://[::ffff:127.0.0.1]" + port, "http://2130706433" + port, "http://0" + port} {
		for name, client := range map[string]*http.Client{"direct": Through("none", ""), "by proxy": proxied} {
			if _, err := Fetch(t.Context(), Public(client), Request{URL: address, Limit: 9, Patience: time.Second}); err == nil || reached > 0 {
				t.Errorf("%s, %s: %v", address, name, err)
			}
		}
	}
	if _, err := Fetch(t.Context(), Public(proxied), Request{URL: "http://ocsp.example.org/", Limit: 9, Patience: time.Second}); err != nil || reached != 1 {
		t.Errorf("a public name by a proxy of this computer: %v", err)
	}
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true, "127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.1.1": false, "100.64.0.1": false, "0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false, "::1": false, "::": false,
		"fe80::1": false, "fc00::1": false, "::ffff:10.0.0.1": false, "64:ff9b::a00:1": false, "2002:a00:1::": false, "2001:0:1::": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

package demosite

import (
	"context"
	"crypto/tls"
	"embed"
	"html/template"
	"net"
	"net/http"
	"strings"
)

//go:embed pages
var pageFiles embed.FS

// pages are the templates of each language.
type pages map[string]*template.Template

func parsePages() pages {
	p := pages{}
	for _, language := range []string{"it", "en"} {
		p[language] = template.Must(template.ParseFS(pageFiles, "pages/layout.html", "pages/"+language+".html"))
	}
	return p
}

// A view is what a page shows.
type view struct {
	Page    string // "landing", "tls13", "in", "none"
	Site    *Site
	Attempt Attempt
}

// attemptKey is the key of a connection's Attempt in the context of its requests.
type attemptKey struct{}

func withAttempt(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, attemptKey{}, c.(*tls.Conn).NetConn().(*tap).attempt)
}

func (s *Site) handler(d Door) http.Handler {
	mux := http.NewServeMux()
	if d == landing {
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { s.show(w, r, "landing") })
		mux.HandleFunc("GET /tls13", func(w http.ResponseWriter, r *http.Request) { s.show(w, r, "tls13") })
	} else {
		mux.HandleFunc("GET /entra", s.entered)
	}
	return s.guard(mux)
}

// entered answers somebody who came through a door.
func (s *Site) entered(w http.ResponseWriter, r *http.Request) {
	if a, _ := r.Context().Value(attemptKey{}).(Attempt); a.Outcome == OK {
		s.show(w, r, "in")
		s.report(a)
		return
	}
	s.show(w, r, "none")
}

// guard answers only to the site's own names, so that no other site can have a
// browser fetch the holder's data by a name of its own that leads here.
func (s *Site) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.hosts[strings.Replace(r.Host, "127.0.0.1", "localhost", 1)] {
			http.Error(w, "unknown host", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func (s *Site) show(w http.ResponseWriter, r *http.Request, page string) {
	attempt, _ := r.Context().Value(attemptKey{}).(Attempt)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", "Accept-Language")
	// An error here is a browser that went away.
	_ = s.pages[language(r)].ExecuteTemplate(w, "layout", view{page, s, attempt})
}

// language is Italian unless the browser puts English before it.
func language(r *http.Request) string {
	for tag := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag = strings.ToLower(strings.TrimSpace(tag))
		switch {
		case strings.HasPrefix(tag, "it"):
			return "it"
		case strings.HasPrefix(tag, "en"):
			return "en"
		}
	}
	return "it"
}

// Package demosite is a web site for trying the level 3 login: it asks for the
// holder's certificate as the servers of the state do, in a TLS 1.2 handshake, and
// shows what it learned. It is reached from this computer only.
//
// A client certificate belongs to a connection, so that the site has a door, a
// port of its own, for each way of asking for one:
//
//	landing    no certificate asked; explanations
//	required   TLS 1.2, no entry without a certificate
//	optional   TLS 1.2, a page for those who come without one
//	TLS 1.3    the mistake of some sites: no browser can use a CIE there
package demosite

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/softwarecie/cie/internal/trust"
)

// A Door is one way of asking for a certificate.
type Door string

// The doors that ask for one.
const (
	Required Door = "required"
	Optional Door = "optional"
	TLS13    Door = "tls13"
	landing  Door = "landing"
)

// Options say what the site needs. Roots and Folder must be given.
type Options struct {
	Roots   *trust.Roots  // the CAs whose certificates may enter
	Folder  string        // where the site's own CA certificate is written, for browsers
	Port    int           // of the landing page; the doors have the three after it. 0: any that are free
	Attempt func(Attempt) // told of every attempt to log in, of one that succeeds while its page is sent; from several goroutines; may be nil
}

// A Site is running until its context ends or it is closed.
type Site struct {
	Landing  string // URL of the first page
	Required string // URLs behind the doors
	Optional string
	TLS13    string
	CA       string // file, PEM: the certificate to trust for these URLs

	options Options
	pages   pages
	hosts   map[string]bool
	doors   []opened
	running sync.WaitGroup
	cancel  context.CancelFunc
}

// An opened door.
type opened struct {
	server   *http.Server
	listener *listener
}

// Bounds on what a client may keep waiting. A person types a PIN inside a handshake.
const (
	handshakeLimit = 5 * time.Minute
	maxHandshakes  = 64 // at once, at each door
	requestLimit   = 10 * time.Second
	maxHeader      = 16 << 10
)

// Start opens the site. It is ready when Start returns.
func Start(ctx context.Context, o Options) (*Site, error) {
	if o.Roots == nil || o.Folder == "" {
		return nil, errors.New("demo site: roots and folder are needed")
	}
	id, err := newIdentity()
	if err != nil {
		return nil, fmt.Errorf("certificate of the site: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Site{options: o, pages: parsePages(), hosts: map[string]bool{}, cancel: cancel}
	if s.CA, err = id.writeCA(o.Folder); err != nil {
		cancel()
		return nil, err
	}
	for i, d := range []struct {
		door Door
		url  *string
		path string
	}{{landing, &s.Landing, "/"}, {Required, &s.Required, "/entra"}, {Optional, &s.Optional, "/entra"}, {TLS13, &s.TLS13, "/entra"}} {
		port := o.Port
		if port != 0 {
			port += i
		}
		host, err := s.open(d.door, port, id)
		if err != nil {
			_ = s.Close()
			return nil, fmt.Errorf("door %s: %w", d.door, err)
		}
		*d.url = "https://" + host + d.path
	}
	// The pages link to the doors, so that serving begins when all are known.
	for _, d := range s.doors {
		s.running.Go(func() { _ = d.server.Serve(d.listener) })
	}
	context.AfterFunc(ctx, func() { _ = s.shut() })
	return s, nil
}

// open listens at a door, on the loopback interface, and returns its host and port.
func (s *Site) open(d Door, port int, id *identity) (string, error) {
	inner, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return "", err
	}
	host := fmt.Sprintf("localhost:%d", inner.Addr().(*net.TCPAddr).Port)
	s.hosts[host] = true
	server := &http.Server{
		Handler: s.handler(d), ReadTimeout: requestLimit, WriteTimeout: requestLimit, MaxHeaderBytes: maxHeader,
		ErrorLog: log.New(io.Discard, "", 0), ConnContext: withAttempt,
	}
	server.SetKeepAlivesEnabled(false) // each page is a login
	s.doors = append(s.doors, opened{server, newListener(inner, s.config(d, id), func(c *tls.Conn, err error) Attempt {
		a := describe(d, c, s.options.Roots, err)
		if a.Outcome != OK { // else when the page is sent
			s.report(a)
		}
		return a
	})})
	return host, nil
}

// report tells of an attempt at one of the doors.
func (s *Site) report(a Attempt) {
	if s.options.Attempt != nil && a.Door != landing {
		s.options.Attempt(a)
	}
}

// lastPage is how long a page that is being sent may take at the end.
const lastPage = 3 * time.Second

// Close ends the site and waits until it has ended. A page on its way still
// arrives.
func (s *Site) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), lastPage)
	defer cancel()
	for _, d := range s.doors {
		_ = d.server.Shutdown(ctx)
	}
	s.cancel()
	err := s.shut()
	s.running.Wait()
	return err
}

// shut ends the doors; to do it again does no harm.
func (s *Site) shut() error {
	var all error
	for _, d := range s.doors {
		all = errors.Join(all, d.server.Close(), d.listener.Close())
	}
	return all
}

package demosite

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"

	"github.com/softwarecie/cie/internal/trust"
)

// An Outcome is how an attempt to log in ended.
type Outcome string

// The outcomes.
const (
	OK            Outcome = "ok"             // logged in: Holder says who
	NoCertificate Outcome = "no-certificate" // the browser came without one
	Refused       Outcome = "refused"        // with one that may not enter: Err says why
	Failed        Outcome = "failed"         // the handshake broke: Err says where
	Gone          Outcome = "gone"           // the browser hung up without a word, as it does before it asks the person
)

// An Attempt is one TLS handshake at a door.
type Attempt struct {
	Door    Door
	Outcome Outcome
	Err     error // nil when logged in, or where no certificate is needed

	// What is known of the certificate; zero without one.
	Holder  trust.Holder
	Issuer  string // common name
	Genuine trust.Genuineness

	// What was agreed; "" when the handshake broke before.
	Version, CipherSuite string
	Signature            string // scheme the client signed with; "" when not to be seen, as in TLS 1.3
}

// config is the TLS configuration of a door. Tickets are off: a resumed session
// would be a login without the card.
func (s *Site) config(d Door, id *identity) *tls.Config {
	c := &tls.Config{
		Certificates: []tls.Certificate{id.certificate}, NextProtos: []string{"http/1.1"}, SessionTicketsDisabled: true,
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs: x509.NewCertPool(), VerifyConnection: s.verify,
	}
	for _, ca := range s.options.Roots.HolderCAs() {
		c.ClientCAs.AddCert(ca)
	}
	switch d {
	case Optional:
		c.ClientAuth = tls.VerifyClientCertIfGiven
	case TLS13:
		c.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
	case landing:
		c.ClientAuth, c.MaxVersion = tls.NoClientCert, tls.VersionTLS13
	}
	return c
}

// errHolder reports a certificate that is not the one of a holder.
var errHolder = errors.New("not a holder's certificate")

// verify refuses what crypto/tls let pass: certificates of the right CAs that are
// not for the login of a holder.
func (s *Site) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	if _, _, err := s.options.Roots.VerifyHolder(state.PeerCertificates[0]); err != nil {
		return fmt.Errorf("%w: %w", errHolder, err)
	}
	return nil
}

// describe says how a handshake ended.
func describe(d Door, c *tls.Conn, roots *trust.Roots, err error) Attempt {
	state := c.ConnectionState()
	a := Attempt{Door: d, Outcome: OK, Err: err}
	if state.Version != 0 {
		a.Version = tls.VersionName(state.Version)
	}
	if state.CipherSuite != 0 {
		a.CipherSuite = tls.CipherSuiteName(state.CipherSuite)
	}
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0:
		a.Outcome = Refused
		a.certificate(unverified.UnverifiedCertificates[0], roots)
	case errors.Is(err, errHolder):
		a.Outcome = Refused
		a.certificate(state.PeerCertificates[0], roots)
	case err != nil && strings.Contains(err.Error(), "didn't provide a certificate"):
		a.Outcome = NoCertificate // crypto/tls has no value for it
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		a.Outcome = Gone
	case err != nil:
		a.Outcome = Failed
	case len(state.PeerCertificates) == 0:
		a.Outcome = NoCertificate
	default:
		a.certificate(state.PeerCertificates[0], roots)
		a.Signature = c.NetConn().(*tap).signature()
	}
	return a
}

func (a *Attempt) certificate(c *x509.Certificate, roots *trust.Roots) {
	a.Holder, a.Issuer = trust.HolderOf(c), c.Issuer.CommonName
	_, a.Genuine, _ = roots.VerifyHolder(c)
}

// A listener gives out connections whose handshake is over, so that each of them
// is reported, and a slow one holds up nobody.
type listener struct {
	net.Listener
	config *tls.Config
	done   func(*tls.Conn, error) Attempt
	ready  chan net.Conn
	free   chan struct{} // one token for each handshake that may run
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup
	start  func()
}

func newListener(inner net.Listener, config *tls.Config, done func(*tls.Conn, error) Attempt) *listener {
	l := &listener{Listener: inner, config: config, done: done, ready: make(chan net.Conn), free: make(chan struct{}, maxHandshakes)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.start = sync.OnceFunc(func() { l.all.Go(l.run) })
	return l
}

// Accept returns the next connection whose handshake succeeded.
func (l *listener) Accept() (net.Conn, error) {
	l.start()
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close ends the handshakes under way and waits for their end.
func (l *listener) Close() error {
	l.cancel()
	err := l.Listener.Close()
	l.all.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (l *listener) run() {
	for {
		select {
		case l.free <- struct{}{}:
		case <-l.ctx.Done():
			return
		}
		c, err := l.Listener.Accept()
		if err != nil {
			l.cancel() // it will not work again: the site ends
			return
		}
		l.all.Go(func() {
			defer func() { <-l.free }()
			l.shake(&tap{Conn: c})
		})
	}
}

// shake makes the handshake, with all the time a person needs.
func (l *listener) shake(raw *tap) {
	ctx, cancel := context.WithTimeout(l.ctx, handshakeLimit)
	defer cancel()
	c := tls.Server(raw, l.config)
	err := c.HandshakeContext(ctx)
	raw.attempt = l.done(c, err)
	if err == nil {
		select {
		case l.ready <- c:
			return
		case <-l.ctx.Done():
		}
	}
	_ = c.Close()
}

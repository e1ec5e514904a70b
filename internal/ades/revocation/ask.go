package revocation

import (
	"context"
	"crypto/x509"
	"strings"
	"time"
)

// A Query is what is asked at one address.
type Query struct {
	URL      string
	Media    string // of the body
	Body     []byte // posted; nil: the address is read
	Limit    int64  // of the answer, in bytes
	Patience time.Duration
}

// Bounds of what is fetched.
const (
	maxList     = 32 << 20
	patience    = 10 * time.Second
	maxPointers = 2 // of each kind in a certificate
)

// An Asker asks the addresses that certificates name. It remembers the answers as
// long as it lives.
type Asker struct {
	fetch func(context.Context, Query) ([]byte, error)
	seen  map[string]seen
}

type seen struct {
	answer []byte
	err    error
}

// NewAsker asks through a function, which keeps the limits of the query.
func NewAsker(fetch func(context.Context, Query) ([]byte, error)) *Asker {
	return &Asker{fetch, map[string]seen{}}
}

func (a *Asker) ask(ctx context.Context, q Query) ([]byte, error) {
	key := q.URL + "\x00" + string(q.Body)
	if s, ok := a.seen[key]; ok {
		return s.answer, s.err
	}
	answer, err := a.fetch(ctx, q)
	a.seen[key] = seen{answer, err}
	return answer, err
}

// Ask asks the responders of a certificate, and for its lists if none of them gives an
// answer that counts now. LDAP is not asked.
func (a *Asker) Ask(ctx context.Context, c, issuer *x509.Certificate, known Data, now time.Time) Status {
	body, err := request(c, issuer)
	if err != nil {
		return Status{State: Unknown, Why: err}
	}
	found := Data{CRL: known.CRL, Certificates: known.Certificates} // of a responder
	status := Status{State: Unknown}
	for _, address := range pointers(c.OCSPServer) {
		answer, err := a.ask(ctx, Query{address, "application/ocsp-request", body, maxOCSP, patience})
		if err != nil {
			status.Why = err
			continue
		}
		found.OCSP = append(found.OCSP, answer)
		if status = (question{found, c, issuer, now, now}).responders(); status.Source != "" {
			return status
		}
	}
	found = Data{}
	for _, address := range pointers(c.CRLDistributionPoints) {
		answer, err := a.ask(ctx, Query{URL: address, Limit: maxList, Patience: patience})
		if err != nil {
			status.Why = err
			continue
		}
		found.CRL = append(found.CRL, answer)
		if status = found.Status(c, issuer, now, now); status.Source != "" {
			return status
		}
	}
	return status
}

// pointers are the addresses that can be asked.
func pointers(all []string) (some []string) {
	for _, p := range all {
		scheme, _, _ := strings.Cut(strings.ToLower(p), ":")
		if (scheme == "http" || scheme == "https") && len(some) < maxPointers {
			some = append(some, p)
		}
	}
	return some
}

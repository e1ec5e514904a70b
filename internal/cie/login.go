package cie

import (
	"context"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1"   //nolint:gosec // servers still ask for it in TLS 1.2
	_ "crypto/sha256" // hash functions that Signer offers
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
)

// A Login is a holder who has proved the PIN. It keeps the PIN in locked memory,
// so that it can sign again after the card was let go, and wipes it at Close.
//
// After Login and after each signature the card stays open for Holder.Linger, so
// that a signature that follows at once needs no second login; then it is reset.
type Login struct {
	h           *Holder
	target      Target
	certificate *x509.Certificate

	mu   sync.Mutex // one signature at a time
	pin  *secret.Buffer
	live *live // open card, nil or ended
}

// A live is one transaction that lingers.
type live struct {
	jobs  chan job
	ended chan struct{}
	end   context.CancelFunc
}

// A job is one signature.
type job struct {
	data   []byte
	result chan signed
}

func newJob(data []byte) job { return job{data, make(chan signed, 1)} }

type signed struct {
	signature []byte
	err       error
}

// Login proves the PIN and returns a Login, which must be closed. On a card that
// is not paired it reads the certificate too.
func (h *Holder) Login(ctx context.Context, target Target, code *secret.Buffer) (*Login, error) {
	if err := CheckCode(code); err != nil {
		return nil, err
	}
	l := &Login{h: h, target: target}
	if err := l.start(ctx, code); err != nil {
		return nil, err
	}
	return l, nil
}

// Certificate is the holder's.
func (l *Login) Certificate() *x509.Certificate { return l.certificate }

// PAN is the number of the card.
func (l *Login) PAN() applet.PAN { return l.target.PAN }

// Close lets the card go, reset, and wipes the PIN.
func (l *Login) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
	l.pin.Wipe()
	l.pin = nil
}

func (l *Login) stop() {
	if l.live != nil {
		l.live.end()
		<-l.live.ended
		l.live = nil
	}
}

// start opens the card, proves the code, does the jobs, and leaves the transaction
// open.
func (l *Login) start(ctx context.Context, code *secret.Buffer, jobs ...job) error {
	open, cancel := context.WithCancel(context.WithoutCancel(ctx))
	v := &live{jobs: make(chan job), ended: make(chan struct{}), end: cancel}
	ready := make(chan error, 1)
	go func() {
		defer close(v.ended)
		defer cancel()
		err := l.h.run(open, l.target, func(s *session) error {
			if err := l.prove(s, code); err != nil {
				return err
			}
			ready <- nil
			for _, j := range jobs {
				if !j.do(s) {
					return nil
				}
			}
			if s.card.Authenticated() { // else pairing has cost the channel: the next signature makes another
				v.linger(open, l.h.Linger, s)
			}
			return nil
		})
		if err != nil {
			ready <- err
		}
	}()
	select {
	case err := <-ready:
		if err != nil {
			<-v.ended
			return err
		}
		l.live = v
		return nil
	case <-ctx.Done():
		cancel()
		<-v.ended
		return ctx.Err()
	}
}

// prove logs in and learns whose card it is.
func (l *Login) prove(s *session, code *secret.Buffer) error {
	pin, err := s.login(code)
	if err != nil {
		return err
	}
	defer pin.Wipe()
	der := s.record.Certificate
	if !s.paired && l.certificate == nil {
		if _, err := s.readHolder(); err != nil {
			return err
		}
		der = s.record.Certificate
		if err := s.pairAtLogin(pin); err != nil {
			return err
		}
	}
	if l.certificate == nil {
		if l.certificate, err = x509.ParseCertificate(der); err != nil {
			return fmt.Errorf("%w: certificate", applet.ErrData)
		}
	}
	l.target.PAN = s.pan()
	if l.pin == nil {
		l.pin = secret.New(applet.CodeLength)
	}
	secret.Copy(l.pin.Bytes(), pin.Digits())
	return nil
}

// pairAtLogin makes this computer know the card whose holder has just been read,
// if that is wanted. What cannot be written down is no reason to refuse a login.
func (s *session) pairAtLogin(pin applet.PIN) error {
	if !s.target.Pair || s.h.Pairings == nil || s.target.PAN == (applet.PAN{}) {
		return nil // without a number known before, it would have been read once only
	}
	s.record.PAN = s.pan()
	if err := s.keep(pin); err != nil {
		return err
	}
	s.h.step(StepSave)
	_ = s.h.Pairings.Put(s.record)
	return nil
}

// do makes the signature, and says whether the card can be used on.
func (j job) do(s *session) bool {
	s.h.step(StepSign)
	signature, err := s.card.Sign(j.data)
	j.result <- signed{signature, err}
	return err == nil
}

// linger signs what comes, until nothing has come for that long.
func (v *live) linger(ctx context.Context, patience time.Duration, s *session) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case j := <-v.jobs:
			if !j.do(s) {
				return
			}
			timer.Reset(patience)
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// Sign has the card sign the DER of a DigestInfo: in the open transaction if
// there is one, else in a new one, for which the kept PIN is proved again.
//
// If the card refuses the kept PIN it is wiped, and every Sign after it is
// ErrClosed: somebody has changed the PIN.
func (l *Login) Sign(ctx context.Context, digestInfo []byte) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pin.Len() == 0 {
		return nil, ErrClosed
	}
	result, open := l.submit(ctx, digestInfo)
	if !open || used(result.err) {
		l.stop()
		result = l.again(ctx, digestInfo)
	}
	if result.err != nil {
		return nil, result.err
	}
	if err := l.check(digestInfo, result.signature); err != nil {
		return nil, err
	}
	return result.signature, nil
}

// submit gives a job to the open transaction, if it is still open.
func (l *Login) submit(ctx context.Context, data []byte) (signed, bool) {
	if l.live == nil {
		return signed{}, false
	}
	j := newJob(data)
	select {
	case l.live.jobs <- j:
		return l.await(ctx, j), true
	case <-l.live.ended:
		return signed{}, false
	case <-ctx.Done():
		return signed{err: ctx.Err()}, true
	}
}

// await waits for a job that the open transaction has taken.
func (l *Login) await(ctx context.Context, j job) signed {
	select {
	case r := <-j.result:
		return r
	case <-ctx.Done():
		l.live.end()
		return signed{err: ctx.Err()}
	}
}

// used says whether the card wants the PIN again, as one does that signs once for
// each VERIFY, or the transaction was spoilt before the card could sign.
func used(err error) bool {
	var refused *apdu.StatusError
	return errors.As(err, &refused) && refused.SW == 0x6982 || linkLost(err)
}

// again proves the kept PIN in a new transaction and signs there.
func (l *Login) again(ctx context.Context, data []byte) signed {
	code, j := l.pin.Clone(), newJob(data)
	defer code.Wipe()
	if err := l.start(ctx, code, j); err != nil {
		if answered(err) {
			l.pin.Wipe()
		}
		return signed{err: err}
	}
	return l.await(ctx, j)
}

// check verifies what the card gives back: a wrong signature could betray a key.
func (l *Login) check(data, signature []byte) error {
	key, ok := l.certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("%w: kind of key", applet.ErrData)
	}
	if err := rsa.VerifyPKCS1v15(key, 0, data, signature); err != nil {
		return fmt.Errorf("%w: signature of the card", applet.ErrData)
	}
	return nil
}

// Signer signs digests with the holder's key, as crypto.Signer: RSASSA-PKCS1-v1_5
// only, since the card can do nothing else.
func (l *Login) Signer(ctx context.Context) crypto.Signer { return signer{ctx, l} }

type signer struct {
	ctx   context.Context //nolint:containedctx // crypto.Signer has no room for one
	login *Login
}

func (s signer) Public() crypto.PublicKey { return s.login.certificate.PublicKey }

func (s signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, pss := opts.(*rsa.PSSOptions); pss {
		return nil, ErrPadding
	}
	info, err := DigestInfo(opts.HashFunc(), digest)
	if err != nil {
		return nil, err
	}
	return s.login.Sign(s.ctx, info)
}

// digestAlgorithms are the hash functions that signatures are made with.
var digestAlgorithms = map[crypto.Hash]asn1.ObjectIdentifier{
	crypto.SHA1:   {1, 3, 14, 3, 2, 26},
	crypto.SHA224: {2, 16, 840, 1, 101, 3, 4, 2, 4},
	crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
	crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
	crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
}

// DigestInfo is the DER that the card signs for a digest (RFC 8017 §9.2).
func DigestInfo(hash crypto.Hash, digest []byte) ([]byte, error) {
	id, ok := digestAlgorithms[hash]
	if !ok || len(digest) != hash.Size() {
		return nil, fmt.Errorf("%w: unknown digest", ErrPadding)
	}
	return asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}{pkix.AlgorithmIdentifier{Algorithm: id, Parameters: asn1.NullRawValue}, digest})
}

// Certificate returns the holder's certificate: of a paired card from what is
// remembered, else from the card, for which code is needed.
func (h *Holder) Certificate(ctx context.Context, target Target, code *secret.Buffer) (*x509.Certificate, error) {
	if h.Pairings != nil && target.PAN != (applet.PAN{}) {
		if r, err := h.Pairings.Get(target.PAN); err == nil {
			return x509.ParseCertificate(r.Certificate)
		}
	}
	if code == nil {
		return nil, pairing.ErrNotPaired
	}
	l, err := h.Login(ctx, target, code)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.Certificate(), nil
}

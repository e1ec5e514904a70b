package tsp

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/softwarecie/cie/internal/ades/revocation"
)

// TimeStampReq (RFC 3161 §2.4.1).
type request struct {
	Version     int
	Imprint     messageImprint
	Nonce       *big.Int
	Certificate bool
}

// TimeStampResp (RFC 3161 §2.4.2).
type response struct {
	Status struct {
		Status int
		Text   []string       `asn1:"optional"`
		Fail   asn1.BitString `asn1:"optional"`
	}
	Token asn1.RawValue `asn1:"optional"`
}

// Bounds of an answer.
const (
	maxAnswer = 64 << 10 // bytes
	patience  = 20 * time.Second
	tries     = 2
)

var oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}

// Ask has an authority stamp a message, of which it gets the SHA-256 digest. What it
// answers is verified; the token is as received.
func Ask(ctx context.Context, fetch func(context.Context, revocation.Query) ([]byte, error), address string, message []byte, now time.Time) (raw []byte, t *Token, err error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(message)
	body, err := asn1.Marshal(request{1, messageImprint{pkix.AlgorithmIdentifier{Algorithm: oidSHA256, Parameters: asn1.NullRawValue}, sum[:]}, nonce, true})
	if err != nil {
		return nil, nil, err
	}
	var answer []byte
	for range tries {
		answer, err = fetch(ctx, revocation.Query{URL: address, Media: "application/timestamp-query", Body: body, Limit: maxAnswer, Patience: patience})
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return read(answer, message, nonce, now)
}

// read takes the token out of an answer, and wants it to be the one asked for.
func read(answer, message []byte, nonce *big.Int, now time.Time) ([]byte, *Token, error) {
	var r response
	if rest, err := asn1.Unmarshal(answer, &r); err != nil || len(rest) > 0 {
		return nil, nil, fmt.Errorf("%w: answer", ErrFormat)
	}
	const granted, withChanges = 0, 1
	if r.Status.Status != granted && r.Status.Status != withChanges {
		return nil, nil, fmt.Errorf("%w: status %d %q", ErrRefused, r.Status.Status, strings.Join(r.Status.Text, " "))
	}
	t, err := Parse(r.Token.FullBytes, nil, now)
	if err != nil {
		return nil, nil, err
	}
	if t.nonce == nil || t.nonce.Cmp(nonce) != 0 {
		return nil, nil, fmt.Errorf("%w: nonce", ErrAnswer)
	}
	return r.Token.FullBytes, t, cmp.Or(t.Stamps(message), t.soon(now))
}

// soon wants a time that is now, as far as this computer knows.
func (t *Token) soon(now time.Time) error {
	const tolerance = 24 * time.Hour
	if d := t.Time.Sub(now); d < -tolerance || d > tolerance {
		return fmt.Errorf("%w: its time is %s", ErrAnswer, t.Time.UTC().Format(time.RFC3339))
	}
	return nil
}

package pkcs11module

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
)

// A token is a CIE from when it is recognised until it leaves. A card that comes
// back is another token.
type token struct {
	reader string
	pan    applet.PAN
	life   context.Context //nolint:containedctx // ends when the card leaves
	first  bool            // it lay there when the module started
	card   chan struct{}   // holds one value while the card is free

	// Guarded by the module's lock.
	half    bool // the last four digits of the PIN are enough
	objects []*object
	key     *object // the private one; nil: not known
	login   *login  // nil: nobody is logged in
}

// A memory is what the process knows of a card's PIN, also while the card is
// away.
type memory struct {
	tries int                 // left, the lowest number that is plausible; -1 unknown
	told  bool                // tries is what the card said
	asked time.Time           // when it said so, or was asked last
	filed int                 // tries in the store when it was last read; -1: it was not
	wrong bool                // a wrong PIN came since the last good one, whoever refused it
	bad   map[digest]struct{} // PINs that the card has refused
	left  time.Time           // when the card was taken away
}

// memoryTime is how long a card may be away before what is known of its PIN is
// taken for outdated.
const memoryTime = 5 * time.Minute

// knownTime is how long what a card said of its last try is taken for known while
// it lies there. Then somebody may have unblocked the PIN elsewhere.
const knownTime = time.Minute

// outdated says whether a card that would be refused for its tries is to be asked
// for them anew.
func (k *memory) outdated(now time.Time) bool {
	return (k.tries == 0 && k.told || k.tries == 1) && (k.left.After(k.asked) || now.Sub(k.asked) > knownTime)
}

// newToken makes the token of a recognised card, with its objects if it is paired.
func (m *Module) newToken(life context.Context, s cie.Status) *token {
	t := &token{reader: s.Reader.Name, pan: s.PAN, life: life, card: make(chan struct{}, 1)}
	t.card <- struct{}{}
	var certificate *x509.Certificate
	if s.Record != nil {
		t.half = s.Record.HasHalf()
		parsed, err := x509.ParseCertificate(s.Record.Certificate)
		if err != nil {
			m.log.Error("stored certificate", "error", err)
		} else {
			certificate = parsed
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.describe(t, certificate)
	return t
}

// remember finds or begins the memory of a token's PIN. The tables are locked.
func (m *Module) remember(t *token) {
	k := m.cards[t.pan]
	if k == nil || !k.left.IsZero() && m.now().Sub(k.left) > memoryTime {
		m.cards[t.pan] = &memory{tries: -1, filed: -1, bad: make(map[digest]struct{})}
	}
}

// refresh learns what other programs have done to the pairing and the PIN of a
// card since. It reads a file: the tables are not locked.
func (m *Module) refresh(t *token) {
	if m.holder.Pairings == nil {
		return
	}
	r, err := m.holder.Pairings.Get(t.pan)
	tries := r.Tries
	if err != nil {
		tries = m.holder.Pairings.SeenTries(t.pan)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t.half = err == nil && r.HasHalf()
	k := m.cards[t.pan]
	if k == nil {
		return
	}
	// Elsewhere the right PIN was given, or the PIN unblocked. A number that has not
	// changed tells nothing: perhaps it cannot be written.
	if known := err == nil || k.tries >= 0; known && tries > k.tries && tries > k.filed {
		k.tries, k.told = tries, false
		k.bad = make(map[digest]struct{})
	}
	k.filed = tries
}

// A TokenInfo is a CK_TOKEN_INFO; what is the same for all is left out.
type TokenInfo struct {
	Label                string
	SerialNumber         string
	Flags                Flags
	Sessions, RWSessions int
	MinPIN, MaxPIN       int
}

// TokenInfo is C_GetTokenInfo. The label says which digits of the PIN to type: it
// is the only text that every program shows when it asks.
func (m *Module) TokenInfo(id SlotID) (TokenInfo, error) {
	m.awaitFirstLook()
	if err := m.lock(); err != nil {
		return TokenInfo{}, err
	}
	defer m.mu.Unlock()
	t, err := m.token(id)
	if err != nil {
		return TokenInfo{}, err
	}
	info := TokenInfo{
		Label: "CIE - PIN completo, 8 cifre", SerialNumber: t.pan.String(),
		Flags:  CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED | m.cards[t.pan].flags(),
		MinPIN: applet.CodeLength, MaxPIN: applet.CodeLength,
	}
	if t.half {
		info.Label, info.MinPIN = "CIE - ultime 4 cifre del PIN", pairing.HalfLength
	}
	for _, s := range m.sessions {
		if s.token == t {
			info.Sessions++
			if s.readWrite {
				info.RWSessions++
			}
		}
	}
	return info, nil
}

// flags tell what is known of the tries left.
func (k *memory) flags() (f Flags) {
	if k.wrong || k.tries >= 0 && k.tries < applet.CodePIN.MaxTries() {
		f |= CKF_USER_PIN_COUNT_LOW
	}
	switch k.tries {
	case 1:
		f |= CKF_USER_PIN_FINAL_TRY
	case 0:
		f |= CKF_USER_PIN_LOCKED
	}
	return f
}

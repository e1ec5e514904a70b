package pkcs11module

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"hash"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/cie"
)

// SignatureLength is the length of a signature, in bytes: that of the modulus.
const SignatureLength = 256

// A MechanismType is a CKM_ value.
type MechanismType uint64

// A Mechanism is one that the card can do: RSASSA-PKCS1-v1_5 alone. The card pads
// by itself, so PSS cannot be built from it.
type Mechanism struct {
	Type MechanismType
	hash crypto.Hash // 0: the caller gives the DigestInfo
}

// mechanismList has the most useful first: some programs take the first.
var mechanismList = []Mechanism{
	{0x01, 0},             // CKM_RSA_PKCS
	{0x40, crypto.SHA256}, // CKM_SHA256_RSA_PKCS
	{0x41, crypto.SHA384}, // CKM_SHA384_RSA_PKCS
	{0x42, crypto.SHA512}, // CKM_SHA512_RSA_PKCS
	{0x46, crypto.SHA224}, // CKM_SHA224_RSA_PKCS
	{0x06, crypto.SHA1},   // CKM_SHA1_RSA_PKCS
}

// MechanismInfo of every mechanism: a key of 2048 bits, in hardware.
const (
	MechanismKeySize = 8 * SignatureLength
	MechanismFlags   = CKF_HW | CKF_SIGN | CKF_VERIFY
)

func mechanism(t MechanismType) (Mechanism, error) {
	for _, m := range mechanismList {
		if m.Type == t {
			return m, nil
		}
	}
	return Mechanism{}, CKR_MECHANISM_INVALID
}

// MechanismList is C_GetMechanismList.
func (m *Module) MechanismList(id SlotID) ([]MechanismType, error) {
	if err := m.lock(); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if _, err := m.token(id); err != nil {
		return nil, err
	}
	var list []MechanismType
	for _, mechanism := range mechanismList {
		list = append(list, mechanism.Type)
	}
	return list, nil
}

// MechanismInfo is C_GetMechanismInfo: nil for those of the list, which all have
// MechanismKeySize and MechanismFlags.
func (m *Module) MechanismInfo(id SlotID, t MechanismType) error {
	if err := m.lock(); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if _, err := m.token(id); err != nil {
		return err
	}
	_, err := mechanism(t)
	return err
}

// An operation is a signature or a verification that has begun.
type operation struct {
	hash   crypto.Hash // 0: the data is signed as it comes
	state  hash.Hash
	data   []byte
	parts  bool           // data came by C_SignUpdate
	public *rsa.PublicKey // of the key
}

// maxData is the most that CKM_RSA_PKCS signs, in bytes: what the card takes. To
// verify, the padding is the limit.
const maxData = applet.MaxSignData

func (o *operation) add(data []byte) error {
	if o.hash != 0 {
		_, _ = o.state.Write(data) // a hash never fails
		return nil
	}
	if len(o.data)+len(data) > maxData {
		return CKR_DATA_LEN_RANGE
	}
	o.data = append(o.data, data...)
	return nil
}

// sum is what the card signs.
func (o *operation) sum() ([]byte, error) {
	if o.hash != 0 {
		return cie.DigestInfo(o.hash, o.state.Sum(nil))
	}
	if len(o.data) == 0 {
		return nil, CKR_DATA_LEN_RANGE
	}
	return o.data, nil
}

// begin checks the mechanism and the key of a new operation. The tables are
// locked.
func (s *session) begin(t MechanismType, parameter bool, key ObjectHandle, private bool) (*operation, error) {
	mechanism, err := mechanism(t)
	if err != nil {
		return nil, err
	}
	if parameter {
		return nil, CKR_MECHANISM_PARAM_INVALID
	}
	if private && s.token.login == nil {
		return nil, CKR_USER_NOT_LOGGED_IN
	}
	o, err := s.object(key)
	switch {
	case err != nil, o.public == nil: // unknown, or no key
		return nil, CKR_KEY_HANDLE_INVALID
	case o.private != private:
		return nil, CKR_KEY_TYPE_INCONSISTENT
	}
	op := &operation{hash: mechanism.hash, public: o.public}
	if op.hash != 0 {
		op.state = op.hash.New()
	}
	return op, nil
}

// SignInit is C_SignInit. parameter says that the mechanism has one.
func (m *Module) SignInit(h SessionHandle, t MechanismType, parameter bool, key ObjectHandle) error {
	return m.with(h, func(s *session) (err error) {
		if s.sign != nil {
			return CKR_OPERATION_ACTIVE
		}
		s.sign, err = s.begin(t, parameter, key, true)
		return err
	})
}

// VerifyInit is C_VerifyInit.
func (m *Module) VerifyInit(h SessionHandle, t MechanismType, parameter bool, key ObjectHandle) error {
	return m.with(h, func(s *session) (err error) {
		if s.verify != nil {
			return CKR_OPERATION_ACTIVE
		}
		s.verify, err = s.begin(t, parameter, key, false)
		return err
	})
}

// EndSign ends a signature, as C_SignInit without a mechanism does:
// CKR_ARGUMENTS_BAD if none was begun.
func (m *Module) EndSign(h SessionHandle) error {
	return m.with(h, func(s *session) error { return end(&s.sign) })
}

// EndVerify ends a verification, as C_VerifyInit without a mechanism does.
func (m *Module) EndVerify(h SessionHandle) error {
	return m.with(h, func(s *session) error { return end(&s.verify) })
}

func end(op **operation) error {
	if *op == nil {
		return CKR_ARGUMENTS_BAD
	}
	*op = nil
	return nil
}

// SignUpdate is C_SignUpdate.
func (m *Module) SignUpdate(h SessionHandle, part []byte) error {
	return m.with(h, func(s *session) error { return update(&s.sign, part) })
}

// VerifyUpdate is C_VerifyUpdate.
func (m *Module) VerifyUpdate(h SessionHandle, part []byte) error {
	return m.with(h, func(s *session) error { return update(&s.verify, part) })
}

func update(op **operation, part []byte) error {
	if *op == nil {
		return CKR_OPERATION_NOT_INITIALIZED
	}
	(*op).parts = true
	return endOn((*op).add(part), op)
}

// endOn ends an operation that has failed.
func endOn(err error, op **operation) error {
	if err != nil {
		*op = nil
	}
	return err
}

// NoRoom is the room of a caller who asks for the length only.
const NoRoom = -1

// A stage is what a call is to an operation that has begun.
type stage int

const (
	more  stage = iota // C_Sign or C_Verify, with more data to come
	last               // C_Sign or C_Verify, with all of its data or the rest
	final              // C_SignFinal or C_VerifyFinal: the data has come in parts
)

// stageOf is that of C_Sign and C_Verify, whose data may come in several calls.
func stageOf(moreToCome bool) stage {
	if moreToCome {
		return more
	}
	return last
}

// Sign is C_Sign: the signature of data, or of data and what came before with
// moreToCome. Without a signature and an error the caller has asked for its length or
// has more to send. Only with enough room the card is used.
func (m *Module) Sign(h SessionHandle, data []byte, moreToCome bool, room int) ([]byte, error) {
	return m.sign(h, stageOf(moreToCome), data, room)
}

// SignFinal is C_SignFinal, with room as in Sign.
func (m *Module) SignFinal(h SessionHandle, room int) ([]byte, error) {
	return m.sign(h, final, nil, room)
}

// sign ends an operation, unless more is to come.
func (m *Module) sign(h SessionHandle, at stage, data []byte, room int) ([]byte, error) {
	var s *session
	var toSign []byte
	err := m.with(h, func(found *session) (err error) {
		s = found
		switch {
		case s.sign == nil:
			return CKR_OPERATION_NOT_INITIALIZED
		case s.sign.parts && at != final:
			s.sign = nil
			return CKR_OPERATION_ACTIVE
		case room == NoRoom:
			return nil
		case room < SignatureLength:
			return CKR_BUFFER_TOO_SMALL
		}
		if err := endOn(s.sign.add(data), &s.sign); err != nil || at == more {
			return err
		}
		toSign, err = s.sign.sum()
		s.sign = nil
		return err
	})
	if err != nil || toSign == nil {
		return nil, err
	}
	return m.compute(s, toSign)
}

// compute has the card sign.
func (m *Module) compute(s *session, data []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(s.life, signTime, CKR_DEVICE_ERROR)
	defer cancel()
	if err := take(ctx, s.token); err != nil {
		return nil, err
	}
	defer release(s.token)
	m.mu.Lock()
	l := s.token.login
	m.mu.Unlock()
	if l == nil {
		return nil, because(ctx, CKR_USER_NOT_LOGGED_IN)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	stop := context.AfterFunc(l.life, func() { end(context.Cause(l.life)) })
	defer stop()
	signature, err := l.card.Sign(ctx, data)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		l.used = m.now()
		return signature, nil
	}
	m.log.Warn("signature", "error", err)
	if m.refused(s.token, l, err) {
		return nil, CKR_USER_NOT_LOGGED_IN
	}
	return nil, because(ctx, err)
}

// refused says whether the card did not accept the kept PIN, which is then never
// sent again. The tables are locked.
func (m *Module) refused(t *token, l *login, err error) bool {
	var wrong *applet.WrongCodeError
	if !errors.As(err, &wrong) && !errors.Is(err, applet.ErrPINBlocked) && !errors.Is(err, cie.ErrLastTry) && !errors.Is(err, cie.ErrClosed) {
		return false
	}
	if k := m.cards[t.pan]; k != nil {
		k.learn(m.now(), err, l.pin...)
	}
	if t.login == l {
		m.forgetPIN(t, CKR_USER_NOT_LOGGED_IN)
	}
	return true
}

// Verify is C_Verify, of data or of data and what came before with moreToCome.
func (m *Module) Verify(h SessionHandle, data, signature []byte, moreToCome bool) error {
	return m.verify(h, stageOf(moreToCome), data, signature)
}

// VerifyFinal is C_VerifyFinal.
func (m *Module) VerifyFinal(h SessionHandle, signature []byte) error {
	return m.verify(h, final, nil, signature)
}

// verify ends an operation, unless more is to come.
func (m *Module) verify(h SessionHandle, at stage, data, signature []byte) error {
	return m.with(h, func(s *session) error {
		op := s.verify
		if op == nil {
			return CKR_OPERATION_NOT_INITIALIZED
		}
		if at != more || op.parts {
			s.verify = nil
		}
		if op.parts && at != final {
			return CKR_OPERATION_ACTIVE
		}
		if err := endOn(op.add(data), &s.verify); err != nil || at == more {
			return err
		}
		if len(signature) != SignatureLength {
			return CKR_SIGNATURE_LEN_RANGE
		}
		signed, err := op.sum()
		if err != nil {
			return err
		}
		if rsa.VerifyPKCS1v15(op.public, 0, signed, signature) != nil {
			return CKR_SIGNATURE_INVALID
		}
		return nil
	})
}

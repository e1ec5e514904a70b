package pkcs11module

import "context"

// A session belongs to one token and ends with it.
type session struct {
	handle    SessionHandle
	slot      SlotID
	token     *token
	readWrite bool
	life      context.Context //nolint:containedctx // ends with the session, its cause is the answer
	end       context.CancelCauseFunc

	// Guarded by the module's lock.
	found        *search
	sign, verify *operation
}

// session finds a session. The tables are locked.
func (m *Module) session(h SessionHandle) (*session, error) {
	s := m.sessions[h]
	if s == nil {
		return nil, CKR_SESSION_HANDLE_INVALID
	}
	m.expire(s.token)
	return s, nil
}

// with runs f on a session, under the lock.
func (m *Module) with(h SessionHandle, f func(*session) error) error {
	if err := m.lock(); err != nil {
		return err
	}
	defer m.mu.Unlock()
	s, err := m.session(h)
	if err != nil {
		return err
	}
	return f(s)
}

// CheckSession is the check of the session in a call that does nothing more.
func (m *Module) CheckSession(h SessionHandle) error {
	return m.with(h, func(*session) error { return nil })
}

// OpenSession is C_OpenSession. Read-write sessions are granted, though nothing
// can be written: some programs open no others.
func (m *Module) OpenSession(id SlotID, flags Flags) (SessionHandle, error) {
	m.awaitFirstLook()
	if err := m.lock(); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	if _, err := m.slot(id); err != nil {
		return 0, err
	}
	if flags&CKF_SERIAL_SESSION == 0 {
		return 0, CKR_SESSION_PARALLEL_NOT_SUPPORTED
	}
	t, err := m.token(id)
	if err != nil {
		return 0, err
	}
	s := &session{handle: SessionHandle(m.handle()), slot: id, token: t, readWrite: flags&CKF_RW_SESSION != 0}
	s.life, s.end = context.WithCancelCause(t.life)
	m.sessions[s.handle] = s
	return s.handle, nil
}

// CloseSession is C_CloseSession. The last session of a token takes the login
// with it.
func (m *Module) CloseSession(h SessionHandle) error {
	return m.with(h, func(s *session) error {
		m.close(s)
		return nil
	})
}

// CloseAllSessions is C_CloseAllSessions.
func (m *Module) CloseAllSessions(id SlotID) error {
	if err := m.lock(); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if _, err := m.slot(id); err != nil {
		return err
	}
	for _, s := range m.sessions {
		if s.slot == id {
			m.close(s)
		}
	}
	return nil
}

// close ends one session. The tables are locked.
func (m *Module) close(s *session) {
	s.end(CKR_SESSION_CLOSED)
	delete(m.sessions, s.handle)
	for _, other := range m.sessions {
		if other.token == s.token {
			return
		}
	}
	m.logout(s.token, CKR_SESSION_CLOSED)
}

// A SessionInfo is a CK_SESSION_INFO.
type SessionInfo struct {
	Slot  SlotID
	State State
	Flags Flags
}

// SessionInfo is C_GetSessionInfo.
func (m *Module) SessionInfo(h SessionHandle) (info SessionInfo, err error) {
	err = m.with(h, func(s *session) error {
		info = SessionInfo{s.slot, CKS_RO_PUBLIC_SESSION, CKF_SERIAL_SESSION}
		if s.readWrite {
			info.State, info.Flags = CKS_RW_PUBLIC_SESSION, info.Flags|CKF_RW_SESSION
		}
		if s.token.login != nil {
			info.State++ // to …_USER_FUNCTIONS
		}
		return nil
	})
	return info, err
}

// SessionCancel is C_SessionCancel: it ends the operations named by flags.
func (m *Module) SessionCancel(h SessionHandle, flags Flags) error {
	return m.with(h, func(s *session) error {
		if flags&CKF_SIGN != 0 {
			s.sign = nil
		}
		if flags&CKF_VERIFY != 0 {
			s.verify = nil
		}
		if flags&CKF_FIND_OBJECTS != 0 {
			s.found = nil
		}
		return nil
	})
}

// InitPIN is C_InitPIN, which only a security officer may call: a CIE has none.
func (m *Module) InitPIN(h SessionHandle) error {
	return m.refuseWrite(h, CKR_USER_NOT_LOGGED_IN)
}

// SetPIN is C_SetPIN. The PIN is changed in our own program, where a person is
// told what happens.
func (m *Module) SetPIN(h SessionHandle) error {
	return m.refuseWrite(h, CKR_FUNCTION_NOT_SUPPORTED)
}

func (m *Module) refuseWrite(h SessionHandle, answer ReturnValue) error {
	return m.with(h, func(s *session) error {
		if !s.readWrite {
			return CKR_SESSION_READ_ONLY
		}
		return answer
	})
}

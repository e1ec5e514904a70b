package pkcs11module

import (
	"bytes"
	"slices"
)

// An Attribute is one of a template: a type and its value.
type Attribute struct {
	Type  AttributeType
	Value []byte
}

// A search is what FindObjects still has to give.
type search struct{ handles []ObjectHandle }

// drop takes an object out of a search.
func (s *search) drop(h ObjectHandle) {
	if s != nil {
		s.handles = slices.DeleteFunc(s.handles, func(found ObjectHandle) bool { return found == h })
	}
}

// FindObjectsInit is C_FindObjectsInit. What no object has matches nothing, which
// is never an error.
func (m *Module) FindObjectsInit(h SessionHandle, template []Attribute) error {
	return m.with(h, func(s *session) error {
		if s.found != nil {
			return CKR_OPERATION_ACTIVE
		}
		s.found = &search{}
		for _, o := range s.token.objects {
			if s.token.visible(o) && o.matches(template) {
				s.found.handles = append(s.found.handles, o.handle)
			}
		}
		return nil
	})
}

func (o *object) matches(template []Attribute) bool {
	for _, want := range template {
		value, ok := o.attributes[want.Type]
		if !ok || !bytes.Equal(value, want.Value) {
			return false
		}
	}
	return true
}

// FindObjects is C_FindObjects: the next objects found, at most limit.
func (m *Module) FindObjects(h SessionHandle, limit int) (handles []ObjectHandle, err error) {
	err = m.with(h, func(s *session) error {
		if s.found == nil {
			return CKR_OPERATION_NOT_INITIALIZED
		}
		n := min(limit, len(s.found.handles))
		handles, s.found.handles = s.found.handles[:n:n], s.found.handles[n:]
		return nil
	})
	return handles, err
}

// FindObjectsFinal is C_FindObjectsFinal.
func (m *Module) FindObjectsFinal(h SessionHandle) error {
	return m.with(h, func(s *session) error {
		if s.found == nil {
			return CKR_OPERATION_NOT_INITIALIZED
		}
		s.found = nil
		return nil
	})
}

// A Request asks for one attribute: for its length, or for its value if that fits.
type Request struct {
	Type   AttributeType
	Length bool // only the length is asked for
	Room   int  // for the value
}

// A Reply answers a Request. Length is Unavailable where the value cannot be
// given; Value is nil unless the value was asked for and fits.
type Reply struct {
	Length uint64
	Value  []byte
}

// AttributeValue is C_GetAttributeValue: it answers every request, whatever became
// of the others, and then returns the worst error.
func (m *Module) AttributeValue(h SessionHandle, handle ObjectHandle, requests []Request) (replies []Reply, err error) {
	err = m.with(h, func(s *session) error {
		o, err := s.object(handle)
		if err != nil {
			return err
		}
		replies = make([]Reply, len(requests))
		worst := CKR_OK
		for i, r := range requests {
			var value ReturnValue
			replies[i], value = o.reply(r)
			if severity[value] > severity[worst] {
				worst = value
			}
		}
		if worst != CKR_OK {
			return worst
		}
		return nil
	})
	return replies, err
}

// severity says which return value stands for several.
var severity = map[ReturnValue]int{
	CKR_OK: 0, CKR_BUFFER_TOO_SMALL: 1, CKR_ATTRIBUTE_TYPE_INVALID: 2, CKR_ATTRIBUTE_SENSITIVE: 3,
}

func (o *object) reply(r Request) (Reply, ReturnValue) {
	value, ok := o.attributes[r.Type]
	switch {
	case o.private && sensitive[r.Type]:
		return Reply{Length: Unavailable}, CKR_ATTRIBUTE_SENSITIVE
	case !ok:
		return Reply{Length: Unavailable}, CKR_ATTRIBUTE_TYPE_INVALID
	case r.Length:
		return Reply{Length: uint64(len(value))}, CKR_OK
	case r.Room < len(value):
		return Reply{Length: Unavailable}, CKR_BUFFER_TOO_SMALL
	}
	return Reply{uint64(len(value)), value}, CKR_OK
}

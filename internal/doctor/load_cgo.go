//go:build cgo

package doctor

import (
	"github.com/miekg/pkcs11"
)

// Load loads the library into this process, as a browser does, and asks which it is
// and what readers it sees. It presents no code.
func Load(module string) error {
	p := pkcs11.New(module)
	if p == nil {
		return ErrLoad
	}
	defer p.Destroy()
	if err := p.Initialize(); err != nil {
		return err
	}
	defer func() { _ = p.Finalize() }()
	if _, err := p.GetInfo(); err != nil {
		return err
	}
	_, err := p.GetSlotList(false)
	return err
}

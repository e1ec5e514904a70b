//go:build !cgo && !windows

package pcsc

// realSystem is built without the binding: there is no service. Everything that
// needs no reader works, and so do the tests.
type realSystem struct{}

func (realSystem) Establish() (resources, error) {
	return nil, &Error{"establish context, built without cgo", codeNoService}
}

//go:build !cgo

package doctor

// Load does nothing: without C no library can be loaded.
func Load(string) error { return nil }

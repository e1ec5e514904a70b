//go:build !windows

package pcsc

// protectLibrarySearch has nothing to do: the library is linked.
func protectLibrarySearch() {}

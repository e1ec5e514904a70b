// Package browsertest logs in to the demo site with real browsers, the PKCS#11
// module and an emulated card, through pcscd. It has tests only, behind the build
// tag "module": they need build/libcie-pkcs11.so, which does not exist yet, and are
// not part of "make test" until it does.
//
//	go test -tags module ./internal/browsertest
//
// What the browsers showed is kept in build/screenshots.
package browsertest

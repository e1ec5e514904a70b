// Package browsertest logs in to the demo site with real browsers, the PKCS#11
// module and an emulated card, through pcscd. It has tests only:
//
//	make build && go test -tags integration ./internal/browsertest
//
// What the browsers showed is kept in build/screenshots.
package browsertest

// Package browsertest logs in to the demo site with real browsers, the PKCS#11
// library of "make build" and an emulated card, through pcscd. It has tests only.
//
// What the browsers showed is kept in build/screenshots.
package browsertest

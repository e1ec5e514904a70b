// Package cardrig is a computer to run programs on in tests: a private pcscd with a
// virtual reader, an emulated card on it, and settings that trust the card's state.
// It has code only with the build tag "integration".
package cardrig

// Package moduletest tries the PKCS#11 library and its helper as programs meet
// them: through dlopen, pcscd and a virtual reader, with an emulated card. It has
// tests only, behind the build tag "integration"; they need build/, made by
// "make build".
//
//	go test -tags integration ./internal/moduletest
package moduletest

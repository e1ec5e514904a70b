package guide

import (
	"unicode"
	"unicode/utf8"
)

// Rules of the password of levels 1 and 2, as the portal has them.
const (
	PasswordMin = 10 // characters
	PasswordMax = 20
	PasswordRun = 2 // equal characters in a row
)

// A PasswordRule is one that a password must keep.
type PasswordRule string

// The rules.
const (
	RuleLength PasswordRule = "length"
	RuleUpper  PasswordRule = "upper"
	RuleLower  PasswordRule = "lower"
	RuleNumber PasswordRule = "number"
	RuleSymbol PasswordRule = "symbol"
	RuleRun    PasswordRule = "run"
)

// PasswordRules are all rules, in the order in which they are told.
func PasswordRules() []PasswordRule {
	return []PasswordRule{RuleLength, RuleUpper, RuleLower, RuleNumber, RuleSymbol, RuleRun}
}

// CheckPassword says of each rule whether a password, in UTF-8, keeps it. It
// copies nothing and keeps nothing.
func CheckPassword(password []byte) map[PasswordRule]bool {
	characters, run, longest := 0, 0, 0
	var before rune
	kept := map[PasswordRule]bool{}
	for rest := password; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		characters++
		if r != before {
			run = 0
		}
		run++
		longest, before = max(longest, run), r
		if kind, ok := kindOf(r); ok {
			kept[kind] = true
		}
	}
	kept[RuleLength] = characters >= PasswordMin && characters <= PasswordMax
	kept[RuleRun] = characters > 0 && longest <= PasswordRun
	return kept
}

// kindOf says which of the four kinds a character is.
func kindOf(r rune) (PasswordRule, bool) {
	switch {
	case unicode.IsUpper(r):
		return RuleUpper, true
	case unicode.IsLower(r):
		return RuleLower, true
	case unicode.IsDigit(r):
		return RuleNumber, true
	case unicode.IsPunct(r), unicode.IsSymbol(r):
		return RuleSymbol, true
	}
	return "", false
}

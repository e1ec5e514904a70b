package emulator

import (
	"fmt"
	"strings"
)

// taxCode is the fiscal code of an invented man born in Rome (decreto
// ministeriale 23 dicembre 1976): surname, name, birth from the stream, place,
// check character.
func taxCode(p Person, birth *stream) string {
	const months = "ABCDEHLMPRST"
	draw := birth.digits(5)
	year, month, day := 40+int(draw[0]-'0')*5+int(draw[1]-'0')/2, int(draw[2]-'0'), 1+(int(draw[3]-'0')*10+int(draw[4]-'0'))%28
	given := consonants(p.Name)
	if len(given) > 3 {
		given = given[:1] + given[2:4]
	}
	code := threeLetters(consonants(p.Surname), p.Surname) + threeLetters(given, p.Name) +
		fmt.Sprintf("%02d%c%02d", year, months[month], day) + "H501"
	return code + string(taxCodeCheck(code))
}

const vowels = "AEIOU"

func consonants(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(vowels, r) {
			return -1
		}
		return r
	}, name)
}

// threeLetters takes consonants, then vowels, then X.
func threeLetters(consonants, name string) string {
	for _, r := range name {
		if strings.ContainsRune(vowels, r) {
			consonants += string(r)
		}
	}
	return (consonants + "XXX")[:3]
}

// taxCodeCheck sums the values of the characters, those at odd places by a
// table, modulo 26.
func taxCodeCheck(code string) byte {
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i, r := range code {
		value := int(r - 'A')
		if r <= '9' {
			value = int(r - '0')
		}
		if i%2 == 0 {
			value = odd[value]
		}
		sum += value
	}
	return byte('A' + sum%26)
}

package doctor

import "strings"

// contactOnly are words in the names of readers that have contacts and no antenna,
// in lower case. The list is short on purpose: a model that is missing costs one
// hint, a wrong one misleads.
func contactOnly() []string {
	return []string{"st-2xxx", "scr3310", "acr38u", "acr39u", "pc twin reader", "minilector evo"}
}

// ContactOnly says whether a reader of this name is known to have contacts and no
// antenna.
func ContactOnly(name string) bool { return named(name, contactOnly()) }

// A Flaky is a model of reader that is known to fail at times.
type Flaky struct {
	Word   string // in its name, in lower case
	Source string // who says so
	Means  string // for the CIE
}

// FlakyModels are those with more to show than single reports of single devices.
// Readers that fail with extended commands only are not among them: none are sent.
func FlakyModels() []Flaky {
	return []Flaky{{
		Word: "acr122",
		Source: "“unsupported” in the list of the CCID driver (LudovicRousseau/CCID, readers/supported_readers.txt, 0x072F:0x2200); " +
			"older ones count answers wrong after commands of more than 54 bytes (acshk/acsccid, pull request 1)",
		Means: "key agreement and PIN are longer commands than that: a card that is seen may fail at pairing or login; the driver of its maker, package libacsccid1, works round it",
	}}
}

func flaky(name string) bool {
	var words []string
	for _, m := range FlakyModels() {
		words = append(words, m.Word)
	}
	return named(name, words)
}

// named says whether one of some words is in the name of a reader.
func named(name string, words []string) bool {
	for _, word := range words {
		if strings.Contains(strings.ToLower(name), word) {
			return true
		}
	}
	return false
}

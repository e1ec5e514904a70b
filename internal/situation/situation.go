// Package situation makes errors that say themselves how they are told to a person:
// by the key of their sentences in the message catalogue.
package situation

// New is an error with the key of its sentences, and a text for programmers.
func New(key, text string) error { return &situation{key, text} }

type situation struct{ key, text string }

func (s *situation) Error() string { return s.text }

// MessageKey is the key of the sentences for a person.
func (s *situation) MessageKey() string { return s.key }

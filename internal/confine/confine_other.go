//go:build !linux

package confine

func process(l Limits) error { return limit(l) }

//go:build !windows

package settings

func systemPolicy() Policy { return Policy{} }

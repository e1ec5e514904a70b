package confine

import (
	"fmt"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
)

// refused are the system calls that nothing needs that only reads files: sockets (Landlock
// does not know those of this computer, as that of pcscd), programs, other processes,
// and ways around such a list.
var refused = []string{
	"socket", "socketpair", "io_uring_setup",
	"execve", "execveat",
	"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp",
	"kill", "tkill", "pidfd_send_signal",
	"bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key",
	"mount", "umount2", "pivot_root", "chroot", "setns", "unshare",
	"init_module", "finit_module", "kexec_load",
}

func process(l Limits) error {
	if err := limit(l); err != nil {
		return err
	}
	if err := landlock.V7.BestEffort().Restrict(landlock.ROFiles(l.Read...).IgnoreIfMissing(), landlock.RWDirs(l.Folders...)); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	err := seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls:      []seccomp.SyscallGroup{{Names: refused, Action: seccomp.ActionErrno}},
		},
	})
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

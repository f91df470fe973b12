package jail

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// allowed are the system calls of a Go program that computes, and speaks on
// descriptors it has. The most frequent come first.
var allowed = []string{
	"futex", "read", "write", "nanosleep", "clock_nanosleep", "epoll_pwait", "epoll_pwait2", "epoll_wait", "sched_yield",
	"clock_gettime", "gettimeofday", "time", "getpid", "gettid",
	// Memory. Code that was compiled must become executable.
	"mmap", "munmap", "mprotect", "madvise", "mremap", "brk", "mincore", "membarrier",
	// Descriptors that are there.
	"readv", "writev", "pread64", "pwrite64", "recvmsg", "sendmsg", "recvfrom", "sendto", "shutdown", "close", "fstat", "lseek", "poll", "ppoll",
	"epoll_create1", "epoll_ctl", "eventfd2", "pipe2", "dup", "dup3", "getsockopt", "setsockopt", "getsockname", "getpeername",
	// Threads and signals.
	"exit", "exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "restart_syscall",
	"set_robust_list", "set_tid_address", "rseq", "sched_getaffinity", "timer_create", "timer_settime", "timer_delete", "setitimer",
	"arch_prctl", "getrusage", "getrandom", "uname", "getuid", "geteuid", "getgid", "getegid",
}

// conditional are those that are allowed when an argument is one of some values,
// or has one of some bits.
func conditional() []condition {
	own := []uint32{uint32(unix.Getpid())}
	return []condition{
		{name: "clone", bits: unix.CLONE_THREAD}, // threads, no processes
		{name: "tgkill", values: own},
		{name: "kill", values: own},
		// Not F_SETOWN and F_SETSIG, by which a socket sends signals to others.
		{name: "fcntl", argument: 1, values: []uint32{unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL}},
		{name: "prlimit64", argument: 2, values: []uint32{0}}, // reading limits
		{name: "prctl", values: []uint32{unix.PR_SET_VMA, unix.PR_SET_NAME, unix.PR_GET_NO_NEW_PRIVS}},
	}
}

// condition allows a system call by its argument, of which the upper half must be zero.
type condition struct {
	name     string
	argument int
	values   []uint32 // the argument is one of them
	bits     uint32   // or has one of these
}

// deadly are those that nothing of ours ever makes: who makes one has taken the
// worker over, and gets no second try. All that is neither allowed nor deadly
// fails with EPERM: opening a file, for one, is what the standard library tries
// and does without.
var deadly = []string{
	"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd",
	"mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsmount", "setns", "unshare",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "bpf", "perf_event_open", "userfaultfd",
	"io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key", "request_key", "open_by_handle_at",
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "capset", "reboot", "swapon", "swapoff", "iopl", "ioperm", "personality",
}

// filtered has the kernel hold system calls against those lists, for all threads.
func filtered() Measure {
	m := Measure{Name: measureSeccomp}
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		m.Note = "the calls of this processor are not known"
		return m
	}
	info, err := arch.GetInfo("")
	if err != nil {
		m.Note = err.Error()
		return m
	}
	if err := load(filter(info)); err != nil {
		m.Note = fmt.Sprintf("the kernel refuses: %v", err)
		return m
	}
	m.Holds = true
	return m
}

// Offsets into struct seccomp_data, and verdicts (seccomp(2)).
const (
	dataNumber   = 0
	dataArch     = 4
	dataArgument = 16 // 8 bytes each, the lower half first on what we run on
)

// filter is the program that the kernel runs for each system call.
func filter(info *arch.Info) []bpf.Instruction {
	ret := func(verdict uint32) bpf.Instruction { return bpf.RetConstant{Val: verdict} }
	allow, kill := ret(unix.SECCOMP_RET_ALLOW), ret(unix.SECCOMP_RET_KILL_PROCESS)
	refuse, unknown := ret(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)), ret(unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS))
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: dataArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(info.ID), SkipTrue: 1}, kill,
		bpf.LoadAbsolute{Off: dataNumber, Size: 4},
	}
	if info.ID == arch.X86_64.ID { // its 32-bit calls have this bit
		program = append(program, bpf.JumpIf{Cond: bpf.JumpLessThan, Val: uint32(arch.X32.SeccompMask), SkipTrue: 1}, kill)
	}
	each := func(names []string, verdict bpf.Instruction) {
		for _, name := range names {
			// Not every architecture has every call.
			if number, ok := info.SyscallNames[name]; ok {
				program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(number), SkipFalse: 1}, verdict)
			}
		}
	}
	each(allowed, allow)
	for _, c := range conditional() {
		if number, ok := info.SyscallNames[c.name]; ok {
			test := append(c.test(), refuse)
			program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(number), SkipFalse: uint8(len(test))})
			program = append(program, test...)
		}
	}
	each(deadly, kill)
	each([]string{"clone3"}, unknown) // C libraries take clone then
	return append(program, refuse)
}

// test allows what meets the condition; what does not comes to its end.
func (c condition) test() []bpf.Instruction {
	allow := bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	at := uint32(dataArgument + 8*c.argument)
	var list []bpf.Instruction
	for _, v := range c.values {
		list = append(list, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipFalse: 1}, allow)
	}
	if c.bits != 0 {
		list = append(list, bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: c.bits, SkipFalse: 1}, allow)
	}
	return append([]bpf.Instruction{
		bpf.LoadAbsolute{Off: at + 4, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: uint8(len(list) + 1)},
		bpf.LoadAbsolute{Off: at, Size: 4},
	}, list...)
}

// load sets the program for all threads, which takes that they renounce new
// privileges first: the kernel does that for all of them with this one.
func load(program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("assemble filter: %w", err)
	}
	code := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	of := &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(of)))
	if errno != 0 {
		return errno
	}
	return nil
}

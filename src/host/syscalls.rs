//! The system calls that a confined relay may make. The kernel refuses every other (seccomp(2)).
//!
//! A list of what is allowed, not of what is forbidden: what a kernel learns after this was written is refused too. What
//! is not on it is answered as by a kernel that does not know it (`ENOSYS`): the C library has its way without it, and a
//! call that was forgotten here, in a rare path, fails like any other and loses nothing. What only somebody else's code
//! would ask for, such as another program, ends the process.

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};
use std::collections::BTreeMap;

/// Allowed with any argument.
const ANY: &[c_long] = &[
    // Files, which Landlock bounds: the folder's, for SQLite and for whole files that get their names at the end.
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_linkat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads, signals, time, and what a process asks about itself.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_membarrier,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // A process that aborts signals itself; to others Landlock lets none through.
    libc::SYS_tgkill,
    libc::SYS_tkill,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // Waiting for what comes, and sockets once there are any.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_ppoll,
    libc::SYS_eventfd2,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
];

/// What of these has an older form on this kind of processor.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_link,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_time,
];
/// `renameat`, which the libc crate does not name here.
#[cfg(target_arch = "aarch64")]
const OLDER: &[c_long] = &[38];

/// Ends the process: other programs, other processes, other kernels' parts, other rights.
const DEADLY: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
];

/// Of a socket's type, the bits that say which: the others say how it is opened (socket(2)).
const SOCKET_TYPE: u64 = 0xf;

/// `argument & mask == value`, for arguments of 32 bits.
type Test = (u8, u64, u64);

/// Holds all tests.
fn rule(tests: &[Test]) -> Result<SeccompRule, BackendError> {
    let conditions = tests.iter().map(|(argument, mask, value)| {
        SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(*mask), *value)
    });
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}

/// Calls that are allowed with some arguments alone, each as one rule of several that may hold.
#[allow(clippy::unnecessary_cast, reason = "with musl the numbers of ioctl(2) have another type")]
fn bounded(names: bool) -> Vec<(c_long, Vec<Test>)> {
    const ALL: u64 = 0xffff_ffff;
    let (exec, thread) = (libc::PROT_EXEC as u64, libc::CLONE_THREAD as u64);
    let (inet, inet6, unix) = (libc::AF_INET as u64, libc::AF_INET6 as u64, libc::AF_UNIX as u64);
    let (stream, datagram) = (libc::SOCK_STREAM as u64, libc::SOCK_DGRAM as u64);
    let socket = |family, kind| (libc::SYS_socket, vec![(0, ALL, family), (1, SOCKET_TYPE, kind)]);
    let mut rules = vec![
        // A thread, never a process. A thread cannot have namespaces of its own but for mounts. (clone3 has its flags in
        // memory, where nothing can look at them: it is not allowed, and the C library then calls this one.)
        (libc::SYS_clone, vec![(0, thread | libc::CLONE_NEWNS as u64, thread)]),
        // Nothing that was data becomes code.
        (libc::SYS_mmap, vec![(2, exec, 0)]),
        (libc::SYS_mprotect, vec![(2, exec, 0)]),
        (libc::SYS_prctl, vec![(0, ALL, libc::PR_SET_NAME as u64)]),
        // Its own limits, of open files for one.
        (libc::SYS_prlimit64, vec![(0, ALL, 0)]),
        (libc::SYS_ioctl, vec![(1, ALL, libc::FIONBIO as u64)]),
        (libc::SYS_ioctl, vec![(1, ALL, libc::FIONREAD as u64)]),
        (libc::SYS_ioctl, vec![(1, ALL, libc::TCGETS as u64)]),
        socket(inet, stream),
        socket(inet6, stream),
        // To the supervisor; by streams much else on a machine can be reached.
        socket(unix, datagram),
        (libc::SYS_socketpair, vec![(0, ALL, unix)]),
    ];
    if names {
        rules.extend([socket(inet, datagram), socket(inet6, datagram)]);
    }
    rules
}

fn filter(
    rules: BTreeMap<c_long, Vec<SeccompRule>>,
    others: SeccompAction,
    these: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let here: TargetArch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, others, these, here)?.try_into()
}

/// Takes every other system call away from the calling thread and those that it starts. Names of machines can be looked up
/// where `names` says so.
///
/// # Errors
/// Where the kernel has no seccomp; part of it may hold then.
pub(super) fn hold(names: bool) -> Result<(), seccompiler::Error> {
    let any = |calls: &[c_long]| calls.iter().map(|call| (*call, Vec::new())).collect::<Vec<_>>();
    let mut allowed: BTreeMap<_, _> = any(ANY).into_iter().chain(any(OLDER)).collect();
    for (call, tests) in bounded(names) {
        allowed.entry(call).or_default().push(rule(&tests)?);
    }
    let deadly = any(DEADLY).into_iter().collect();
    // The other first: it leaves the calls that set a filter.
    apply_filter(&filter(deadly, SeccompAction::Allow, SeccompAction::KillProcess)?)?;
    apply_filter(&filter(allowed, SeccompAction::Errno(libc::ENOSYS as u32), SeccompAction::Allow)?)
}

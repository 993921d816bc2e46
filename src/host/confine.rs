//! What this process can no longer do, whoever controls it: the kernel (Linux) takes it away, for good. Landlock takes away
//! files and TCP ports, seccomp the system calls that a relay never makes (`syscalls.rs`). Where the kernel has neither,
//! nothing is taken away.

use std::path::Path;

/// What stays within reach.
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    /// The one folder in which files are read, written, made and removed.
    pub folder: &'a Path,
    /// TCP ports that may be listened on; with 0, one that the system chooses.
    pub listen: &'a [u16],
    /// TCP ports, of any machine, that may be connected to. Where there is one, names can be looked up too.
    pub connect: &'a [u16],
}

/// How much of it the kernel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// All.
    Full,
    /// What this kernel knows of it.
    Partial,
    /// Nothing.
    None,
}

impl std::fmt::Display for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::None => "none",
        })
    }
}

/// What holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confined {
    /// Files, TCP ports, signals to others.
    pub landlock: Hold,
    /// System calls.
    pub seccomp: Hold,
}

impl Confined {
    /// Whether all holds that is asked for.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.landlock == Hold::Full && self.seccomp == Hold::Full
    }
}

/// Confines the calling thread, and every thread that it starts from now on: to be called before there is another.
#[must_use]
pub fn confine(reach: &Reach<'_>) -> Confined {
    #[cfg(target_os = "linux")]
    let landlock = landlock::hold(reach).unwrap_or(Hold::None);
    #[cfg(not(target_os = "linux"))]
    let landlock = Hold::None;
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    let seccomp = crate::host::syscalls::hold(!reach.connect.is_empty()).map_or(Hold::None, |()| Hold::Full);
    #[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let seccomp = Hold::None;
    Confined { landlock, seccomp }
}

/// What [`confine`] would come to: tried in a thread that ends with it.
#[must_use]
pub fn trial(reach: &Reach<'_>) -> Confined {
    let none = Confined { landlock: Hold::None, seccomp: Hold::None };
    std::thread::scope(|scope| scope.spawn(|| confine(reach)).join()).unwrap_or(none)
}

#[cfg(target_os = "linux")]
mod landlock {
    use super::{Hold, Reach};
    use ::landlock::{
        ABI, Access, AccessFs, AccessNet, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
    };

    /// The newest of what is asked for: of Linux 6.12. An older kernel holds what it knows.
    const KNOWN: ABI = ABI::V6;
    /// From the first SQLite draws the marks by which a log's frames are told from older ones; a static program draws all its
    /// randomness there, once the second says that there is some (the getrandom crate finds the system call by its symbol).
    const ENTROPY: [&str; 2] = ["/dev/urandom", "/dev/random"];
    /// Where the C library looks up a machine's name, as they are at the start.
    const NAMES: [&str; 6] = [
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/nsswitch.conf",
        "/etc/host.conf",
        "/etc/gai.conf",
        "/run/systemd/resolve",
    ];

    /// None where Landlock, or the folder, cannot be used.
    pub(super) fn hold(reach: &Reach<'_>) -> Option<Hold> {
        let folder = PathFd::new(reach.folder).ok()?;
        let within = AccessFs::ReadFile
            | AccessFs::ReadDir
            | AccessFs::WriteFile
            | AccessFs::Truncate
            | AccessFs::MakeReg
            | AccessFs::RemoveFile;
        let names = if reach.connect.is_empty() { &[][..] } else { &NAMES };
        let read = ENTROPY.iter().chain(names);
        let listen = reach.listen.iter().map(|port| (port, AccessNet::BindTcp));
        let connect = reach.connect.iter().map(|port| (port, AccessNet::ConnectTcp));
        let ports = listen.chain(connect).map(|(port, may)| Ok::<_, RulesetError>(NetPort::new(*port, may)));
        let status = || -> Result<_, RulesetError> {
            Ruleset::default()
                .handle_access(AccessFs::from_all(KNOWN))?
                .handle_access(AccessNet::from_all(KNOWN))?
                // A supervisor may be told through an abstract socket: those of streams seccomp takes away.
                .scope(Scope::Signal)?
                .create()?
                .add_rule(PathBeneath::new(folder, within))?
                .add_rules(path_beneath_rules(read, AccessFs::ReadFile))?
                .add_rules(ports)?
                .restrict_self()
        };
        Some(match status().ok()?.ruleset {
            RulesetStatus::FullyEnforced => Hold::Full,
            RulesetStatus::PartiallyEnforced => Hold::Partial,
            RulesetStatus::NotEnforced => Hold::None,
        })
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::fs;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;

    /// What `work` comes to in a thread of its own that is confined.
    fn confined<T: Send>(reach: &Reach<'_>, work: impl FnOnce(Confined) -> T + Send) -> T {
        let thread = || work(confine(reach));
        std::thread::scope(|scope| scope.spawn(thread).join()).unwrap()
    }

    #[test]
    fn what_is_out_of_reach_cannot_be_had_and_what_a_relay_does_can() {
        let place = tempfile::tempdir().unwrap();
        let (folder, beside) = (place.path().join("relay"), place.path().join("beside"));
        fs::create_dir(&folder).unwrap();
        fs::write(&beside, "another's").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = folder.join("socket");
        let _unix = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let reach = Reach { folder: &folder, listen: &[0], connect: &[] };
        confined(&reach, |by| {
            let file = folder.join("file");
            crate::host::folder::write_private(&file, b"one").unwrap();
            fs::rename(&file, folder.join("renamed")).unwrap();
            assert_eq!(fs::read(folder.join("renamed")).unwrap(), b"one");
            fs::remove_file(folder.join("renamed")).unwrap();
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
            for source in ["/dev/urandom", "/dev/random"] {
                assert!(fs::File::open(source).is_ok(), "{source}");
            }
            assert!(TcpListener::bind("127.0.0.1:0").is_ok());
            assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7);
            let denied = |error: std::io::Error| assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            if by.landlock == Hold::Full {
                denied(fs::read(&beside).unwrap_err());
                denied(fs::read("/etc/hosts").unwrap_err());
                denied(fs::write(place.path().join("new"), "").unwrap_err());
                denied(TcpListener::bind(("127.0.0.1", 34_433)).unwrap_err());
                denied(TcpStream::connect(other.local_addr().unwrap()).unwrap_err());
            }
            if by.seccomp == Hold::Full {
                assert!(Command::new("true").spawn().is_err(), "a process is begun");
                assert!(UdpSocket::bind("127.0.0.1:0").is_err());
                assert!(UnixStream::connect(&socket).is_err());
            }
        });
        // The other threads are as they were.
        assert_eq!(fs::read(&beside).unwrap(), b"another's");
    }

    #[test]
    fn a_port_that_is_in_reach_can_be_connected_to_and_names_looked_up() {
        let place = tempfile::tempdir().unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap();
        let reach = Reach { folder: place.path(), listen: &[], connect: &[address.port()] };
        confined(&reach, |_| {
            assert!(TcpStream::connect(address).is_ok());
            assert!(UdpSocket::bind("127.0.0.1:0").is_ok());
            assert!(fs::read("/etc/hosts").is_ok());
        });
    }

    #[test]
    fn who_would_run_another_program_in_its_place_ends_it() {
        const SIGSYS: i32 = 31;
        let place = tempfile::tempdir().unwrap();
        let reach = Reach { folder: place.path(), listen: &[], connect: &[] };
        if std::env::var_os("TRUCELINE_CONFINED").is_some() {
            let _ = confine(&reach);
            panic!("{}", Command::new("true").exec());
        }
        if trial(&reach).seccomp == Hold::Full {
            let name = "host::confine::tests::who_would_run_another_program_in_its_place_ends_it";
            let mut again = Command::new(std::env::current_exe().unwrap());
            let again = again.args(["--exact", name]).env("TRUCELINE_CONFINED", "1");
            assert_eq!(again.output().unwrap().status.signal(), Some(SIGSYS));
        }
    }
}

//! A relay that the kernel confines (Linux): what it could still do for somebody who controls it. That it serves, reads its
//! settings again and drains, every other test here tells: they all run it so.

use super::Operator;
use super::operation::checked;

/// The values of a line of `/proc/PID/status`, one for each thread.
fn of_threads(process: u32, line: &str) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let status =
        threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap());
    status
        .map(|status| {
            let mut lines = status.lines().filter_map(|it| it.split_once(":\t"));
            lines.find(|(name, _)| *name == line).unwrap().1.to_owned()
        })
        .collect()
}

/// Whether this kernel has all that it takes.
fn can_be(operator: &Operator) -> bool {
    let (of, _) = checked(&operator.dir);
    let [verdict, what, _] = of("confinement");
    println!("{verdict}: {what}");
    verdict == "ok"
}

#[test]
fn every_thread_of_a_relay_is_confined_unless_it_is_told_not_to_be() {
    let operator = Operator::init();
    if !can_be(&operator) {
        return;
    }
    let serving = operator.serve();
    assert!(serving.before.contains("INFO confined landlock=full seccomp=full"), "{}", serving.before);
    let held = |process, line| {
        let mut values = of_threads(process, line);
        assert!(values.len() > 2, "{values:?}");
        values.dedup();
        values
    };
    let process = serving.child.id();
    // A filter (seccomp(2)), and nothing that an execve could bring.
    assert_eq!((held(process, "Seccomp"), held(process, "NoNewPrivs")), (vec!["2".into()], vec!["1".into()]));
    drop(serving);
    let config = operator.dir.join("relay.toml");
    let told = std::fs::read_to_string(&config).unwrap().replace("confine = true", "confine = false");
    std::fs::write(&config, told).unwrap();
    let serving = operator.serve();
    assert!(serving.before.contains("WARN not confined"), "{}", serving.before);
    let process = serving.child.id();
    assert_eq!((held(process, "Seccomp"), held(process, "NoNewPrivs")), (vec!["0".into()], vec!["0".into()]));
}

#[test]
fn a_file_outside_of_its_folder_cannot_be_read_even_by_a_name_within() {
    let operator = Operator::init();
    if !can_be(&operator) {
        return;
    }
    let mut serving = operator.serve();
    let (certificate, outside) = (operator.dir.join("certificate.pem"), operator.dir.join("../outside.pem"));
    let other = Operator::init();
    std::fs::copy(other.dir.join("key.pem"), operator.dir.join("key.pem")).unwrap();
    std::fs::copy(other.dir.join("certificate.pem"), &outside).unwrap();
    std::fs::remove_file(&certificate).unwrap();
    std::os::unix::fs::symlink(&outside, &certificate).unwrap();
    serving.signal("-HUP");
    let told = serving.logged("nothing was changed");
    assert!(told.contains("certificate.pem") && told.contains("Permission denied"), "{told}");
    // The same bytes within its folder.
    std::fs::remove_file(&certificate).unwrap();
    std::fs::copy(&outside, &certificate).unwrap();
    serving.signal("-HUP");
    serving.logged("were read again");
    serving.terminate();
    assert_eq!(serving.end().0, Some(0));
}

//! Words that KDD-99's content features are about. Texts are lower case.
//!
//! The scripts that made KDD-99 are not public. The task description says what the features count ("access to system
//! directories, creation and execution of programs", "file/path not found errors", "operations on access control
//! files"); which words that means is decided here.

/// Directories that belong to the system.
const SYSTEM: [&str; 16] = [
    "/etc/",
    "/bin/",
    "/sbin/",
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/lib/",
    "/lib/",
    "/dev/",
    "/proc/",
    "/root/",
    "/boot/",
    "/var/log/",
    "/var/adm/",
    "/var/spool/",
    "\\windows\\",
    "\\winnt\\",
];

/// Files that say who may do what.
const ACCESS: [&str; 13] = [
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/etc/sudoers",
    "/etc/hosts.",
    "/etc/inetd.conf",
    "master.passwd",
    ".rhosts",
    "hosts.equiv",
    ".htaccess",
    ".htpasswd",
    "authorized_keys",
    ".netrc",
];

/// What a server says to somebody who does not know the way.
const LOST: [&str; 9] = [
    "no such file",
    "not found",
    "cannot find",
    "cannot open",
    "permission denied",
    "access is denied",
    "not a directory",
    "operation not permitted",
    "jump to",
];

const SHELLS: [&str; 10] = ["sh", "bash", "csh", "tcsh", "ksh", "zsh", "ash", "dash", "cmd.exe", "powershell"];

/// Commands that make or start programs.
const MAKERS: [&str; 12] =
    ["gcc", "cc", "make", "perl", "python", "as", "ld", "install", "uudecode", "rpm", "insmod", "wget"];

/// Commands that make files.
const CREATORS: [&str; 8] = ["touch", "mkdir", "cp", "mv", "tee", "ln", "mkfifo", "mknod"];

/// Whether a path of the system is named.
pub fn names_system_directory(text: &str) -> bool {
    SYSTEM.iter().any(|directory| text.contains(directory)) || text.contains("../..")
}

/// Whether a file is named that says who may do what.
pub fn names_access_file(text: &str) -> bool {
    ACCESS.iter().any(|file| text.contains(file))
}

/// Whether a server tells that something is not there or not allowed.
pub fn tells_of_loss(line: &str) -> bool {
    LOST.iter().any(|words| line.contains(words))
}

/// The commands of a line: what stands between `;`, `&`, and `|`.
pub fn commands(line: &str) -> impl Iterator<Item = &str> {
    line.split([';', '|', '&']).map(str::trim).filter(|command| !command.is_empty())
}

/// The program that a command starts, without its directory.
pub fn program(command: &str) -> &str {
    let word = command.split_whitespace().next().unwrap_or_default();
    word.rsplit(['/', '\\']).next().unwrap_or(word)
}

/// Whether a command starts a shell.
pub fn starts_shell(command: &str) -> bool {
    SHELLS.contains(&program(command))
}

/// Whether a command makes a program, makes one that may be started, or starts one that lies about.
pub fn runs_program(command: &str) -> bool {
    let makes_runnable =
        program(command) == "chmod" && (command.contains("+x") || command.contains(" 4") || command.contains("777"));
    MAKERS.contains(&program(command)) || makes_runnable || command.starts_with("./") || command.starts_with("/tmp/")
}

/// Whether a command makes a file.
pub fn creates_file(command: &str) -> bool {
    CREATORS.contains(&program(command)) || redirects(command)
}

/// Whether output goes into a file: `>` that is neither `>&` nor behind a digit's descriptor of nothing.
fn redirects(command: &str) -> bool {
    command.match_indices('>').any(|(at, _)| {
        let behind = command[at + 1..].trim_start_matches('>').trim_start();
        !behind.is_empty() && !behind.starts_with('&') && !behind.starts_with("/dev/null")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_known_by_what_they_do() {
        assert!(starts_shell("/bin/sh -i") && starts_shell("bash") && !starts_shell("show"));
        assert!(creates_file("echo + + > .rhosts") && creates_file("/usr/bin/touch x") && !creates_file("ls 2>&1"));
        assert!(!creates_file("ls > /dev/null") && !creates_file("cat"));
        assert!(runs_program("gcc -o x x.c") && runs_program("chmod 4755 x") && runs_program("./x"));
        assert!(!runs_program("chmod 644 x") && !runs_program("ls"));
        assert!(names_access_file("cat /etc/passwd") && names_system_directory("cd /etc/rc.d"));
        assert!(tells_of_loss("ls: x: no such file or directory") && !tells_of_loss("total 12"));
        assert_eq!(commands("a ; b && c|d").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }
}

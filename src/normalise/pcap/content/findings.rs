//! What was found in the clear text of a connection: the content features of KDD-99.

/// Counts of things that KDD-99 looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Findings {
    /// Things worth a second look: system directories, programs made or started, guests, known tricks.
    pub hot: u32,
    /// Logins that were refused.
    pub failed_logins: u32,
    /// Whether a login, or what stands for one, was accepted.
    pub logged_in: bool,
    /// Signs of somebody feeling the way: files that are not there, rights that are missing.
    pub compromised: u32,
    /// Whether there was a shell of the administrator.
    pub root_shell: bool,
    /// Whether somebody tried to become another user.
    pub su_attempted: bool,
    /// Commands given as administrator.
    pub root: u32,
    /// Files made.
    pub file_creations: u32,
    /// Shells started.
    pub shells: u32,
    /// Commands that name a file which says who may do what.
    pub access_files: u32,
    /// Whether the login is the administrator's.
    pub host_login: bool,
    /// Whether the login is a guest's.
    pub guest_login: bool,
}

impl Findings {
    /// The features by their KDD-99 names, in that order.
    pub fn features(&self) -> [(&'static str, u32); 13] {
        [
            ("hot", self.hot),
            ("num_failed_logins", self.failed_logins),
            ("logged_in", u32::from(self.logged_in)),
            ("num_compromised", self.compromised),
            ("root_shell", u32::from(self.root_shell)),
            ("su_attempted", u32::from(self.su_attempted)),
            ("num_root", self.root),
            ("num_file_creations", self.file_creations),
            ("num_shells", self.shells),
            ("num_access_files", self.access_files),
            // it is 0 in every record of KDD-99
            ("num_outbound_cmds", 0),
            ("is_host_login", u32::from(self.host_login)),
            ("is_guest_login", u32::from(self.guest_login)),
        ]
    }

    /// Takes note of a user name.
    pub fn user(&mut self, name: &str) {
        let name = name.trim().to_ascii_lowercase();
        self.guest_login = matches!(name.as_str(), "anonymous" | "ftp" | "guest" | "visitor");
        self.host_login =
            matches!(name.as_str(), "root" | "adm" | "admin" | "administrator" | "daemon" | "sys" | "toor");
    }

    /// A login was accepted.
    pub fn accepted(&mut self) {
        if !self.logged_in {
            self.hot += u32::from(self.guest_login || self.host_login);
        }
        self.logged_in = true;
    }

    /// A login was refused: nobody is whom they claimed to be.
    pub fn refused(&mut self) {
        self.failed_logins += 1;
        (self.guest_login, self.host_login) = (false, false);
    }

    /// Takes note of what a path (or a command with paths in it) touches.
    pub fn touches(&mut self, text: &str) {
        self.hot += u32::from(super::indicators::names_system_directory(text));
        self.access_files += u32::from(super::indicators::names_access_file(text));
    }
}

//! syslog-ng's http(), as Debian ships it: it looks at the status alone, and sends the same batch again until it passes.

use std::process::Command;

use super::found::client;
use super::ordeal::{Ordeal, Outcome};
use super::process::{Shipper, free_port};

#[tokio::test(flavor = "multi_thread")]
async fn syslog_ng_loses_and_doubles_nothing() {
    let Some(home) = client(&["syslog-ng"]) else { return };
    let (ordeal, folder, port) = (Ordeal::prepare(), tempfile::tempdir().unwrap(), free_port());
    let sink = ordeal.oversight.port;
    let config = format!(
        r#"@version: 3.38
options {{ use-uniqid(yes); time-reopen(1); }};
source s {{ network(ip("127.0.0.1") port({port}) transport("tcp")); }};
destination d {{ http(url("http://127.0.0.1:{sink}/_bulk") method("POST") headers("Content-Type: application/x-ndjson")
  batch-lines(100) batch-timeout(500) workers(1) timeout(2) delimiter("\n") body-suffix("\n")
  body('{{"create":{{"_index":"syslog","_id":"${{UNIQID}}"}}}}
$(format-json --scope none @timestamp=$ISODATE host.name=$HOST message=$MESSAGE)')); }};
log {{ source(s); destination(d); flags(flow-control); }};
"#
    );
    let file = folder.path().join("syslog-ng.conf");
    std::fs::write(&file, config).unwrap();
    let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/syslog-ng"];
    let libraries = libraries.map(|place| home.join(place).display().to_string()).join(":");
    let mut command = Command::new(home.join("usr/sbin/syslog-ng"));
    command.arg("--foreground").arg("--no-caps").arg("--cfgfile").arg(&file);
    for (option, name) in [("--persist-file", "persist"), ("--control", "control"), ("--pidfile", "pid")] {
        command.arg(option).arg(folder.path().join(name));
    }
    command.arg("--module-path").arg(home.join("usr/lib/syslog-ng/3.38")).env("LD_LIBRARY_PATH", libraries);
    let mut shipper = Shipper::start(&mut command, folder.path());
    let feed = shipper.connect(port, folder.path());
    assert_eq!(ordeal.run(feed).await, Outcome { lost: 0, doubled: 0 });
}

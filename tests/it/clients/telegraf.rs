//! Telegraf's elasticsearch output: it keeps what it could not write in memory, and sends the same metrics again at the
//! next interval, under the same ids where it is told to make them.

use std::process::Command;

use super::found::client;
use super::ordeal::{Ordeal, Outcome};
use super::process::{Shipper, free_port};

#[tokio::test(flavor = "multi_thread")]
async fn telegraf_loses_and_doubles_nothing() {
    let Some(program) = client(&["telegraf"]) else { return };
    let (ordeal, folder, port) = (Ordeal::prepare(), tempfile::tempdir().unwrap(), free_port());
    let sink = ordeal.oversight.port;
    let config = format!(
        r#"[agent]
  interval = "1s"
  flush_interval = "1s"
  metric_batch_size = 500
  metric_buffer_limit = 100000
  omit_hostname = true
[[inputs.socket_listener]]
  service_address = "tcp://127.0.0.1:{port}"
  name_override = "event"
  data_format = "value"
  data_type = "string"
[[outputs.elasticsearch]]
  urls = ["http://127.0.0.1:{sink}"]
  timeout = "2s"
  enable_sniffer = false
  index_name = "telegraf-%Y.%m.%d"
  manage_template = true
  template_name = "telegraf"
  force_document_id = true
"#
    );
    let file = folder.path().join("telegraf.conf");
    std::fs::write(&file, config).unwrap();
    let mut shipper = Shipper::start(Command::new(program).arg("--config").arg(&file), folder.path());
    let feed = shipper.connect(port, folder.path());
    assert_eq!(ordeal.run(feed).await, Outcome { lost: 0, doubled: 0 });
}

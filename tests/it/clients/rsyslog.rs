//! rsyslog with omelasticsearch, as Debian ships it: 8.2302, which looks at no status and loses what is answered 429,
//! so that the sink has to close the connection, which `bulk.overload: auto` finds out by itself.

use std::process::Command;

use super::found::client;
use super::ordeal::{Ordeal, Outcome};
use super::process::{Shipper, free_port};

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_loses_and_doubles_nothing_where_its_messages_have_ids() {
    let ids = r#"searchType="" bulkmode="on" writeoperation="create" bulkid="id" dynbulkid="on""#;
    let Some(outcome) = through(ids).await else { return };
    assert_eq!(outcome, Outcome { lost: 0, doubled: 0 });
}

/// After a connection that was closed or lost it sends the messages of the batch again one by one. A batch that was
/// kept but whose answer was lost (here: the standstill's and the kill's) then comes as other bodies, in which nothing
/// says that these are the same events. Only the sender can say it, by ids.
#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_loses_nothing_without_ids_either() {
    let Some(outcome) = through(r#"searchType="" bulkmode="on""#).await else { return };
    assert_eq!(outcome.lost, 0);
}

/// Every message is a request of its own then, to the path with a type in it that is its default.
#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_loses_nothing_without_bulkmode() {
    let Some(outcome) = through(r#"bulkmode="off""#).await else { return };
    assert_eq!(outcome.lost, 0);
}

async fn through(options: &str) -> Option<Outcome> {
    let program = client(&["rsyslog"])?;
    let (ordeal, folder, port) = (Ordeal::prepare(), tempfile::tempdir().unwrap(), free_port());
    let sink = ordeal.oversight.port;
    let config = format!(
        r#"module(load="imtcp") module(load="omelasticsearch")
template(name="event" type="list") {{
  constant(value="{{") property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  constant(value=",") property(outname="message" name="msg" format="jsonf") constant(value="}}") }}
template(name="id" type="string" string="%uuid%")
ruleset(name="main") {{
  action(type="omelasticsearch" server="127.0.0.1" serverport="{sink}" usehttps="off" template="event"
         searchIndex="syslog" {options}
         queue.type="linkedlist" queue.size="100000" queue.dequeuebatchsize="100"
         action.resumeretrycount="-1" action.resumeinterval="1") }}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="main")
"#
    );
    let file = folder.path().join("rsyslog.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program);
    command.arg("-n").arg("-f").arg(&file).arg("-i").arg(folder.path().join("pid"));
    let mut shipper = Shipper::start(&mut command, folder.path());
    let feed = shipper.connect(port, folder.path());
    Some(ordeal.run(feed).await)
}

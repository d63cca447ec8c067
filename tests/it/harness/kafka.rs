//! A real Kafka broker as a process of this machine, with a port and data of its own; it dies with the test process.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tempfile::TempDir;

use super::engines::start_guard;
use super::provision::{self, Installed, run};
use super::skip;

const BOOT: Duration = Duration::from_secs(120);

/// A broker: running, or stopped with its data kept.
pub struct Broker {
    folder: TempDir,
    installed: &'static Installed,
    port: u16,
    access: Access,
    process: Option<Child>,
    guard: Child,
}

/// Whom a broker lets in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Whoever says [`USER`] and [`PASSWORD`] by SASL PLAIN.
    Password,
}

/// A name that a broker knows.
pub const USER: &str = "oversight";
/// The password that goes with it.
pub const PASSWORD: &str = "s3cret, with a comma";

/// A document as it lies in a topic.
pub struct Record {
    /// The header `id`.
    pub id: String,
    /// The key.
    pub key: String,
    /// The value.
    pub value: serde_json::Value,
}

impl Broker {
    /// Starts one; none, and said so, where this machine has none. Topics are made when they are first named, with
    /// three partitions.
    pub fn start() -> Option<Self> {
        Self::start_for(Access::Open)
    }

    /// The same, for those only whom it is to let in.
    pub fn start_for(access: Access) -> Option<Self> {
        let installed = match provision::installed() {
            Ok(installed) => installed,
            Err(reason) => {
                skip(reason);
                return None;
            }
        };
        let folder = tempfile::Builder::new().prefix("oversight-kafka.").tempdir().expect("a temporary folder");
        // held until both are known, so that they differ
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [port, controller] = listeners.each_ref().map(|listener| listener.local_addr().expect("bound").port());
        drop(listeners);
        let settings = properties(folder.path(), port, controller, access);
        fs::write(folder.path().join("server.properties"), settings).expect("settings");
        let guard = start_guard(folder.path());
        let mut broker = Self { folder, installed, port, access, process: None, guard };
        run(broker
            .java("-Xmx256m")
            .args(["kafka.tools.StorageTool", "format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c"])
            .arg(broker.folder.path().join("server.properties")));
        broker.start_again();
        Some(broker)
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it, on the same port and data as before, and waits until it listens.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let log = fs::File::create(self.folder.path().join("out.log")).expect("a log");
        let mut command = self.java("-Xmx384m");
        command.arg("kafka.Kafka").arg(self.folder.path().join("server.properties"));
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log).process_group(0);
        let process = command.spawn().expect("java can be run");
        let pipe = self.guard.stdin.as_mut().expect("it was made with one");
        writeln!(pipe, "{}", process.id()).expect("the guard listens");
        self.process = Some(process);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(started.elapsed() < BOOT, "{}", fs::read_to_string(self.folder.path().join("out.log")).unwrap());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Kills it with SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it runs");
            process.wait().expect("it can be waited for");
        }
    }

    /// Sends these values, and waits until the broker has them.
    pub async fn produce(&self, topic: &str, values: impl IntoIterator<Item = String>) {
        let producer: FutureProducer =
            self.client().set("linger.ms", "5").set("enable.idempotence", "true").create().expect("a producer");
        let mut sent = Vec::new();
        for value in values {
            let record = FutureRecord::<(), _>::to(topic).payload(&value);
            sent.push(producer.send_result(record).expect("room in the queue"));
        }
        for delivery in sent {
            delivery.await.expect("it is not dropped").expect("the broker takes it");
        }
    }

    /// Everything in a topic, once it holds `count` records; more if more come within a second.
    pub fn records(&self, topic: &str, count: usize) -> Vec<Record> {
        let consumer: BaseConsumer =
            self.client().set("group.id", "reader").set("auto.offset.reset", "earliest").create().expect("a consumer");
        consumer.subscribe(&[topic]).expect("a topic");
        let (mut found, mut last) = (Vec::new(), Instant::now());
        loop {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                let header = message.headers().expect("a header").get_as::<str>(0).expect("text");
                assert_eq!(header.key, "id");
                found.push(Record {
                    id: header.value.expect("an id").to_owned(),
                    key: String::from_utf8(message.key().expect("a key").to_vec()).expect("text"),
                    value: serde_json::from_slice(message.payload().expect("a value")).expect("JSON"),
                });
                last = Instant::now();
            }
            if found.len() >= count && last.elapsed() > Duration::from_secs(1) {
                return found;
            }
            assert!(last.elapsed() < Duration::from_secs(60), "{} of {count} records", found.len());
        }
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address());
        if self.access == Access::Password {
            config.set("security.protocol", "sasl_plaintext").set("sasl.mechanism", "PLAIN");
            config.set("sasl.username", USER).set("sasl.password", PASSWORD);
        }
        config
    }

    fn java(&self, memory: &str) -> Command {
        let mut command = Command::new(self.installed.java.join("bin/java"));
        command.args([memory, "-XX:TieredStopAtLevel=1", "-cp"]).arg(self.installed.kafka.join("libs/*"));
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

fn properties(folder: &Path, port: u16, controller: u16, access: Access) -> String {
    let data = folder.join("data");
    let (protocol, asks) = match access {
        Access::Open => ("PLAINTEXT", String::new()),
        Access::Password => (
            "SASL_PLAINTEXT",
            format!(
                "sasl.enabled.mechanisms=PLAIN\nsasl.mechanism.inter.broker.protocol=PLAIN\n\
                 listener.name.client.plain.sasl.jaas.config=\
                 org.apache.kafka.common.security.plain.PlainLoginModule required \
                 username=\"{USER}\" password=\"{PASSWORD}\" user_{USER}=\"{PASSWORD}\";\n"
            ),
        ),
    };
    format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=CLIENT://127.0.0.1:{port}\ncontroller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=CLIENT\n{asks}\
         listener.security.protocol.map=CLIENT:{protocol},CONTROLLER:PLAINTEXT\nlog.dirs={}\nnum.partitions=3\n\
         offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\nshare.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n",
        data.display()
    )
}

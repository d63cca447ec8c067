//! The compose files: every reference in them is there, and nothing in them runs with more than it needs.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::{repository, text, yaml};
use crate::harness::certificates::Authority;
use crate::harness::scripted::{Scripted, Step};

const FILES: [&str; 3] = ["demo", "opensearch", "kafka"];
/// Those keys of the compose specification that these files use.
const SERVICE: [&str; 19] = [
    "<<",
    "image",
    "build",
    "restart",
    "user",
    "entrypoint",
    "command",
    "environment",
    "network_mode",
    "networks",
    "volumes",
    "ports",
    "depends_on",
    "healthcheck",
    "read_only",
    "tmpfs",
    "security_opt",
    "cap_drop",
    "cap_add",
];

fn services(file: &str) -> (Value, Vec<(String, Value)>) {
    let document = yaml::read(&text(&format!("docker/{file}.yml")));
    let services = document["services"].as_object().expect("services").clone();
    (document, services.into_iter().collect())
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|word| word.as_str().expect("a text").to_owned()).collect()
}

#[test]
fn files_have_only_what_the_specification_knows() {
    for file in FILES {
        let (document, services) = services(file);
        for key in document.as_object().expect("a map").keys() {
            assert!(["name", "services", "volumes"].contains(&key.as_str()) || key.starts_with("x-"), "{file}: {key}");
        }
        for (name, service) in services {
            for key in service.as_object().expect("a map").keys() {
                assert!(SERVICE.contains(&key.as_str()), "{file}: {name}.{key}");
            }
            let environment = service["environment"].as_object().cloned().unwrap_or_default();
            assert!(environment.values().all(Value::is_string), "{file}: {name}: variables are texts");
        }
    }
}

#[test]
fn images_are_pinned_and_ports_are_on_this_machine_only() {
    for file in FILES {
        for (name, service) in services(file).1 {
            let image = service["image"].as_str().unwrap_or_else(|| panic!("{file}: {name} has no image"));
            let tag = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no version")).1;
            assert_eq!(tag.split('.').filter(|part| part.parse::<u32>().is_ok()).count(), 3, "{image}");
            for port in words(&service["ports"]) {
                assert!(port.starts_with("127.0.0.1:"), "{file}: {name} opens {port} to everybody");
            }
        }
    }
}

#[test]
fn what_is_waited_for_is_there_and_can_be_waited_for() {
    for file in FILES {
        let (_, services) = services(file);
        for (name, service) in &services {
            for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
                let other = services.iter().find(|(known, _)| known == other);
                let (other, target) = other.unwrap_or_else(|| panic!("{file}: {name} waits for nobody"));
                let once = !target["restart"].is_string();
                match how["condition"].as_str() {
                    // oversight's own image has a health check
                    Some("service_healthy") => {
                        let checked = target["healthcheck"]["test"].is_array()
                            || target["image"].as_str() == Some("oversight:0.1.0");
                        assert!(checked && !once, "{file}: nobody knows when {other} is well");
                    }
                    Some("service_completed_successfully") => assert!(once, "{file}: {other} never ends"),
                    condition => panic!("{file}: {name}: {condition:?}"),
                }
            }
        }
    }
}

#[test]
fn volumes_are_declared_and_files_are_there() {
    for file in FILES {
        let (document, services) = services(file);
        let declared: BTreeSet<&String> = document["volumes"].as_object().expect("volumes").keys().collect();
        let mut used = BTreeSet::new();
        for (name, service) in &services {
            for volume in words(&service["volumes"]) {
                let source = volume.split(':').next().expect("a source").to_owned();
                if let Some(path) = source.strip_prefix("./") {
                    assert!(repository("docker").join(path).exists(), "{file}: {name}: {source} is not there");
                    assert!(volume.ends_with(":ro"), "{file}: {name} may write into the repository");
                } else {
                    assert!(declared.contains(&source), "{file}: {name}: {source} is not declared");
                    used.insert(source);
                }
            }
        }
        assert_eq!(used.iter().collect::<BTreeSet<_>>(), declared, "{file}");
    }
}

#[test]
fn nothing_of_ours_has_more_than_it_needs() {
    for file in FILES {
        for (name, service) in services(file).1 {
            let ours = service["image"] == "oversight:0.1.0";
            if ours
                || service["restart"].is_string()
                    && !service["image"].as_str().is_some_and(|image| image.contains("opensearch"))
            {
                assert_eq!(words(&service["cap_drop"]), ["ALL"], "{file}: {name}");
                assert_eq!(words(&service["security_opt"]), ["no-new-privileges:true"], "{file}: {name}");
            }
            if ours {
                assert_eq!(service["read_only"], true, "{file}: {name}");
                assert_eq!(words(&service["tmpfs"]), ["/tmp"], "{file}: {name}");
                let root = service["user"] == "0:0";
                assert!(!root || !service["restart"].is_string(), "{file}: {name} stays up as root");
            }
            let said = Value::Object(service["environment"].as_object().cloned().unwrap_or_default()).to_string();
            assert!(!said.to_lowercase().contains("changeme"), "{file}: {name}: a password that everybody knows");
        }
    }
}

#[test]
fn scripts_are_valid_and_run() {
    for path in ["import.sh", "demo/secrets.sh", "demo/accounts.sh", "opensearch/accounts.sh"] {
        let path = repository("docker").join(path);
        let done = Command::new("bash").arg("-n").arg(&path).output().expect("there is a bash");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        use std::os::unix::fs::PermissionsExt;
        assert!(path.metadata().unwrap().permissions().mode() & 0o111 != 0, "{}", path.display());
    }
}

/// With the files that the set-up makes, wherever the container would have them.
#[test]
fn oversight_takes_the_configuration_of_each_file() {
    for file in FILES {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let (certificate, key) = authority.server().write(folder.path(), "server");
        let text = text(&format!("docker/{file}/oversight.yml"))
            .replace("/secrets/oversight/oversight.crt", certificate.to_str().unwrap())
            .replace("/secrets/oversight/oversight.key", key.to_str().unwrap())
            .replace("/secrets", folder.path().to_str().unwrap())
            .replace("/opensearch/root-ca.pem", folder.path().join("ca/ca.crt").to_str().unwrap());
        std::fs::create_dir(folder.path().join("ca")).unwrap();
        std::fs::write(folder.path().join("ca/ca.crt"), &authority.pem).unwrap();
        for name in ["ingest.password", "oversight.key", "oversight.password"] {
            std::fs::write(folder.path().join(name), "a-secret-of-more-than-thirty-two-characters").unwrap();
        }
        let path = folder.path().join("oversight.yml");
        std::fs::write(&path, text).unwrap();
        let done = crate::harness::oversight::run(&["--config", path.to_str().unwrap(), "config", "show"]);
        assert!(done.status.success(), "{file}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn the_import_sends_the_dashboards_with_what_both_products_want_and_says_when_they_were_refused() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "secret\n").unwrap();
    let products = Scripted::start();
    products.next([
        Step::Reply(200, r#"{"successCount":79,"success":true}"#),
        Step::Reply(200, r#"{"successCount":78,"success":false,"errors":[{"id":"oversight-x"}]}"#),
    ]);
    let import = || {
        let mut command = Command::new("sh");
        command.arg(repository("docker/import.sh")).env("DASHBOARDS_URL", products.url() + "/s/security");
        command.env("DASHBOARDS_USER", "elastic").env("DASHBOARDS_PASSWORD_FILE", &password);
        command.env("DASHBOARDS_FILE", repository("kibana/oversight.ndjson")).env("no_proxy", "127.0.0.1");
        command.output().expect("there is a sh")
    };
    let done = import();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(said.contains("/s/security/app/dashboards#/view/oversight-overview"), "{said}");
    let request = products.requests().remove(0);
    assert_eq!(request.line, "POST /s/security/api/saved_objects/_import?overwrite=true");
    assert_eq!((request.headers["kbn-xsrf"].as_str(), request.headers["osd-xsrf"].as_str()), ("true", "true"));
    assert_eq!(request.headers["authorization"], "Basic ZWxhc3RpYzpzZWNyZXQ=");
    assert!(request.headers["content-type"].starts_with("multipart/form-data"));
    let body = String::from_utf8_lossy(&request.body).into_owned();
    assert!(body.contains(&text("kibana/oversight.ndjson")), "the file as it is");
    assert!(body.contains("filename=\"oversight.ndjson\""), "both products go by the ending");
    let refused = import();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("oversight-x"));
}

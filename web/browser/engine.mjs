/**
 * A real Elasticsearch as a process of its own, as the integration tests have one: `scripts/engines.sh` says where it lies. It ends with
 * these tests, however they end: a guard waits for the end of a pipe that only we hold.
 */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("../../scripts/engines.sh", import.meta.url));
/** `nobody`: engines refuse to run as root. */
const UNPRIVILEGED = 65_534;
/** It lives for seconds: the compiler that optimises for days would cost more than it saves. */
const JVM = "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1";
const GUARD = 'trap "" INT HUP TERM; cat >/dev/null; kill -s KILL -- "-$1" 2>/dev/null; while kill -s 0 -- "-$1" 2>/dev/null; do sleep 0.1; done; rm -rf -- "$2"';

/** Where the engine lies, or why there is none. */
export function installed() {
  try {
    const text = execFileSync(script, { encoding: "utf8", env: { ...process.env, OVERSIGHT_ENGINES_OFFLINE: "1" }, stdio: ["ignore", "pipe", "pipe"] });
    const place = (name) => new RegExp(`^${name} (.*)$`, "m").exec(text)[1];
    return { java: place("java"), home: place("elasticsearch") };
  } catch (error) {
    return { obstacle: `no Elasticsearch: ${String(error.stderr ?? error).trim()}` };
  }
}

/** A running Elasticsearch with nothing in it. */
export class Engine {
  static async start({ java, home }) {
    const folder = mkdtempSync(join(tmpdir(), "oversight-engine-"));
    const isRoot = process.getuid?.() === 0;
    const [port, transport] = await freePorts(2);
    for (const name of ["data", "logs", "tmp"]) mkdirSync(join(folder, name));
    cpSync(join(home, "config"), join(folder, "config"), { recursive: true });
    writeFileSync(join(folder, "config/elasticsearch.yml"), settings(folder, port, transport));
    if (isRoot) give(folder);
    // a home of root's is closed to whom it runs as
    const program = isRoot ? linked(home, join(folder, "home")) : home;
    const log = openSync(join(folder, "logs/out.log"), "w");
    const child = spawn(join(program, "bin/elasticsearch"), {
      cwd: folder,
      detached: true,
      env: { PATH: process.env["PATH"], HOME: folder, ES_JAVA_HOME: java, ES_PATH_CONF: join(folder, "config"), ES_JAVA_OPTS: JVM, ES_TMPDIR: join(folder, "tmp") },
      stdio: ["ignore", log, log],
      ...(isRoot ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : {}),
    });
    const self = new Engine(child, folder, `http://127.0.0.1:${port}`);
    await self.#ready();
    return self;
  }

  constructor(child, folder, url) {
    this.child = child;
    this.folder = folder;
    this.url = url;
    this.guard = spawn("sh", ["-c", GUARD, "guard", String(child.pid), folder], { detached: true, stdio: ["pipe", "ignore", "inherit"] });
  }

  async #ready() {
    for (let waited = 0; waited < 180_000; waited += 200) {
      const healthy = await fetch(`${this.url}/_cluster/health?wait_for_status=yellow&timeout=10s`).then((answer) => answer.ok, () => false);
      if (healthy) return;
      assert.equal(this.child.exitCode, null, readFileSync(join(this.folder, "logs/out.log"), "utf8").slice(-2000));
      await new Promise((done) => setTimeout(done, 200));
    }
    assert.fail("Elasticsearch did not start within three minutes");
  }

  /** Shows everything that was written. */
  async refresh() {
    assert.ok((await fetch(`${this.url}/_refresh`, { method: "POST" })).ok);
  }

  async stop() {
    this.guard.stdin.end();
    await once(this.guard, "exit");
  }
}

function settings(folder, port, transport) {
  return [
    "cluster.name: oversight-web-tests",
    "discovery.type: single-node",
    "network.host: 127.0.0.1",
    `http.port: ${port}`,
    `transport.port: ${transport}`,
    `path.data: ${folder}/data`,
    `path.logs: ${folder}/logs`,
    "xpack.security.enabled: false",
    // a developer's full disk is no reason to fail
    "cluster.routing.allocation.disk.threshold_enabled: false",
    "",
  ].join("\n");
}

/** Makes the folder the user's whom the engine runs as. */
function give(folder) {
  chmodSync(folder, 0o755);
  chownSync(folder, UNPRIVILEGED, UNPRIVILEGED);
  execFileSync("chown", ["-R", String(UNPRIVILEGED), ...["config", "data", "logs", "tmp"].map((name) => join(folder, name))]);
}

/** A copy by hard links where that works. */
function linked(home, copy) {
  try {
    execFileSync("cp", ["-al", home, copy], { stdio: "ignore" });
  } catch {
    rmSync(copy, { recursive: true, force: true });
    execFileSync("cp", ["-a", home, copy]);
  }
  return copy;
}

/** Ports that nobody has; all are held until each is known, so that they differ. */
async function freePorts(number) {
  const servers = Array.from({ length: number }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

/** What a network looks at, in words, and its values as people read them. Features of one's own models keep their names. */

import { bytes, duration, number, percent, words as spaced } from "./format";

type Kind = "number" | "seconds" | "bytes" | "rate" | "share" | "truth";
type Described = readonly [words: string, kind?: Kind];

/** The features of KDD-99. */
const KDD: Record<string, Described> = {
  duration: ["duration", "seconds"],
  protocol_type: ["transport protocol"],
  service: ["service"],
  flag: ["how the connection went"],
  src_bytes: ["payload sent", "bytes"],
  dst_bytes: ["payload received", "bytes"],
  land: ["same address and port on both sides", "truth"],
  wrong_fragment: ["wrong fragments"],
  urgent: ["urgent packets"],
  hot: ["suspicious steps in the session"],
  num_failed_logins: ["failed logins"],
  logged_in: ["the login succeeded", "truth"],
  num_compromised: ["signs of a compromised host"],
  root_shell: ["a root shell was had", "truth"],
  su_attempted: ["su to root was tried", "truth"],
  num_root: ["accesses as root"],
  num_file_creations: ["files made"],
  num_shells: ["shells begun"],
  num_access_files: ["accesses to control files"],
  num_outbound_cmds: ["outbound commands in an ftp session"],
  is_host_login: ["login of root or admin", "truth"],
  is_guest_login: ["login of a guest", "truth"],
  count: ["connections to this host within 2 s"],
  srv_count: ["connections to this service within 2 s"],
  serror_rate: ["half-open ones among those to this host within 2 s", "share"],
  srv_serror_rate: ["half-open ones among those to this service within 2 s", "share"],
  rerror_rate: ["rejected ones among those to this host within 2 s", "share"],
  srv_rerror_rate: ["rejected ones among those to this service within 2 s", "share"],
  same_srv_rate: ["this service among the connections to this host within 2 s", "share"],
  diff_srv_rate: ["other services among the connections to this host within 2 s", "share"],
  srv_diff_host_rate: ["other hosts among the connections to this service within 2 s", "share"],
  dst_host_count: ["connections to this host among the last 100"],
  dst_host_srv_count: ["connections to this service of the host among the last 100"],
  dst_host_same_srv_rate: ["this service among the last connections to this host", "share"],
  dst_host_diff_srv_rate: ["other services among the last connections to this host", "share"],
  dst_host_same_src_port_rate: ["the same source port among the last connections to this host", "share"],
  dst_host_srv_diff_host_rate: ["other sources among the last connections to this service of the host", "share"],
  dst_host_serror_rate: ["half-open ones among the last connections to this host", "share"],
  dst_host_srv_serror_rate: ["half-open ones among the last connections to this service of the host", "share"],
  dst_host_rerror_rate: ["rejected ones among the last connections to this host", "share"],
  dst_host_srv_rerror_rate: ["rejected ones among the last connections to this service of the host", "share"],
};

/** The flow features of the connection itself, its pair, and the name that was asked for. */
const FLOW: Record<string, Described> = {
  duration: ["duration", "seconds"],
  bytes_out: ["payload sent", "bytes"],
  bytes_in: ["payload received", "bytes"],
  packets_out: ["packets sent"],
  packets_in: ["packets received"],
  bytes_out_rate: ["payload sent a second", "rate"],
  bytes_in_rate: ["payload received a second", "rate"],
  packets_out_rate: ["packets sent a second"],
  packets_in_rate: ["packets received a second"],
  packet_bytes_out: ["payload of a packet sent", "bytes"],
  packet_bytes_in: ["payload of a packet received", "bytes"],
  bytes_share: ["the source's share of the payload", "share"],
  packets_share: ["the source's share of the packets", "share"],
  finished: ["answered and ended", "truth"],
  open: ["answered and not ended", "truth"],
  unanswered: ["nobody answered", "truth"],
  rejected: ["the target declined", "truth"],
  reset: ["broken off", "truth"],
  has_data_out: ["the source sent payload", "truth"],
  has_data_in: ["the target sent payload", "truth"],
  has_repeats: ["payload was sent again", "truth"],
  has_gaps: ["the sensor missed payload", "truth"],
  has_zero_window: ["a side could take nothing", "truth"],
  has_odd_packets: ["contradicting flags or wrong checksums", "truth"],
  was_turned: ["the target's packet came first", "truth"],
  is_midway: ["its beginning was not seen", "truth"],
  pair_interval: ["time since the source last called this service", "seconds"],
  pair_mean_interval: ["time between the last calls of this service, in the mean", "seconds"],
  pair_regularity: ["how regular the calls of this service are", "share"],
  pair_bytes_regularity: ["how alike what the source sends each time is", "share"],
  pair_bytes_in_regularity: ["how alike what it gets each time is", "share"],
  pair_duration_regularity: ["how alike the durations are each time", "share"],
  pair_mean_bytes_out: ["payload sent in the last calls, in the mean", "bytes"],
  pair_mean_bytes_in: ["payload received in the last calls, in the mean", "bytes"],
  pair_mean_duration: ["duration of the last calls, in the mean", "seconds"],
  pair_failed: ["the last calls that nobody took", "share"],
  pair_same_ending: ["the last calls that ended as this one", "share"],
  name_length: ["length of the name asked for"],
  name_entropy: ["bits of information a character of the name asked for"],
  name_digits: ["digits in the name asked for", "share"],
  name_labels: ["parts of the name asked for"],
  name_longest_label: ["length of the longest part of the name asked for"],
};

/** What is counted within 10 s, 2 min and 1 h. */
const WITHIN: Record<string, Described> = {
  originator_connections: ["connections of the source"],
  originator_failed: ["connections of the source that nobody took", "share"],
  originator_bytes: ["payload the source sent", "bytes"],
  originator_hosts: ["hosts the source called"],
  originator_services: ["ports the source called"],
  responder_connections: ["connections to the target"],
  responder_failed: ["connections that the target did not take", "share"],
  responder_bytes: ["payload sent to the target", "bytes"],
  responder_hosts: ["hosts that called the target"],
  responder_services: ["ports of the target that were called"],
  pair_connections: ["connections of the source to this service of the target"],
  pair_bytes: ["payload the source sent to this service of the target", "bytes"],
  pair_ports: ["ports of the target that the source called"],
  service_connections: ["connections of the source to this service of any host"],
  service_failed: ["connections of the source to this service that nobody took", "share"],
  service_hosts: ["hosts whose service of this kind the source called"],
};

/** What sources tell of a connection, that flow features are made of. */
const FACTS: Record<string, string> = {
  bytes_out: "payload sent",
  bytes_in: "payload received",
  packets_out: "packets sent",
  packets_in: "packets received",
  ending: "how it ended",
  history: "the history of its flags",
  name: "the name that was asked for",
};

/** What an event may not bring: a fact of a connection, or a feature. */
export function fact(name: string): string {
  return (Object.hasOwn(FACTS, name) ? FACTS[name] : undefined) ?? feature(name);
}

const LENGTHS: Record<string, string> = { "10s": "10 s", "2m": "2 min", "1h": "1 h" };

/** The feature in words, as far as it is one of ours. */
function described(name: string): Described | undefined {
  if (Object.hasOwn(KDD, name)) return KDD[name];
  const flow = /^flow_(.+)$/.exec(name)?.[1];
  if (flow === undefined) return undefined;
  if (Object.hasOwn(FLOW, flow)) return FLOW[flow];
  const [, what = "", length = ""] = /^(.+)_(10s|2m|1h)$/.exec(flow) ?? [];
  const found = Object.hasOwn(WITHIN, what) ? WITHIN[what] : undefined;
  return found && [`${found[0]} within ${LENGTHS[length]}`, found[1] ?? "number"];
}

/** `hosts that called the target within 1 h`. */
export function feature(name: string): string {
  return described(name)?.[0] ?? spaced(name);
}

/** A value of the feature as people read it; none for one that is no number of a feature of ours. */
export function featureValue(name: string, value: number): string {
  switch (described(name)?.[1]) {
    case "seconds":
      return duration(value);
    case "bytes":
      return bytes(value);
    case "rate":
      return `${bytes(value)}/s`;
    case "share":
      return percent(value);
    case "truth":
      return value >= 0.5 ? "yes" : "no";
    default:
      return number(value);
  }
}

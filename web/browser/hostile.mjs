/** Events as an attacker would write them who wants to do something to whoever looks at them. */

export const MEGABYTE = 1_000_000;

const MARKUP = [
  "<script>window.hacked=1</script>",
  "<img src=x onerror=window.hacked=1>",
  "<svg/onload=window.hacked=1>",
  '"><iframe srcdoc="<script>parent.hacked=1</script>">',
  "javascript:window.hacked=1",
  "</title></style></textarea></script><script>window.hacked=1</script>",
  "{{constructor.constructor('window.hacked=1')()}}",
  "${window.hacked=1}",
  "<a href='javascript:window.hacked=1'>click</a>",
  "<base href='https://evil.example/'>",
  "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
];

const MARKS = ["user\u202egnp.exe", "\u2066\u2067x\u2069", "a\u200bb\u200db\ufeff", "\u061cx\u200f", "e\u0301".repeat(3) + "z" + "\u0301".repeat(2000), "\u{e0041}\u{e0042}", "\u0000\u0001\u001b[31mred\u001b[0m\u0007\u0008\u007f", "line\u2028end\u2029", "a\r\nb\tc"];

const FIELDS = ["message", "user.name", "source.ip", "service", "event.original", "host.name", "url.original", "tags"];

/** All of them, each with the time of now. */
export function hostile() {
  const now = Date.now();
  const event = (place, fields) => ({ "@timestamp": new Date(now - place * 1000).toISOString(), ...fields });
  const events = [...MARKUP, ...MARKS].map((text, place) => event(place, Object.fromEntries(FIELDS.map((field) => [field, field === "tags" ? [text, text] : text]))));
  const long = event(30, { message: "x".repeat(MEGABYTE - 1000) + "<script>window.hacked=1</script>", "user.name": "y".repeat(20_000) });
  const names = event(31, Object.fromEntries([...MARKUP, "\u202eevil", "__proto__", "constructor", "toString"].map((name) => [name, "a name"])));
  const deep = event(32, { a: JSON.parse(`${'{"b":['.repeat(20)}"deep"${"]}".repeat(20)}`) });
  const fake = event(33, {
    oversight: {
      classification: { label: MARKUP[0], verdict: MARKUP[1], category: MARKS[0], probability: 1e308, novelty: -5, top: [{ label: MARKUP[2], probability: 7 }, null, "x"], set: [MARKUP[3]], explanation: [{ feature: MARKUP[4], value: { a: MARKUP[0] }, typical: [MARKS[1]], contribution: "much" }], counterfactual: { text: MARKUP[5] }, reason: MARKUP[6] },
      anomaly: { score: "high", metrics: [{ name: MARKUP[0], entity: MARKS[0], value: "x", lower: 5, upper: -5, score: 1e9, meaning: [MARKUP[1]] }, 7] },
      features: { dialect: MARKUP[0], missing: [MARKUP[1]] },
    },
    threat: { tactic: { id: MARKUP[0] } },
    event: { risk_score: 1e99 },
  });
  return [...events, long, names, deep, fake];
}

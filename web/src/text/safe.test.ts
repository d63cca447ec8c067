import { describe, expect, it } from "vitest";
import { hiddenBeyond, pieces, plain } from "./safe";

describe("texts of strangers", () => {
  it("names what cannot be seen or turns the direction", () => {
    expect(pieces("a\u202eb\u0000", 100)).toEqual([
      { text: "a", named: false },
      { text: "U+202E", named: true },
      { text: "b", named: false },
      { text: "NUL", named: true },
    ]);
    expect(plain("x\u200by\u2066z\u{e0041}\r\n")).toBe("x[U+200B]y[U+2066]z[U+E0041][CR][LF]");
    expect(plain("\ud800 half")).toBe("[U+D800] half");
  });

  it("leaves readable text of any script as it is", () => {
    for (const text of ["<script>alert(1)</script>", "שלום", "日本語", "é", "👍"]) expect(plain(text)).toBe(text);
  });

  it("keeps lines where there is room for them", () => {
    expect(pieces("a\n\tb\r", 100, true)).toEqual([
      { text: "a\n\tb", named: false },
      { text: "CR", named: true },
    ]);
  });

  it("cuts what is long, and says how much is missing", () => {
    const long = "x".repeat(1_000_000);
    expect(plain(long).length).toBe(201);
    expect(hiddenBeyond(long, 200)).toBe(999_800);
    expect(hiddenBeyond("short", 200)).toBe(0);
  });

  it("lets no tower of marks stand", () => {
    expect(plain(`a${"\u0301".repeat(100)}b`)).toBe("a\u0301\u0301\u0301b");
  });
});

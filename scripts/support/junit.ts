/** Reads JUnit XML, the report format common to Bun, Deno and CTest. */

/** One test. */
export interface TestCase {
  /** Its name, with those of its groups. */
  readonly name: string;
  /** Its file, if the report has it. */
  readonly file: string;
  /** Its result. */
  readonly outcome: "passed" | "failed" | "skipped";
}

const TAG = /<(\/?)([A-Za-z]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>/g;
const ATTRIBUTE = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const ENTITIES: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function decode(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (entity, decimal, hexadecimal, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hexadecimal !== undefined) return String.fromCodePoint(parseInt(hexadecimal, 16));
    return ENTITIES[name as string] ?? entity;
  });
}

function attributesOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(ATTRIBUTE)].map(([, name, a, b]) => [name, decode(a ?? b ?? "")]));
}

/**
 * Read a report.
 *
 * @param xml The report. The output of programs (`system-out`) and CDATA sections are ignored.
 * @returns All its tests.
 */
export function parseJunit(xml: string): TestCase[] {
  const text = xml.replace(/<!\[CDATA\[[\s\S]*?\]\]>/g, "").replace(/<!--[\s\S]*?-->/g, "");
  const cases: TestCase[] = [];
  let current: { name: string; file: string; outcome: TestCase["outcome"] } | null = null;
  for (const [, closing, tag, attributeText, selfClosing] of text.matchAll(TAG)) {
    if (tag === "testcase") {
      if (!closing) {
        const attributes = attributesOf(attributeText ?? "");
        const group = attributes["classname"] ?? "";
        const file = attributes["file"] ?? group;
        // CTest says "notrun" or "disabled" in an attribute and may leave the element out.
        const skipped = attributes["status"] === "notrun" || attributes["status"] === "disabled";
        const name = attributes["name"] ?? "";
        current = { name, file: file.replace(/^\.\//, ""), outcome: skipped ? "skipped" : "passed" };
        cases.push(current);
      }
      if (closing || selfClosing) current = null;
    } else if (!closing && current !== null) {
      if (tag === "failure" || tag === "error") current.outcome = "failed";
      else if (tag === "skipped" && current.outcome !== "failed") current.outcome = "skipped";
    }
  }
  return cases;
}

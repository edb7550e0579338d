import { test } from "node:test";
import { assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import type { ChatMessage } from "../../../engine/text/chat_message.ts";
import { ChatTemplate } from "../../../engine/text/chat_template.ts";
import { assertUpbeatError } from "../../support/assert_upbeat_error.ts";

const TURN = "<{{ m.role }}>";
/** Templates by what they do with contents. */
const TEMPLATES = {
  concatenates: "{% for m in messages %}{{ '<' + m.role + '>' + m.content }}{% endfor %}",
  prints: `{% for m in messages %}${TURN}{{ m.content }}{% endfor %}`,
  trims: `{% for m in messages %}${TURN}{{ m['content'] | trim }}{% endfor %}`,
  drops: `{% for m in messages %}${TURN}{% if m.content is string %}{{ m.content }}{% endif %}{% endfor %}`,
  writesJson: `{% for m in messages %}${TURN}{% set c = m.content %}{{ c if c is string else c|tojson }}{% endfor %}`,
  takesBoth: `{% for m in messages %}${TURN}{% if m.content is string %}{{ m.content }}{% else %}` +
    "{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}",
  takesParts: `{% for m in messages %}${TURN}{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}` +
    "{% endfor %}{% endfor %}",
  inMacro:
    "{% macro c(v) %}{% if v is string %}{{ v }}{% else %}{% for p in v %}{{ p['text'] }}{% endfor %}{% endif %}" +
    `{% endmacro %}{% for m in messages %}${TURN}{{ c(m.content) }}{% endfor %}`,
} as const;
const NAMES = Object.keys(TEMPLATES) as (keyof typeof TEMPLATES)[];

const parts = (...texts: string[]): unknown => texts.map((text) => ({ type: "text", text }));
const render = (source: string, ...messages: ChatMessage[]): string => new ChatTemplate(source).render({ messages });

test("render() prints text and lists of text the same, whatever form the template takes", () => {
  for (const name of NAMES) {
    for (const content of ["Hi there", parts("Hi", " there"), parts("Hi there")]) {
      for (const role of ["user", "developer", "system", "assistant", "tool"]) {
        const text = render(TEMPLATES[name], { role: "user", content: "a" }, { role, content }, {
          role: "user",
          content: "b",
        });
        assertEquals(text, `<user>a<${role}>Hi there<user>b`, `${name}: ${JSON.stringify(content)}`);
      }
    }
  }
});

test("render() joins any parts to their text", () => {
  const texts = fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.constantFrom(...NAMES.filter((name) => name !== "trims")), texts, (name, list) => {
      assertEquals(render(TEMPLATES[name], { role: "user", content: parts(...list) }), `<user>${list.join("")}`);
    }),
    { seed: 31, numRuns: 200 },
  );
});

test("render() rejects a part that is not text, and names message and part", () => {
  for (
    const part of [{ type: "image_url", image_url: { url: "x" } }, { type: "text" }, { text: "x" }, "x", null, 3, {
      type: "x".repeat(10_000),
    }]
  ) {
    for (const name of NAMES) {
      const message = { role: "user", content: [{ type: "text", text: "a" }, part] };
      const error = assertUpbeatError(() => render(TEMPLATES[name], message), "PROMPT_INVALID", "part 1", "message 0");
      assertLess(error.message.length, 300);
    }
  }
});

test("render() leaves contents that are neither text nor lists to the template", () => {
  const source = "{% for m in messages %}{{ m.content is none }}{{ m.content is defined }}{% endfor %}";
  assertEquals(render(source, { role: "user", content: null }, { role: "user" }), "TrueTrueFalseFalse");
});

test("render() rejects messages that are not a list of objects with roles, and too many", () => {
  for (const messages of [null, {}, "x", [null], [{}], [{ role: 3 }], ["x"]]) {
    const variables = { messages } as unknown as { messages: ChatMessage[] };
    assertUpbeatError(() => new ChatTemplate("x").render(variables), "PROMPT_INVALID", "message");
  }
  const many = Array.from({ length: 1_000_000 }, () => ({ role: "user", content: "" }));
  assertUpbeatError(() => new ChatTemplate("x").render({ messages: many }), "PROMPT_INVALID", "1000000 messages");
});

const CHAT = "{% for m in messages %}[{{ m.role }}]{{ m.content }}[end]\n{% endfor %}" +
  "{% if add_generation_prompt %}[assistant]{% endif %}";
const USER = { role: "user", content: "Name three" };

test("render() leaves the assistant's last message open when it is to be continued", () => {
  const open = { continueFinalMessage: true };
  for (const source of [CHAT, CHAT.replace("m.content }}", "m.content | trim }}")]) {
    for (const content of ["One, ", parts("One, "), parts("One", ", ")]) {
      const messages = [USER, { role: "assistant", content }];
      const text = new ChatTemplate(source).render({ messages, addGenerationPrompt: true, ...open });
      const expected = "[user]Name three[end]\n[assistant]One,";
      assertEquals(text, source === CHAT ? `${expected} ` : expected);
      assertEquals(new ChatTemplate(source).render({ messages, continue_final_message: true }), text);
    }
  }
  for (const name of ["takesParts", "takesBoth", "inMacro"] as const) {
    const messages = [USER, { role: "assistant", content: parts("One", ", ") }];
    assertEquals(new ChatTemplate(TEMPLATES[name]).render({ messages, ...open }), "<user>Name three<assistant>One, ");
  }
  // Also when its text is elsewhere, too, or is that of the mark.
  for (const content of ["Name three", "", "CONTINUE_FINAL_MESSAGE_TAG", "[end]"]) {
    const messages = [USER, { role: "assistant", content: "x" }, USER, { role: "assistant", content }];
    const text = new ChatTemplate(CHAT).render({ messages, ...open });
    assertEquals(text, `[user]Name three[end]\n[assistant]x[end]\n[user]Name three[end]\n[assistant]${content}`);
  }
});

test("render() rejects a continuation of nothing, and one that the template does not print", () => {
  for (const messages of [[], [USER], [{ role: "assistant", content: null }]]) {
    const error = assertUpbeatError(
      () => new ChatTemplate(CHAT).render({ messages, continueFinalMessage: true }),
      "PROMPT_INVALID",
      "continueFinalMessage",
    );
    assertStringIncludes(error.message, "assistant");
  }
  const messages = [USER, { role: "assistant", content: "x" }];
  assertUpbeatError(
    () => new ChatTemplate("{{ messages[0].content }}").render({ messages, continueFinalMessage: true }),
    "CHAT_TEMPLATE_INVALID",
    "cannot be continued",
  );
});

test("render() leaves the message open at any place of any text", () => {
  const template = new ChatTemplate(CHAT);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string(), (content, before) => {
      const messages = [{ role: "user", content: before }, { role: "assistant", content }];
      const text = template.render({ messages, continueFinalMessage: true });
      assertEquals(text, `[user]${before}[end]\n[assistant]${content}`);
    }),
    { seed: 8, numRuns: 200 },
  );
});

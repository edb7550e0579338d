/**
 * Measures what the model can do: `bun assets/train/evaluate.ts [FOLDER]`.
 *
 * Unusual names in 160 stories, stories without a wish, stories about an unnamed hero, every sum within twenty, 80
 * questions written by hand, and the similarity of greedy stories. `--held-out FILE` asks the questions of
 * `held_out_questions.py`, `--stories FILE` writes 100 sampled stories for `memorised.py`. Prints one line of JSON per part;
 * `--details` also prints failures.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { BUNDLED_MODEL, type ChatMessage, Engine, type Prompt } from "../../mod.ts";

/** Names that are not in the corpus program's lists. */
const NAMES = (
  "Zylphia Qwertius Kazimir Ravindra Bob Thaddeus Quillon Xiomara Brunhilda Oyelaran Fjodor Wrenna Ptolemy Aoife Mbali " +
  "Zebulon Ixchel Grzegorz Yaxley Philomena Szymon Eudora Vladrik Nkechi Hrothgar Calliope Jorrvik Ulyana Dweezil " +
  "Tchaikor Ozwald Lysandra Krimble Saoirse Wobbin Evander Bjarki Zuzu Quokka Marigold"
).split(" ");
const KINDS = ["girl", "boy", "child", "fox", "mouse", "dragon", "robot", "princess"];
const KEPT = 3;
const LONGEST = 480;
const OPENINGS = [
  "Once upon a time",
  "One day,",
  "There was once",
  "It was a rainy day.",
  "In a small village, there lived",
  "Long ago,",
  "The little fox",
  "Mia had three apples.",
  "Nobody in the village",
  "A fox and a crow were neighbours.",
  "The old lighthouse keeper",
  "Every morning, Otto the baker",
  "Tom and Ada found a golden key in the forest.",
  "It was a cold winter morning.",
  "There was once a robot who wanted to dance.",
  "Grandmother gave Tom a tiny seed.",
  "The wind blew hard.",
  "Anna went to the market. She had ten coins.",
  "Finn had a dear friend, a hedgehog named Dot.",
  "Snow was falling quietly.",
];

const { values: options, positionals } = parseArgs({
  options: { "held-out": { type: "string" }, stories: { type: "string" }, details: { type: "boolean" } },
  allowPositionals: true,
});
const { details = false } = options;
await using engine = await Engine.load(positionals[0] ?? BUNDLED_MODEL);

interface Answer {
  readonly text: string;
  readonly ended: boolean;
}

/** Answers in the order of the prompts. */
async function ask(prompts: readonly Prompt[], maxTokens: number, sampled = false): Promise<Answer[]> {
  const answers = prompts.map(async (prompt, seed) => {
    const options = sampled ? { seed, maxTokens } : { temperature: 0, maxTokens };
    const { text, finishReason } = await engine.generate(prompt, options).result;
    return { text, ended: finishReason === "stop" };
  });
  return await Promise.all(answers);
}

const user = (content: string): ChatMessage => ({ role: "user", content });
const percent = (part: number, whole: number) => Math.round((1000 * part) / whole) / 10;
const print = (value: Readonly<Record<string, unknown>>) => console.log(JSON.stringify(value));

/** All sequences of `length` words. */
function runs(text: string, length: number): Set<string> {
  const words = text.split(/\s+/).filter(Boolean);
  return new Set(words.slice(length - 1).map((_, at) => words.slice(at, at + length).join(" ")));
}

async function names(): Promise<void> {
  const kind = (at: number) => KINDS[at % KINDS.length]!;
  const forms = {
    continued: NAMES.map((name, at) => `Once upon a time, there was a ${kind(at)} named ${name}.`),
    asked: NAMES.map((name, at) => [user(`Tell me a story about a ${kind(at)} named ${name}.`)]),
  };
  for (const [form, prompts] of Object.entries(forms)) {
    for (const sampled of [true, false]) {
      const stories = await ask(prompts, LONGEST, sampled);
      const counts = stories.map(({ text }, at) => text.match(new RegExp(`\\b${NAMES[at]!}\\b`, "g"))?.length ?? 0);
      const kept = counts.filter((times) => times >= KEPT).length;
      const ended = stories.filter(({ ended }) => ended).length;
      const decoding = sampled ? "sampled" : "greedy";
      print({ part: "names", form, decoding, kept: percent(kept, NAMES.length), ended: percent(ended, NAMES.length) });
      if (details) {
        for (const [at, { text }] of stories.entries()) {
          if (counts[at]! < KEPT) console.log(`  ${NAMES[at]!} ${counts[at]!}: ${text.slice(0, 240)}`);
        }
      }
    }
  }
}

const NUMBERS = (
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen " +
  "eighteen nineteen twenty"
).split(" ");

/** The last number of an answer, or -1. */
function lastNumber(text: string): number {
  const found = text.toLowerCase().match(/[a-z]+|\d+/g) ?? [];
  const values = found.map((word) => /\d/.test(word) ? Number(word) : NUMBERS.indexOf(word));
  return values.filter((value) => value >= 0).at(-1) ?? -1;
}

async function sums(): Promise<void> {
  for (const inWords of [false, true]) {
    const cases: { text: string; a: number; b: number; result: number }[] = [];
    for (let a = 0; a <= 20; a++) {
      for (let b = 0; b <= 20; b++) {
        const [x, y] = inWords ? [NUMBERS[a]!, NUMBERS[b]!] : [a, b];
        if (a + b <= 20) cases.push({ text: `What is ${x} ${inWords ? "plus" : "+"} ${y}?`, a, b, result: a + b });
        if (a >= b) cases.push({ text: `What is ${x} ${inWords ? "minus" : "-"} ${y}?`, a, b, result: a - b });
      }
    }
    const answers = await ask(cases.map(({ text }) => [user(text)]), 24);
    const right = answers.map(({ text }, at) => lastNumber(text) === cases[at]!.result);
    const within = (limit: number) => {
      const chosen = cases.flatMap(({ a, b, result }, at) => Math.max(a, b, result) <= limit ? [right[at]!] : []);
      return percent(chosen.filter(Boolean).length, chosen.length);
    };
    print({
      part: "sums",
      form: inWords ? "words" : "figures",
      cases: cases.length,
      within10: within(10),
      within20: within(20),
    });
    if (details) {
      for (const [at, { text }] of answers.entries()) if (!right[at]) console.log(`  ${cases[at]!.text} ${text}`);
    }
  }
}

/** A text, questions about it, and what a correct answer must contain. */
interface Passage {
  readonly text: string;
  readonly questions: readonly (readonly [question: string, answer: string])[];
}

async function questions(file: string): Promise<void> {
  const passages = JSON.parse(readFileSync(new URL(file, import.meta.url), "utf8")) as Passage[];
  const cases = passages.flatMap(({ text, questions }) =>
    questions.map(([question, answer]) => ({ prompt: [user(`${text} ${question}`)], answer }))
  );
  const answers = await ask(cases.map(({ prompt }) => prompt), 40);
  const isRight = answers.map(({ text }, at) => text.toLowerCase().includes(cases[at]!.answer.toLowerCase()));
  print({
    part: `questions by hand, ${file}`,
    cases: cases.length,
    right: percent(isRight.filter(Boolean).length, cases.length),
  });
  if (details) {
    for (const [at, { text }] of answers.entries()) {
      if (!isRight[at]) console.log(`  ${cases[at]!.prompt[0]!.content}\n    ${text} (${cases[at]!.answer})`);
    }
  }
}

/** Final questions of the corpus program's conversations; an answer is correct if it equals the program's. */
async function heldOut(path: string): Promise<void> {
  const conversations = JSON.parse(readFileSync(path, "utf8")) as { messages: ChatMessage[]; answer: string }[];
  const answers = await ask(conversations.map(({ messages }) => messages), 60);
  const right = answers.filter(({ text }, at) => text.trim() === conversations[at]!.answer).length;
  print({ part: "held-out questions", cases: conversations.length, right: percent(right, conversations.length) });
  if (details) {
    for (const [at, { text }] of answers.entries()) {
      const { messages, answer } = conversations[at]!;
      if (text.trim() !== answer) console.log(`  ${String(messages.at(-1)!.content).slice(-80)} | ${text} | ${answer}`);
    }
  }
}

/** The similarity of greedy stories with different beginnings. */
async function variety(): Promise<void> {
  const stories = await ask(OPENINGS, LONGEST);
  const all = stories.map(({ text }) => runs(text, 5));
  let shared = 0, total = 0;
  for (const [at, mine] of all.entries()) {
    total += mine.size;
    for (const run of mine) if (all.some((other, index) => index !== at && other.has(run))) shared++;
  }
  const ended = stories.filter(({ ended }) => ended).length;
  print({ part: "greedy variety", stories: stories.length, ended, shared: percent(shared, total) });
}

/** The corpus program's usual names, by gender. */
function usualNames(list: "GIRLS" | "BOYS"): Set<string> {
  const words = readFileSync(new URL("words.py", import.meta.url), "utf8");
  const body = words.match(new RegExp(`^${list} = \\(([^)]*)\\)`, "m"))![1]!;
  return new Set(body.match(/[A-Z][a-z]+/g));
}

/** Stories without a wish: whether they end, use one name for two people, or give a girl a boy's name. */
async function free(): Promise<void> {
  const girls = usualNames("GIRLS");
  const boys = usualNames("BOYS");
  const prompts = Array.from(
    { length: 150 },
    (_, at) => at % 2 === 0 ? [user("Tell me a story.")] : "Once upon a time",
  );
  const stories = await ask(prompts, LONGEST, true);
  const confused = stories.filter(({ text }) => {
    // Excludes `"Help!" called Tom`.
    const met = [...text.matchAll(/(?<!" )(?:named|called|friend was) ([A-Z]\w+)/g)].map(([, name]) => name);
    const winners = text.match(/So (\w+) was first, (\w+) was second, and (\w+) was third/)?.slice(1) ?? [];
    return new Set(met).size < met.length || new Set(winners).size < winners.length;
  });
  const called = stories.flatMap(({ text }) => [
    ...[...text.matchAll(/(girl|boy) (?:named|called) ([A-Z]\w+)/g)].map(([, kind, name]) => [name!, kind!] as const),
    ...[...text.matchAll(/([A-Z]\w+), an? (?:\w+ )?(girl|boy)\b/g)].map(([, name, kind]) => [name!, kind!] as const),
  ]).filter(([name]) => girls.has(name) || boys.has(name));
  const unfit = called.filter(([name, kind]) => girls.has(name) !== (kind === "girl"));
  const ended = stories.filter(({ ended }) => ended).length;
  print({
    part: "free stories",
    stories: stories.length,
    ended: percent(ended, stories.length),
    sameName: percent(confused.length, stories.length),
    usualNames: called.length,
    wrongGender: percent(unfit.length, called.length),
  });
  if (details) {
    for (const { text } of confused) console.log(`  ${text.slice(0, 300)}`);
    console.log(`  ${unfit.map((pair) => pair.join(" ")).join(", ")}`);
  }
}

/** Stories about an unnamed hero: whether a name is given, and kept. */
async function nameless(): Promise<void> {
  const wishes = ["dance", "swim", "bake bread", "see the sea", "whistle"];
  const prompts = wishes.flatMap((wish) => KINDS.map((kind) => `There was once a ${kind} who wanted to ${wish}.`));
  const stories = await ask(prompts, LONGEST, true);
  const named = stories.filter(({ text, ended }) => {
    const name = text.slice(0, 200).match(/(?:name was|(?<!" )called|named|called (?:him|her)) ([A-Z][a-z]{2,})/)?.[1];
    return ended && name !== undefined && text.split(new RegExp(`\\b${name}\\b`)).length > KEPT;
  });
  print({ part: "nobody named", stories: stories.length, named: percent(named.length, stories.length) });
  if (details) {
    for (const [at, story] of stories.entries()) {
      if (!named.includes(story)) console.log(`  ${prompts[at]!} | ${story.text.slice(0, 300)}`);
    }
  }
}

await names();
await free();
await nameless();
await sums();
await questions("questions.json");
await questions("questions_2.json");
if (options["held-out"] !== undefined) await heldOut(options["held-out"]);
await variety();
if (options.stories !== undefined) {
  const prompts = Array.from(
    { length: 100 },
    (_, at) => at % 2 === 0 ? [user("Tell me a story.")] : OPENINGS[(at >> 1) % OPENINGS.length]!,
  );
  const stories = await ask(prompts, LONGEST, true);
  writeFileSync(options.stories, JSON.stringify(stories.map(({ text }) => text)));
}

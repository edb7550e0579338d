"""One story while it is told: who is in it, what they have, what the weather is, what can be asked about it later."""

import random

import words
from grammar import Person, an, capitalize, expand
from names import INVENTED_IN_STORIES, name_for

YOUNG = ("kitten", "puppy", "lamb")
FEMALE, MALE = ("hen", "witch", "cow", "fairy"), ("wizard",)


class Story:
    """The state of a story's world and the text so far."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.paragraphs: list[list[str]] = [[]]
        self.focus: dict = {}
        self.used: set[str] = set()
        #: Kinds of the animals that were met.
        self.met: set[str] = set()
        #: The episode that the opening leads to, where it already tells its beginning.
        self.lead: str | None = None
        #: What the lead has chosen for the episode.
        self.choice = None
        #: Questions with their answers, as pairs.
        self.facts: list[tuple[str, str]] = []
        self.lesson: str | None = None
        #: An animal that the hero has helped and that may help in return.
        self.debtor: Person | None = None
        self.item: str | None = None
        self.weather = self.pick(["sunny"] * 3 + ["rainy", "rainy", "windy", "snowy", "foggy", "cloudy", "cloudy", "hot"])
        self.time = self.pick(["morning", "morning", "afternoon", "day"])
        self.hero = self.make_hero()
        self.friend = self.make_friend(self.hero)
        self.elder = self.make_elder()
        self.place = self.pick(words.OUTDOORS)
        self.colour = self.pick(words.COLOURS)
        self.topic = ""

    # -- Words ---------------------------------------------------------------------------------------------------------

    def pick(self, items):
        return self.rng.choice(items)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def fresh_name(self, gender: str, is_animal: bool) -> str:
        while True:
            name = name_for(self.rng, gender, is_animal, INVENTED_IN_STORIES[min(len(self.used), 2)])
            if name not in self.used and not any(name in other or other in name for other in self.used):
                self.used.add(name)
                return name

    def person(self, gender: str, kind: str, is_animal: bool = False) -> Person:
        gender = "f" if kind in FEMALE else "m" if kind in MALE else gender
        return Person(self.fresh_name(gender, is_animal), gender, kind, self.focus, self.rng)

    def make_hero(self) -> Person:
        gender = self.pick("fm")
        roll = self.rng.random()
        if roll < 0.46:
            self.world = "child"
            return self.person(gender, "girl" if gender == "f" else "boy")
        if roll < 0.78:
            self.world = "animal"
            return self.person(gender, self.pick(words.ANIMALS), True)
        if roll < 0.88:
            self.world = "creature"
            return self.person(gender, self.pick(words.CREATURES))
        self.world = "worker"
        return self.person(gender, self.pick(words.QUEENS if gender == "f" else words.WORKERS))

    def make_friend(self, other: Person) -> Person:
        gender = other.gender if self.chance(0.22) else ("m" if other.gender == "f" else "f")
        if self.world == "child" and self.chance(0.85) or self.world == "worker" and self.chance(0.4):
            return self.person(gender, "girl" if gender == "f" else "boy")
        return self.person(gender, self.pick([kind for kind in words.ANIMALS if kind != other.kind]), True)

    def make_elder(self) -> Person:
        """Somebody older, called by a word such as "Grandmother" or by a name."""
        gender = self.pick("fm")
        if self.world == "child":
            name = self.pick(["Grandmother", "Mother", "Aunt"] if gender == "f" else ["Grandfather", "Father", "Uncle"])
            if name in ("Aunt", "Uncle"):
                name += " " + self.fresh_name(gender, False)
            kind = "family"
        else:
            kind = self.pick([kind for kind in words.ANIMALS if kind not in (self.hero.kind, self.friend.kind, *YOUNG)])
            if kind in FEMALE:
                gender = "f"
            if self.chance(0.65):
                name = f"the {self.pick(['old', 'old', 'wise'])} {kind}"
            else:
                name = "Old " + self.fresh_name(gender, True)
        return Person(name, gender, kind, self.focus, self.rng)

    def extra(self, kind: str | None = None, gender: str | None = None) -> Person:
        """Another animal, which somebody meets."""
        taken = {self.hero.kind, self.friend.kind, self.elder.kind} | self.met
        kind = kind or self.pick([kind for kind in words.ANIMALS if kind not in taken])
        self.met.add(kind)
        return self.person(gender or self.pick("fm"), kind, True)

    def thing(self) -> str:
        """A thing with a look or a colour, as in "small red key"."""
        noun = self.pick(words.THINGS)
        roll = self.rng.random()
        if roll < 0.5:
            return f"{self.pick(words.COLOURS)} {noun}"
        if roll < 0.85:
            return f"{self.pick(words.LOOKS)} {noun}"
        return f"{self.pick(['small', 'little', 'big', 'old', 'new'])} {self.pick(words.COLOURS)} {noun}"

    def spots(self, place: str, amount: int) -> list[str]:
        return self.rng.sample(words.PLACES[place][1], amount)

    def at(self, place: str) -> str:
        return words.PLACES[place][0]

    def to(self, place: str) -> str:
        return "to school" if place == "school" else f"to the {place}"

    def other_place(self, *taken: str) -> str:
        return self.pick([place for place in words.OUTDOORS if place not in (self.place, *taken)])

    # -- Text ----------------------------------------------------------------------------------------------------------

    def fill(self, text: str, slots: dict) -> str:
        slots = {"h": self.hero, "f": self.friend, "e": self.elder, **slots}
        return expand(text, self.rng).format_map(slots)

    def w(self, text: str, **slots) -> None:
        """Add sentences."""
        text = capitalize(" ".join(self.fill(text, slots).split()).replace(" ,", ",")).replace("\x01", "")
        if text:
            self.paragraphs[-1].append(text)

    def maybe(self, probability: float, text: str, **slots) -> None:
        if self.chance(probability):
            self.w(text, **slots)

    def say(self, speaker: Person, line: str, to: Person | None = None, how: str = "", **slots) -> None:
        """Add direct speech; `line` ends with its mark."""
        line = capitalize(self.fill(line, slots))
        mark = line[-1]
        if mark == "?":
            verb = self.pick(["asked", "asked", "asked", "wanted to know"])
        elif mark == "!":
            verb = self.pick(["cried", "called", "shouted", "said", "said"] if not how else ["said", "called", "cried"])
        else:
            verb = self.pick(["said", "said", "said", "said", "answered", "replied"] if to else ["said"])
        how = (" " + expand(how, self.rng)) if how else ""
        inner = line[:-1] + "," if mark == "." else line
        style = self.rng.random()
        if style < 0.45:
            name = format(speaker, "n")
            tag = f"{name} {verb}{how}" if verb == "wanted to know" else f"{verb} {name}{how}"
            self.w_raw(f'"{inner}" \x01{tag}.')
        elif style < 0.8 and speaker.is_clear():
            self.w_raw(f'"{inner}" \x01{format(speaker, "he")} {verb}{how}.')
        else:
            verb = "asked" if verb == "wanted to know" else "said" if verb in ("answered", "replied") else verb
            self.w_raw(f'{format(speaker, "n")} {verb}{how}, "{line}"')

    def w_raw(self, text: str) -> None:
        self.paragraphs[-1].append(text[0].upper() + text[1:] if text[0] != '"' else text)
        self.paragraphs[-1][-1] = self.paragraphs[-1][-1].replace("\x01", "")

    def para(self) -> None:
        """Begin a new paragraph, in which everybody is named again."""
        if self.paragraphs[-1]:
            self.paragraphs.append([])
        self.focus.clear()

    def fact(self, questions: str, answer: str, **slots) -> None:
        """Note something that can be asked later. Names only, for a question stands alone."""
        names = {key: getattr(value, "name", value) for key, value in
                 {"h": self.hero, "f": self.friend, "e": self.elder, **slots}.items()}
        question = expand(self.pick(questions.split("|")), self.rng).format_map(names)
        reply = expand(self.pick(answer.split("|")), self.rng).format_map(names)
        self.facts.append((capitalize(question), capitalize(reply)))

    def text(self) -> str:
        paragraphs = [" ".join(sentences) for sentences in self.paragraphs if sentences]
        return "\n\n".join(paragraphs)

    # -- Phrases -------------------------------------------------------------------------------------------------------

    def weather_line(self) -> str:
        return self.pick(words.WEATHER[self.weather])

    def an(self, noun: str) -> str:
        return an(noun)

"""A small grammar: texts with choices and slots, and people whose pronouns are used only where they are clear.

A text is written as in

    "{h} [put|laid] {h:his} {thing} [on|under] the table."

`[a|b]` is a choice, and choices nest. `{h}` mentions a person: by a pronoun where the last person of that gender who was
mentioned is the same one, else by name. `{h:n}` is always the name, `{h:v}` is how others address the person, `{h:he}`, `{h:him}`, `{h:his}` and `{h:himself}`
are pronouns where they are clear. Everything else in braces is an attribute of the scene's words.
"""

import random
import re

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SENTENCE = re.compile(r"(^|[.!?]\"? +|\n)([\"]?)([a-z])")

NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()


def number(value: int) -> str:
    """A number in words, to twenty."""
    return NUMBERS[value]


def an(noun: str) -> str:
    """The noun with its indefinite article."""
    return f"an {noun}" if noun[0].lower() in "aeiou" or noun.startswith(("hour", "honest")) else f"a {noun}"


def count(value: int, noun: str, plural: str | None = None) -> str:
    """As in "one apple" or "three apples"."""
    return f"{number(value)} {noun if value == 1 else plural or plural_of(noun)}"


def plural_of(noun: str) -> str:
    """The plural of a regular noun, and of those that the stories need."""
    irregular = {"loaf": "loaves", "leaf": "leaves", "mouse": "mice", "fish": "fish", "sheep": "sheep", "child": "children",
        "tomato": "tomatoes", "goose": "geese", "wolf": "wolves", "knife": "knives", "deer": "deer",
    }
    if noun in irregular:
        return irregular[noun]
    if noun.endswith(("s", "sh", "ch", "x")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def listing(items: list[str]) -> str:
    """As in "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def expand(text: str, rng: random.Random) -> str:
    """Resolve every choice, the innermost first."""
    while (match := _CHOICE.search(text)) is not None:
        text = text[: match.start()] + rng.choice(match[1].split("|")) + text[match.end() :]
    return text


def capitalize(text: str) -> str:
    """Capital letters where sentences start."""
    return _SENTENCE.sub(lambda match: match[1] + match[2] + match[3].upper(), text)


class Person:
    """Somebody in a story. Mentions are counted in the focus, which the scene's people share."""

    FORMS = {
        "f": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
        "m": {"he": "he", "him": "him", "his": "his", "himself": "himself"},
        "n": {"he": "it", "him": "it", "his": "its", "himself": "itself"},
    }

    def __init__(self, name: str, gender: str, kind: str, focus: dict, rng: random.Random):
        self.name = name
        self.gender = gender
        self.kind = kind
        self.focus = focus
        self.rng = rng

    def is_clear(self) -> bool:
        return self.focus.get(self.gender) is self

    def mention(self) -> str:
        self.focus[self.gender] = self
        return self.name

    def __format__(self, form: str) -> str:
        """The person's name or pronoun; "" leaves the choice between them to chance."""
        if form == "n":
            return self.mention()
        if form == "":
            if self.is_clear() and self.rng.random() < 0.68:
                return self.FORMS[self.gender]["he"]
            return self.mention()
        if form == "v":
            return self.mention().removeprefix("the ")
        if form == "himself":
            return self.FORMS[self.gender]["himself"]
        if self.is_clear():
            return self.FORMS[self.gender][form]
        return self.mention() + ("'s" if form == "his" else "")

"""Additions and subtractions within twenty, in figures and in words, alone and as small stories."""

import random

import words
from grammar import capitalize, expand, number, plural_of
from names import name_for

Turn = tuple[str, str]
LARGEST = 20
#: Every addition and subtraction with results from 0 to 20, as (a, sign, b, result).
SUMS = [(a, "plus", b, a + b) for a in range(LARGEST + 1) for b in range(LARGEST + 1 - a)]
SUMS += [(a, "minus", b, a - b) for a in range(LARGEST + 1) for b in range(a + 1)]
SMALL = [one for one in SUMS if max(one[0], one[2], one[3]) <= 10]

IN_WORDS = {
    "plus": "[What is {a} plus {b}?|What is {a} plus {b}?|How much is {a} plus {b}?|{a} plus {b}?|What is {a} and {b}?|How much is {a} and {b}?|What do you get when you add {a} and {b}?|Can you add {a} and {b}?]",
    "minus": "[What is {a} minus {b}?|What is {a} minus {b}?|How much is {a} minus {b}?|{a} minus {b}?|What is {a} less {b}?|What is left when you take {b} from {a}?|Take {b} from {a}.]",
}
IN_FIGURES = {
    "plus": "[What is {a} + {b}?|What is {a} + {b}?|{a} + {b} = ?|{a} + {b} =|{a} + {b}|How much is {a} + {b}?|What is {a} plus {b}?|How much is {a} plus {b}?|Calculate {a} + {b}.]",
    "minus": "[What is {a} - {b}?|What is {a} - {b}?|{a} - {b} = ?|{a} - {b} =|{a} - {b}|How much is {a} - {b}?|What is {a} minus {b}?|How much is {a} minus {b}?|Calculate {a} - {b}.]",
}


def _pick(rng: random.Random) -> tuple[int, str, int, int]:
    return rng.choice(SMALL if rng.random() < 0.4 else SUMS)


def plain(rng: random.Random, in_words: bool) -> Turn:
    """As in "What is 7 + 8?" - "7 + 8 = 15." or in words."""
    a, sign, b, result = _pick(rng)
    f = number if in_words else str
    question = expand((IN_WORDS if in_words else IN_FIGURES)[sign], rng).format(a=f(a), b=f(b))
    if in_words:
        return capitalize(question), capitalize(f"{f(a)} {sign} {f(b)} is {f(result)}.")
    return question, f"{a} {'+' if sign == 'plus' else '-'} {b} = {result}."


def story(rng: random.Random) -> Turn:
    """A small story about somebody who gets or gives; the answer tells the sum."""
    a, sign, b, result = _pick(rng)
    while b == 0 or a == 0:
        a, sign, b, result = _pick(rng)
    f = number if rng.random() < 0.6 else str
    name = name_for(rng, rng.choice("fm"), rng.random() < 0.3)
    noun = rng.choice(words.TREATS + list(words.GATHERED) + ["coin", "marble", "button", "ball", "book", "star", "ribbon"])
    many = plural_of(noun)
    some = lambda value: f"{f(value)} {noun if value == 1 else many}"
    if sign == "plus":
        middle = rng.choice(["and gets {b} more", "and finds {b} more", "and buys {b} more", "and a friend brings {b} more"])
    else:
        middle = rng.choice(["and loses {b}", "and gives away {b}", "and sells {b}", "and gives {b} to a friend"])
    question = f"{name} has {some(a)} {middle.format(b=f(b))}. " + rng.choice([f"How many {many} does {name} have now?", f"How many {many} are there now?", f"How many {many} does {name} have?"])
    sum_text = f"{f(a)} {sign} {f(b)} is {f(result)}" if f is number else f"{a} {'+' if sign == 'plus' else '-'} {b} = {result}"
    have = f"no {many}" if result == 0 else some(result)
    return question, capitalize(f"{sum_text}. {name} has {have}.")


def sum_turn(rng: random.Random) -> Turn:
    """One sum of any kind."""
    roll = rng.random()
    return story(rng) if roll < 0.25 else plain(rng, in_words=roll < 0.6)


def drill(rng: random.Random) -> list[Turn]:
    """Many sums, one after the other."""
    in_words = rng.random() < 0.45
    return [plain(rng, in_words) for _ in range(rng.randint(5, 16))]


def list_of_sums(rng: random.Random) -> str:
    """A page of sums: a row of one number, or any."""
    in_words = rng.random() < 0.4
    chosen = [_pick(rng) for _ in range(rng.randint(6, 14))]
    if rng.random() < 0.5:
        a, sign = rng.randint(0, 10), rng.choice(["plus", "minus"])
        chosen = [(a, sign, b, a + b) if sign == "plus" else (a + b, sign, a, b) for b in range(11)]
    f = number if in_words else str
    sign_of = lambda sign: sign if in_words else "+" if sign == "plus" else "-"
    return "\n".join(capitalize(f"{f(a)} {sign_of(sign)} {f(b)} {'is' if in_words else '='} {f(result)}.") for a, sign, b, result in chosen)

"""Pages of girls and boys, all with different usual names, and questions about who is which."""

import random

import words
from grammar import an, capitalize, expand, listing, number
from names import USUAL

ASK_FOR_NAMES = ["Tell me about some girls and boys.", "Name some children.", "Which children do you know?", "Who is there?", "I would like to hear some names."]
WORD = {"f": "girl", "m": "boy"}
FORMS = {"f": ("she", "her"), "m": ("he", "his")}


def _names(rng: random.Random) -> dict[str, list[str]]:
    return {gender: rng.sample(names, len(names)) for gender, names in USUAL.items()}


def page_of_names(rng: random.Random) -> tuple[str, str]:
    """A request and sentences in which girls and boys are introduced."""
    left, sentences = _names(rng), []
    style = rng.random()
    gender = rng.choice("fm")
    name = left[gender].pop()
    for _ in range(rng.randint(4, 6 if style < 0.3 else 9)):
        other = rng.choice("fm")
        new = left[other].pop()
        a_trait, kind, (he, his) = an(rng.choice(words.TRAITS)), WORD[other], FORMS[gender]
        if style < 0.3:
            amount = rng.choice([2, 3, 4])
            group = listing([left[other].pop() for _ in range(amount)])
            text = f"[{number(amount)} {kind}s [were called|had the names] {group}|the {kind}s were {group}|there were {number(amount)} {kind}s: {group}]."
        else:
            text = rng.choice([
                f"{a_trait} {kind} [named|called] {new} [came by|lived nearby|stood at the door].", f"[then came|there was|next came] {a_trait} {kind} [named|called] {new}.",
                f"{new} was {a_trait} {kind}.", f"{name}'s best friend was {a_trait} {kind} [named|called] {new}.", f"{his} best friend was {new}, {a_trait} {kind}.",
                f"{name} met {new}, {a_trait} {kind}.", f"{name} had a [good|dear] friend, a {kind} [named|called] {new}.",
                f"{new} had a [brother|friend]. {FORMS[other][1]} friend was called {(third := left['m'].pop())}.".replace("[brother|friend]", "friend") if rng.random() < 0.3 else f"{new} said that {FORMS[other][0]} was {a_trait} {kind}.",
            ])
        sentences.append(capitalize(expand(text, rng)))
        gender, name = other, new
    return rng.choice(ASK_FOR_NAMES), " ".join(sentences)


def who_is_a_girl(rng: random.Random) -> tuple[str, str]:
    """A question about names, with its answer."""
    left, gender = _names(rng), rng.choice("fm")
    name, kind, other = left[gender].pop(), WORD[gender], WORD["m" if gender == "f" else "f"]
    roll = rng.randrange(5)
    if roll == 0:
        return expand(f"[Is {name} a girl or a boy?|Is {name} a boy or a girl?]", rng), f"{name} is a {kind}."
    if roll == 1:
        amount = rng.choice([2, 3, 4])
        group = listing([left[gender].pop() for _ in range(amount)])
        return expand(f"[Tell me {number(amount)} names of {kind}s.|Tell me {number(amount)} {kind}s' names.|What are {kind}s called?]", rng), f"{group}." if rng.random() < 0.5 else f"{kind.capitalize()}s are called {group}."
    if roll == 2:
        return expand(f"[What can I call a {kind}?|Do you know a name for a {kind}?|What is a good name for a {kind}?]", rng), f"{name} is a good name for a {kind}."
    others = left["m" if gender == "f" else "f"].pop()
    pair = [name, others]
    rng.shuffle(pair)
    if roll == 3:
        return expand(f"Which of them is [a|the] {kind}, {pair[0]} or {pair[1]}?", rng), f"{name} is a {kind}."
    return f"Is {name} called \"he\" or \"she\"?", f"{name} is called \"{FORMS[gender][0]}\"."


if __name__ == "__main__":
    generator = random.Random(1)
    for _ in range(5):
        print(*page_of_names(generator), *(" ".join(who_is_a_girl(generator)) for _ in range(3)), sep="\n")

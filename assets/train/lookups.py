"""Questions whose answer stands in the question: who has what, who is where, what somebody is called."""

import random

import words
from grammar import an, capitalize, listing, number
from names import Mix, name_for
from passages import passage

Turn = tuple[str, str]


def people_of(rng: random.Random, amount: int) -> list[str]:
    """Different names."""
    names: list[str] = []
    while len(names) < amount:
        name = name_for(rng, rng.choice("fm"), rng.random() < 0.3)
        if name not in names:
            names.append(name)
    return names


def things_of(rng: random.Random, amount: int) -> list[tuple[str, str]]:
    """Different things with their colours."""
    return [(rng.choice(words.COLOURS), noun) for noun in rng.sample(words.THINGS, amount)]


def owners(rng: random.Random) -> list[Turn]:
    """Who has what, in which colour; perhaps something changes hands."""
    amount = rng.choice([2, 2, 3, 3, 4])
    people, things = people_of(rng, amount), things_of(rng, amount)
    text = " ".join(rng.choice(["{p} has {t}.", "{p} owns {t}.", "{p} carries {t}.", "{p} found {t}."] if rng.random() < 0.3 else ["{p} has {t}."]).format(p=p, t=an(f"{c} {n}")) for p, (c, n) in zip(people, things))
    holders = dict(zip(people, things))
    if rng.random() < 0.35:
        giver, taker = rng.sample(people, 2)
        colour, noun = holders.pop(giver)
        text += f" {giver} gives the {noun} to {taker}."
        turns = [(f"Who has the {noun} now?", f"{taker} has the {noun}."), (f"Who gave {taker} something?", f"{giver} gave {taker} the {noun}."), (f"What did {giver} give away?", f"{giver} gave away the {noun}.")]
    else:
        turns = []
        for person, (colour, noun) in holders.items():
            turns += [(f"Who has the {noun}?", f"{person} has the {noun}."), (f"What does {person} have?", f"{person} has {an(f'{colour} {noun}')}."), (f"What colour is the {noun}?", f"The {noun} is {colour}."), (f"Whose {noun} is {colour}?", f"{person}'s {noun} is {colour}.")]
    return _ask(rng, text, turns)


def whereabouts(rng: random.Random) -> list[Turn]:
    """Who is where."""
    amount = rng.choice([2, 2, 3, 3, 4])
    people = people_of(rng, amount)
    places = [words.PLACES[place][0] for place in rng.sample(list(words.PLACES), amount)]
    text = " ".join(f"{p} {rng.choice(['is', 'is', 'is', 'sits', 'works', 'plays'])} {t}." for p, t in zip(people, places))
    turns = []
    for person, place in zip(people, places):
        turns += [(f"Where is {person}?", f"{person} is {place}."), (f"Who is {place}?", f"{person} is {place}.")]
    return _ask(rng, text, turns)


def kinds(rng: random.Random) -> list[Turn]:
    """Who is what kind of creature, and what that one likes."""
    amount = rng.choice([2, 3, 3, 4])
    people = people_of(rng, amount)
    which = rng.sample(words.ANIMALS + words.CREATURES, amount)
    hobbies = rng.sample(list(words.HOBBIES), amount)
    text = " ".join(rng.choice(["{p} is {k}.", "{p} is {k} who likes {x}.", "{p} the {n} likes {x}.", "The {n} is called {p}.", "{K} named {p} likes {x}."]).format(p=p, k=an(k), K=an(k).capitalize(), n=k, x=x) for p, k, x in zip(people, which, hobbies))
    turns = []
    for person, kind, hobby in zip(people, which, hobbies):
        turns += [(f"What is the {kind} called?", f"The {kind} is called {person}."), (f"What is the name of the {kind}?", f"The {kind}'s name is {person}."), (f"What is {person}?", f"{person} is {an(kind)}."), (f"Who is the {kind}?", f"{person} is the {kind}.")]
        if hobby in text:
            turns += [(f"What does {person} like?", f"{person} likes {hobby}."), (f"Who likes {hobby}?", f"{person} likes {hobby}.")]
    return _ask(rng, text, turns)


def hidden(rng: random.Random) -> list[Turn]:
    """What lies where."""
    place = rng.choice(list(words.PLACES))
    amount = rng.choice([2, 3])
    spots, things = rng.sample(words.PLACES[place][1], amount), things_of(rng, amount)
    text = " ".join(f"The {noun} is {spot}." for (_, noun), spot in zip(things, spots))
    turns = []
    for (_, noun), spot in zip(things, spots):
        turns += [(f"Where is the {noun}?", f"The {noun} is {spot}."), (f"What is {spot}?", f"The {noun} is {spot}.")]
    return _ask(rng, text, turns)


def introductions(rng: random.Random) -> list[Turn]:
    """Somebody tells a name; it is asked for at once or later."""
    (name,) = people_of(rng, 1)
    kind = rng.choice(words.ANIMALS + ["dog", "cat", "doll", "boat", "horse", "sister", "brother", "friend", "neighbour"])
    mine = rng.random() < 0.5
    told = rng.choice(["My name is {}.", "I am {}.", "Hello, I am {}.", "Hi! My name is {}.", "I am called {}."]) if mine else rng.choice([f"My {kind} is called {{}}.", f"I have {an(kind)} named {{}}.", f"The name of my {kind} is {{}}."])
    answer = rng.choice(["Hello, {}! Shall I tell you a story?", "Nice to meet you, {}!", "Hello, {}! What a nice name."]) if mine else rng.choice(["{} is a nice name.", "What a nice name! Shall I tell you a story about {}?", "I would like to meet {}."])
    asked = (rng.choice(["What is my name?", "What am I called?", "Do you know my name?"]), "Your name is {}.") if mine else (rng.choice([f"What is my {kind} called?", f"What is the name of my {kind}?"]), f"Your {kind} is called {{}}.")
    if rng.random() < 0.3:
        return [(f"{told.format(name)} {asked[0]}", asked[1].format(name))]
    turns = [(told.format(name), answer.format(name))]
    if rng.random() < 0.7:
        turns.append((asked[0], asked[1].format(name)))
    return turns


def order(rng: random.Random) -> list[Turn]:
    """Who comes first, second, last."""
    people = people_of(rng, rng.choice([3, 3, 4]))
    text = rng.choice([f"{listing(people)} stand in a row.", f"First comes {people[0]}, " + ", ".join(f"then {p}" for p in people[1:]) + "."])
    turns = [("Who is first?", f"{people[0]} is first."), ("Who is last?", f"{people[-1]} is last."), ("Who is second?", f"{people[1]} is second."), ("How many are there?", f"There are {number(len(people))}.")]
    turns += [(f"Who comes after {a}?", f"{b} comes after {a}.") for a, b in zip(people, people[1:])] + [(f"Who comes before {b}?", f"{a} comes before {b}.") for a, b in zip(people, people[1:])]
    return _ask(rng, text, turns)


def _ask(rng: random.Random, text: str, turns: list[Turn]) -> list[Turn]:
    """The text and the first question in one message, then more questions."""
    chosen = rng.sample(turns, min(len(turns), rng.choice([1, 2, 3, 4])))
    first, *others = chosen
    return [(f"{text} {capitalize(first[0])}", capitalize(first[1])), *((capitalize(q), capitalize(a)) for q, a in others)]


def lookup(rng: random.Random) -> list[Turn]:
    """Turns about one small text."""
    if Mix.part > 1 and rng.random() < 0.55:
        return _ask(rng, *passage(rng))
    return rng.choice([owners, owners, whereabouts, kinds, kinds, hidden, introductions, order])(rng)

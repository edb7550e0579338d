"""Small facts, greetings, and what the model does not know."""

import random

import words
from grammar import an, capitalize, expand, number, plural_of
from names import name_for

OPPOSITES = (
    "big-small hot-cold day-night up-down fast-slow old-young happy-sad light-dark loud-quiet open-closed full-empty long-short "
    "wet-dry hard-soft early-late high-low rich-poor strong-weak thick-thin good-bad near-far clean-dirty left-right sweet-sour "
    "awake-asleep brave-afraid inside-outside first-last begin-end win-lose give-take push-pull yes-no black-white summer-winter"
)
COLOURS = {
    "grass": "green", "snow": "white", "the sky on a clear day": "blue", "a lemon": "yellow", "blood": "red", "milk": "white", "coal": "black",
    "a carrot": "orange", "a ripe tomato": "red", "a frog": "green", "the sun": "yellow", "chocolate": "brown", "a banana": "yellow", "a cloud before the rain": "grey",
}
LEGS = {"dog": 4, "cat": 4, "bird": 2, "spider": 8, "ant": 6, "horse": 4, "fish": 0, "cow": 4, "hen": 2, "beetle": 6, "snake": 0, "frog": 4, "child": 2, "duck": 2, "fox": 4}
SOUNDS = {"dog": "barks", "cat": "meows", "cow": "moos", "duck": "quacks", "owl": "hoots", "frog": "croaks", "sheep": "bleats", "lion": "roars", "bee": "buzzes", "wolf": "howls", "pig": "grunts", "snake": "hisses"}
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
SEASONS = "spring summer autumn winter".split()
PLURALS = "mouse child leaf fox cherry book sheep fish box apple berry loaf kite dog pony".split()
FACTS = [
    ("What do bees make?", "Bees make honey."), ("What do cows give us?", "Cows give us milk."), ("Where do fish live?", "Fish live in water."), ("Where do birds sleep?", "Many birds sleep in trees."),
    ("What do you need when it rains?", "When it rains, you need an umbrella."), ("What falls from the sky in winter?", "In winter, snow falls from the sky."), ("What does a baker make?", "A baker makes bread."),
    ("What do we see with?", "We see with our eyes."), ("What do we hear with?", "We hear with our ears."), ("What shines at night?", "The moon and the stars shine at night."), ("What shines by day?", "The sun shines by day."),
    ("What melts in the sun?", "Snow and ice melt in the sun."), ("What does a plant need?", "A plant needs water, light and earth."), ("What is bread made of?", "Bread is made of flour and water."), ("Where do apples grow?", "Apples grow on trees."),
    ("Where do carrots grow?", "Carrots grow in the earth."), ("What do you open a lock with?", "You open a lock with a key."), ("Who catches fish?", "A fisherman catches fish."), ("Who makes shoes?", "A shoemaker makes shoes."),
    ("What is ice made of?", "Ice is made of water."), ("Which season is cold?", "Winter is cold."), ("Which season is hot?", "Summer is hot."), ("How many days are in a week?", "A week has seven days."), ("How many months are in a year?", "A year has twelve months."),
    ("How many seasons are there?", "There are four seasons: spring, summer, autumn and winter."), ("What do rabbits like to eat?", "Rabbits like to eat carrots."), ("What do squirrels hide?", "Squirrels hide nuts."), ("Where does a mole live?", "A mole lives under the ground."),
]
TALK = [
    ("Hello!|Hi!|Hello.|Hi|hello|Hey!|Good morning!|Good evening!|Hi there!", "Hello! [Shall I tell you a story?|Would you like to hear a story?|What shall I tell you about?]"),
    ("How are you?|How are you today?|Are you well?", "I am well, thank you. [Shall I tell you a story?|And you?|Would you like to hear a story?]"),
    ("What is your name?|What are you called?|Do you have a name?", "I am Upbeat's little story model. I have no other name.|I have no name of my own. I am the little story model that comes with Upbeat."),
    ("Who are you?|What are you?|Are you a robot?|Are you human?|Are you a person?", "I am a very small language model. I tell stories.|I am a small model that tells stories and does small sums."),
    ("What can you do?|Help|How can you help me?|What do you know?|Can you help me?", "I can tell stories, answer questions about them and do small sums. [Shall I tell you one?|Ask me for a story!]"),
    ("Thank you!|Thanks!|Thank you.|Thanks|Thank you very much!", "You are welcome!|You are welcome. [Would you like another story?|Come back soon!]"),
    ("Goodbye!|Bye!|Bye|Good night!|See you!|Goodbye.", "Goodbye! [Sleep well.|Come back soon.|It was nice to talk to you.]"),
    ("Do you like stories?|Do you like me?|Are you happy?", "Yes! [I like stories most of all.|Shall I tell you a story?]"),
    ("Yes.|Yes, please.|Yes!|Okay.|Ok|Sure.", "Then ask me for a story about [a fox|a lost key|a brave mouse|a wish|the snow]."),
    ("No.|No, thank you.|Not now.", "That is fine. [Perhaps later.|Tell me when you would like a story.]"),
    ("How old are you?|When were you born?", "I do not know how old I am. I was made not long ago."),
    ("Tell me a joke.|Do you know a joke?|Make me laugh.", "I know no jokes, [but I know many stories.|only stories. Shall I tell you one?]"),
]
TOPICS = (
    "France the moon Paris politics physics gravity China football computers money history the war chemistry London Brazil atoms planets music Python "
    "JavaScript electricity dinosaurs the internet medicine taxes Berlin quantum mechanics"
).split()
UNKNOWN = [
    "What is the capital of {x}?", "Who is the president of {x}?", "Who wrote {x}?", "Explain {x}.", "What is {x}?", "Write a program in {x}.", "How does {x} work?", "Who invented {x}?", "When was {x} founded?",
    "Tell me about {x}.", "What do you think about {x}?", "Translate {x} into German.", "How far away is {x}?", "Why is {x} important?", "What is the meaning of {x}?", "Write an essay about {x}.", "Can you explain {x} to me?",
    "What is the square root of {n}?", "What is {n} times {n}?", "What year is it?", "What time is it?", "What is the news today?", "Will it rain tomorrow?", "Write me an email.", "Can you write code?", "What should I eat?", "Who won the game?",
    "What is the meaning of life?", "How do I fix my {thing}?", "Where can I buy a {thing}?", "How tall is {name}?", "Do you know {name}?", "What is {name}'s phone number?", "Who am I?", "Where am I?", "What is my name?",
]
NO_ANSWER = "I do not know that. [I am a small model and know only stories.|Shall I tell you a story instead?|I can tell you a story, though.|I only know stories and small sums.]"

Turn = tuple[str, str]


def fact_turn(rng: random.Random) -> Turn:
    """Things that are always so."""
    kind = rng.randrange(8)
    if kind == 0:
        pair = rng.choice(OPPOSITES.split()).split("-")
        rng.shuffle(pair)
        return expand(f"[What is the opposite of {pair[0]}?|What is the opposite of {pair[0]}?|Tell me the opposite of {pair[0]}.]", rng), f"The opposite of {pair[0]} is {pair[1]}."
    if kind == 1:
        thing, colour = rng.choice(list(COLOURS.items()))
        return expand(f"[What colour is {thing}?|What color is {thing}?]", rng), f"{thing[0].upper()}{thing[1:]} is {colour}."
    if kind == 2:
        animal, legs = rng.choice(list(LEGS.items()))
        return f"How many legs does {an(animal)} have?", f"{an(animal).capitalize()} has {number(legs) if legs else 'no'} legs."
    if kind == 3:
        animal, sound = rng.choice(list(SOUNDS.items()))
        return expand(f"[What does {an(animal)} do?|What sound does {an(animal)} make?]", rng), f"{an(animal).capitalize()} {sound}."
    if kind == 4:
        cycle, word = rng.choice([(DAYS, "day"), (MONTHS, "month"), (SEASONS, "season")])
        at, step, link = rng.randrange(len(cycle)), *rng.choice([(1, "after"), (-1, "before")])
        return f"Which {word} comes {link} {cycle[at]}?", capitalize(f"{cycle[(at + step) % len(cycle)]} comes {link} {cycle[at]}.")
    if kind == 5:
        noun = rng.choice(PLURALS)
        return f"What is the plural of {noun}?", f"The plural of {noun} is {plural_of(noun)}."
    if kind == 6:
        a = rng.randint(0, 19)
        if rng.random() < 0.5:
            return f"Which number comes after {number(a)}?", f"After {number(a)} comes {number(a + 1)}."
        b = rng.choice([n for n in range(21) if n != a])
        return f"Which is more, {number(a)} or {number(b)}?", capitalize(f"{number(max(a, b))} is more than {number(min(a, b))}.")
    return rng.choice(FACTS)


def talk_turn(rng: random.Random) -> Turn:
    """Greetings and the like."""
    questions, answers = rng.choice(TALK)
    return rng.choice(questions.split("|")), expand(_top_level_choice(answers, rng), rng)


def _top_level_choice(text: str, rng: random.Random) -> str:
    depth, parts = 0, [""]
    for letter in text:
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return rng.choice(parts)


def unknown_turn(rng: random.Random) -> Turn:
    """What a story model cannot know."""
    text = rng.choice(UNKNOWN).format(x=rng.choice(TOPICS), n=rng.randint(11, 99), thing=rng.choice(words.THINGS), name=name_for(rng, rng.choice("fm"), False))
    return text, expand(NO_ANSWER, rng)

"""Conversations: stories on request and questions about them, sums, look-ups, small talk."""

import random

import words
from grammar import an
from lookups import lookup
from name_pages import who_is_a_girl
from names import Mix
from small_talk import fact_turn, talk_turn, unknown_turn
from sums import drill, sum_turn
from tell import tell

Turn = tuple[str, str]

USUAL = set(words.GIRLS + words.BOYS + words.PET_NAMES)
ASK = (
    "Tell me a story.|Tell me a story!|Please tell me a story.|Tell me a short story.|A story, please!|Can you tell me a story?|I would like to hear a story.|Tell me another story.|"
    "Write a story.|Tell me something."
).split("|")
ASK_ABOUT = (
    "Tell me a story about {}.|Tell me a story about {}.|Tell me a story about {}.|Please tell me a story about {}.|Write a story about {}.|Write a short story about {}.|"
    "Can you tell me a story about {}?|I want a story about {}.|A story about {}, please.|Do you know a story about {}?|Tell me about {}.|Once more, a story about {}!"
).split("|")


def request(rng: random.Random, s) -> str:
    """What a user may have said to get this story."""
    h, f = s.hero, s.friend
    # Who is asked for by an unusual name must be named; without a request, most heroes have usual names.
    usual = h.name in USUAL
    if usual and rng.random() < 0.3:
        return rng.choice(ASK)
    child = rng.random() < 0.2 and s.world == "child"
    kind = "child" if child else h.kind
    named = rng.choice(["named", "called"])
    trait = rng.choice(words.TRAITS)
    about = [f"{an(kind)} {named} {h.name}"] * 5 + [h.name, h.name, f"{h.name} the {kind}"]
    text = s.text()
    if f" {trait} {h.kind}" in text:
        about += [f"{an(trait)} {kind} {named} {h.name}"] * 3
    if f.name in text:
        about += [f"{h.name} and {f.name}", f"{an(kind)} {named} {h.name} and {an(f.kind)} {named} {f.name}", f"{h.name} and {an(f.kind)} {named} {f.name}"]
    if usual:
        about += [an(kind)] * 4
    if s.topic and usual:
        about += [s.topic] * 3 + [f"{an(kind)} and {s.topic}"] * 2
    if s.topic:
        about += [f"{h.name} and {s.topic}", f"{an(kind)} {named} {h.name} and {s.topic}"]
    return rng.choice(ASK_ABOUT).format(rng.choice(about))


def story_turns(rng: random.Random, seed) -> list[Turn]:
    """A story on request, and questions about it."""
    s = tell(seed)
    text = s.text()
    facts = s.facts[:]
    if Mix.part > 2:
        # What has two answers is not asked.
        questions = [question for question, _ in facts]
        facts = [fact for fact in facts if questions.count(fact[0]) == 1]
    rng.shuffle(facts)
    if rng.random() < 0.15 and len(text) < 900:
        # The user tells the story, or a part of the talk before was about it.
        (question, answer), *facts = facts
        turns = [(f"{text} {question}" if rng.random() < 0.5 else f"{text}\n\n{question}", answer)]
    else:
        turns = [(request(rng, s), text)]
    if rng.random() < 0.85:
        turns += facts[: rng.choice([1, 2, 3, 3, 4, 5])]
    if rng.random() < 0.1:
        turns.append((rng.choice(["Thank you!", "Thanks!", "That was a nice story.", "I liked that."]), rng.choice(["You are welcome!", "I am glad that you liked it."])))
    return turns


def conversation(seed) -> list[Turn]:
    """The conversation of a seed."""
    rng = random.Random(f"chat {seed}")
    roll = rng.random()
    stories, drills, lookups = {1: (0.5, 0.64, 0.86), 2: (0.43, 0.53, 0.93), 3: (0.43, 0.6, 0.93)}[min(Mix.part, 3)]
    if roll < stories:
        return ([talk_turn(rng)] if rng.random() < 0.06 else []) + story_turns(rng, seed)
    if roll < drills:
        return drill(rng)
    if roll < lookups:
        return [turn for _ in range(rng.choice([2, 3, 4, 5] if Mix.part > 1 else [1, 1, 2, 3])) for turn in lookup(rng)]
    if Mix.part > 2 and rng.random() < 0.5:
        return [who_is_a_girl(rng) for _ in range(rng.choice([2, 3, 4, 5]))]
    turns: list[Turn] = []
    for _ in range(rng.randint(1, 5)):
        maker = rng.choice([sum_turn, sum_turn, fact_turn, fact_turn, talk_turn, unknown_turn])
        turns.append(maker(rng))
    return turns

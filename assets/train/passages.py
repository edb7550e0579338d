"""Small texts of a few sentences with questions about them: who did what, with what, where, how many."""

import random

import words
from episodes_people import SKILLS
from grammar import Person, an, capitalize, count, expand, number, plural_of
from names import name_for

Turn = tuple[str, str]

FOODS = "soup milk honey cheese cake tea eggs nuts apples flowers rice jam".split()
KIN = {"f": "aunt grandmother sister mother cousin neighbour".split(), "m": "uncle grandfather brother father cousin neighbour".split()}
FORECAST = {"rainy": ["it rains", "it is raining", "it is a rainy day"], "sunny": ["the sun shines", "it is a sunny day"], "snowy": ["it snows", "it is snowing"], "windy": ["the wind blows", "it is a windy day"], "foggy": ["there is fog", "it is foggy"]}
WEEK = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

#: What happens, and questions with their answers. `a` and `b` are people, of whom `a` comes first.
EVENTS = [
    ("{a} [is|was] {a_job}.", ["What is {a}?|{a} is {a_job}.", "Who is the {job}?|{a} is the {job}.", "Who is {a_job}?|{a} is {a_job}."]),
    ("{a} [is|was] a [young|old|good|busy] {job}. every {week}, {ahe} [takes|brings] {food} to {b}, {ahis} {kin}.",
     ["What does {a} {bring} to {b}?|{a} brings {food} to {b}.", "What is the {kin} called?|The {kin} is called {b}.", "Who is {a}'s {kin}?|{b} is {a}'s {kin}.", "Who brings {food} to {b}?|{a} brings {food} to {b}.", "Who gets {food}?|{b} gets {food}.", "When does {a} bring {food}?|{a} brings {food} every {week}."]),
    ("[today|this morning|on that day], {weather}.", ["What is the weather like?|It is {sky}.", "What was the weather like?|It was {sky}.", "How is the weather?|It is {sky}."]),
    ("{a} [lost|forgot|left] {ahis} {thing} {place}. {b} [|the {bkind} ]found it {spot}.",
     ["Who found the {noun}?|{b} found the {noun}.", "Who lost the {noun}?|{a} lost the {noun}.", "What did {a} lose?|{a} lost the {thing}.", "What did {b} find?|{b} found the {thing}.", "Where was the {noun}?|The {noun} was {spot}.", "Where did {b} find the {noun}?|{b} found it {spot}.", "What colour is the {noun}?|The {noun} is {colour}."]),
    ("{a} [had|has] {some}. {ahe} [gave|gives] {gone} of them to {b}. {a} [had|has] {left} left.",
     ["How many {fruits} did {a} have at first?|At first {a} had {some}.", "How many {fruits} did {a} give away?|{a} gave away {gone_fruits}.", "How many {fruits} were left?|{left_fruits} were left.", "How many {fruits} does {a} have now?|{a} has {left_fruits} now.", "Who got the {fruits}?|{b} got {gone_fruits}.", "Who got {gone_fruits}?|{b} got {gone_fruits}.", "How many {fruits} did {b} get?|{b} got {gone_fruits}.", "Who gave {b} something?|{a} gave {b} {gone_fruits}."]),
    ("{a} [the {akind}|, {an_akind},|] had a friend, {b}[| the {bkind}|, {a_bkind}]. {b} gave {ahim} {a_thing}.",
     ["Who is {a}'s friend?|{b} is {a}'s friend.", "Who is the friend of {a}?|{b} is the friend of {a}.", "What did {b} give to {a}?|{b} gave {a} {a_thing}.", "Who gave {a} {a_thing}?|{b} gave it to {a}.", "What did {a} get from {b}?|{a} got {a_thing}.", "Who has the {noun}?|{a} has the {noun}."]),
    ("{a} is {an_akind}, and {b} is {a_bkind}.", ["What is {a}?|{a} is {an_akind}.", "What is {b}?|{b} is {a_bkind}.", "Who is {an_akind}?|{a} is {an_akind}.", "Who is {a_bkind}?|{b} is {a_bkind}."]),
    ("{a} the {akind} and {b} the {bkind} [went for a walk|sat together|were good friends|lived side by side].", ["What is {a}?|{a} is {an_akind}.", "What is {b}?|{b} is {a_bkind}.", "Who is the {akind}?|{a} is the {akind}.", "Who is the {bkind}?|{b} is the {bkind}."]),
    ("{a} had {coins}. {ahe} bought {a_thing} for {price}. then {ahe} had {rest} left.",
     ["What did {a} buy?|{a} bought {a_thing}.", "Who bought the {noun}?|{a} bought the {noun}.", "How much did the {noun} cost?|The {noun} cost {price}.", "How much was the {noun}?|The {noun} cost {price}.", "How many coins did {a} have at first?|At first {a} had {coins}.", "How many coins did {a} have left?|{a} had {rest} left.", "How many coins were left?|{rest} were left."]),
    ("the {noun} cost {price}. {a} bought it and had {rest} left, for {ahe} had {coins} before.",
     ["What did {a} buy?|{a} bought the {noun}.", "How much did the {noun} cost?|The {noun} cost {price}.", "How many coins did {a} have at first?|At first {a} had {coins}.", "How many coins did {a} have left?|{a} had {rest} left."]),
    ("{a} [could not {skill}|wanted to {skill}|longed to {skill}]. {b} [showed {ahim} how|taught {ahim}|helped {ahim}]. [then|soon|in the end] {ahe} could {skill}.",
     ["What did {a} want to learn?|{a} wanted to {skill}.", "What did {a} learn?|{a} learned to {skill}.", "Who helped {a}?|{b} helped {a}.", "Who taught {a}?|{b} taught {a}.", "Who learned to {skill}?|{a} learned to {skill}.", "Who could {skill} in the end?|{a} could {skill}.", "Who did {b} help?|{b} helped {a}."]),
    ("{a} broke {b}'s {thing}. {ahe} [said sorry|told the truth], and they mended it with {glue}.",
     ["Who broke the {noun}?|{a} broke the {noun}.", "Whose {noun} was it?|It was {b}'s {noun}.", "What was broken?|The {noun} was broken.", "What did they mend it with?|They used {glue}.", "What did they use?|They used {glue}.", "What did {a} break?|{a} broke the {noun}."]),
    ("the {thing} belongs to {b}. {a} [borrowed it|may play with it|carries it home].", ["Whose {noun} is it?|It is {b}'s {noun}.", "Who does the {noun} belong to?|The {noun} belongs to {b}.", "Whose is the {noun}?|The {noun} is {b}'s.", "What colour is the {noun}?|The {noun} is {colour}."]),
    ("{a} and {b} [ran a race|swam a race|wanted to see who could jump farther]. {win} was [better|the winner|first] and got {a_thing}.",
     ["Who won?|{win} won.", "Who was better?|{win} was better.", "Who won the race?|{win} won the race.", "Who lost?|{lose} lost.", "What did {win} get?|{win} got {a_thing}.", "What was the prize?|The prize was {a_thing}."]),
    ("{win} was faster than {lose}.", ["Who was faster?|{win} was faster.", "Who was slower?|{lose} was slower.", "Who won the race?|{win} won the race."]),
    ("{a} is {more} than {b}.", ["Who is {more}?|{a} is {more}.", "Who is {more} than {b}?|{a} is {more} than {b}."]),
    ("{a} went to {goal}. {b} [stayed at home|stayed in bed|did not come along].", ["Where did {a} go?|{a} went to {goal}.", "Who went to {goal}?|{a} went to {goal}.", "Who stayed at home?|{b} stayed at home.", "Who went away?|{a} went away."]),
    ("{a} [is|was] {place}, and {b} [is|was] {place2}.", ["Where is {a}?|{a} is {place}.", "Where is {b}?|{b} is {place2}.", "Who is {place}?|{a} is {place}.", "Who is {place2}?|{b} is {place2}."]),
    ("{a} put the {noun} {spot}.", ["Where is the {noun}?|The {noun} is {spot}.", "Who put the {noun} {spot}?|{a} put it there.", "What is {spot}?|The {noun} is {spot}."]),
    ("{a} ate {food}, and {b} ate {food2}.", ["What did {a} eat?|{a} ate {food}.", "What did {b} eat?|{b} ate {food2}.", "Who ate {food}?|{a} ate {food}.", "Who ate {food2}?|{b} ate {food2}."]),
    ("{a} was afraid of {fear}. {b} was not.", ["What was {a} afraid of?|{a} was afraid of {fear}.", "Who was afraid of {fear}?|{a} was afraid of {fear}.", "Who was afraid?|{a} was afraid.", "Who was not afraid?|{b} was not afraid."]),
    ("{a} loves {hobby}, but {b} loves {hobby2}.", ["What does {a} love?|{a} loves {hobby}.", "What does {b} love?|{b} loves {hobby2}.", "Who loves {hobby}?|{a} loves {hobby}.", "Who loves {hobby2}?|{b} loves {hobby2}."]),
    ("{a} lives with {ahis} {kin} {b} {place}.", ["Who lives with {a}?|{b} lives with {a}.", "What is {a}'s {kin} called?|The {kin} is called {b}.", "Where does {a} live?|{a} lives {place}.", "Where do they live?|They live {place}.", "Who is {b}?|{b} is {a}'s {kin}."]),
    ("[once upon a time, there was|there was once|one day, there was] {an_akind} [named|called] {a}. {ahe} lived {place}.", ["Who is the story about?|The story is about {a}.", "What is {a}?|{a} is {an_akind}.", "Where did {a} live?|{a} lived {place}.", "Who lived {place}?|{a} lived {place}."]),
]


def _slots(rng: random.Random, names: list[tuple[str, str]]) -> dict:
    """Words for one event, the same for its text and its questions."""
    (a, a_gender), (b, b_gender) = rng.sample(names, 2)
    forms = Person.FORMS[a_gender]
    colour, noun = rng.choice(words.COLOURS), rng.choice(words.THINGS)
    kinds = rng.sample(words.ANIMALS, 2)
    places = [words.PLACES[place][0] for place in rng.sample(list(words.PLACES), 2)]
    fruit = rng.choice(list(words.GATHERED))
    total = rng.randint(2, 15)
    gone = rng.randint(1, total - 1)
    coins = rng.randint(2, 15)
    price = rng.randint(1, coins - 1)
    foods, hobbies = rng.sample(FOODS, 2), rng.sample(list(words.HOBBIES), 2)
    job = rng.choice(words.WORKERS)
    sky = rng.choice(list(FORECAST))
    win = rng.random() < 0.5
    goal = rng.choice([place for place in words.PLACES if place != "school"])
    return dict(
        a=a, b=b, ahe=forms["he"], ahis=forms["his"], ahim=forms["him"], job=job, a_job=an(job), week=rng.choice(["morning", "evening", "day", *WEEK]), food=foods[0], food2=foods[1], kin=rng.choice(KIN[b_gender]), more=rng.choice("older younger taller stronger bigger smaller".split()), bring=rng.choice(["bring", "take"]),
        weather=rng.choice(FORECAST[sky]), sky=sky, colour=colour, noun=noun, thing=f"{colour} {noun}", a_thing=an(f"{colour} {noun}"), place=places[0], place2=places[1],
        spot=rng.choice(words.PLACES[rng.choice(list(words.PLACES))][1]), akind=kinds[0], bkind=kinds[1], an_akind=an(kinds[0]), a_bkind=an(kinds[1]), fruits=plural_of(fruit), some=count(total, fruit),
        gone=number(gone), gone_fruits=count(gone, fruit), left=number(total - gone), left_fruits=count(total - gone, fruit), coins=count(coins, "coin"), price=count(price, "coin"), rest=count(coins - price, "coin"),
        skill=rng.choice([skill for skill, *_ in SKILLS]), glue=rng.choice(["glue", "a needle and thread", "two nails", "a piece of string", "wire"]), win=a if win else b, lose=b if win else a, goal=f"the {goal}",
        fear=rng.choice(["the dark", "thunder", "spiders", "deep water", "the wind", "loud noises", "big dogs"]), hobby=hobbies[0], hobby2=hobbies[1],
    )


def passage(rng: random.Random) -> tuple[str, list[Turn]]:
    """A text of one to three events among two or three people, and what can be asked."""
    names: list[tuple[str, str]] = []
    while len(names) < rng.choice([2, 2, 3]):
        gender = rng.choice("fm")
        name = name_for(rng, gender, rng.random() < 0.3)
        if not any(name in other or other in name for other, _ in names):
            names.append((name, gender))
    sentences, turns, asked = [], [], set()
    for text, questions in rng.sample(EVENTS, rng.choice([1, 1, 2, 2, 3])):
        slots = _slots(rng, names)
        sentences.append(capitalize(" ".join(expand(text, rng).format_map(slots).split()).replace(" ,", ",")))
        for pair in questions:
            question, answer = (capitalize(part.format_map(slots)) for part in pair.split("|"))
            # What two events answer differently is not asked.
            if question in asked:
                turns = [turn for turn in turns if turn[0] != question]
                continue
            asked.add(question)
            turns.append((question, answer))
    return (" ".join(sentences), turns) if turns else passage(rng)


if __name__ == "__main__":
    from names import Mix

    Mix.part = 2
    generator = random.Random(1)
    for _ in range(12):
        text, turns = passage(generator)
        print(text, *(f"  {question} {answer}" for question, answer in turns), sep="\n")

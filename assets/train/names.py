"""Names: known ones, and invented ones of many shapes, which nobody can know by heart and which must be copied."""

import random

from words import BOYS, GIRLS, PET_NAMES

#: How many of the names are invented: in the first part of the corpus, and in the questions of the others.
INVENTED, INVENTED_IN_QUESTIONS = 0.6, 0.5
#: The same in the stories of parts 2 and 3: the hero, whom a prompt often names; the friend; anybody else.
INVENTED_IN_STORIES = (0.35, 0.12, 0.04)
#: The usual names of parts 2 and 3. They are one token each, and each belongs to girls or to boys.
USUAL = {
    "f": (
        "Mia Ada Clara Nora Ivy Ruth Elsa Tilda Greta Anna Lucy Rosa Maya Sara Ella Zoe Freya Dora Ida Nina Pia Alma Edith Willa Emma Lily "
        "Amy Kate Molly Polly Tess Bella"
    ).split(),
    "m": (
        "Tom Sam Eli Ben Max Otto Finn Leo Jack Emil Karl Peter Theo Noah Liam Ravi Sven Tim Zack Adam Dan Frank Harry Jim Kurt Owen Simon "
        "Ted Fred Gus Ivan Kai Nils Matt Toby"
    ).split(),
}
#: Names of animals in parts 2 and 3, each for one gender.
PETS = {"f": PET_NAMES[::2], "m": PET_NAMES[1::2]}
#: What an invented name may not be in parts 2 and 3.
NOT_NAMES = set(
    "old one two six ten she her hers him his its and but for not nor yet was were are has had did does say said see saw get got can may who "
    "why how what when that this here from with you your our out off too now all any some more most day boy girl".split()
)

ONSETS = (
    "b br bl c ch chr cl cr d dr dw f fl fr g gl gr gw h j k kh kl kn kr l ll m mn n p ph phr pl pr qu qw r rh s sc sch sh sk sl sm sn sp "
    "st str sv sw t th thr tr tw ts v vl vr w wh wr x y z zh zl zw"
).split()
NUCLEI = "a a a e e e i i i o o o u u y ae ai au ay ea ee ei eo ey ia ie io oa oe oi oo ou oy ue ui uy yo".split()
CODAS = (
    "b c ck d f ft g k l lb ld lf lk ll lm lp lph lt m mb mp n nd ng nk nn nt nth p pt r rb rd rf rg rk rl rm rn rp rs rt rth rtz s sh sk "
    "ss st t th tt v w wn x xt z zz"
).split()
SIMPLE_ONSETS = list("bcdfghjklmnprstvwxyz") + ["ch", "sh", "th", "qu"]
ENDINGS = {
    "f": "a ia ea ie ina elle ine is ara ette ora ika ilia yn wen issa ula etha andra ova ini u y".split(),
    "m": "o us ik an or ert ix on eth ar ius imir ild aldo ek ov in os af un ard im y".split(),
}
LETTERS = "aabcdeeefghiijklmnoopqrsttuvwxyz"


def _syllables(rng: random.Random, gender: str) -> str:
    """Syllables as most languages have them, as in "Talumo"."""
    body = "".join(rng.choice(SIMPLE_ONSETS) + rng.choice("aeiou") for _ in range(rng.choice([1, 2, 2, 3])))
    return body + rng.choice(["", rng.choice(CODAS), rng.choice("nrlskmtd"), rng.choice(SIMPLE_ONSETS) + rng.choice(ENDINGS[gender])])


def _clusters(rng: random.Random, gender: str) -> str:
    """Rare beginnings and clusters, as in "Qwelzin" or "Zylphia"."""
    name = rng.choice(ONSETS) + rng.choice(NUCLEI)
    if rng.random() < 0.75:
        name += rng.choice(CODAS)
    if rng.random() < 0.75:
        name += rng.choice(ENDINGS[gender]) if rng.random() < 0.6 else rng.choice(ONSETS) + rng.choice(NUCLEI) + rng.choice(CODAS)
    return name


def _blend(rng: random.Random, gender: str) -> str:
    """The beginning of one known name and the end of another, as in "Walsper"."""
    pool = GIRLS if gender == "f" else BOYS
    first, second = rng.choice(pool), rng.choice(pool).lower()
    return first[: rng.randint(2, 4)] + second[-rng.randint(2, 4) :]


def _mutation(rng: random.Random, gender: str) -> str:
    """A known name with a letter changed, added or doubled, as in "Olgha"."""
    name = list(rng.choice(GIRLS if gender == "f" else BOYS).lower())
    for _ in range(rng.choice([1, 1, 2])):
        at = rng.randrange(len(name))
        rng.choice([lambda: name.insert(at, rng.choice(LETTERS)), lambda: name.__setitem__(at, rng.choice(LETTERS))])()
    return "".join(name) + (rng.choice(ENDINGS[gender]) if rng.random() < 0.25 else "")


def _letters(rng: random.Random, _gender: str) -> str:
    """Any letters, with a vowel now and then, as in "Brxo"."""
    return "".join(rng.choice("aeiouy") if rng.random() < 0.4 else rng.choice(LETTERS) for _ in range(rng.randint(3, 8)))


SHAPES, WEIGHTS = (_syllables, _clusters, _blend, _mutation, _letters), (4, 5, 2, 2, 1)


def invented(rng: random.Random, gender: str) -> str:
    """A name of three to eleven letters."""
    while True:
        name = rng.choices(SHAPES, WEIGHTS)[0](rng, gender).lower()
        if Mix.part > 1 and name in NOT_NAMES:
            continue
        if 3 <= len(name) <= 11 and set(name) & set("aeiouy") and not name.startswith(("the", "old")):
            return name.capitalize()


class Mix:
    """The part of the corpus, on which it depends which names occur; `corpus.document` sets it."""

    part = 1


def name_for(rng: random.Random, gender: str, is_animal: bool, share: float = INVENTED_IN_QUESTIONS) -> str:
    """A name for a girl ("f") or a boy ("m") or for an animal of that gender; `share` of them are invented in parts 2 and 3."""
    if rng.random() < (share if Mix.part > 1 else INVENTED):
        return invented(rng, gender)
    if is_animal and rng.random() < (0.45 if Mix.part > 1 else 0.6):
        return rng.choice(PETS[gender] if Mix.part > 1 else PET_NAMES)
    if Mix.part > 1:
        return rng.choice(USUAL[gender])
    return rng.choice(GIRLS if gender == "f" else BOYS)


if __name__ == "__main__":
    generator = random.Random(1)
    print(*(invented(generator, generator.choice("fm")) for _ in range(200)))

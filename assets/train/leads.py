"""Openings that already tell the beginning of an episode, which then goes on from there."""

import words
from episodes_people import SKILLS
from grammar import an, count, plural_of
from openings import introduce
from scene import Story


def _hero(s: Story, text: str, **slots) -> None:
    """A sentence about the hero, whose kind it tells."""
    h = s.hero
    s.w(text, kind=h.kind, a_kind=an(h.kind), a_trait=an(s.pick(words.TRAITS)), trait=s.pick(words.TRAITS), **slots)
    s.fact("Who is the story about?|Who is the main character?", "The story is about {h}.|The story is about {a_kind} named {h}.", a_kind=an(h.kind))
    s.fact("What kind of creature is {h}?|What is {h}?", "{h} is {a_kind}.", a_kind=an(h.kind))


def lead_fright(s: Story) -> None:
    """Afraid of the dark."""
    _hero(s, "[{h:n} the {kind} was afraid of the dark|there was once {a_trait} {kind} named {h:n} who was afraid of the dark|{h:n}, {a_kind}, was afraid of many things|{a_kind} [named|called] {h:n} did not like the night].")
    s.para()


def lead_learning(s: Story) -> None:
    """A skill that is still missing."""
    s.lead, s.choice = "learning", s.pick(SKILLS)
    skill = s.choice[0]
    _hero(s, "[there was once {a_kind} [named|called] {h:n} who [wanted|longed] to {skill}|{h:n} the {kind} could not {skill}|{a_trait} {kind} [named|called] {h:n} wanted to {skill} more than anything|once there was {a_trait} {kind} who wanted to {skill}. {h:his} name was {h:n}].".replace("{skill}", skill).replace("{h:his} name", "the {kind}'s name"))


def lead_lost(s: Story) -> None:
    """Something was lost before the story begins."""
    s.lead, s.item = "lost", s.thing()
    _hero(s, "[[one day|one morning|yesterday|on a rainy day], [{a_trait}|a little|a young] {kind} [named|called] {h:n} lost {item}|{h:n}, {a_trait} {kind}, had lost {item}|{h:n} the {kind} had lost {item}].".replace("{item}", "{h:his} {item}"), item=s.item)


def lead_picking(s: Story) -> None:
    """Some fruits or stones, to which more are added."""
    noun = s.pick(list(words.GATHERED))
    amount = s.rng.randint(1, 9)
    s.lead, s.choice = "picking", (noun, amount)
    _hero(s, "[{h:n} had {some}|{h:n} the {kind} had {some}|{a_trait} {kind} [named|called] {h:n} had {some}|{a_kind} [named|called] {h:n} had {some} in a basket].", some=count(amount, noun))
    s.fact(f"How many {plural_of(noun)} did {{h}} have at first?", "At first {h} had {some}.", some=count(amount, noun))


def lead_buying(s: Story) -> None:
    """Coins, and a market."""
    s.lead, s.choice = "buying", s.rng.randint(1, 12)
    _hero(s, "[{h:n} [went|was on the way] to the market. {h:he} had {coins}|{h:n} the {kind} had saved {coins}|{a_trait} {kind} [named|called] {h:n} had {coins} in {h:his} pocket|{h:n}, {a_trait} {kind}, went to the market with {coins}].", coins=count(s.choice, "coin"))


def lead_treasure(s: Story) -> None:
    """Somebody who wants to find a treasure."""
    if s.chance(0.5):
        s.introduced = True
        s.w("{h:n} and {f:n} were [neighbours|good friends]. {h:n} [wanted|had always wanted] to find a treasure.")
        s.fact("Who is the story about?", "The story is about {h} and {f}.")
        s.fact("Who is {h}'s friend?|Who is the friend of {h}?", "{f} is {h}'s friend.")
    else:
        _hero(s, "{h:n} the {kind} [wanted|had always wanted] to find a treasure.")


def lead_contest(s: Story) -> None:
    """Somebody who wants to be first."""
    _hero(s, "[there was once {a_kind} [named|called] {h:n} who always wanted to be first|{h:n} the {kind} was proud|nobody liked to win as much as {h:n} the {kind}].")
    introduce(s)
    s.para()


def lead_wish(s: Story) -> None:
    """Somebody who is never content."""
    _hero(s, "[{h:n} the {kind} was never content|there was once {a_kind} [named|called] {h:n} who was never content|{a_trait} {kind} [named|called] {h:n} always wished for something].")


def lead_rescue(s: Story) -> None:
    """Somebody of whom nobody thinks much."""
    _hero(s, "[nobody thought that {h:n} the {kind} was brave|everybody said that {h:n}, {a_kind}, was too small for great deeds|the smallest in the village was {h:n}, {a_trait} {kind}].")


def lead_riddle(s: Story) -> None:
    """A journey."""
    _hero(s, "[{h:n} the {kind} was on a long journey|{h:n}, {a_trait} {kind}, wanted to see the world|one day, {h:n} the {kind} packed a bag and went off].")


def unnamed(s: Story) -> None:
    """Somebody who is told of before the name is; or two of them."""
    h = s.hero
    his = "[" + h.FORMS[h.gender]["his"] + "|the {kind}'s]"
    he, him = h.FORMS[h.gender]["he"], h.FORMS[h.gender]["him"]
    if s.chance(0.2):
        s.introduced = True
        _hero(s, "[[once |]{a_kind} and {a_friend} were [neighbours|good friends]|[there were once|once upon a time, there were] {a_kind} and {a_friend} who [were good friends|lived side by side]].", a_friend=an(s.friend.kind))
        s.w("[the {kind} was called {h:n}, and the {friend} was called {f:n}|the name of the {kind} was {h:n}, and the {friend}'s name was {f:n}].", kind=h.kind, friend=s.friend.kind)
        s.fact("Who is {h}'s friend?|Who is the friend of {h}?", "{f} is {h}'s friend.")
    else:
        hobby = s.pick(list(words.HOBBIES))
        skill = s.pick(SKILLS)
        wish = s.chance(0.5)
        if wish:
            s.lead, s.choice = "learning", skill
            does = "[wanted|longed|had always wished] to " + skill[0]
        else:
            home = s.pick(words.HOMES if s.world in ("child", "worker") else words.DENS if s.world == "animal" else words.CREATURE_HOMES)
            does = f"[loved {hobby}|lived {home}|was always {s.pick(words.TRAITS)}|wanted to see the sea|was afraid of the dark]"
        _hero(s, "[there was once|once there was|once upon a time, there was|in a village far away, there was] [{a_kind}|{a_trait} {kind}|a little {kind}] who " + does + ".")
        s.w(f"[{his} name was {{h:n}}|{he} was called {{h:n}}|everybody called {him} {{h:n}}].", kind=h.kind)
        s.maybe(0.3, "{h} was [a little {trait}|{trait}, too|very {trait}].", trait=s.pick(words.TRAITS))
    if s.chance(0.5):
        s.para()


LEADS = {
    "fright": lead_fright, "learning": lead_learning, "lost": lead_lost, "picking": lead_picking, "buying": lead_buying, "treasure": lead_treasure,
    "contest": lead_contest, "wish": lead_wish, "rescue": lead_rescue, "riddle": lead_riddle,
}

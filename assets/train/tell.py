"""A whole story: a beginning, one or more episodes that share the world's state, an end."""

import episodes_people as people
import episodes_play as play
import episodes_things as things
import episodes_world as world
from leads import LEADS, unnamed
from names import Mix
from openings import ending, opening
from scene import Story

EPISODES = things.THINGS_EPISODES + people.PEOPLE_EPISODES + world.WORLD_EPISODES + play.PLAY_EPISODES * 2

#: What is likely to happen to somebody with this habit or character, so that a story's beginning matters.
FITTING = {
    "painting": "contest making", "singing": "contest feast", "swimming": "learning race", "climbing trees": "learning helping", "reading": "locked riddle",
    "baking": "cooking feast", "collecting stones": "picking treasure", "telling stories": "contest feast", "looking at the stars": "astray wish",
    "building things": "making broken", "fishing": "wish picking", "dancing": "learning contest", "growing flowers": "garden promise", "making music": "learning contest",
    "running": "race astray", "watching birds": "hatching helping", "flying kites": "outing lost", "counting things": "herd picking", "solving riddles": "riddle treasure",
    "cooking": "cooking sharing", "drawing maps": "treasure letter", "sewing": "gift making", "sleeping in the sun": "mystery outing", "helping others": "helping sick",
    "playing tricks": "hiding broken", "looking for treasure": "treasure locked", "writing letters": "letter parcels", "swapping things": "trading lending",
    "going to the market": "buying trading", "sailing": "race rescue", "skating": "snowman rescue", "digging holes": "treasure garden", "whistling": "learning fright",
    "kind": "helping newcomer", "brave": "rescue fright", "curious": "locked mystery", "clever": "riddle trading", "shy": "newcomer contest", "cheerful": "feast outing",
    "quiet": "hiding hatching", "patient": "garden hatching", "gentle": "helping sick", "lively": "race hiding", "careful": "herd parcels", "stubborn": "quarrel learning",
    "dreamy": "lost wish", "busy": "parcels making", "playful": "hiding outing", "friendly": "newcomer feast", "thoughtful": "gift broken", "merry": "feast snowman",
    "polite": "lending newcomer", "honest": "broken promise", "helpful": "parcels helping", "serious": "herd promise", "bold": "rescue contest", "calm": "astray rescue",
    "wise": "riddle trading", "strong": "rescue race", "small": "fright hiding", "tall": "contest picking", "hungry": "sharing mystery", "tidy": "lost broken",
    "funny": "cooking contest", "lonely": "newcomer letter",
}

#: What is seen and heard beside the story.
ATMOSPHERE = {
    "sunny": ["the bees hummed, and [somewhere a cock crowed|the birds sang].", "the [grass|road] was warm, and butterflies [danced in the air|flew from flower to flower].", "[white sails|two swallows] could be seen far away, and the air smelled of hay.",
              "[a lark|a cricket] sang, and the [leaves|windows] shone."],
    "rainy": ["the gutters gurgled, and [the snails were glad|the ducks were glad].", "little streams ran down the road, and [everything smelled of wet earth|everybody had a wet nose].", "drops [hung on every leaf|ran down the window one after the other].",
              "the puddles grew, and [a frog sat in each of them|nobody was out]."],
    "windy": ["leaves [danced through the air|flew around the corner], and [a gate banged|a door banged] again and again.", "the clouds [ran across the sky like sheep|were in a great hurry].", "on the line, the shirts waved [their arms|as if they wanted to fly away].",
              "a hat rolled by, and [nobody knew whose it was|a dog ran after it]."],
    "snowy": ["[every step creaked|it was so quiet that one could hear the snow creak].", "smoke rose from every chimney, and [the pond was frozen|the well had a white cap].", "[icicles|long icicles] hung from the roof and glittered.",
              "the [fences|roofs] wore white hats, and the [sparrows|crows] sat close together."],
    "foggy": ["[somewhere a bell rang|a bell could be heard], but nobody could say where.", "the trees looked like [old men in grey coats|sleeping giants].", "even the [crows|sparrows] were silent.", "a cart went by, but [only its wheels could be heard|nobody saw it]."],
    "cloudy": ["the hens scratched in the yard, and [a cart rolled by|somebody was chopping wood].", "[it was neither warm nor cold|it was a day like many others].", "[now and then a drop fell|it smelled of rain], but it stayed dry.", "a cat [crossed the road|sat on the wall] and [yawned|looked at nothing]."],
    "hot": ["even the [flies|dogs] were too lazy to move.", "the road was dusty, and [the well was almost dry|everybody looked for some shade].", "the crickets [sang|chirped] without a pause.", "the [cows|hens] stood in the shade and [waited for evening|did not make a sound]."],
}


def fitting(s: Story) -> list:
    """Episodes that the opening's words suggest."""
    text = s.text()
    for word, names in FITTING.items():
        if f" {word}" in text:
            return [episode for episode in EPISODES if episode.__name__ in names.split()]
    return EPISODES


def begin(s: Story):
    """Tell the beginning; returns the first episode."""
    if Mix.part > 1 and s.chance(0.12):
        unnamed(s)
        return next((episode for episode in EPISODES if episode.__name__ == s.lead), None) or s.pick(fitting(s))
    roll = s.rng.random()
    if roll < 0.2:
        first = s.pick(list(LEADS))
        LEADS[first](s)
        return next(episode for episode in EPISODES if episode.__name__ == first)
    if roll < 0.27:
        # Straight into what happens; of the hero, nothing but the name is known.
        s.fact("Who is the story about?|Who is the main character?", "The story is about {h}.")
        return s.pick(EPISODES)
    opening(s)
    if s.chance(0.6):
        s.para()
    else:
        s.focus.clear()
    if s.chance(0.3):
        s.w(s.pick(ATMOSPHERE[s.weather]))
    return s.pick(fitting(s) if s.chance(0.65) else EPISODES)


def tell(seed) -> Story:
    """Tell the story of a seed; the same seed tells the same story."""
    s = Story(seed)
    first = begin(s)
    first(s)
    s.lead = None
    if s.debtor is not None and s.chance(0.6):
        (people.repaid if s.item is None or s.chance(0.6) else things.lost)(s)
    elif s.chance(0.1):
        # A second episode, short or long, in which the world goes on.
        second = s.pick([episode for episode in EPISODES if episode is not first])
        s.para()
        s.w("[but the day was not over|the next day brought something new|a week later, something else happened|and there is more to tell|that was not all|but that was only the beginning].")
        s.focus.clear()
        second(s)
    ending(s)
    return s

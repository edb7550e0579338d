"""A whole story: a beginning, one or more episodes that share the world's state, an end."""

from episodes_people import PEOPLE_EPISODES, helping, repaid
from episodes_things import THINGS_EPISODES, lost, picking
from episodes_world import WORLD_EPISODES
from openings import ending, opening
from scene import Story

EPISODES = THINGS_EPISODES + PEOPLE_EPISODES + WORLD_EPISODES

#: What is seen and heard beside the story.
ATMOSPHERE = {
    "sunny": ["the bees hummed, and [somewhere a cock crowed|the birds sang].", "the [grass|road] was warm, and butterflies [danced in the air|flew from flower to flower].", "[white sails|two swallows] could be seen far away, and the air smelled of hay."],
    "rainy": ["the gutters gurgled, and [the snails were glad|the ducks were glad].", "little streams ran down the road, and [everything smelled of wet earth|everybody had a wet nose].", "drops [hung on every leaf|ran down the window one after the other]."],
    "windy": ["leaves [danced through the air|flew around the corner], and [a gate banged|a door banged] again and again.", "the clouds [ran across the sky like sheep|were in a great hurry].", "on the line, the shirts waved [their arms|as if they wanted to fly away]."],
    "snowy": ["[every step creaked|it was so quiet that one could hear the snow creak].", "smoke rose from every chimney, and [the pond was frozen|the well had a white cap].", "[icicles|long icicles] hung from the roof and glittered."],
    "foggy": ["[somewhere a bell rang|a bell could be heard], but nobody could say where.", "the trees looked like [old men in grey coats|sleeping giants].", "even the [crows|sparrows] were silent."],
    "cloudy": ["[now and then a drop fell|it smelled of rain], but it stayed dry.", "the hens scratched in the yard, and [a cart rolled by|somebody was chopping wood].", "[it was neither warm nor cold|it was a day like many others]."],
    "hot": ["even the [flies|dogs] were too lazy to move.", "the road was dusty, and [the well was almost dry|everybody looked for some shade].", "the crickets [sang|chirped] without a pause."],
}


def tell(seed) -> Story:
    """Tell the story of a seed; the same seed tells the same story."""
    s = Story(seed)
    opening(s)
    if s.chance(0.6):
        s.para()
    else:
        s.focus.clear()
    if s.chance(0.3):
        s.w(s.pick(ATMOSPHERE[s.weather]))
    first = s.pick(EPISODES)
    first(s)
    if s.debtor is not None and s.chance(0.7):
        (repaid if s.item is None or s.chance(0.6) else lost)(s)
    elif s.chance(0.15):
        # A second episode, short or long, in which the world goes on.
        second = s.pick([episode for episode in EPISODES if episode is not first])
        s.para()
        s.w("[but the day was not over|the next day brought something new|a week later, something else happened|and there is more to tell]." )
        s.focus.clear()
        second(s)
    ending(s)
    return s

"""How stories begin and end."""

import words
from grammar import an, plural_of
from scene import Story


def opening(s: Story) -> None:
    """Introduce the hero, and often a home, a habit, a possession, the weather and the friend."""
    h = s.hero
    kind = "child" if s.world == "child" and s.chance(0.2) else h.kind
    trait = s.pick(words.TRAITS)
    second = s.pick([other for other in words.TRAITS if other != trait])
    home = s.pick(words.HOMES if s.world in ("child", "worker") else words.DENS if s.world == "animal" else words.CREATURE_HOMES)
    hobby, did = s.pick(list(words.HOBBIES.items()))
    slots = dict(
        kind=kind, a_kind=an(kind), trait=trait, a_trait=an(trait), second=second, home=home, hobby=hobby, did=did,
        kinds=plural_of(kind), the_weather=s.weather_line(), the_low=s.weather_line()[0].lower() + s.weather_line()[1:], time=s.time, a_time=an(s.time), here=s.at(s.place),
    )
    w = lambda text: s.w(text, **slots)
    style = s.rng.randrange(22)
    if style <= 2:
        w("once upon a time[|,] there was {a_trait} [{kind}|little {kind}|young {kind}] [named|called] {h:n}." if s.chance(0.75)
          else "once upon a time[|,] {a_trait} {kind} [named|called] {h:n} lived {home}.")
        s.maybe(0.6, "{h} [lived {home}|loved {hobby}|was [{second}|a little {second}], too].", **slots)
    elif style == 3:
        w("long ago, {home}, there lived {a_kind} [whose name was|named|called] {h:n}.")
        s.maybe(0.6, "{h} was [{trait} and {second}|very {trait}].", **slots)
    elif style == 4:
        w("{h:n} was {a_trait} [|and {second} ]{kind} who [loved {hobby}|lived {home}].")
    elif style == 5:
        w("[one {time}|one fine {time}|on {a_time} in spring|on {a_time} in autumn], {a_kind} [named|called] {h:n} [woke up early|looked out of the window|went for a walk {here}].".replace("on a day", "one day"))
        s.maybe(0.5, "{the_weather}.", **slots)
    elif style == 6:
        w("{the_weather}. {h:n}, {a_trait} {kind}, [sat at the window|had just finished breakfast|stood at the door|was on the way home].")
    elif style == 7:
        w("{home}, there lived {a_trait} {kind}. [His|The {kind}'s] name was {h:n}.".replace("[His|", "[" + h.FORMS[h.gender]["his"] + "|"))
        s.maybe(0.5, "{h} liked {hobby} more than anything.", **slots)
    elif style == 8:
        w("every [morning|day|evening|Sunday], {h:n} the {kind} {did}.")
        s.maybe(0.7, "{h} was [very good at it|happy then|{trait}, and everybody liked {h:him}].", **slots)
    elif style == 9:
        w("this is the story of {h:n}, {a_trait} {kind}.")
        w("{h} lived {home}.")
    elif style == 10:
        s.say(s.elder, s.pick(["wake up, {h:n}!", "good morning, {h:n}!", "{h:n}, come and look outside!"]))
        if s.elder.kind != "family" and not s.elder.name.startswith("the "):
            s.w("{e} was an old {elder_kind} and knew {h:n}, the {kind}, well.", elder_kind=s.elder.kind, **slots)
        w("{h:n}, {a_trait} [{kind}|little {kind}], [jumped out of bed|ran to the window|opened {h:his} eyes|rubbed {h:his} eyes].")
        s.maybe(0.6, "{the_weather}.", **slots)
    elif style == 11:
        w("[nobody|no one] {home} was as {trait} as {h:n} the {kind}.")
        s.maybe(0.6, "[All day long {h} thought about {hobby}|{h} loved {hobby}].", **slots)
    elif style == 12:
        w("{a_trait} {kind} [named|called] {h:n} lived {home}.")
    elif style == 13:
        w("{h:n} [loved {hobby}|was {trait} and {second}]. {h:he} was {a_kind} and lived {home}.")
    elif style == 14:
        w("[the little|the {trait}|the] {kind} {h:n} [lived {home}|was on the way home|could not sleep|had been up since dawn].")
    elif style == 16:
        w("[have you heard of|do you know|did you ever hear of] {h:n} the {kind}?")
        w("{h} [lived {home}|was {trait}|{did} all day].")
    elif style == 17:
        s.w_raw(f'"My name is {h.name}," \x01said the {kind}, "and I {s.pick(["live " + home, "love " + hobby, "am very " + trait])}."')
        s.focus[h.gender] = h
    elif style == 18:
        w("of all who lived {home}, {h:n} the {kind} was the most {trait}." if len(trait) > 7 else "{home}, everybody knew {h:n}, {a_trait} {kind}.")
    elif style == 19:
        w("[on Monday|on Tuesday|on Friday|on Sunday|at noon|at sunrise|before breakfast|on the first day of spring|on the last day of summer], {h:n} the {kind} [went out|was {here}|was alone at home|had nothing to do|could not sit still].")
    elif style == 20:
        w("{h:n} was not like other {kinds}. {h:he} [loved {hobby}|was {trait}].")
    elif style == 15:
        s.introduced = True
        s.w("{h:n} and {f:n} were [good friends|neighbours|the best of friends]. {h:n} was {a_trait} {kind}, and {f:n} was {a_friend}.", a_friend=an(s.friend.kind), **slots)
        s.fact("Who is {h}'s friend?|Who is the friend of {h}?", "{f} is {h}'s friend.|The friend is {f}.")
    else:
        w("there was once {a_kind} [named|called] {h:n} who [wanted to see the sea|could not stop thinking about {hobby}|lived {home}|was always {trait}].")
    if s.chance(0.22):
        s.item = s.thing()
        s.w("{h} had [one treasure|one thing that {h:he} loved], {a_item}[|, a gift from {e:n}].", a_item=an(s.item))
        s.fact("What did {h} love?|What treasure did {h} have?", "{h} had {a_item}.|{h} loved {h:his} {item}.".split("|")[0], a_item=an(s.item))
    if s.chance(0.4):
        introduce(s)
    s.fact("Who is the story about?|Who is the main character?", "The story is about {h}.|The story is about {a_kind} named {h}.", a_kind=an(h.kind))
    s.fact("What kind of creature is {h}?|What is {h}?" if s.world != "worker" else "What is {h}?|Who is {h}?", "{h} is {a_kind}.", a_kind=an(h.kind))


def introduce(s: Story) -> None:
    """Make the friend known, once."""
    if getattr(s, "introduced", False):
        return
    s.introduced = True
    s.w(
        "{h:his} best friend was [{f:n}, {a_trait} {kind}|{a_trait} {kind} [named|called] {f:n}]." if s.chance(0.6)
        else "{h} had a [good|dear] friend, {a_kind} [named|called] {f:n}.",
        a_trait=an(s.pick(words.TRAITS)), kind=s.friend.kind, a_kind=an(s.friend.kind),
    )
    s.fact("Who is {h}'s friend?|Who is the friend of {h}?", "{f} is {h}'s friend.|The friend is {f}.")


def come(s: Story) -> None:
    """The friend comes along; a stranger is named and described."""
    if getattr(s, "introduced", False):
        s.w("[just then|soon|a little later|at that moment|after a while], {f:n} came [by|along|around the corner|up the path].")
        return
    s.introduced = True
    s.w(
        "[just then|soon|a little later|at that moment|after a while], {f:n} came [by|along]. {f} was {a_trait} {kind} [who lived nearby|and {h:n}'s friend|and {h:n}'s neighbour]."
        if s.chance(0.5) else
        "[just then|soon|a little later|at that moment|after a while], {h:his} friend {f:n}, {a_kind}, came [by|along|up the path].",
        a_trait=an(s.pick(words.TRAITS)), kind=s.friend.kind, a_kind=an(s.friend.kind),
    )
    s.fact("Who is {h}'s friend?|Who is the friend of {h}?", "{f} is {h}'s friend.|The friend is {f}.")


LEARNED = (
    "[from that day on|since then|ever since], {h:n} knew that {lesson}|that day {h:n} learned that {lesson}|{h:n} never forgot that {lesson}|so {h:n} learned that {lesson}|"
    "{h:n} thought: {lesson}|and if you ask {h:n}, {lesson}|now {h:n} knew [one thing|it for sure]: {lesson}"
)
NIGHT = (
    "fell asleep with a smile|sat by the fire and told {e:n} everything|went to bed tired and happy|lay in bed and thought about the day|ate a big bowl of {food} and went to bed|dreamed about it all|"
    "looked at the {sky} for a long time|drank a cup of {drink} and said nothing|told the whole story once more|slept like a stone|hummed a little song|was still thinking about it"
)
GLAD = (
    "{h:n} was very happy|{h:n} had never been so happy|{h:n} still talks about that day|nobody ever forgot that day|{h:n} laughed about it for a week|{h:n} would not have missed it for anything|"
    "it was a day that {h:n} never forgot|{h:n} told everybody about it|{e:n} was proud of {h:n}"
)
TOGETHER = (
    "from then on, they were the best of friends|from that day on, they met every [week|day|Sunday]|they laughed about it for a long time|and they [often|still] talk about it today|"
    "{h:n} and {f:n} [shook hands|were inseparable|sat there until the sun went down]|{f:n} told the story to everybody who wanted to hear it|and {h:n} and {f:n} are friends to this day"
)
HOME = (
    "{h:n} smiled all the way home|then {h:n} went home, for it was getting late|{h:n} went home and slept well|{h:n} ran home to tell {e:n}|{h:n} walked home slowly and felt warm inside|"
    "{h:n} sang on the way home|it was late when {h:n} came home|{e:n} was waiting at the door when {h:n} came home|on the way home, {h:n} counted the [stars|trees|steps]"
)
CLOSED = (
    "that was the end of it|and that is how it was|and so everything was well again|and that was that|and so the day ended well|more there is not to tell|and so it ended|that is the whole story|"
    "so ended [the day|that day|this story]"
)


def ending(s: Story) -> None:
    """Close the story: where everybody goes, how they feel, what they have learned."""
    w = lambda choices, **slots: s.w(f"[{choices}].", **slots)
    roll = s.rng.random()
    friend = getattr(s, "introduced", False)
    if roll < 0.25 and s.lesson is not None:
        s.para()
        w(LEARNED, lesson=s.lesson)
        s.fact("What did {h} learn?", "{h} learned that {lesson}.", lesson=s.lesson)
    elif roll < 0.38 and s.lesson is not None:
        s.para()
        s.say(s.pick([s.elder, s.friend]) if friend else s.elder, "[you see,|remember,|now we know that|I think that|it is true that] {lesson}.", lesson=s.lesson)
        s.w("{h:n} [nodded|smiled|thought about it all evening|knew that it was true|nodded slowly|wrote it down|said it over again].")
    elif roll < 0.58 and not getattr(s, "asleep", False):
        s.para()
        s.w(
            "[in the evening|that evening|when it got dark|that night|when the stars came out|after supper|before midnight], {h:n} [" + NIGHT + "].",
            food=s.pick(["soup", "porridge", "pea soup", "rice", "beans", "noodles"]), sky=s.pick(["moon", "stars", "fire", "clouds", "rain"]), drink=s.pick(["milk", "tea", "cocoa", "water", "warm milk"]),
        )
        s.maybe(0.4, "[it had been a good day|what a day it had been|tomorrow would be another day|and nobody was as happy as {h:n}|outside, it was quiet].")
    elif roll < 0.75:
        w(TOGETHER if friend else GLAD)
        s.maybe(0.3, "and they all lived happily ever after." if s.chance(0.3) else "the end.")
    elif roll < 0.88 and not getattr(s, "asleep", False):
        w(HOME)
        s.maybe(0.15, "the end.")
    else:
        w(CLOSED)

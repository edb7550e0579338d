"""Episodes with several names: games, feasts, parcels, contests, strangers, riddles, maps, herds."""

import words
from grammar import an, count, listing, number, plural_of
from names import Mix
from openings import come, introduce
from scene import Story

RIDDLES = [
    ("what has a face but no eyes", "a clock"), ("what has teeth but cannot bite", "a comb"), ("what gets wet while it dries", "a towel"),
    ("what has four legs but cannot walk", "a table"), ("what runs but has no feet", "a river"), ("what has a neck but no head", "a bottle"),
    ("what goes up when the rain comes down", "an umbrella"), ("what has an eye but cannot see", "a needle"), ("what has leaves but is no tree", "a book"),
    ("what follows you all day and goes away at night", "a shadow"), ("what is full of holes but holds water", "a sponge"), ("what has a tongue but cannot talk", "a shoe"),
    ("what is white when it falls and clear when it melts", "snow"), ("what has a bed but never sleeps", "a river"), ("what speaks every language but has no mouth", "an echo"),
]
DISHES = (
    "a loaf of bread|a bowl of soup|an apple pie|a basket of nuts|a jar of honey|a jug of milk|a plate of cookies|a big cheese|a pot of tea|a bag of pears|a cherry cake|"
    "a dish of beans|a pan of mushrooms|a box of sweets|a melon|a bowl of berries|a heap of pancakes|a bottle of juice"
).split("|")


def hiding(s: Story) -> None:
    """Hide and seek: counting, two wrong spots, the right one."""
    introduce(s)
    seeker, hider = (s.hero, s.friend) if s.chance(0.6) else (s.friend, s.hero)
    spot, wrong, third = s.spots(s.place, 3)
    limit = s.rng.randint(5, 20)
    sign = s.pick(["{b:n} had to sneeze", "a twig cracked", "a tip of {b:his} scarf could be seen", "somebody giggled", "a bird flew up", "there was a rustle"])
    k = dict(a=seeker, b=hider, spot=spot, wrong=wrong, third=third, limit=number(limit), here=s.at(s.place))
    s.topic = s.topic or "hide and seek"
    s.w("[one {time}|that {time}|after lunch], {h:n} and {f:n} [played|wanted to play] hide and seek {here}.", time=s.time, **k)
    s.say(seeker, "I will count to {limit}!" if s.chance(0.5) else "you hide, and I count to {limit}.", **k)
    s.w("{a:n} [closed {a:his} eyes|turned to the wall|put a hat over {a:his} eyes] and counted. {b:n} [hid|crept away and hid] {spot}.", **k)
    if limit <= 10 and s.chance(0.6):
        s.w_raw('"' + ", ".join(number(n) for n in range(1, limit + 1)).capitalize() + '. I am coming!" called ' + format(seeker, "n") + ".")
    s.w("[first|at first], {a:n} looked {wrong}. nobody was there. [then|after that] {a:he} looked {third}, [but {b:n} was not there either|and found only [a snail|a beetle|dry leaves]].", **k)
    s.w("[then|just then|all at once], " + sign + ", and {a:n} [found|saw] {b:n} {spot}.", **k)
    s.say(seeker, "[found you|there you are|I see you], {x:n}!", x=hider)
    s.w("[now it was {b:n}'s turn to count|then they changed places|they played until it was dark|the next time, {b:n} counted].", **k)
    s.fact("Where did {b} hide?|Where was {b}?", "{b} hid {spot}.", **k)
    s.fact("How far did {a} count?", "{a} counted to {limit}.", **k)
    s.fact("Who counted?|Who looked for {b}?", "{a} did.", **k)
    s.fact("What did they play?", "They played hide and seek.")
    s.lesson = s.pick(["even a good hiding place is found one day", "playing is best with a friend", "it helps to listen as well as to look"])


def feast(s: Story) -> None:
    """Guests with names, each with a dish; one comes without any."""
    introduce(s)
    guests = [s.friend, s.extra(), s.extra()][: s.pick([2, 3, 3])]
    dishes = s.rng.sample(DISHES, len(guests))
    reason = s.pick(["to the harvest feast", "to a feast in the garden", "to a birthday supper", "to the first picnic of the year", "to a supper by the fire", "to a party for the new house"])
    s.topic = s.topic or "a feast"
    s.w("{h:n} [had invited|invited] [all {h:his} friends|the neighbours] {reason}. everybody was to bring something.", reason=reason)
    s.w("{h:n} [laid the table|put a long table under the trees|swept the floor and lit the lamps] and waited.")
    for at, (guest, dish) in enumerate(zip(guests, dishes)):
        who = "{g:n}" if guest is s.friend else "{g:n} the {kind}"
        s.w(("[first came|the first was] " if at == 0 else "[then came|next came|after {p:n} came] ") + who + " with {dish}.", g=guest, kind=guest.kind, dish=dish, p=guests[at - 1])
        s.fact("What did {g} bring?", "{g} brought {dish}.", g=guest, dish=dish)
        s.fact("Who brought {dish}?", "{g} brought {dish}.", g=guest, dish=dish)
    roll = s.rng.random()
    if roll < 0.4:
        late = s.extra()
        s.w("[last of all|very late], {l:n} the {kind} stood at the door and [looked at the ground|did not come in].", l=late, kind=late.kind)
        s.say(late, "I have nothing to bring.", to=s.hero)
        talent = s.pick(["a song", "a story", "a dance", "a joke", "a trick with three cups"])
        s.say(s.hero, "[then bring us|but you know] {talent}!", talent=talent)
        s.w("and {l:n}'s {t} was the best of the whole evening.", l=late, t=talent.split(" ", 1)[1])
        s.fact("Who had nothing to bring?|Who came without a dish?", "{l} had nothing to bring.", l=late)
        s.lesson = "everybody has something to give"
    elif roll < 0.7:
        s.w("{e:n} tasted everything and [liked {dish} best|took {dish} twice].", dish=dishes[0].replace("a ", "the ", 1).replace("an ", "the ", 1) if not dishes[0].startswith("an ") else "the" + dishes[0][2:])
    s.w("they [ate and laughed|ate, sang and danced|talked and ate] until [the moon was up|the candles were low|late in the night].")
    s.fact("Who invited the guests?|Whose feast was it?", "{h} invited the guests." )
    s.lesson = s.lesson or s.pick(["a long table is better than a high fence", "a feast is made by its guests"])


def parcels(s: Story) -> None:
    """Three things for three people; two are mixed up and changed back."""
    people = [s.extra() for _ in range(3)]
    things = []
    while len(things) < 3:
        thing = s.thing()
        if all(thing.split()[-1] != other.split()[-1] for other in things):
            things.append(thing)
    a, b, c = people
    k = dict(a=a, b=b, c=c, ka=a.kind, kb=b.kind, kc=c.kind, x=things[0], y=things[1], z=things[2], an_x=an(things[0]), an_y=an(things[1]), an_z=an(things[2]))
    s.topic = s.topic or "three parcels"
    s.w("{e:n} gave {h:n} three parcels: {an_x} for {a:n} the {ka}, {an_y} for {b:n} the {kb} and {an_z} for {c:n} the {kc}.", **k)
    s.say(s.elder, "[do not mix them up|take good care of them|be back before dark]!")
    s.w("{h:n} [put them into a bag|took them] and [set out|went off]. [first|soon], {h:he} came to {a:n} and gave {a:him} the {x}.", **k)
    mixed = s.chance(0.5)
    if mixed:
        s.w("then {h:n} [was in a hurry|looked at a butterfly|did not think]. {b:n} got the {z}, and {c:n} got the {y}.", **k)
        s.say(b, "[but this is not for me|there must be a mistake].", to=s.hero)
        s.w("so {h:n} ran from one to the other, until {b:n} had the {y} and {c:n} had the {z}.", **k)
        s.fact("Who got the wrong things?|Which two were mixed up?", "{b} and {c} got the wrong things.", **k)
        s.lesson = s.pick(["more haste, less speed", "it is better to look twice"])
    else:
        s.w("[then|after that] {b:n} got the {y}, and at last {c:n} got the {z}.", **k)
        s.say(c, "[just what I needed|I have waited for it so long|how lovely]!")
        s.lesson = s.pick(["what you carry with care will arrive", "bringing joy is a good trade"])
    for person, thing in zip(people, things):
        s.fact("What was for {p}?|What did {p} get in the end?", "{p} got the {t}.", p=person, t=thing)
        s.fact("Who got the {t} in the end?|Who was the {t} for?", "The {t} was for {p}.", p=person, t=thing)


def contest(s: Story) -> None:
    """Three in a contest; who was first, second, third."""
    introduce(s)
    third = s.extra()
    what, best = s.pick([
        ("who could jump the farthest", "jumped over the whole brook"), ("who could build the highest tower", "put stone on stone until it was taller than a door"), ("who could sing the loudest", "sang so loudly that the windows shook"),
        ("who could stay quiet the longest", "did not say a word until evening"), ("who could tell the best story", "told one that made everybody laugh and cry"), ("who could find the most mushrooms", "came back with two full baskets"),
        ("who could paint the finest picture", "painted the sea, and one could almost hear it"), ("who could throw a stone the farthest", "threw it over the mill"), ("who could grow the biggest pumpkin", "needed a cart to bring it"),
    ])
    order = [s.hero, s.friend, third]
    s.rng.shuffle(order)
    if Mix.part == 4:
        # Three in any order are more than the model could learn.
        order = [s.hero, third, s.friend]
    a, b, c = order
    k = dict(a=a, b=b, c=c, t=third, kind=third.kind, what=what, best=best, prize=s.pick(["a wreath of flowers", "a basket of plums", "a golden ribbon", "a honey cake", "a silver bell", "a bag of nuts"]))
    s.topic = s.topic or "a contest"
    s.w("{h:n}, {f:n} and {t:n} the {kind} [wanted to know|could not agree] {what}.", **k)
    s.say(s.elder, "[then try it|let us see]! the winner gets {prize}.", **k)
    s.w("[{c:n} went first and did well|{c:n} began, but was soon out of breath]. [then|next] came {b:n}, and {b:he} was [better|a little better].", **k)
    s.w("but {a:n} [|took a deep breath and ]{best}.", **k)
    s.w("so {a:n} was first." if Mix.part == 4 else "so {a:n} was first, {b:n} was second, and {c:n} was third.", **k)
    s.w("{a:n} [got {prize}|took {prize}] and [bowed|shared it with all of them|grew red with joy].".replace("shared it with all of them|", "" if "cake" not in k["prize"] and "plums" not in k["prize"] else "shared it with all of them|"), **k)
    s.fact("Who was first?|Who won?", "{a} was first.|{a} won.".split("|")[0], **k)
    s.fact("Who was second?", "{b} was second.", **k)
    s.fact("Who was third?|Who was last?", "{c} was third.", **k)
    s.lesson = s.pick(["not everybody can be first, but everybody can try", "everybody is good at something", "it is nice to win and nicer to play"])


def newcomer(s: Story) -> None:
    """A stranger with an odd habit becomes a friend."""
    p = s.extra()
    source = s.pick(["from the other side of the hills", "from far over the sea", "from the big town", "from the cold north", "from a land without trees", "from the next valley"])
    habit, use = s.pick([
        ("walked backwards", "{p:he} saw the fox that crept up behind them"), ("wore a pot on {p:his} head", "hail came down, and {p:he} had room for two under it"), ("talked to stones", "{p:he} knew which of them were loose, and nobody fell"),
        ("collected old strings", "the cart broke down, and there was string enough to mend it"), ("hummed all day", "fog came up, and everybody could follow the sound"), ("slept by day", "{p:he} was awake in the night when the river rose"),
        ("counted everything", "a lamb was missing, and only {p:he} had noticed"), ("carried a ladder everywhere", "a kitten sat on the roof, and nobody else could reach it"),
    ])
    k = dict(p=p, kind=p.kind, a_kind=an(p.kind), source=source, habit=habit.replace("{p:his}", p.FORMS[p.gender]["his"]), home=s.pick(["in the empty house", "next door", "in the old mill", "under the bridge", "at the end of the road"]))
    s.topic = s.topic or "a new neighbour"
    s.w("[one day|in spring|that {time}], {a_kind} [named|called] {p:n} came to live {home}. {p:n} came {source} and {habit}.", time=s.time, **k)
    s.w("[the others laughed at {p:him}|some laughed, and some shook their heads|nobody talked to {p:him}]. [but {h:n} did not laugh|only {h:n} said hello].", **k)
    s.say(s.hero, "[welcome, {p:n}|good morning, {p:n}|come and sit with us, {p:n}]!", **k)
    s.say(p, "[nobody has said that to me before|how kind you are|I was hoping for a friend].", to=s.hero)
    s.w("[a few days later|not long after|one evening|in the same week], " + use + ".", **k)
    s.w("[now nobody laughed any more|from then on, nobody laughed|everybody thanked {p:n}]. [and {h:n} was proud of {p:him}|and {p:n} was one of them].", **k)
    s.fact("What was the new neighbour called?|Who was the new neighbour?", "The new neighbour was {p} the {kind}.", **k)
    s.fact("Where did {p} come from?", "{p} came {source}.", **k)
    s.fact("What was odd about {p}?|What did {p} always do?", "{p} {habit}.", **k)
    s.fact("Where did {p} live?", "{p} lived {home}.", **k)
    s.lesson = s.pick(["it is good to be different", "a stranger is a friend you do not know yet", "one should not laugh at what one does not know"])


def riddle(s: Story) -> None:
    """Somebody guards a way and asks a riddle."""
    guard = s.extra(s.pick([kind for kind in ("toad", "owl", "crow", "goat", "badger", "wolf", "snail", "turtle") if kind not in (s.hero.kind, s.friend.kind, s.elder.kind)]))
    way, goal = s.pick([("the bridge", "the other side"), ("the gate", "the king's garden"), ("the cave", "the warm spring"), ("the narrow path", "the top of the hill"), ("the door of the tower", "the highest room")])
    question, answer = s.pick(RIDDLES)
    k = dict(g=guard, kind=guard.kind, a_kind=an(guard.kind), way=way, goal=goal, question=question, solution=answer)
    s.topic = s.topic or "a riddle"
    s.w("{h:n} wanted to get to {goal}, but in front of {way} sat {g:n}, {a_kind}[ with a grey beard|]." if s.chance(0.5) else "at {way}, {a_kind} named {g:n} [stopped {h:n}|stood in the way].", **k)
    s.say(guard, "[only those who know the answer may pass|first you must solve my riddle]. {question}?", **k)
    if s.chance(0.6):
        wrong = s.pick([other for _, other in RIDDLES if other != answer])
        s.say(s.hero, "is it {wrong}?", wrong=wrong)
        s.say(guard, "[no|wrong|not at all]. [try again|think harder].", to=s.hero)
        s.fact("What was the wrong answer?|What did {h} guess first?", "{h} first guessed {wrong}.", wrong=wrong)
    s.w("{h} [walked up and down|thought hard|sat down and thought|looked around]. then {h:he} [laughed|clapped|knew it].")
    s.say(s.hero, "[it is {solution}|I know it: {solution}]!", **k)
    s.w("{g:n} [stepped aside|bowed|nodded and smiled], and {h:n} [went on to|came to] {goal}.", **k)
    s.fact("What was the riddle?", question + "?")
    s.fact("What was the answer to the riddle?|What was the right answer?", "The answer was {solution}.", **k)
    s.fact("Who asked the riddle?", "{g} the {kind} asked the riddle.", **k)
    s.lesson = s.pick(["thinking opens many doors", "a good question is a kind of present"])


def treasure(s: Story) -> None:
    """An old map with steps to count."""
    item = s.thing()
    first, second = s.rng.randint(3, 12), s.rng.randint(2, 8)
    start, turn = s.pick(["the old oak", "the well", "the mill", "the bridge", "the big stone", "the church door"]), s.pick(["left", "right"])
    mark = s.pick(["a cross of white stones", "a ring of mushrooms", "a flat stone with a star", "a rotten stump", "a rusty nail in the ground"])
    k = dict(item=item, an_item=an(item), first=number(first), second=number(second), total=number(first + second), start=start, turn=turn, mark=mark)
    s.topic = s.topic or "a treasure map"
    s.w("[in an old book|in a bottle|under a loose board|in a torn coat], {h:n} found a map. it said: from {start} {first} steps ahead, then {second} steps to the {turn}.", **k)
    together = s.chance(0.5)
    if together:
        come(s)
        s.say(s.friend, "a treasure! " + s.pick(["may I come along?", "let me carry the spade!", "let us go at once!", "we shall be rich!"]))
    who = "they" if together else "{h:he}"
    s.w(f"[at {{start}}|so at {{start}}], {who if together else '{h:n}'} counted {{first}} steps and then {{second}}, {{total}} in all. [there was|and there was] {{mark}}.", **k)
    s.w(f"{who} dug [with both hands|for a long time|until it was hot], and [what came out|what lay there]? {{an_item}}!", **k)
    s.w("[it was not gold, but {h:n} liked it better|it was worth more to {h:n} than gold|{e:n} said that it had once been lost there].")
    s.fact("Where did {h} begin to count?", "{h} began at {start}.", **k)
    s.fact("How many steps were there in all?|How many steps did {h} count?", "There were {total} steps.", **k)
    s.fact("What was the treasure?|What did {h} dig up?", "The treasure was {an_item}.", **k)
    s.fact("What was on the ground at the right spot?|What marked the spot?", "There was {mark}.", **k)
    s.lesson = s.pick(["one who counts well finds well", "a treasure is what you make of it"])


def herd(s: Story) -> None:
    """Animals are counted; some are missing; they are found one by one."""
    kind = s.pick([kind for kind in ("sheep", "goat", "goose", "duck", "pony", "lamb", "hen") if kind not in (s.hero.kind, s.friend.kind, s.elder.kind)])
    total, missing = s.rng.randint(5, 18), s.pick([1, 2, 2, 3])
    place = s.other_place()
    spots = s.spots(place, missing)
    k = dict(total=count(total, kind), all=number(total), left=number(total - missing), missing=number(missing), kinds=plural_of(kind), there=s.at(place))
    s.topic = s.topic or f"a lost {kind}"
    s.w("{h:n} [looked after|had to look after|was looking after] {total}.", **k)
    s.w("[in the evening|before the storm|at sunset], {h:he} counted them: there were only {left}. {missing} " + ("was" if missing == 1 else "were") + " missing.", **k)
    s.say(s.hero, "[I must find them before dark|I should have looked more carefully|they cannot be far]!") if missing > 1 else s.say(s.hero, "[I must find it before dark|I should have counted earlier]!")
    s.w("{h} went out with [a lantern|a bell|a stick|a piece of bread] and [called|searched] {there}.", **k)
    finds = [("[one was|the first was] " if missing > 1 else "[at last {h:he} found it|there it was,] ") + spots[0]]
    finds += [s.pick(["another was ", "the next was "]) + spot for spot in spots[1:-1]] + ([("the last was ") + spots[-1]] if missing > 1 else [])
    s.w(listing(finds) + ".")
    s.w("[now there were {all} again|{left} and {missing} were {all} again].", **k)
    s.maybe(0.6, "{e:n} [had kept the soup warm|was waiting at the gate|opened the gate for them].")
    s.fact("How many {kinds} were missing?", f"{number(missing).capitalize()} {'was' if missing == 1 else 'were'} missing.", **k)
    s.fact("How many {kinds} were there at first?|How many {kinds} did {h} look after?", "There were {total}.", **k)
    s.fact("How many {kinds} did {h} count in the evening?|How many {kinds} were left?", "There were {left} left.", **k)
    s.fact("Where did {h} look for them?" if missing > 1 else "Where did {h} look for it?", "{h} looked {there}.", **k)
    s.lesson = s.pick(["every single one counts", "counting takes a minute, searching takes a night"])


def hatching(s: Story) -> None:
    """An egg is found and kept warm; what comes out gets a name."""
    kind = s.pick([kind for kind in ("duck", "owl", "turtle", "goose", "lizard", "stork", "sparrow", "crow") if kind not in (s.hero.kind, s.friend.kind, s.elder.kind)])
    baby = s.extra(kind)
    colour, spot, days = s.pick(words.COLOURS), s.spots(s.place, 1)[0], s.rng.randint(3, 12)
    warm = s.pick(["in a nest of wool", "beside the stove", "in a box of straw", "under a blanket", "in an old cap", "in a basket of hay"])
    k = dict(b=baby, kind=kind, a_kind=an(kind), colour=colour, a_egg=an(f"{colour} egg"), spot=spot, days=number(days), warm=warm, here=s.at(s.place))
    s.topic = s.topic or f"{an(colour + ' egg')}"
    s.w("{here}, {spot}, {h:n} found {a_egg}. it was [still warm|cold|as smooth as a stone].", **k)
    s.say(s.hero, "[what may be in it|whose egg is this|who has lost it]?")
    s.w("nobody [knew|could say]. so {h:n} [carried it home|took it home] and kept it warm {warm}.", **k)
    s.w("[after {days} days|{days} days went by, and then], [there was a crack|the egg moved|something knocked], and out came a little {kind}!", **k)
    s.w("{h:n} called the little {kind} {b:n}. {b:n} [followed {h:n} everywhere|ate all day long|slept in {h:n}'s cap|was hungry from morning until night].", **k)
    if s.chance(0.5):
        s.w("[in autumn|when {b:n} was big|a month later], {b:he} went out into the world. but every [spring|Sunday|evening] {b:he} came to visit.", **k)
    s.fact("What colour was the egg?", "The egg was {colour}.", **k)
    s.fact("Where was the egg?|Where did {h} find the egg?", "The egg was {spot}.", **k)
    s.fact("What came out of the egg?", "A little {kind} came out of the egg.", **k)
    s.fact("What was the little {kind} called?", "The little {kind} was called {b}.", **k)
    s.fact("How many days did it take?", "It took {days} days.", **k)
    s.lesson = s.pick(["what you keep warm will grow", "care is the best present"])


def cooking(s: Story) -> None:
    """Two things are mixed up in the kitchen."""
    dish, right, wrong, taste = s.pick([
        ("a cake", "sugar", "salt", "it was as salty as the sea"), ("porridge", "milk", "soap water", "bubbles came out of everybody's mouth"), ("soup", "salt", "sugar", "it was as sweet as jam"),
        ("pancakes", "flour", "plaster", "they were as hard as plates"), ("tea", "mint", "pepper", "everybody had to sneeze"), ("jam", "honey", "mustard", "it burned like fire"), ("bread", "water", "ink", "it was as blue as the sky"),
    ])
    it = "they were" if dish == "pancakes" else "it was"
    k = dict(dish=dish, noun=dish.removeprefix("a "), right=right, wrong=wrong)
    s.topic = s.topic or f"making {dish}"
    s.w("{h:n} wanted to [make|surprise {e:n} with] {dish}. [the lamp was out, and|{h} was in a hurry, and|the jars looked all alike, and] {h:he} took {wrong} instead of {right}.", **k)
    s.w("{e:n} [tasted it first|took a spoonful|was the first to try]: " + taste + "." if dish != "pancakes" else "{e:n} [took a bite|was the first to try]: " + taste + ".")
    s.say(s.elder, "[what is in it|what have you put into it]?")
    s.w("{h:n} looked [at the jar|at the label|again] and [grew red|did not know what to say].")
    s.w("[then {e:n} began to laugh|but {e:n} only laughed], and {h:n} [laughed, too|had to laugh, too]. together they made {dish} again, and this time " + it + " [very good|just right].", **k)
    s.fact("What did {h} want to make?", "{h} wanted to make {dish}.", **k)
    s.fact("What did {h} take instead of {right}?|What was wrong with the {noun}?", "{h} took {wrong} instead of {right}.", **k)
    s.lesson = s.pick(["one should read the label first", "a mistake is easier with a laugh", "it is good to taste before you serve"])


def lending(s: Story) -> None:
    """Something is lent; it comes back late, or is passed on along a chain of names."""
    introduce(s)
    item = s.item or s.thing()
    noun = next(n for n in words.THINGS if item.endswith(n))
    a, b = s.extra(), s.extra()
    k = dict(item=item, noun=noun, an_item=an(item), a=a, b=b, ka=a.kind, kb=b.kind, days=number(s.rng.randint(2, 9)))
    s.topic = s.topic or f"a borrowed {noun}"
    s.say(s.friend, "[may I borrow your {item}|will you lend me your {item}]?" if s.item else "you have {an_item}. [may I borrow it|will you lend it to me]?", **k)
    s.say(s.hero, "[yes, but bring it back|of course, but take care of it].", to=s.friend)
    s.w("{days} days went by, and the {noun} did not come back. {h:n} went to {f:n}.", **k)
    s.say(s.friend, "I have lent it to {a:n} the {ka}.", to=s.hero, **k)
    s.w("so they went to {a:n}. but {a:n} had given it to {b:n} the {kb}.", **k)
    s.w("[and {b:n}|{b:n}] [sat in the sun and played with it|had it on the table|was just cleaning it]. [it was as good as new|there was not a scratch on it|it shone].", **k)
    s.say(b, "[I have taken good care of it|is it yours? here it is|I did not know whose it was].", to=s.hero)
    s.w("so {h:n} got the {noun} back[, and four friends drank tea together| and was glad|].", **k)
    s.fact("Who borrowed the {noun}?|Who borrowed it first?", "{f} borrowed the {noun}.", **k)
    s.fact("Who had the {noun} in the end?|Where was the {noun} at last?", "{b} the {kb} had it.", **k)
    s.fact("Whose {noun} was it?", "It was {h}'s {noun}.", **k)
    s.fact("How many days went by?", "{days} days went by.".replace("{days}", k["days"]), **k)
    s.lesson = s.pick(["what is borrowed must be given back", "it is good to ask before you pass something on"])
    s.item = None


PLAY_EPISODES = [hiding, feast, parcels, contest, newcomer, riddle, treasure, herd, hatching, cooking, lending]

"""Episodes about things: lost, counted, shared, traded, made, broken, given."""

import words
from grammar import an, count, listing, number, plural_of
from openings import come, introduce
from scene import Story


def lost(s: Story) -> None:
    """Something is left at a spot, missed, looked for elsewhere, and found where it was left."""
    item = s.item or s.thing()
    place = s.pick([place for place in words.PLACES if place not in ("library", "cave", "attic", "harbour") or s.world in ("child", "worker")])
    spot, wrong, third = s.spots(place, 3)
    doing = s.pick(["stopped to watch a bird", "sat down to rest", "played for a while", "ate an apple", "talked to a neighbour", "watched the clouds", "helped a beetle back on its feet", "tied a lace", "looked for berries"])
    k = dict(item=item, a_item=an(item), here=s.at(place), there=s.to(place), spot=spot, wrong=wrong, third=third, doing=doing, noun=item.split()[-1])
    k["noun"] = next((noun for noun in words.THINGS if item.endswith(noun)), k["noun"])
    s.topic = f"a lost {k['noun']}"
    led = s.lead == "lost"
    if s.item is None:
        s.w("[one day|one morning|that day|on Monday], {h} [took {h:his} {item} along and went out|went out with {h:his} {item}]." if s.chance(0.5)
            else "{h} had {a_item} and took it everywhere.", **k)
    shown = s.chance(0.7) and not led
    if shown:
        s.w("{here}, {h:n} {doing} and [put|laid] the {noun} {spot}." if s.chance(0.6) else "{h} was {here} [that day|for a while]. {h} [put|laid] the {noun} {spot} and {doing}.", **k)
        s.w("then {h:he} [went home|walked on] [without it|and forgot the {noun}|, and the {noun} stayed where it was].", **k)
    elif led:
        s.w("{h} had been {here}[ all day| that morning|, where {h:he} had {done}].", done=s.pick(["played", "looked for berries", "helped {e:n}".replace("{e:n}", s.elder.name), "talked to a neighbour", "watched the clouds"]), **k)
    else:
        s.w("{h} was out {here} all day and {doing}.", **k)
    s.para()
    s.w("[in the evening|at home|that night|later|an hour later], {h:n} [reached for the {noun}|looked for the {noun}|wanted to look at the {noun}], but it was [gone|not there|nowhere to be seen].", **k)
    s.say(s.hero, "[oh no, |oh, |]where is my {noun}?" if s.chance(0.7) else "[oh no, |]I have lost my {noun}!", how=s.pick(["", "", "sadly"]), **k)
    s.maybe(0.4, "[tears came to {h:his} eyes|{h:his} heart beat fast|{h} felt [sad|cold all over]|{h} did not know what to do].")
    helper = None
    if s.debtor is not None and s.chance(0.75):
        helper = s.debtor
        s.w("[the {kind} heard it|{d:n} the {kind} heard this] and [came at once|came running].", d=helper, kind=helper.kind)
        s.say(helper, "you helped me, {h:n}. now I will help you." if s.chance(0.6) else "you were good to me, so I will help you.", to=s.hero)
    elif s.chance(0.65):
        come(s)
        helper = s.friend
        s.say(helper, "[why are you so sad|what is the matter|what is wrong|what has happened], {h:n}?")
        s.say(s.hero, "my {item} is gone." if s.chance(0.5) else "I cannot find my {item}.", to=helper, **k)
        s.say(helper, "[do not worry|don't be sad|do not cry]. we will [look for it together|find it].", to=s.hero)
    else:
        s.say(s.elder, "[where did you have it last|where were you today|think hard. where have you been]?")
        s.say(s.hero, "I was {here}.", to=s.elder, **k)
        s.say(s.elder, "[then go back and look there|then it must be there|go and look there again].", to=s.hero)
    who = "they" if helper is not None else None
    s.para()
    if who:
        s.w("[together they went back|the two of them went back|so they went back together] {there}." if s.chance(0.6) else "so {h:n} and {p:n} [went|walked] back {there}.", p=helper, **k)
        s.w("they looked {wrong}[, but there was only a {junk}|, but it was not there|. nothing].", junk=s.pick(["snail", "stone", "beetle", "spider", "dry leaf", "feather", "worm"]) if place not in ("kitchen", "school", "library") else s.pick(["spider", "button", "crumb", "pencil", "spoon"]), **k)
        s.maybe(0.5, "they looked {third}, too[, but found nothing|. it was not there either].", **k)
        s.maybe(0.4, "{h} [was about to give up|almost gave up|wanted to cry].")
        if s.chance(0.5):
            s.say(helper, "[wait|look|look there]! something is lying {spot}!", **k)
            finder = helper
        else:
            if shown:
                s.w("[then {h:n} remembered|suddenly {h:n} remembered]: {h:he} had put it {spot}!", **k)
            finder = s.hero
        sure = shown or finder is helper
        s.w(("[and there|and indeed, there|there], " if sure else "[but then|then at last|and then, all at once], ") + "{spot}, " + ("" if sure else "{h:n} saw something. ") + ("[lay the {noun}|was the {item}]." if sure else "it was the {item}!"), **k)
        s.maybe(0.6, "[{h} picked it up and held it tight|{h} was so happy that {h:he} jumped up and down|it was a bit dirty, but {h:n} did not mind|{h} hugged {p:n}]." if finder is helper or s.chance(0.5) else "{h} picked it up and laughed.", p=helper)
    else:
        s.w("{h:n} went back {there} and looked {wrong}[, but it was not there|. nothing was there].", **k)
        s.w("[then|at last], {spot}, {h:he} saw [something|a bit of it]. it was the {item}!", **k)
        finder = s.hero
    if finder is helper and s.chance(0.6):
        s.say(s.hero, "thank you, {p:n}!" if s.chance(0.6) else "you found it! thank you!", p=helper)
    elif s.chance(0.4):
        s.say(s.hero, "[I will never leave you behind again|I will take better care of it from now on|now I will always look after it].")
    s.fact("What did {h} lose?|What was lost?", "{h} lost {his} {item}.|{h} lost the {item}.".split("|")[1], his="", **k)
    s.fact("Where was the {noun}?|Where did they find the {noun}?" if who else "Where was the {noun}?|Where did {h} find the {noun}?", "The {noun} was {spot}.", **k)
    s.fact("Who found the {noun}?", "{p} found the {noun}.", p=finder, **k)
    s.lesson = s.pick(["it is good to look after your things", "a thing is often where you left it", "it is easier to look for something together" if who else "it helps to think before you look", "you should not give up too soon"])
    s.item = None


def first_finds(s: Story, k: dict) -> None:
    """Out with a basket: some are found, then some more."""
    s.w("[one day|that {time}|after breakfast|before lunch], {h:n} went out to [look for|find|get] {nouns}." if s.chance(0.6) else "{h} [wanted some|needed a few|liked] {nouns}, so {h:he} took a {basket} and went out.", time=s.time, **k)
    s.w("{where}, {h:he} {verb} {a} and put them into {h:his} {basket}." if s.chance(0.6) else "{h} {verb} {a} {where}.", **k)
    s.w("[then|a little later|after a while|farther on], {h:he} {verb} {b} more." if s.chance(0.7) else "there were more {nouns} a few steps on, and {h:he} {verb} {b} of them.", **k)


def picking(s: Story) -> None:
    """A small sum: gathered, found, given away."""
    noun = s.choice[0] if s.lead == "picking" else s.pick(list(words.GATHERED))
    where = words.GATHERED[noun]
    a, b = s.choice[1] if s.lead == "picking" else s.rng.randint(1, 10), s.rng.randint(1, 10)
    k = dict(noun=noun, nouns=plural_of(noun), where=where, a=count(a, noun), b=number(b), total=number(a + b), basket=s.pick(["basket", "bag", "bucket", "pocket", "box"]))
    s.topic = s.topic or plural_of(noun)
    verb = s.pick(["picked", "gathered", "collected"]) if noun not in ("stone", "shell", "feather", "leaf", "egg") else s.pick(["found", "collected", "picked up"])
    k["verb"] = verb
    if s.lead == "picking":
        s.w("[then|that {time}|one day], {where}, {h:he} {verb} {b} more.", time=s.time, **k)
    else:
        first_finds(s, k)
    s.w("now {h:he} had {total} {nouns}." if s.chance(0.75) else "{h} counted them. there were {total} {nouns} in all.", **k)
    s.maybe(0.35, "{a_number} and {b} [are|make] {total}.", a_number=number(a), **k)
    if s.lead != "picking":
        s.fact("How many {nouns} did {h} have at first?", "At first {h} had {a}.", **k)
    s.fact("How many {nouns} did {h} have then?|How many {nouns} were there in all?", "There were {total} {nouns}.|{h} had {total} {nouns}.", **k)
    total = a + b
    roll = s.rng.random()
    if roll < 0.45 and total > 2:
        gave = s.rng.randint(1, total - 1)
        k |= dict(gave=number(gave), left=count(total - gave, noun), gaven=count(gave, noun))
        if s.chance(0.5):
            come(s)
            s.say(s.friend, "[what beautiful {nouns}|those are fine {nouns}|oh, how nice they look]!", **k)
        else:
            s.w("on the way home, {h:n} met {f:n}[, who was hungry and tired|, who had none|]." if getattr(s, "introduced", False) else "on the way home, {h:n} met {e:n}.", **k)
        to = s.friend if getattr(s, "introduced", False) else s.elder
        s.w("{h} gave {gave} of them to {t:n}." if s.chance(0.6) else "{h} was glad to share and gave {t:n} {gaven}.", t=to, **k)
        s.w("then {h:he} had {left} left." if s.chance(0.6) else "so {h:n} had {left} left.", **k)
        s.say(to, "[thank you, {h:n}|you are very kind, {h:n}|how good of you, {h:n}].", to=s.hero)
        s.fact("How many {nouns} did {h} give away?|How many {nouns} did {t} get?", "{h} gave {t} {gaven}.", t=to, **k)
        s.fact("How many {nouns} did {h} have at the end?|How many {nouns} were left?", "{h} had {left} left.", **k)
        s.lesson = s.pick(["sharing makes everybody glad", "there is always enough to share", "half of a good thing is better when two enjoy it"])
    elif roll < 0.7:
        lost_n = s.rng.randint(1, total - 1)
        k |= dict(lost=number(lost_n), left=count(total - lost_n, noun), fell="fell out" if lost_n > 1 else "fell out")
        s.w("but there was a hole in the {basket}, and {lost} of the {nouns} fell out on the way." if lost_n > 1 else "but on the way home, one of them fell into the mud.", **k)
        s.w("at home, {h:n} counted again: there were only {left}." if total - lost_n > 1 else "at home, {h:n} counted again: there was only {left}.", **k)
        s.say(s.elder, "[never mind|that does not matter|do not be sad], that is enough for today.", to=s.hero)
        s.fact("How many {nouns} were lost?", "{lostn} lost.", lostn=f"{number(lost_n).capitalize()} {'was' if lost_n == 1 else 'were'}", **k)
        s.fact("How many {nouns} did {h} have at the end?|How many {nouns} were left?", "{h} had {left} left.", **k)
        s.lesson = s.pick(["it is wise to look at your bag before you fill it", "a small hole can cost a lot"]) if lost_n > 1 else s.pick(["what is left can still be enough", "a small loss is no reason to be sad"])
    else:
        s.w("{e:n} [made|cooked|baked] [something good|a fine supper|a big pie] [with|out of] them, and [it smelled good in the whole house|everybody had a plate of it]." if noun not in ("stone", "shell", "feather", "leaf", "flower", "acorn", "pine cone")
            else "at home, {h:he} [laid them in a row on the window sill|made a long chain of them|gave each of them a place on the shelf].", **k)
        s.lesson = s.lesson or s.pick(["work is fun when you do it with joy", "small things can make you happy"])


def sharing(s: Story) -> None:
    """An even split of something to eat."""
    people = s.pick([2, 2, 3])
    each = s.rng.randint(1, 6 if people == 2 else 5)
    treat = s.pick(words.TREATS)
    total = people * each
    k = dict(treats=plural_of(treat), total=count(total, treat), each=number(each), eachn=count(each, treat), treat=treat)
    s.topic = s.topic or f"sharing {plural_of(treat)}"
    s.w("[{e:n} had given {h:n}|at home, {h:n} had found|{h} had got|from the market, {h:n} had brought] {total}.", **k)
    s.say(s.hero, "[all of them are mine|I will eat them all myself|what a feast this will be]!" if s.chance(0.5) else "I could eat them all!")
    introduce(s) if s.chance(0.3) else None
    come(s)
    s.w("{f} [looked at the {treats} and said nothing|had eaten nothing all day|was very hungry|had no {treats} at all|sat down and sighed].", **k)
    third = None
    if people == 3:
        third = s.extra()
        s.w("behind {f:him} came {p:n} the {kind}, [and {p:he} was hungry, too|who looked very thin].", p=third, kind=third.kind)
    s.maybe(0.6, "{h:n} [looked at the {treats}|thought for a moment|felt {h:his} cheeks grow red|put the first one down again].", **k)
    s.say(s.hero, "[let us share|we will share them|come, we share]. there are {total} and {people} of us, so everybody gets {each}." if s.chance(0.6) else "there is enough for all of us. {each} for each!", people=number(people), **k)
    s.w("[they sat down|they sat in the grass|they sat side by side] and [ate slowly|ate and talked|ate until nothing was left].")
    s.say(s.friend, "[that was good|I feel much better now|these are the best {treats} in the world].", **k)
    s.fact("How many {treats} did {h} have?|How many {treats} were there?", "There were {total}." if total > 1 else "There was {total}.", **k)
    s.fact("How many {treats} did each of them get?|How many {treats} did {f} get?", "Everybody got {eachn}.", **k)
    s.lesson = s.pick(["food tastes better when you share it", "sharing makes friends", "one who shares is never alone"])


def buying(s: Story) -> None:
    """Coins, a price, and what is left."""
    price = s.rng.randint(2, 9)
    coins = price + s.rng.randint(0, 8)
    short = s.chance(0.25)
    if s.lead == "buying":
        coins = s.choice
        short = s.chance(0.25) and coins < 9
        price = coins + s.rng.randint(1, min(4, coins + 1)) if short else s.rng.randint(1, coins)
    item = s.thing()
    seller = s.extra() if s.world == "animal" else s.person(s.pick("fm"), s.pick(["merchant", "woman", "baker", "trader"]))
    purpose = s.pick(["for {e:n}, whose birthday was near", "for {h:himself}", "as a present for {e:n}", "because the old one was broken"])
    k = dict(item=item, a_item=an(item), price=count(price, "coin"), p=seller, kind=seller.kind, a_kind=an(seller.kind))
    s.topic = s.topic or "a visit to the market"
    if short and s.lead != "buying":
        coins = price - s.rng.randint(1, min(price - 1, 4))
    k["coins"] = count(coins, "coin")
    if s.lead != "buying":
        s.w("{h} had saved {coins}." if s.chance(0.5) else "{h} had {coins} in {h:his} pocket.", **k)
    s.w("[with them|one day], {h:he} went to the market [to buy {a_item}|and looked for {a_item}] " + purpose + "." if s.lead != "buying" else "{h:he} [wanted to buy|looked for] {a_item} " + purpose + ".", **k)
    s.w("there, {a_kind} named {p:n} sold all kinds of things." if s.chance(0.6) else "behind a long table stood {p:n}, {a_kind}.", **k)
    s.say(s.hero, "how much is the {item}?" if s.chance(0.6) else "what does the {item} cost?", **k)
    s.say(seller, "it costs {price}." if s.chance(0.5) else "{price}.", to=s.hero, **k)
    if short:
        missing = price - coins
        k["missing"] = count(missing, "coin")
        s.w("{h:n} counted {h:his} coins[ twice|]. {h} had only {coins}. " + ("one coin was missing." if missing == 1 else "{missing} were missing."), **k)
        work = s.pick(["sweep the floor", "carry the boxes", "wash the windows", "feed the horse", "stack the baskets", "polish the bells"])
        s.say(seller, "if you {work}, you can have it for {coins}.", work=work, **k)
        s.w("{h:n} [was glad|agreed at once|rolled up {h:his} sleeves] and [worked for an hour|worked until noon|did it well].")
        s.w("then {h:he} paid, took the {item} and [ran|walked|went] home[ proudly|].", **k)
        s.fact("How much did the {item} cost?|What was the price of the {item}?", "The {item} cost {price}.", **k)
        s.fact("How many coins were missing?", ("One coin was missing." if missing == 1 else "{missing} were missing."), **k)
        s.lesson = s.pick(["work can be as good as money", "there is a way if you are ready to work"])
    else:
        left = coins - price
        k["left"] = "no coins" if left == 0 else count(left, "coin")
        s.w("{h:n} [paid|counted {price} onto the table|gave {p:him} {price}] and [took the {item}|got the {item}].", **k)
        s.w("{h:n} had {left} left." if left else "now {h:his} pocket was empty.", **k)
        s.maybe(0.5, "[{p:n} wrapped it in paper|the {item} was even nicer than {h:he} had hoped|{h} carried it home with great care].", **k)
        s.fact("How much did the {item} cost?|What was the price of the {item}?", "The {item} cost {price}.", **k)
        s.fact("How many coins did {h} have left?", "{h} had {left} left.", **k)
        s.lesson = s.pick(["it is good to save for the things you want", "what you have saved for is twice as dear"])
    s.fact("How many coins did {h} have at first?", "{h} had {coins}.", **k)


def making(s: Story) -> None:
    """Three things are needed; each is fetched from its own place; then it is made, and used."""
    what, parts, use = s.pick([
        ("a kite", [("thin sticks", "from the forest"), ("paper", "from {e:n}"), ("a long string", "from the market")], "it rose up higher than the trees"),
        ("a boat", [("a board", "from the barn"), ("a piece of cloth", "from {e:n}"), ("a rope", "from the harbour")], "it floated on the water and did not sink"),
        ("a big pot of soup", [("carrots", "from the garden"), ("water", "from the well"), ("mushrooms", "from the forest")], "it smelled so good that all the neighbours came"),
        ("a berry pie", [("flour", "from the mill"), ("berries", "from the hill"), ("butter", "from the farm")], "everybody wanted a second piece"),
        ("a bird house", [("a board", "from the barn"), ("nails", "from the market"), ("some straw", "from the farm")], "a robin moved in on the very next day"),
        ("a swing", [("a strong rope", "from the harbour"), ("a board", "from the barn"), ("a hook", "from {e:n}")], "it carried them up and down until evening"),
        ("a scarecrow", [("straw", "from the farm"), ("an old coat", "from {e:n}"), ("a hat", "from the attic")], "the crows did not dare to come near"),
        ("a lantern", [("a jar", "from the kitchen"), ("a candle", "from {e:n}"), ("some wire", "from the market")], "it lit up the whole garden"),
        ("a warm blanket", [("wool", "from the sheep"), ("a needle", "from {e:n}"), ("blue thread", "from the market")], "it was soft and kept out the cold"),
        ("a little bridge", [("two long logs", "from the forest"), ("nails", "from the market"), ("a hammer", "from {e:n}")], "even the heavy cow could walk over it"),
        ("a flute", [("a reed", "from the pond"), ("a small knife", "from {e:n}"), ("a bit of wax", "from the bees")], "it sounded as clear as a bird"),
        ("a chair", [("wood", "from the forest"), ("nails", "from the market"), ("a saw", "from {e:n}")], "it stood firmly on its four legs"),
        ("a honey cake", [("honey", "from the bees"), ("eggs", "from the hen house"), ("flour", "from the mill")], "there was not a crumb left of it"),
    ])
    parts = s.rng.sample(parts, 3)
    thing = what.split(" ", 1)[1].replace("big pot of ", "")
    s.topic = s.topic or what
    k = dict(what=what, thing=thing, use=use)
    s.w("[one {time}|one day|that week|on Friday], {h:n} [had an idea|had a plan]. {h} wanted to [make|make] {what}.", time=s.time if s.time != "day" else "morning", **k)
    fetched = [(part, s.fill(source, {})) for part, source in parts]
    s.focus.clear()
    s.say(s.hero, "[for that, I need|I will need|to do that, I need] " + listing([part for part, _ in parts]) + ".")
    together = s.chance(0.5)
    if together:
        come(s)
        s.say(s.friend, "[may I help you|can I help]?")
        s.say(s.hero, "[yes, please|of course|I would like that]!")
    who = "they" if together else "{h:he}"
    s.para()
    links = ["first", s.pick(["then", "next", "after that"]), s.pick(["last of all", "at last", "finally"])]
    for at, (part, source) in enumerate(fetched):
        form = s.pick(["{link}, {who} [got|fetched] {part} {source}.", "{link}, {who} [got|fetched] {part} {source}.", "{part} {who} [got|fetched] {source}."]) if at else "{link}, {who} [got|fetched] {part} {source}."
        s.w(form.replace("{who}", who if at else ("they" if together else "{h:n}")).replace("{link}", links[at]).replace("{part}", part).replace("{source}", source), **k)
    s.w(s.pick(["now the work [could begin|began].", "then {who} [went to work|set to work].", "all {time} {who} worked." if s.time != "day" else "all day {who} worked."]).replace("{who}", who), time=s.time, **k)
    if s.chance(0.5):
        s.w("[at first|the first time], {who} did something wrong[, and {who} had to start again| and had to start again].".replace("{who}", who), **k)
        s.say(s.elder, "[slowly|take your time|not so fast]. good work needs time.")
        s.lesson = "good work needs time"
    s.w("[in the evening|in the end|at last], the {thing} was [ready|done], and {use}.", **k)
    s.say(s.friend if together else s.elder, "[well done|how wonderful|that is the best {thing} I have ever seen|you can be proud of it]!", **k)
    s.fact("What did {h} make?|What did {h} want to make?", "{h} made {what}.|{h} wanted to make {what}.".split("|")[0], **k)
    for part, source in fetched:
        s.fact(f"Where did the {part.split(' ', 1)[1] if part.startswith(('a ', 'an ', 'some ')) else part} come from?", f"It came {source}." if part.startswith(("a ", "an ")) or not part.endswith("s") else f"They came {source}.")
    s.lesson = s.lesson or s.pick(["many small steps lead to something big", "what you make yourself is the dearest of all", "two pairs of hands work faster" if together else "a good plan is half the work"])


def broken(s: Story) -> None:
    """Something of somebody else's breaks; lie or truth; it is mended."""
    thing, mend = s.pick([
        ("vase", "glue"), ("cup", "glue"), ("bowl", "glue"), ("plate", "glue"), ("jug", "glue"), ("chair", "a hammer and two nails"),
        ("fence", "a new board"), ("lamp", "a bit of wire"), ("clock", "a tiny screwdriver"), ("cart", "a new wheel"), ("toy horse", "glue and paint"),
        ("window", "a new pane of glass"), ("umbrella", "needle and thread"),
    ])
    colour = s.pick(words.COLOURS)
    cause = s.pick(["{h} was [dancing|running|jumping] around", "{h} was playing with a ball", "{h} turned around too fast", "{h} was in a hurry", "{h} wanted to carry too much at once"])
    k = dict(thing=thing, colour=colour, mend=mend)
    s.topic = s.topic or f"a broken {thing}"
    s.w("{e:n} had {a_colour} {thing}[ and was proud of it|, and it was very old|, a present from long ago].", a_colour=an(colour), **k)
    s.w("[one day|that day], " + cause + ", and [crash|bang|crack]! the {thing} [was broken|broke].", **k)
    s.w("{h:n} [stood very still|held {h:his} breath|felt hot and cold|wished that {h:he} could make it whole again].")
    lie = s.chance(0.5)
    s.para()
    s.say(s.elder, "who broke my {thing}?" if s.chance(0.6) else "what has happened to my {thing}?", **k)
    if lie:
        s.say(s.hero, "[it was the wind|I do not know|the cat did it]." if s.hero.kind != "cat" and s.friend.kind != "cat" else "[it was the wind|I do not know].", how="[quietly|in a small voice|and looked at the floor]" if s.chance(0.5) else "")
        s.w("{e:n} said nothing. but {h:n} [could not eat|could not sleep that night|felt bad all day|had a stone in {h:his} belly].")
        s.w("[in the morning|at last], {h:he} went to {e:n}.")
        s.say(s.hero, "I did not tell the truth. I broke the {thing}. [I am so sorry|please forgive me].", **k)
    else:
        s.w("{h:n} [wanted to run away, but stayed|took a deep breath].")
        s.say(s.hero, "I did it. [I am sorry|I am very sorry|please do not be angry].", to=s.elder)
    s.say(s.elder, "[it was brave to tell me|thank you for telling the truth|what is broken can be mended. I am glad that you told me|the truth is worth more than any {thing}].", to=s.hero, **k)
    s.w("together they [took|got] {mend} and [mended|repaired] it. [it looked almost like new|it was not quite as before, but it held|you could hardly see it].", **k)
    s.fact("What was broken?|What did {h} break?", "{h} broke the {thing}.", **k)
    s.fact("Whose {thing} was it?|Who owned the {thing}?", "The {thing} belonged to {e}.", **k)
    s.fact("What did they need to mend it?|How was it mended?", "They used {mend}.", **k)
    s.lesson = s.pick(["it is best to tell the truth", "the truth makes the heart light", "a mistake can be mended", "honest words are never wrong"])


def trading(s: Story) -> None:
    """A chain of swaps."""
    first = s.item or s.thing()
    want = s.thing()
    while want.split()[-1] == first.split()[-1]:
        want = s.thing()
    a, b = s.extra(), s.extra()
    middle = s.thing()
    while middle.split()[-1] in (first.split()[-1], want.split()[-1]):
        middle = s.thing()
    s.topic = s.topic or f"swapping things"
    k = dict(first=first, a_first=an(first), want=want, a_want=an(want), middle=middle, a_middle=an(middle), a=a, b=b, ka=a.kind, kb=b.kind, a_ka=an(a.kind), a_kb=an(b.kind))
    s.w("{h} wanted {a_want}, but all {h:he} had was {a_first}." if s.item is None else "more than anything, {h:n} wished for {a_want}. but {h:he} only had the {first}.", **k)
    s.w("[on the road|on the way to the market|at the gate], {h:he} met {a:n}, {a_ka}[ with a heavy bag|].", **k)
    s.say(a, "[I like your {first}|what a nice {first} you have]. [will you give it to me for {a_middle}|would you take {a_middle} for it]?", **k)
    s.w("{h:n} [agreed|thought about it and nodded|said yes], and so {h:he} got {a_middle}.", **k)
    s.w("[a little farther on|at the next corner|behind the bridge], {b:n}, {a_kb}, was sitting by the road and had {a_want}.", **k)
    s.say(s.hero, "[let us swap|I have an idea]! I will give you {a_middle} for your {want}.", **k)
    s.say(b, "[gladly|with pleasure|yes]. I have been looking for {a_middle} for a long time.", to=s.hero, **k)
    s.w("and so {h:n} [came home with|got] {a_want}, and [everybody was content|all three had what they wanted|nobody had lost anything].", **k)
    s.fact("What did {h} want?", "{h} wanted {a_want}.", **k)
    s.fact("What did {a} give to {h}?", "{a} gave {h} {a_middle}.", **k)
    s.fact("Who had the {want}?", "{b} had the {want}.", **k)
    s.lesson = s.pick(["a fair swap makes two people glad", "what one does not need, another may be looking for"])
    s.item = None


def gift(s: Story) -> None:
    """A present that is made or found, hidden, and given."""
    introduce(s)
    item = s.item if s.item is not None and s.chance(0.5) else s.thing()
    spot = s.spots("garden", 1)[0]
    liked = s.chance(0.8)
    k = dict(item=item, a_item=an(item), spot=spot)
    s.topic = s.topic or "a birthday present"
    s.w("[tomorrow was {f:n}'s birthday|{f:n} had a birthday the next day|it was almost {f:n}'s birthday], and {h:n} [had no present yet|did not know what to give].")
    s.say(s.elder, "give something that comes from the heart." if s.chance(0.5) else "what does {f:n} need most?", to=s.hero)
    if item == s.item:
        s.w("{h:n} thought of {h:his} {item}. it was hard to give it away, but {f:n} had always liked it.", **k)
        s.item = None
    else:
        s.w("{h:n} [thought for a long time|went to the market and looked at everything|worked in secret all day], and [in the end|then] {h:he} [had|found] {a_item}.", **k)
    s.w("{h} [wrapped it in paper|put it into a box with a ribbon] and hid it {spot}.", **k)
    s.para()
    s.w("[the next day|on the birthday], {f:n} [searched the whole garden|looked everywhere] until {f:he} found the parcel {spot}.", **k)
    s.say(s.friend, "{a_item}! " + s.pick(["this is just what I wanted!", "how did you know?", "I have never had anything so nice!"]), **k) if s.chance(0.6) else s.say(s.friend, "{a_item}! this is the best day of all!", **k)
    s.w("{h:n} was [as happy as {f:n}|even happier than {f:n}].")
    s.maybe(0.5, "then there was cake, and they [sang|danced|played] until it was dark.")
    s.fact("Whose birthday was it?", "It was {f}'s birthday.")
    s.fact("What did {h} give to {f}?|What was the present?", "{h} gave {f} {a_item}.", **k)
    s.fact("Where was the present hidden?", "It was hidden {spot}.", **k)
    s.lesson = s.pick(["giving is as nice as getting", "a gift from the heart is the best gift"])


THINGS_EPISODES = [lost, lost, lost, picking, picking, sharing, buying, making, making, broken, trading, gift]

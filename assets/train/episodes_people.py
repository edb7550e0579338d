"""Episodes about people: helping, quarrels, courage, learning, promises, mysteries."""

import words
from grammar import an, count, listing, number, plural_of
from openings import come, introduce
from scene import Story

PAWS = "fox rabbit mouse bear hedgehog cat dog squirrel badger otter mole beaver wolf".split()
WINGS = "owl duck sparrow hen goose robin stork crow".split()

#: What can be learned, what goes wrong, and the trick.
SKILLS = [
    ("swim", "swallowed a lot of water", "breathe out slowly"), ("whistle", "only air came out", "wet your lips"), ("ride a bicycle", "fell over", "look ahead, not down"),
    ("bake bread", "it came out black", "watch the fire"), ("dance", "got {h:his} feet mixed up", "count to four"), ("climb", "slid down again", "hold on with both hands"),
    ("skip stones", "they sank at once", "use flat stones"), ("juggle", "all the balls fell down", "start with two"), ("read", "mixed up the letters", "go slowly"),
    ("play the flute", "it squeaked", "blow softly"), ("draw a horse", "it looked like a potato", "look at a real one first"), ("sail", "went around in circles", "feel the wind on your face"),
    ("knit", "the wool got into a knot", "make every loop alike"),
    ("swim under water", "{h:his} nose was full of water", "close your eyes and count"), ("tie a knot", "it came open again", "around, under and through"), ("skate", "sat down on the ice", "bend your knees"),
    ("stand on one leg", "fell over at once", "look at one point far away"), ("write", "the letters fell over each other", "begin on the left and take your time"), ("blow soap bubbles", "they burst at once", "blow as if you were asleep"),
    ("catch a ball", "it bounced off {h:his} nose", "watch the ball, not the one who throws it"), ("sing", "it sounded like a rusty door", "listen first, then sing"), ("count to a hundred", "got lost at thirty", "think of the tens as steps"),
    ("fish", "caught nothing but an old boot", "sit so still that they forget you"), ("paint", "everything ran into everything else", "let one colour dry before the next"), ("cook", "the pot boiled over", "a small fire is enough"),
]


def helping(s: Story) -> None:
    """An animal in need is helped; later it may help in return."""
    d = s.extra(s.pick(["sparrow", "robin", "crow", "mouse", "hedgehog", "rabbit", "lamb", "duck", "kitten", "squirrel", "toad", "puppy"]))
    place = s.place
    spot = s.spots(place, 1)[0]
    trouble, tool, solved = s.pick([
        ("had hurt {d:his} foot", "a piece of cloth", "tied it around the foot"),
        ("was caught in a net", "a small knife", "cut the net open"),
        ("was stuck between two stones", "a long stick", "pushed the stones apart"),
        ("had fallen into a hole", "a rope", "pulled {d:him} out"),
        ("had a thorn in {d:his} foot", "a pair of tweezers", "pulled the thorn out"),
        ("was so cold that {d:he} could hardly move", "a woollen scarf", "wrapped {d:him} in it"),
        ("had eaten nothing for two days", "a bit of bread", "fed {d:him} crumb by crumb"),
        ("had lost {d:his} mother", "a little bell", "rang it until the mother came"),
    ])
    k = dict(d=d, kind=d.kind, a_kind=an(d.kind), spot=spot, here=s.at(place), tool=tool)
    trouble = s.pick([trouble])
    s.topic = s.topic or f"helping {an(d.kind)}"
    s.w("{here}, {h:n} heard [a faint cry|a small voice|somebody crying|a strange noise]." if s.chance(0.6) else "[suddenly|then], {h:n} heard a sound {here}.", **k)
    s.say(d, "[help|please help me|oh, help]!") if s.chance(0.6) else s.say(s.hero, "who is there?")
    s.w("{spot}, there was {a_kind} [named|called] {d:n}. {d:he} " + trouble + "." if s.chance(0.7) else "{spot} sat {d:n}, a little {kind}. {d:he} " + trouble + ".", **k)
    alone = s.chance(0.6)
    if alone:
        s.say(s.hero, "[do not be afraid|wait here|stay calm], [I will help you|I will be back soon]." if s.chance(0.8) else "poor thing!", to=d)
        s.w("{h:n} [ran home and got|took|found] " + tool + " and [gently|carefully|slowly] " + solved + ".", **k)
        helper = s.hero
    else:
        s.w("{h:n} did not know what to do and [called|ran to get] {e:n}.")
        s.w("{e:n} came with " + tool + ". together they [gently|carefully|slowly] " + ("helped {d:him}" if s.chance(0.4) else solved) + ".", **k)
        helper = s.hero
    s.say(d, "[thank you|thank you so much|you have saved me]! I will [never forget this|not forget it|remember you]." if s.chance(0.8) else "you are a true friend!", **k)
    s.maybe(0.5, "then {d:he} [hopped|ran|went] away, but {d:he} looked back once.", **k)
    s.fact("Who needed help?|Who did {h} help?", s.pick(["{d} the {kind} needed help."]), **k)
    s.fact("Where was {d}?|Where did {h} find {d}?", "{d} was {spot}.", **k)
    s.fact("What did " + ("{h}" if alone else "{e}") + " use to help {d}?", "{who} used {tool}.", who=s.hero if alone else s.elder, **k)
    s.lesson = s.pick(["nobody is too small to be helped", "a good deed comes back one day", "it feels good to help", "even a small help can be a big one"])
    s.debtor = d


def repaid(s: Story) -> None:
    """The one who was helped helps in return."""
    if s.debtor is None:
        return helping(s)
    d = s.debtor
    trouble, solved = s.pick([
        ("{h} lost the way {here} and did not know where to go", "{d:he} knew every path and led {h:n} home"),
        ("{h:n} slipped and could not get up again", "{d:he} ran to {e:n} and brought help"),
        ("{h} dropped {h:his} key into a deep crack", "{d:he} crawled in and brought it out again"),
        ("a storm came up and {h:n} was far from home", "{d:he} showed {h:n} a dry cave to wait in"),
        ("{h} sat in the dark because {h:his} light had gone out", "{d:he} stayed all night so that {h:n} was not alone"),
    ])
    s.para()
    s.w("[some days later|a week later|one evening in autumn|when winter came|a month later], " + trouble + ".", d=d, here=s.pick(["in the forest", "in the hills", "in the fog"]))
    s.w("[then somebody came|there was a rustle|suddenly there was a voice]. it was {d:n} the {kind}!", d=d, kind=d.kind)
    s.say(d, "[once you helped me|you were there when I needed you]. now [it is my turn|I am here for you].", to=s.hero)
    s.w("and " + solved + ".", d=d)
    s.fact("Who helped {h} in the end?|Who came to help {h}?", "{d} the {kind} helped {h}.", d=d, kind=d.kind)
    s.lesson = s.pick(["a good deed comes back one day", "those you help will help you", "kindness is never lost"])


def quarrel(s: Story) -> None:
    """Both want the same thing; sorry; taking turns."""
    introduce(s)
    item = s.item or s.thing()
    k = dict(item=item, a_item=an(item), noun=next(n for n in words.THINGS if item.endswith(n)))
    s.topic = s.topic or "a quarrel"
    where = s.at(s.place)
    if s.item is None:
        s.w("[one day|that {time}], {h:n} and {f:n} found {a_item} " + where + "." , time=s.time, **k)
    else:
        s.w("[one day|that {time}], {f:n} wanted to play with the {item}, too.", time=s.time, **k)
    s.say(s.hero, "it is mine! [I saw it first|I had it first|give it to me]!" if s.chance(0.7) else "give it back!")
    s.say(s.friend, "[no, it is mine|no, I want it|you always get everything]!", to=s.hero)
    s.w("[they pulled and pulled|each of them pulled at one end|they shouted at each other], [until|and then] the {noun} fell to the ground[ and got dirty|]." if s.chance(0.6) else "{f:n} turned around and walked away. {h:n} kept the {noun}.", **k)
    s.w("[but|now] {h:n} sat there alone with the {noun}, and it was no fun at all." if s.chance(0.6) else "for a long time, nobody said a word. [it was very quiet|only the wind could be heard].", **k)
    s.maybe(0.5, "{e:n} had seen it all. [{e} said nothing and only shook {e:his} head|{e} sat down beside {h:n}].")
    s.para()
    s.w("[at last|after a while|an hour later], {h:n} went to {f:n}.")
    s.say(s.hero, "I am sorry. [you can have it first|let us take turns|I was unkind].", to=s.friend)
    s.say(s.friend, "I am sorry, too. [we can share it|we will take turns|I should not have shouted].", to=s.hero)
    first, second = s.pick([("in the morning", "in the afternoon"), ("on Mondays", "on Tuesdays"), ("one day", "the next")])
    s.w("[so they took turns|from then on they shared it]: {h:n} had the {noun} {first}, and {f:n} {second}.", first=first, second=second, **k)
    s.fact("What did they quarrel about?|What did they both want?", "They quarrelled about the {item}.|They both wanted the {item}.".split("|")[0], **k)
    s.fact("Who said sorry first?", "{h} said sorry first.")
    s.lesson = s.pick(["a friend is worth more than a thing", "saying sorry is brave", "it is better to take turns than to fight", "things are more fun when you share them"])


def fright(s: Story) -> None:
    """A noise or a shape in the dark turns out to be harmless."""
    sound, cause, place = s.pick([
        ("a scratching at the door", "a branch that the wind moved", "outside the window"),
        ("a deep hum", "an old clock", "in the attic"),
        ("a long howl", "the wind in the chimney", "on the roof"),
        ("two shining eyes", "a cat that was just as frightened", "behind the shed"),
        ("a white shape", "a shirt on the washing line", "in the garden"),
        ("slow, heavy steps", "a cow that had left her stable", "behind the house"),
        ("a knocking", "a woodpecker who could not sleep", "at the old tree"),
        ("a big black shadow", "a coat on a hook", "in the hall"),
        ("a splash in the dark", "a frog that had jumped into a bucket", "beside the well"),
        ("a rattle", "a mouse with a nut", "under the floor"),
    ])
    if s.hero.kind in ("cat", "frog", "mouse") or s.friend.kind in ("cat", "frog", "mouse"):
        sound, cause, place = "a scratching at the door", "a branch that the wind moved", "outside the window"
    light = s.item if s.item and s.item.endswith(("lantern", "lamp")) else s.pick(["candle", "small lantern", "lamp"])
    verb = "saw" if any(word in sound for word in ("eyes", "shape", "shadow")) else "heard"
    k = dict(sound=sound, cause=cause, place=place, light=light, verb=verb)
    s.topic = s.topic or "a fright in the night"
    s.w("[one night|in the middle of the night|when it was dark], {h:n} [woke up and |]{verb} {sound} {place}.", **k)
    s.w("{h:his} [heart beat fast|knees shook|hair stood on end]. [{h} pulled the blanket over {h:his} head|{h} did not dare to breathe|it came again].")
    if s.chance(0.5):
        s.say(s.hero, "[is anybody there|who is there|what is that]?", how=s.pick(["", "in a very small voice"]))
        s.w("nobody answered.")
    company = s.chance(0.5)
    if company:
        s.w("{h} [ran|crept] to {e:n} and told {e:him} about it.")
        s.say(s.elder, "[come, we will look at it together|let us see what it is]. [most things are small when you look at them|being afraid is no shame].", to=s.hero)
        limb = "hand" if s.world != "animal" else "paw" if s.hero.kind in PAWS else "wing" if s.hero.kind in WINGS else None
        s.w("they took the {light} and went to look. {e:n} " + ("went first." if limb is None else f"held {{h:n}}'s {limb}."), **k)
    else:
        s.w("but {h:n} [was brave|took heart|wanted to know]. {h} took the {light} and went to look, step by step.", **k)
    s.w("and what was it? [it was only|nothing but] {cause}[!|.]", **k)
    s.w("{who} [laughed out loud|had to laugh|laughed until {h:his} belly hurt].".replace("{who}", "they" if company else "{h:n}").replace("{h:his} belly", "their bellies" if company else "{h:his} belly"))
    s.fact(f"What did {{h}} {'see' if verb == 'saw' else 'hear'}?", "{h} {verb} {sound}.", **k)
    s.fact("What was it really?|What made {h} afraid?", "It was only {cause}.", **k)
    s.lesson = s.pick(["many fears go away when you turn on the light", "the dark is only a place without light", "it is brave to go and look"])


def race(s: Story) -> None:
    """A contest with practice, a start, an accident or a surprise, and a winner."""
    introduce(s)
    contest, verb, goal = s.pick([
        ("a running race", "ran", "the old mill"), ("a swimming race", "swam", "the other side of the lake"), ("a boat race", "rowed", "the red buoy"),
        ("a race over the hills", "ran", "the lonely tree"), ("a sledge race" if s.weather == "snowy" else "a race through the forest", "rushed", "the bridge"),
    ])
    fair = s.chance(0.5)
    winner, loser = (s.hero, s.friend) if s.chance(0.5) else (s.friend, s.hero)
    prize = s.thing() if s.chance(0.5) else s.pick(["big cake", "golden medal", "basket of apples", "silver cup", "jar of honey"])
    k = dict(contest=contest, goal=goal, verb=verb, win=winner, lose=loser, prize=prize, a_prize=an(prize))
    s.topic = s.topic or contest
    s.w("[on Saturday|in summer|every year|the next day], there was {contest} to {goal}. the prize was {a_prize}." , **k)
    s.say(s.hero, "I will win!" if s.chance(0.5) else "I have practised for weeks.")
    s.say(s.friend, "[we will see|may the better one win|I am fast, too|good luck].", to=s.hero)
    s.para()
    s.say(s.elder, "[ready, steady, go|one, two, three, go]!")
    s.w("[both|{h:n} and {f:n}] {verb} [as fast as they could|side by side|like the wind]. [first {a:n} was ahead, then {b:n}|at first nobody was ahead].", a=loser, b=winner, **k)
    if fair:
        s.w("[but just before the end|near the goal], {win:n} [found new strength|took a deep breath] and reached {goal} first.", **k)
        s.say(loser, "[well done|that was great|you were better today], {x:n}!", x=winner)
        s.w("{win:n} got the {prize} and [shared it with {lose:n}|let {lose:n} hold it|laughed with joy].".replace("shared it with {lose:n}|", "" if prize.endswith(tuple(words.THINGS)) or prize.endswith(("medal", "cup")) else "shared it with {lose:n}|"), **k)
        s.fact("Who won the race?|Who was faster?", "{win} won the race.", **k)
        s.lesson = s.pick(["a good loser is a winner, too", "practice makes you better", "it is fine to lose when you have done your best"])
    else:
        s.w("[then|halfway], {lose:n} [stumbled|slipped] and hurt {lose:his} leg.", **k)
        s.w("{win:n} could have [won easily|gone on alone], but {win:he} stopped and [turned back|helped {lose:n} up].", **k)
        s.say(winner, "[hold on to me|lean on me]. we will [go together|reach it together].", to=loser)
        s.w("so they [reached {goal}|came in] last, but [everybody clapped|the people cheered for both of them]. each of them got a [small medal|piece of cake|flower].", **k)
        s.fact("Who got hurt?|Who was hurt in the race?", "{lose} was hurt.", **k)
        s.fact("Who helped {lose}?", "{win} helped {lose}.", **k)
        s.lesson = s.pick(["a friend is worth more than a prize", "helping is better than winning"])
    s.fact("What was the prize?", "The prize was {a_prize}.", **k)


def learning(s: Story) -> None:
    """Tries, failures, advice, success."""
    skill, fail, trick = s.choice if s.lead == "learning" else s.pick(SKILLS)
    subject = "{h:he} " if fail.split()[0] in ("swallowed", "fell", "got", "slid", "mixed", "went", "sat", "caught") else ""
    k = dict(skill=skill)
    s.topic = s.topic or f"learning to {skill}"
    if s.lead != "learning":
        s.w("{h} [wanted to|could not yet|had always wanted to|longed to] {skill}.", **k)
    s.w("[the first time|on the first day], " + subject + fail + ".")
    s.w("[the second time was no better|the second time, it was no better|on the second day, it was the same]." )
    mood = s.chance(0.6)
    if mood:
        s.say(s.hero, "[I will never learn it|it is too hard|I cannot do it|I give up]!", how=s.pick(["", "angrily", "sadly"]))
    teacher = s.elder if s.chance(0.6) else s.friend
    if teacher is s.friend:
        come(s)
    s.say(teacher, "[everybody has to start somewhere|I fell a hundred times, too|do not give up]. the trick is this: " + trick + ".", to=s.hero)
    s.w("{h:n} tried again. {time}, it [worked|went well]!", time=s.pick(["the third time", "this time", "after many tries"]))
    s.say(s.hero, "[look|look at me], {t:v}! I can {skill}!", t=teacher, **k)
    s.maybe(0.6, "{t:n} [clapped|laughed with joy|was proud of {h:n}].", t=teacher)
    s.fact("What did {h} want to learn?|What did {h} learn?", "{h} wanted to learn to {skill}.|{h} learned to {skill}.".split("|")[0], **k)
    s.fact("Who taught {h}?|Who helped {h} to learn it?", "{t} helped {h}.", t=teacher)
    s.lesson = s.pick(["nobody is born a master", "you should not give up too soon", "practice makes you better", "every try makes you a little better"])


def promise(s: Story) -> None:
    """Something is promised; forgotten or hard to keep; kept in the end."""
    task, reason, harm = s.pick([
        ("water the flowers", "it was so hot", "the flowers hung their heads"), ("feed the hens", "there was so much to do", "the hens were hungry and loud"),
        ("bring back the book", "it was such a good book", "the shelf was still empty"), ("close the gate", "{h:he} was in a hurry", "the goat had eaten all the cabbages"),
        ("light the lamp", "{h:he} had fallen asleep", "the boats could not find the harbour"), ("watch the pot", "a butterfly came by", "the soup was burned"),
        ("fetch the wood", "it was so cold outside", "the stove was cold"), ("shut the window", "{h:he} was thinking of other things", "the rain had come in"),
        ("keep the secret", "it was such a good secret", "everybody in the village knew it"),
    ])
    k = dict(task=task)
    s.topic = s.topic or "a promise"
    s.say(s.elder, "{h:n}, [will you|can you] " + task + " [today|while I am away|for me]?" if task not in ("keep the secret",) else "{h:n}, can you keep a secret?")
    s.say(s.hero, "[yes, I promise|I promise|of course, I promise].", to=s.elder)
    s.w("but " + reason + ", and {h:he} [forgot all about it|did not do it]." if task not in ("keep the secret",) else "but it was such a good secret, and {h:n} told it to {f:n}.")
    s.w("[in the evening|when {e:n} came back|a few hours later], " + harm + ".")
    s.w("{e:n} was [sad|not angry, only sad|very quiet].")
    s.say(s.elder, "I [trusted you|counted on you], {h:n}.", to=s.hero)
    s.w("{h:n} [looked at the floor|felt {h:his} ears grow hot|could have cried].")
    s.say(s.hero, "[I am sorry|I am so sorry]. I will make it good again.", to=s.elder)
    s.para()
    s.w("[the next day|from the next morning on|early the next morning], {h:n} " + s.pick(["got up before the sun and did all the work alone", "helped from morning until evening", "did everything that had to be done, and more"]) + ".")
    s.w("{e:n} saw it and [smiled|put an arm around {h:him}|nodded].".replace("put an arm around {h:him}|", "" if s.world == "animal" else "put an arm around {h:him}|"))
    s.fact("What did {h} promise?", "{h} promised to {task}.", **k)
    s.fact("Who was sad?", "{e} was sad.")
    s.lesson = s.pick(["a promise must be kept", "it is easy to promise and hard to keep", "trust grows slowly and breaks fast"])


def mystery(s: Story) -> None:
    """Food disappears, tracks are followed, the thief has a reason."""
    thief = s.extra(s.pick([kind for kind in ("rabbit", "squirrel", "mouse", "badger", "hedgehog", "goat", "fox", "crow", "otter") if kind not in (s.hero.kind, s.friend.kind, s.elder.kind)]))
    food = s.pick(["apples", "carrots", "cookies", "nuts", "cheese", "bread", "berries", "cabbages", "eggs", "honey"])
    start = s.rng.randint(6, 12)
    gone = s.rng.randint(2, 4)
    tracks = s.pick(["small footprints", "a trail of crumbs", "a line of tiny footprints", "some grey hairs", "a trail of peel"] if thief.kind != "crow" else ["black feathers", "a trail of crumbs"])
    place = s.other_place()
    spot = s.spots(place, 1)[0]
    why = s.pick(["I have four little ones, and they are hungry", "I was so hungry, and I did not dare to ask", "my mother is ill and cannot look for food", "the winter is long, and my store is empty"])
    k = dict(t=thief, kind=thief.kind, a_kind=an(thief.kind), food=food, tracks=tracks, there=s.at(place), spot=spot, start=number(start), left=number(start - gone), gone=number(gone))
    s.topic = s.topic or f"a thief who takes {food}"
    was = "was" if food in ("cheese", "bread", "honey") else "were"
    s.w(("every morning, some of the {food} " + was + " gone. nobody knew where they went.").replace("they went", "it went" if was == "was" else "they went") if was == "was" or s.chance(0.5)
        else "in the evening, there were {start} {food} on the table. in the morning, there were only {left}. {gone} were gone.", **k)
    s.say(s.hero, "[somebody is taking our {food}|there must be a thief|I will find out who it is]!", **k)
    with_friend = s.chance(0.5)
    if with_friend:
        come(s)
        s.say(s.friend, "[look|see], there are {tracks} on the ground!" if tracks[0] != "a" else "look, there is {tracks}!", **k)
    else:
        s.w("{h} looked closely at the ground and found {tracks}.", **k)
    who = "they" if with_friend else "{h:he}"
    s.w(("{who} followed " + ("them" if tracks[0] not in "a" or tracks.startswith("some") else "it") + " [out of the house|through the gate|down the road] until {who} were {there}.").replace("{who} were", "they were" if with_friend else "{h:he} was").replace("{who}", who), **k)
    s.w("{spot} sat {t:n}, {a_kind}, with {food} in front of {t:him}." if s.chance(0.6) else "there, {spot}, was {a_kind} named {t:n}, and beside {t:him} lay the {food}.", **k)
    if s.chance(0.5):
        s.rng.random()  # Not used; the corpus was written with it.
        s.say(s.hero, "[so it was you|why do you take our {food}|so you are the thief]?", **k)
    else:
        s.say(s.hero, "why did you take our {food}?", **k)
    s.say(thief, "please do not be angry. " + why + ".", to=s.hero)
    s.w("{h:n} was not angry any more. [{h} thought for a moment|{h} sat down beside {t:him}].", **k)
    s.say(s.hero, "[next time, just ask|you only had to ask]. we [have enough|can share].", to=thief)
    s.w("from then on, [they put out some {food} for {t:n} every evening|{t:n} came to the door and got some {food}|{t:n} helped in the garden and got {food} for it].", **k)
    s.fact("Who took the {food}?|Who was the thief?", "{t} the {kind} took the {food}.", **k)
    s.fact("Where was {t}?|Where did they find {t}?", "{t} was {spot}.", **k)
    s.lesson = s.pick(["it is better to ask than to steal", "you should know the reason before you are angry", "one who is hungry needs help, not blame"])


def sick(s: Story) -> None:
    """The friend is ill and gets well."""
    introduce(s)
    cure = s.pick(["hot soup", "tea with honey", "a warm blanket", "pea soup", "hot milk", "fresh berries"])
    ill = s.pick(["a bad cold", "a fever", "a sore throat", "a cough"])
    days = s.rng.randint(2, 5)
    k = dict(cure=cure, ill=ill, days=number(days))
    s.topic = s.topic or "a sick friend"
    s.w("[one day|that {time}], {f:n} did not come out to play. {h:n} went to look for {f:him}.", time=s.time)
    s.w("{f:n} lay in bed with {ill}.", **k)
    s.say(s.friend, "[I feel so weak|my head hurts|I am so bored]." , to=s.hero)
    s.w("{h:n} [ran home|went at once] and [came back with|brought] {cure}. [then {h:he} sat by the bed and told stories|{h:n} read to {f:n} from a book|{h:n} sang a song for {f:n}].", **k)
    s.w("[every day for {days} days, {h:n} came back|{h:n} came every day for {days} days]." , **k)
    s.w("[then|after {days} days], {f:n} [was well again|could get up again|jumped out of bed].", **k)
    s.say(s.friend, "[the best medicine was you], {h:n}.", to=s.hero)
    s.fact("Who was ill?|Who was sick?", "{f} was ill.")
    s.fact("What did {f} have?", "{f} had {ill}.", **k)
    s.fact("What did {h} bring?", "{h} brought {cure}.", **k)
    s.fact("How many days was {f} ill?", "{f} was ill for {days} days.", **k)
    s.lesson = s.pick(["a friend is the best medicine", "nobody likes to be ill alone"])


PEOPLE_EPISODES = [helping, helping, quarrel, fright, race, learning, promise, mystery, sick]

"""Episodes about the world: weather, fog, gardens, rivers, snow, letters, locked boxes, wishes."""

import words
from grammar import an, count, listing, number
from openings import come, introduce
from scene import Story


def outing(s: Story) -> None:
    """A plan for outdoors and what the weather makes of it."""
    plan, needed = s.pick([("have a picnic", "sunny"), ("fly the kite", "windy"), ("go sledging", "snowy"), ("go swimming", "hot"), ("go on a long walk", "sunny"), ("sail the little boat", "windy"), ("pick berries", "sunny"), ("sleep in a tent", "sunny")])
    introduce(s)
    k = dict(plan=plan, here=s.at(s.place))
    s.topic = s.topic or "the weather"
    if s.weather == needed or needed == "sunny" and s.weather == "cloudy":
        s.say(s.hero, "[today is the day|this is just the right weather]! let us {plan}!", **k)
        s.w("{h:n} and {f:n} [packed a bag|got ready] and went out. " + s.weather_line() + ".")
        turn, result = {
            "sunny": ("dark clouds came up and it began to rain", "they ran under a big tree and waited until it was over"),
            "cloudy": ("the clouds opened and the sun came out", "they took off their coats and lay down in the grass"),
            "windy": ("the wind grew so strong that it tore off {f:n}'s hat", "they ran after it across the whole field and caught it at the fence"),
            "snowy": ("it began to snow so thickly that they could not see the way", "they followed their own footprints back"),
            "hot": ("there was thunder and big drops fell", "they let the warm rain fall on their faces and laughed"),
        }[s.weather]
        s.w("[at first, all went well|for an hour, everything was fine]. then " + turn + ", so " + result + "." if s.chance(0.75) else "it was as good as they had hoped, and they stayed until evening.")
        s.fact("What did they want to do?|What was the plan?", "They wanted to {plan}.", **k)
    else:
        reason = {
            "sunny": "the sun was shining, and there was no wind" if needed == "windy" else "the sun was shining, and all the snow was gone" if needed == "snowy" else "the water was still too cold",
            "rainy": "it was raining", "windy": "the wind was too strong" if needed != "windy" else "it was calm", "snowy": "there was snow everywhere", "foggy": "the fog was too thick",
            "cloudy": "it was grey, and no wind was blowing" if needed == "windy" else "there was no snow" if needed == "snowy" else "it was too cool", "hot": "it was far too hot" if needed != "snowy" else "it was summer and hot",
        }[s.weather]
        s.w("{h:n} and {f:n} had wanted to {plan} that day. but " + reason + "." , **k)
        s.say(s.friend, "[what shall we do now|and what do we do now]?")
        instead, happy = s.pick({
            "rainy": [("make boats of paper and let them float in the puddles", "{h:n}'s boat went down, but {f:n}'s swam all the way to the gate"), ("bake a cake", "soon the whole house smelled of it"), ("put on our boots and jump into puddles", "they came home wet and happy")],
            "snowy": [("build a snowman", "he got a carrot for a nose and two stones for eyes"), ("make hot cocoa", "they drank it at the window and watched the snow"), ("look for tracks in the snow", "they found those of a hare and followed them to a bush")],
            "foggy": [("stay inside and tell stories", "the best one was about a ghost who was afraid of the dark"), ("play hide and seek in the house", "{f:n} was so well hidden that {f:he} fell asleep there")],
            "windy": [("let leaves dance in the wind", "one flew up and was never seen again"), ("build a little windmill", "it turned so fast that it hummed")],
            "hot": [("sit in the shade with our feet in the water", "{h:n} fell asleep there, and {f:n} put a flower on {h:his} nose"), ("make cold lemonade", "they drank four glasses each")],
            "sunny": [("lie in the grass and look at the sky", "one cloud looked like a sheep"), ("have a picnic", "there was bread and cheese, and an ant got the last crumb")],
            "cloudy": [("paint a picture of the sun", "it hung on the wall and made the room bright"), ("tidy up the shed", "behind the old boxes they found a forgotten ball")],
        }[s.weather])
        s.say(s.hero, "[I know|I have an idea]! we [could|can] " + instead + "!")
        s.w("[so they did|and that was what they did|no sooner said than done], and " + happy + ".")
        s.fact("What did they want to do at first?", "They wanted to {plan}.", **k)
        s.fact("Why could they not {plan}?", "They could not, because " + reason + ".", **k)
        s.fact("What did they do instead?|What was the new idea?", "The idea was to " + instead.replace("our", "their") + ".")
    s.fact("What was the weather like?|How was the weather?", words.WEATHER_ANSWER[s.weather])
    s.lesson = s.pick(["there is no bad weather for good friends", "when one plan fails, another may be better", "you cannot change the weather, but you can change the plan"])


def astray(s: Story) -> None:
    """Lost on the way; something shows the way home."""
    place = s.pick(["in the forest", "in the hills", "on the moor", "in the reeds"])
    guide, way = s.pick([
        ("a small light", "it came from {h:his} own house"), ("the sound of a bell", "{e:n} was ringing it at the door"), ("a little stream", "it ran down to the village"),
        ("the smell of fresh bread", "it led {h:him} straight to the bakery"), ("the north star", "{e:n} had once shown it to {h:him}"), ("{h:his} own footprints", "they led {h:him} back the way {h:he} had come"),
        ("white stones on the path", "{h:he} had dropped them on the way"),
    ])
    cause = s.pick(["fog had come up", "it had grown dark", "{h:he} had followed a butterfly", "all the paths looked the same", "{h:he} had not looked at the path"] + (["snow covered the path"] if s.weather == "snowy" else []))
    s.topic = s.topic or "somebody who is lost"
    s.w("[one day|one afternoon|that {time}], {h:n} went [too far|farther than ever before] {place}.", place=place, time=s.time)
    s.w(cause + ", and {h:he} did not know the way any more." if s.chance(0.7) else "suddenly {h:he} stopped. " + cause + ".")
    s.say(s.hero, "[hello|is anybody there|where am I]?" )
    s.w("[nobody answered|only the wind answered|there was no answer]. [{h} sat down on a stone|{h} walked in a circle|it grew cold].")
    s.maybe(0.6, "[stay calm, {h:n} thought|{h} thought of {e:n} and took heart|{h} wanted to cry, but {h:he} did not].")
    s.para()
    seen = "heard" if "sound" in guide else "noticed" if "smell" in guide else "saw"
    s.w("then {h:n} " + seen + " " + guide + ". " + way + "." )
    s.w("[step by step|slowly|faster and faster], {h:he} [went on|walked on] until the [house|door|village] was in sight.")
    s.say(s.elder, "[there you are|at last|I was so worried]!" )
    s.w("[there was hot soup|a warm supper was waiting|the stove was warm], and {h:n} [told everything|ate three plates|soon fell asleep].")
    s.asleep = True
    s.fact("Where did {h} get lost?", "{h} got lost {place}.", place=place)
    s.fact("What showed {h} the way home?|How did {h} find the way home?", "{guide} showed {h} the way.", guide=s.fill(guide, {}).replace("her own", "the").replace("his own", "the") if "own" not in guide else "the footprints")
    s.fact("Who waited at home?|Who was worried?", "{e} was worried.")
    s.lesson = s.pick(["it is wise to look at the path", "one who stays calm finds the way", "home is where somebody waits for you"])


def garden(s: Story) -> None:
    """A seed, patience, dry days, and what grew."""
    plant, fruit = s.pick([("sunflower", "it was taller than {e:n}"), ("pumpkin", "it was so big that nobody could lift it"), ("bean", "it climbed up to the roof"), ("rose", "it was red and smelled sweet"), ("apple tree", "years later, it bore its first apple"), ("tomato", "there were more tomatoes than they could eat"), ("tulip", "it was as yellow as the sun"), ("melon", "it was round and sweet")])
    days = s.rng.randint(3, 12)
    seeds = s.rng.randint(2, 9)
    k = dict(plant=plant, a_plant=an(plant), days=number(days))
    s.topic = s.topic or f"growing {an(plant)}"
    s.w("{e:n} gave {h:n} a [tiny|small|brown] seed.")
    s.say(s.elder, "[put it into the earth and give it water every day|plant it and be patient]. then you will see.", to=s.hero)
    s.w("{h:n} [dug a hole|made a little hole] {where} and [put the seed in|laid the seed in it].", where=s.pick(["beside the fence", "behind the house", "under the window", "in a pot", "near the well"]))
    s.w("[every morning|every day], {h:he} [gave it water|watered it]. {days} days went by, and nothing happened.", **k)
    s.say(s.hero, "why does it not grow?")
    if s.chance(0.5):
        s.say(s.elder, "[seeds have their own time|wait a little longer|under the earth it is hard at work].", to=s.hero)
    if s.weather == "hot" or s.chance(0.3):
        s.w("then it did not rain for a long time, and {h:n} carried water from the river, one bucket after the other.")
    else:
        s.w("then came a night of warm rain.")
    s.w("[one morning|and then one morning|the next morning], a [small green leaf|green tip] [looked out of the ground|stood there]!")
    s.say(s.hero, "it is growing!")
    s.w("[week by week|day by day], it grew. [in summer|in autumn|in the end], it was {a_plant}, and " + fruit + ".", **k)
    s.fact("What grew from the seed?|What did {h} grow?", "{a_plant_c} grew from the seed.", a_plant_c=an(plant), **k)
    s.fact("Who gave {h} the seed?", "{e} gave {h} the seed.")
    s.fact("How many days went by before anything happened?|How many days did {h} wait at first?", "{days} days went by.", **k)
    s.lesson = s.pick(["good things need time", "patience makes things grow", "what is cared for will grow"])


def letter(s: Story) -> None:
    """A message must get to somebody; two obstacles; an answer."""
    introduce(s)
    obstacles = s.rng.sample([
        ("the bridge was broken", "so {h:he} crossed the river on three big stones", "the broken bridge"), ("a big dog stood in the way", "so {h:he} gave it half of {h:his} bread, and it wagged its tail", "the big dog"),
        ("a tree had fallen across the road", "so {h:he} crawled under it", "the fallen tree"), ("the wind tore the letter from {h:his} hand", "but it caught on a thorn bush, and {h:he} got it back", "the wind"),
        ("the gate was locked", "so {h:he} climbed over the wall", "the locked gate"), ("the road was full of mud", "so {h:he} walked on the grass beside it", "the mud"), ("it began to hail", "so {h:he} waited under a roof until it was over", "the hail"),
    ], 2)
    if s.world == "animal":
        obstacles = [o for o in obstacles if "hand" not in o[0]] or [("the bridge was broken", "so {h:he} crossed the river on three big stones", "the broken bridge")]
    sender = s.elder
    message = s.pick(["please come to the feast on Sunday", "the harvest is in, come and dance with us", "I am well, and I think of you", "your aunt has come to visit", "we need your help with the roof", "the first snow will fall tomorrow, so bring in your wood"])
    s.topic = s.topic or "a letter"
    s.say(sender, "{h:n}, take this letter to {f:n}. it is important." if s.chance(0.6) else "can you bring this letter to {f:n} before it gets dark?")
    s.w("{h:n} [put it into {h:his} bag|took it] and [set out|went off].")
    for at, (problem, solution, _) in enumerate(obstacles):
        s.w(("[on the way|first|soon], " if at == 0 else "[then|a little later|after that], ") + problem + ", " + solution + ".")
    s.w("[at last|just before dark|in the evening], {h:n} stood at {f:n}'s door. {f:n} opened the letter and read it aloud.")
    s.w_raw('"' + message[0].upper() + message[1:] + '," it said.')
    s.say(s.friend, "[what good news|thank you for bringing it|you have come all this way for me]!")
    s.fact("Who wrote the letter?|Who sent the letter?", "{e} sent the letter.")
    s.fact("Who got the letter?", "{f} got the letter.")
    s.fact("What was in the way?|What stopped {h} on the way?", "{what} was in the way.", what=obstacles[0][2])
    s.fact("What did the letter say?", 'It said: "' + message[0].upper() + message[1:] + '."')
    s.lesson = s.pick(["there is a way around everything", "one who goes on will get there", "good news makes a long way short"])


def locked(s: Story) -> None:
    """A locked box, a key that must be found, and what was inside."""
    box = s.pick(["an old chest", "a small wooden box", "a rusty iron box", "a blue suitcase", "a heavy drawer", "a strange little door"])
    noun = box.split()[-1]
    where = s.pick(["in the attic", "under the stairs", "behind the shed", "in the cellar", "under a heap of leaves", "on the beach"])
    hint, keyspot = s.pick([("the bird keeps it", "in an empty bird's nest"), ("look where the clock ticks", "inside the old clock"), ("it sleeps under flowers", "under a flower pot"), ("the sleeper lies on it", "under a pillow"), ("where the water comes from", "in the bucket of the well"), ("look behind the face on the wall", "behind a picture")])
    inside = s.pick(["a letter from long ago", "an old map", "a music box that still played", "a picture of {e:n} as a child", "a handful of seeds", "a wooden toy horse", "seven silver spoons", "a book without a title", "nothing but a smaller box"])
    k = dict(box=box, noun=noun, where=where, hint=hint, keyspot=keyspot)
    s.topic = s.topic or f"{box}"
    s.w("{where}, {h:n} [found|discovered] {box}. it was locked." if s.chance(0.6) else "[one day|that {time}], {h:n} found {box} {where}, but it would not open.", time=s.time, **k)
    friend = s.chance(0.5)
    if friend:
        come(s)
        s.say(s.friend, "[what is in it|where is the key]?")
    s.w("on the {noun}, there was [a note|some writing]: {hint}.", **k)
    s.say(s.hero, "[what can that mean|what does that mean]?") if s.chance(0.7) else None
    s.w("{who} thought [for a long time|hard]. [then {h:n} jumped up|suddenly {h:n} had an idea].".replace("{who}", "they" if friend else "{h}"))
    s.w("{h} [looked|searched] {keyspot}, and there it was: a [small|rusty|golden] key!", **k)
    s.w("it fitted. [slowly|with a creak], the {noun} opened. inside was " + inside + ".", **k)
    s.maybe(0.6, "{e:n} [came and looked at it for a long time|smiled, for {e:he} knew it well|had tears in {e:his} eyes].")
    s.fact("Where was the {noun}?|Where did {h} find the {noun}?", "The {noun} was {where}.", **k)
    s.fact("Where was the key?", "The key was {keyspot}.", **k)
    s.fact("What was in the {noun}?|What was inside?", "Inside was " + s.fill(inside, {}).replace("her as", s.elder.name + " as").replace("him as", s.elder.name + " as") + ".", **k)
    s.lesson = s.pick(["every riddle has an answer", "it helps to think before you look", "old things can tell stories"])


def wish(s: Story) -> None:
    """Something magical, a wish too many, and the way back."""
    giver = s.pick(["a fish with golden scales", "an old woman in a grey coat", "a star that had fallen into the grass", "a tiny man with a green hat", "a talking stone", "a white bird"])
    what, harm, undo = s.pick([
        ("that everything tasted of cake", "{h:he} could not stand cake any more, and even the water was sweet", "that everything was as before"),
        ("that it would never be night", "nobody could sleep, and the owls were sad", "that the night came back"),
        ("to be as tall as a tree", "{h:he} did not fit into any house and could not talk to anybody", "to be small again"),
        ("that nobody could see {h:him}", "nobody greeted {h:him}, and {h:he} was very lonely", "that all could see {h:him} again"),
        ("that it would snow every day", "the flowers froze, and the birds were hungry", "that spring would come"),
        ("to have all the gold in the world", "{h:he} could not eat it, and {h:he} was afraid of thieves", "to have {h:his} old life back"),
        ("to be able to fly", "{h:he} flew so high that {h:he} could not see {h:his} home any more", "to stand on the ground again"),
    ])
    s.topic = s.topic or "a wish"
    s.w("{here}, {h:n} met {giver}.", here=s.at(s.place), giver=giver)
    s.w('"You have two wishes," \x01said the {g}. "[Think well|Choose well|Be careful]."'.replace("{g}", {"a fish": "fish", "an old": "old woman", "a star": "star", "a tiny": "tiny man", "a talk": "stone", "a whit": "white bird"}[giver[:6]]))
    s.w("{h:n} did not think long. {h} wished " + what + ".")
    s.w("[at first it was wonderful|for a day, it was great fun|it happened at once]. but [then|after three days], " + harm + ".")
    s.say(s.hero, "[what have I done|this is not what I wanted]" + "!" )
    s.w("so {h:n} used the second wish. {h} wished " + undo + ".")
    s.w("[and so it was|in the same moment, it was done]. {h:n} [breathed deeply|ran home and hugged {e:n}|had never been so glad to be at home].")
    s.fact("Who gave {h} two wishes?|Who did {h} meet?", "{giver} gave {h} two wishes.", giver=giver)
    s.fact("How many wishes did {h} have?", "{h} had two wishes.")
    s.fact("What did {h} wish first?|What was the first wish?", "{h} wished " + s.fill(what, {}).replace(" she", " " + s.hero.name).replace(" her", " " + s.hero.name).replace(" him", " " + s.hero.name) + ".")
    s.lesson = s.pick(["it is wise to be content with what you have", "one should think before one wishes", "the best things are often those we already have"])


def rescue(s: Story) -> None:
    """A storm, a flood or a fire; quick thinking saves something."""
    danger, act, saved = s.pick([
        ("the river rose higher and higher", "{h:n} opened the gate of the dam", "the village"), ("lightning struck the old barn", "{h:n} ran in and led out the horse", "the horse"),
        ("a little boat drifted out to sea", "{h:n} threw a long rope and pulled it back", "the boat"), ("the ice on the lake cracked under a child", "{h:n} lay down flat and held out a branch", "the child"),
        ("the mill caught fire", "{h:n} rang the big bell until everybody came with buckets", "the mill"), ("the storm tore the roof off the hen house", "{h:n} carried the hens into the barn, one by one", "the hens"),
        ("a lamb slid down the steep bank", "{h:n} climbed down and carried it up on {h:his} back", "the lamb"),
    ])
    s.topic = s.topic or "a brave deed"
    s.w("[then something happened|one stormy evening, something happened|but one day, something bad happened]: " + danger + "." )
    s.w("[everybody shouted|everybody ran here and there|nobody knew what to do].")
    s.say(s.hero, "[quick|come quickly|we must do something]!" )
    s.w("without [waiting|a word], " + act + ". [it was hard and took all {h:his} strength|{h:his} arms hurt, but {h:he} did not let go|it was a matter of moments].".replace("{h:his} arms hurt, but {h:he} did not let go|", "" if s.world == "animal" else "{h:his} arms hurt, but {h:he} did not let go|"))
    s.w("[then it was over|in the end, all was well]. " + saved + (" were" if saved == "the hens" else " was") + " safe.")
    s.say(s.elder, "[you were very brave|that was quick thinking|we are all proud of you], {h:n}.", to=s.hero)
    s.maybe(0.5, "{h:n} [turned red|only said that anybody would have done it|was so tired that {h:he} fell asleep on the spot].")
    s.fact("Who was brave?|Who saved " + saved + "?", "{h} saved " + saved + ".")
    s.fact("What happened?|What was the danger?", danger + ".")
    s.lesson = s.pick(["courage means to act even when you are afraid", "a cool head helps more than loud shouting"])


def snowman(s: Story) -> None:
    """Snow, something missing, the sun."""
    s.weather = "snowy"
    introduce(s)
    nose = s.pick(["a carrot", "a pine cone", "a red pepper"])
    hat = s.pick(["an old hat", "a bucket", "a flower pot", "a cooking pot"])
    eyes = s.pick(["two buttons", "two black stones", "two nuts"])
    s.topic = s.topic or "a snowman"
    k = dict(nose=nose, hat=hat, eyes=eyes)
    s.w("[in the night|overnight], it had snowed. {h:n} and {f:n} [ran out|went outside] and rolled [big balls|three balls] of snow.")
    s.w("[soon|before noon], a snowman stood there. he got {eyes} for eyes, {nose} for a nose and {hat} for a hat.", **k)
    s.w("[in the morning|the next day], the {n} was gone. only the tracks of a [hare|deer] led away.".replace("[hare|deer]", s.pick([x for x in ("hare", "deer") if x not in (s.hero.kind, s.friend.kind)])), n=nose.split(" ", 1)[1]) if nose == "a carrot" and s.chance(0.7) else s.w("all {time} they played around him.", time="day")
    s.chance(0.5)
    s.say(s.friend, "will he stay for ever?" if s.chance(0.6) else "I wish he could stay!")
    s.w("[a few days later|a week later|on Sunday], the sun came out. the snowman grew smaller and smaller, until only {hat} lay in a puddle.", **k)
    s.w("{h:n} was sad.") if s.chance(0.6) else None
    s.say(s.elder, "[next winter, he will come back|he has only gone up to the clouds|now he waters the flowers].", to=s.hero)
    s.fact("What did they build?", "They built a snowman.")
    s.fact("What was the snowman's nose?|What did the snowman have for a nose?", "The nose was {nose}.", **k)
    s.fact("What was the snowman's hat?", "The hat was {hat}.", **k)
    s.fact("What was the weather like?|How was the weather?", "There was snow.")
    s.lesson = s.pick(["nice things do not last for ever, but they come again", "one should enjoy the snow while it is there"])


WORLD_EPISODES = [outing, outing, outing, astray, garden, letter, locked, wish, rescue, snowman]

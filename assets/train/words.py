"""What the stories are made of: names, kinds of heroes, places with hiding spots, things, weather."""

GIRLS = (
    "Mia Lena Ada Clara Nora Ivy Ruth Elsa Tilda Wanda Greta Anna Lucy Rosa Hazel Maya Sara Ella Zoe Freya Ines Dora Ida "
    "Marta Vera Nina Olga Pia Lotte Heidi Alma Edith Fern Opal June Willa Sofia Emma Lily Rose Amy Kate Jane Molly "
    "Polly Sally Tess Bella Daisy Luna Stella Ruby Pearl Mabel Agnes Flora Iris Cora Della Esme Fay Gwen Hilda Isla Joan "
    "Kira Leah Mina Nell Orla Priya Rita Sana Tara Una Violet Wren Yara Zara Amara Leila Noor Hana Yuki Mei Aiko "
    "Abigail Adele Aisha Alice Amina Astrid Aurora Beatrice Bianca Birgit Bonnie Camila Celeste Chiara Dalia Delphine Eileen Elif Eloise Fatima "
    "Fiona Frida Genevieve Gudrun Harriet Ilse Imogen Ingrid Irina Jasmin Johanna Katya Keiko Layla Linnea Lucia Magda Margot Matilda Naomi Niamh "
    "Odette Oksana Paloma Petra Ramona Rosalind Sabine Salma Saskia Sigrid Simone Sunniva Svetlana Tamara Thea Ursula Valentina Wilma Xenia Yvonne Zelda"
).split()
BOYS = (
    "Tom Ben Max Otto Finn Leo Sam Jack Hugo Oscar Emil Karl Paul Peter Anton Felix Oliver Theo Noah Liam Eli Jonas Milo "
    "Nico Omar Ravi Sven Tim Udo Victor Xavi Yusuf Zack Adam Bruno Carlo Dan Ed Frank George Harry Ian Jim Kurt Louis "
    "Ned Owen Pablo Quinn Simon Ted Ugo Vince Walter Ali Arun Boris Cyril Diego Erik Fred Gus Henry Ivan Jasper "
    "Kai Lars Matt Nils Oleg Per Ralph Sid Toby Uli Wim Amir Bashir Chen Dev Hiro Kofi Tariq Rohan "
    "Aaron Abdul Albert Alexander Andrei Arthur Axel Balthasar Bartek Benedict Caspar Christoph Clement Conrad Cornelius David Dimitri Duncan Edgar "
    "Edmund Einar Eliot Emmett Enzo Ezra Fergus Florian Gabriel Gareth Giovanni Gregor Gunnar Hamid Hans Hector Igor Ismael Jacob Jerome Joaquin Kenji "
    "Klaus Lorenzo Lucas Luther Magnus Marcel Mateo Merlin Mikhail Nathan Nikolai Orlando Otis Pascal Percy Philip Rafael Reuben Rupert Salim Samuel "
    "Sebastian Stefan Thomas Tobias Tristan Ulrich Valentin Vincent Warren Wilfred Yannick Zoltan"
).split()
PET_NAMES = (
    "Pip Dot Fig Nut Bramble Clover Pepper Biscuit Mossy Tuft Whisker Button Patch Pebble Twig Acorn Thistle Nettle Sorrel "
    "Rusty Sandy Ginger Dusty Snowy Speck Bean Crumb Hop Flick Fluff Maple Teasel Juniper Hobble Tumble Muddle Plum Burr"
).split()

ANIMALS = (
    "fox rabbit mouse bear hedgehog owl duck frog cat dog squirrel badger otter mole turtle sparrow crow goat donkey hen pony "
    "beaver goose lamb pig lizard robin stork wolf deer toad snail kitten puppy sheep cow horse "
    "pigeon raven weasel hamster swan seal bat newt parrot camel monkey elephant lion"
).split()
CREATURES = "dragon robot giant gnome wizard witch troll elf ghost fairy dwarf pirate".split()
WORKERS = (
    "fisherman baker gardener farmer sailor painter shepherd miller tailor clockmaker carpenter knight king potter beekeeper "
    "postman woodcutter cook shoemaker"
).split() + ["lighthouse keeper"]
QUEENS = "queen princess baker gardener farmer painter shepherdess potter beekeeper cook weaver teacher".split()
TRAITS = (
    "kind brave curious clever shy cheerful quiet patient gentle lively clever careful stubborn dreamy busy playful friendly "
    "thoughtful merry polite honest helpful serious bold calm wise strong small tall hungry tidy funny lonely"
).split()
FLAWS = "impatient proud forgetful lazy grumpy boastful greedy careless".split()

COLOURS = "red blue green yellow white black brown grey pink purple orange golden silver".split()
LOOKS = "small big old new round little shiny wooden striped spotted tiny pretty heavy thin dusty fine painted lovely plain strange beautiful".split()

#: Things that can be carried, lost, lent and found.
THINGS = (
    "ball kite hat scarf key ring drum book lantern whistle doll button spoon basket umbrella blanket map bell cup flute coin "
    "mitten shell feather marble compass notebook pencil ribbon necklace spinning_top pocket_watch glove bag bottle comb jar "
    "rope hammer knife letter bracelet box bucket brush lamp mirror cap boot toy_train music_box fishing_rod toy_boat "
    "ladle whisk saw wheel candle pillow slipper crown medal anchor trumpet violin harp sock belt purse cane clock magnet pebble shawl fan teapot plate jug "
    "telescope hourglass puppet sledge wagon basin stool lock chain thimble needle pearl vase tent sack easel kettle horseshoe"
)
THINGS = [thing.replace("_", " ") for thing in THINGS.split()]
#: Things that can be picked or gathered, with where they are.
GATHERED = {
    "apple": "in the orchard", "pear": "in the orchard", "plum": "under the plum tree", "cherry": "in the orchard",
    "nut": "in the forest", "mushroom": "in the forest", "acorn": "under the oak", "pine cone": "in the forest",
    "shell": "on the beach", "stone": "by the river", "feather": "by the pond", "flower": "in the meadow",
    "berry": "on the hill", "egg": "in the hen house", "carrot": "in the garden", "tomato": "in the garden",
    "pumpkin": "in the field", "strawberry": "in the garden", "leaf": "in the park", "turnip": "in the field",
}
TREATS = ["cookie", "cake", "bun", "apple", "pear", "plum", "pancake", "nut", "berry", "roll", "sweet", "carrot", "muffin"]

#: Name, with its preposition, and spots where something can lie or somebody can hide.
PLACES = {
    "forest": ("in the forest", ["under an old oak", "behind a mossy stone", "beside the path", "in a hollow log", "under a fern", "between two roots", "in a heap of leaves"]),
    "meadow": ("in the meadow", ["in the tall grass", "beside the fence", "behind a haystack", "under a bush", "among the flowers", "near the gate"]),
    "garden": ("in the garden", ["under the bench", "behind the shed", "between the cabbages", "beside the well", "under the rose bush", "in the watering can"]),
    "park": ("in the park", ["under a bench", "behind the fountain", "near the swings", "beside the pond", "under the slide", "next to a tree"]),
    "beach": ("on the beach", ["behind a rock", "under an old boat", "in the wet sand", "between two rocks", "beside a heap of seaweed", "near the pier"]),
    "river": ("by the river", ["under the bridge", "among the reeds", "on a flat stone", "behind a willow", "in the mud", "beside a fallen tree"]),
    "pond": ("at the pond", ["among the reeds", "on a flat stone", "under a willow", "behind the boat house", "in the mud", "beside the little pier"]),
    "market": ("at the market", ["under a table", "behind a barrel", "beside the fish stall", "next to the fountain", "between two baskets", "under a cart"]),
    "farm": ("on the farm", ["in the hay", "behind the barn", "under the cart", "beside the well", "in the stable", "near the hen house"]),
    "hill": ("on the hill", ["behind a rock", "under the lonely tree", "beside the path", "in the tall grass", "near the old wall", "in a small hole"]),
    "school": ("at school", ["under a desk", "behind the door", "in the hall", "beside the stairs", "on a shelf", "under the coats"]),
    "kitchen": ("in the kitchen", ["under the table", "behind the stove", "in a drawer", "on the top shelf", "beside the bread box", "behind the flour"]),
    "barn": ("in the barn", ["in the hay", "behind a barrel", "under the ladder", "beside an old wheel", "in a bucket", "on a beam"]),
    "attic": ("in the attic", ["behind a chest", "under a dusty blanket", "in an old suitcase", "beside the window", "between two boxes", "on a beam"]),
    "library": ("in the library", ["between two books", "under a chair", "behind the globe", "on the window sill", "beside the lamp", "on the lowest shelf"]),
    "orchard": ("in the orchard", ["under a pear tree", "beside the ladder", "in a basket", "in the grass", "behind the wall", "near the gate"]),
    "harbour": ("at the harbour", ["behind a barrel", "under a net", "beside an anchor", "on the pier", "in a small boat", "between two crates"]),
    "cave": ("in the cave", ["behind a stone", "in a dark corner", "beside a small pool", "on a ledge", "near the entrance", "in a crack"]),
}
OUTDOORS = [place for place in PLACES if place not in ("school", "kitchen", "barn", "attic", "library", "cave")]
HOMES = [
    "in a small house by the river", "in a village at the foot of a hill", "in a cottage near the forest", "in a little town by the sea",
    "in a quiet valley", "on a farm", "in a narrow street behind the market", "in an old mill", "in a house with a green door",
    "at the edge of a big forest", "in a tall house in the middle of the town", "on a small island", "beside a lake", "above a bakery", "on a houseboat",
    "next to the school", "behind the church", "near a windmill", "at the top of a long stair", "in a yellow house on the square", "by the old bridge", "in a hut in the mountains",
    "in a stone house on a hill", "in a busy town", "near the harbour",
]
DENS = [
    "in a hole under an oak", "in a hollow tree", "in a den behind the hill", "in the reeds by the pond", "under the roots of a willow",
    "in a small burrow at the edge of the meadow", "in the old barn", "near the river", "deep in the forest", "beside a quiet lake", "under a stone wall",
    "in an empty flower pot", "behind the mill", "at the foot of a steep cliff", "in a thorn bush", "on a farm", "not far from the sea", "in a nest of straw",
]
CREATURE_HOMES = [
    "in a cave on a mountain", "in an old tower", "in a castle with seven towers", "behind a waterfall", "in a crooked house in the forest",
    "on top of a grey mountain", "in a little house made of stones", "at the end of a long road", "under a bridge", "in a deep valley", "on an island of black rock",
    "in a wood where nobody went", "beneath an old city wall",
]

WEATHER = {
    "sunny": ["The sun was shining", "It was a warm and sunny day", "The sky was blue", "It was bright and warm outside", "There was not a cloud in the sky"],
    "rainy": ["It was raining", "Rain fell on the roofs", "The sky was grey and it rained", "It had rained since the early morning", "Rain drummed on the windows"],
    "windy": ["A strong wind was blowing", "The wind blew hard", "It was a windy day", "The wind shook the trees", "The wind pulled at every branch"],
    "snowy": ["Snow lay on the ground", "It had snowed in the night", "Everything was white with snow", "Thick snow covered the roofs", "Snow was falling quietly"],
    "foggy": ["A thick fog lay over the land", "It was foggy", "Grey fog hid the trees", "The fog was so thick that the houses were hard to see"],
    "cloudy": ["The sky was full of clouds", "It was a cool and cloudy day", "Grey clouds covered the sky", "It was a cloudy day"],
    "hot": ["It was a very hot day", "The sun burned down", "It was so hot that nobody wanted to move", "The air was hot and still"],
}
WEATHER_ANSWER = {
    "sunny": "It was sunny.", "rainy": "It was raining.", "windy": "It was windy.", "snowy": "There was snow.",
    "foggy": "It was foggy.", "cloudy": "It was cloudy.", "hot": "It was hot.",
}
HOBBIES = {
    "painting": "painted", "singing": "sang", "swimming": "swam", "climbing trees": "climbed trees", "reading": "read", "baking": "baked",
    "collecting stones": "collected stones", "telling stories": "told stories", "looking at the stars": "looked at the stars",
    "building things": "built things", "fishing": "fished", "dancing": "danced", "growing flowers": "grew flowers",
    "making music": "made music", "running": "ran", "counting things": "counted things", "solving riddles": "solved riddles", "cooking": "cooked", "drawing maps": "drew maps", "sewing": "sewed",
    "sleeping in the sun": "slept in the sun", "helping others": "helped others", "playing tricks": "played tricks", "looking for treasure": "looked for treasure", "writing letters": "wrote letters",
    "swapping things": "swapped things", "going to the market": "went to the market", "sailing": "sailed", "skating": "skated", "digging holes": "dug holes", "whistling": "whistled", "watching birds": "watched birds", "flying kites": "flew kites",
}

"""Invented titles, names and taglines for the sample posters."""

_QUALITIES = (
    "Amber Borrowed Broken Burning Copper Crimson Crooked Distant Eleventh Empty Endless "
    "Fallen Forgotten Gentle Gilded Hollow Honest Hungry Iron Little Lost Midnight Northern "
    "Paper Patient Quiet Restless Salted Scarlet Second Silent Silver Sleeping Stolen Sunken "
    "Tender Twisted Velvet Winter Yellow"
)
_THINGS = {
    "Action": "Blast Convoy Detonator Overdrive Payload",
    "Adventure": "Caravan Expedition Meridian Summit Voyage",
    "Animation": "Bubble Doodle Gizmo Noodle Whiskers",
    "Biography": "Inventor Portrait Sculptor Senator Diary",
    "Comedy": "Buffet Cousins Mishap Neighbours Trousers",
    "Crime": "Alibi Heist Ledger Racket Verdict",
    "Documentary": "Archive Coastline Harvest Reef Witness",
    "Drama": "Autumn Letter Orchard Silence Tide",
    "Family": "Backyard Kite Puppy Treehouse Weekend",
    "Fantasy": "Amulet Griffin Kingdom Sorcerer Thorn",
    "History": "Aqueduct Chronicle Dynasty Empire Regent",
    "Horror": "Cellar Crypt Harrow Lullaby Teeth",
    "Music": "Chorus Encore Jukebox Rhythm Serenade",
    "Mystery": "Cipher Lantern Riddle Stranger Vanishing",
    "Romance": "Bouquet Postcard Promise Sweetheart Waltz",
    "Sci-Fi": "Android Nebula Orbit Quantum Signal",
    "Sport": "Champion League Rookie Stadium Underdog",
    "Thriller": "Hostage Informant Paranoia Pursuit Vertex",
    "War": "Armistice Battalion Frontline Regiment Trench",
}
_TAGLINES = (
    "Some doors only open once.",
    "Everyone has a price.",
    "The long way home is the only way.",
    "Nothing stays buried.",
    "One summer. One chance.",
    "This time it counts.",
    "The truth was never lost.",
    "Hold on to something.",
    "You will know by morning.",
    "They were told to wait.",
    "Small town. Big trouble.",
    "Trust the one who runs.",
    "A story worth the silence.",
    "The map was wrong.",
    "Say it before the rain.",
    "It began with a knock.",
    "Every ending needs a witness.",
    "Luck has a short memory.",
)
_FIRST = (
    "Ada Bruno Carla Dmitri Elena Farid Greta Hugo Ines Jonas Kaya Leon Mira Nils Olga Pavel "
    "Rosa Selim Tessa Ugo Vera Wanda Yusuf Zora"
)
_LAST = (
    "Alder Bexley Corvin Dahl Ekman Falk Garrow Hale Ilic Jarvis Korda Lund Marlow Novak "
    "Orsini Pike Quill Rask Sorel Tamm Ulrich Voss Wexler Yates"
)


def invent_title(rng, genre):
    """Return a title of a film that flavours `genre`.

    Example: `"The Crooked Lantern"`.
    """
    (quality,), (last,), (first,) = (
        _choose(rng, words, 1) for words in (_QUALITIES, _LAST, _FIRST)
    )
    thing, other = _choose(rng, _THINGS[genre], 2)
    article = "An" if thing[0] in "AEIOU" else "A"
    forms = (
        f"The {quality} {thing}",
        f"{quality} {thing}",
        f"{thing} & {other}",
        f"The {thing}",
        f"{thing} of {last}",
        f"{article} {thing} for {first}",
        f"No {quality} {thing}",
    )
    return forms[rng.integers(len(forms))]


def invent_names(rng, count):
    """Return that many different first and last names."""
    pairs = zip(_choose(rng, _FIRST, count), _choose(rng, _LAST, count), strict=True)
    return [f"{first} {last}" for first, last in pairs]


def invent_tagline(rng):
    """Return a sentence for below the title."""
    return _TAGLINES[rng.integers(len(_TAGLINES))]


def _choose(rng, words, count):
    """Return `count` different words of a string."""
    words = words.split()
    return [words[k] for k in rng.permutation(len(words))[:count]]

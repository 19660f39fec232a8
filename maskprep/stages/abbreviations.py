"""Words that end with a full stop inside a sentence, and words that only begin one.

Facts gathered from grammars, style guides and the segment suppressions of the Unicode CLDR. An
entry in lower case matches any case; one with a capital matches only that spelling, where the
lower-case word is an ordinary one ("Rep." but "a rep.").
"""

# ruff: noqa: RUF001 - Cyrillic words look like Latin ones.
# ruff: noqa: SIM905 - a list of words reads best as text.

from dataclasses import dataclass
from functools import cache

SENTENCE_RULES = 1
"""Number of these lists and of the rules that read them (`kernels/sentence*.py`, and Unicode's
`sentence_characters.txt`). It stands in every manifest; a change of any border makes it one more.
"""


@dataclass(frozen=True)
class Abbreviations:
    """What stands before a full stop that may not end a sentence, without that full stop."""

    inside: frozenset[str]
    """A sentence never ends here: titles before names, "e.g."."""
    before_number: frozenset[str]
    """No sentence ends here when a digit or a Roman numeral follows: "No. 5"."""
    sometimes_last: frozenset[str]
    """A sentence ends here only when a word of `openers` follows: "Inc. The"."""
    openers: frozenset[str]
    """Words in lower case that, capitalised after a full stop, begin a sentence."""
    ordinals: bool
    """A number with a full stop is an ordinal: "am 3. Oktober"."""


_INSIDE = {
    "en": "mr mrs ms messrs mx dr drs prof Rev Hon Gen Sen Rep Gov Col Capt Lt Sgt Cpl Pvt Maj "
    "Cmdr Adm Brig Fr Mt Ft Supt Pres Atty Det Insp Msgr Amb Ald pvt vs e.g i.e viz cf approx ca "
    "al Ph.D Assn Dept Univ",
    "ru": "г-н г-жа проф акад доц гр тов св преп чл ред изд авт напр ср см т.е т.н т.к т.наз "
    "ген полк кап лейт адм инж докт канд ул пр-т просп пер бул наб пл пос дер обл респ англ "
    "франц лат греч итал исп рус яз",
    "de": "hr fr frl dr dipl ing prof bzw ca evtl ggf vgl z.b d.h u.a u.ä o.ä i.d.r s.o s.u sog "
    "geb gest verh inkl exkl zzgl bspw insb lt abs hrsg med phil jur rer nat",
    "fr": "mm mme mmes mlle mlles mgr me dr pr st ste av boul env cf c.-à-d p.ex éd coll",
    "es": "sr sra sres sras srta d dña dr dra dres prof profa lic ing arq gral cnel cap tte fr ud "
    "uds vd vds pág avda p.ej aprox",
    "it": "sig sigg sig.ra sig.na dott dott.ssa prof prof.ssa avv ing arch geom rag mons on "
    "card gen col cap cfr es p.es",
    "nl": "dhr mevr mw mej dr drs ir ing prof mr ds bijv bv d.w.z m.b.t o.a m.i.v t.a.v i.v.m ca "
    "resp nl t.o.v",
    "pl": "prof dr hab inż mgr lek doc gen płk kpt por ks św al ul pl os im np tzn tzw m.in ok "
    "zob por wg ww tj red",
    # Names of the Latin letters, doctor, professor.
    "hi": "ए बी सी डी ई एफ जी एच आई जे के एल एम एन ओ पी क्यू आर एस टी यू वी एक्स वाई डॉ श्री प्रो",
    "pt": "sr sra srs sras srta dr dra drs prof profa eng arq gen cel cap av exmo exma v.exa p.ex "
    "dom d",
}
_BEFORE_NUMBER = {
    "en": "no nos p pp vol vols ch chap sec fig figs art eq par pt op ex v bk ver pop Jan Feb Mar "
    "Apr Jun Jul Aug Sep Sept Oct Nov Dec",
    "ru": "стр с т гл п пп рис табл кв д корп оф ст вып тел руб илл ч",
    "de": "nr nrn s art bd abb kap tab anm tel z st jan feb mär apr jun jul aug sept okt nov dez",
    "fr": "n nos p pp vol art chap fig t tél janv févr avr juil sept oct nov déc",
    "es": "núm núms nº pág págs p pp vol art cap fig t tel",
    "it": "n nn p pp pag pagg vol art artt cap fig t tel",
    "nl": "nr nrs blz p pp art hfst afb fig jan feb mrt apr jun jul aug sept okt nov dec",
    "pl": "nr nry s str t tom art rozdz rys tab poz pkt ust godz tel r",
    "pt": "n p pp pág págs vol art cap fig t tel",
}
_SOMETIMES_LAST = {
    "en": "inc ltd co corp bros jr sr esq St Ave Blvd Rd Ln plc a.m p.m",
    "ru": "т.д т.п др пр гг г в вв н.э э им тыс млн млрд руб коп экз",
    "de": "usw u.s.w etc str co jh mio mrd std",
    "fr": "etc",
    "es": "etc cía s.a ee.uu",
    "it": "ecc s.p.a",
    "nl": "enz e.d e.a",
    "pl": "itd itp r w in tys mln",
    "pt": "etc ltda s.a",
}
_OPENERS = {
    "en": "the a an he she it we they i you this that these those there here his her its our their "
    "my your but and or so yet if when while although though because since as in on at by for "
    "from with after before during until to of however moreover therefore meanwhile what who why "
    "how where which some many most all both each every no not one two another also then now "
    "once only even perhaps it's he's she's they're i'm i've that's there's",
    "ru": "он она оно они это этот эта эти я мы вы ты но и а в во на по за из от до для с со к при "
    "как так если когда хотя что кто где его её их мой наш все всё также однако затем потом после "
    "там здесь тогда теперь ещё уже не нет о об у под над между через среди",
    "de": "der die das er sie es wir ihr ein eine einer eines im in am an auf aus bei mit nach von "
    "vor zu für und aber oder doch denn wenn als dass weil dieser diese dieses dies sein seine "
    "ihre unser auch nur so da dann dort hier was wer wie wo nicht",
    "fr": "il elle ils elles on nous vous je un une ce cette ces cet mais et ou donc car en dans "
    "sur pour par avec après avant depuis son sa ses leur leurs si quand comme puis ainsi",
    "es": "él ella ellos ellas un una esto este esta estos estas pero y o en por para con según "
    "desde cuando como si su sus no también entonces así los las el",
    "it": "egli lui lei loro un una uno questo questa questi ma e nel nella con per dopo prima "
    "quando come se il gli anche non",
    "nl": "de het een hij zij ze wij we dit dat deze die maar en of in op met voor na als toen "
    "zijn haar hun ook er",
    "pl": "on ona ono oni to ten ta te ale i a w we na po za od do dla z ze jak gdy jeśli jego jej "
    "ich także",
    "pt": "ele ela eles elas um uma isto este esta mas e em no na nos nas por para com desde "
    "quando como se seu sua também os as",
}
_ORDINAL_LANGUAGES = frozenset("de da nb nn no fi cs sk hu sl hr bs sr lv et is tr pl".split())
ORDINAL_NOUNS = frozenset(
    "jahrhundert jahrhunderts jahrhunderten januar februar märz april mai juni juli august "
    "september oktober november dezember weltkrieg armee auflage geburtstag klasse stock tag "
    "platz runde minute".split()
)
"""German words that make the number with a full stop before them an ordinal in any language."""
ENDING_AFTER_NUMBER = frozenset("г гг в вв".split())
"""Russian years and centuries: "в 1916 г. Он" ends a sentence, "г. Москва" does not."""
# An ordinary word of another language ("on", "sen", "im", "par"): these wait for --language.
_AMBIGUOUS = frozenset(
    "on im in os pl por ok es me av lt abs ex par pt ch d nl w n v z r "
    "card rag arch red cap doc mm hr med dom eng coll env".split()
)


def _words(table: dict[str, str], language: str) -> frozenset[str]:
    every = frozenset(word for words in table.values() for word in words.split())
    own = frozenset(table.get(language, "").split())
    return (every - _AMBIGUOUS) | own


@cache
def abbreviations_of(language: str) -> Abbreviations:
    """Return the words of a language ("auto": of none) and those that hurt in no other one."""
    return Abbreviations(
        inside=_words(_INSIDE, language),
        before_number=_words(_BEFORE_NUMBER, language),
        sometimes_last=_words(_SOMETIMES_LAST, language),
        openers=frozenset(word for words in _OPENERS.values() for word in words.split()),
        ordinals=language in _ORDINAL_LANGUAGES,
    )

"""Names of languages, as containers want them: ISO 639 with two letters or three, or BCP 47.

Matroska says "en", "en-GB", "eng" or, of the two that ISO 639-2 has for some twenty languages, the
bibliographic name ("fre"); mp4 has room for three letters alone (ISO 639-2/T: "fra"; ISO/IEC
14496-12, 8.4.2), and FFmpeg's muxer for mov knows the names of QuickTime's own list alone.
"""

_THREE = """
aaaar ababk aeave afafr akaka amamh anarg arara asasm avava ayaym azaze babak bebel bgbul bhbih
bibis bmbam bnben bobod brbre bsbos cacat ceche chcha cocos crcre csces cuchu cvchv cycym dadan
dedeu dvdiv dzdzo eeewe elell eneng eoepo esspa etest eueus fafas ffful fifin fjfij fofao frfra
fyfry gagle gdgla glglg gngrn guguj gvglv hahau heheb hihin hohmo hrhrv hthat huhun hyhye hzher
iaina idind ieile igibo iiiii ikipk ioido isisl itita iuiku jajpn jvjav kakat kgkon kikik kjkua
kkkaz klkal kmkhm knkan kokor krkau kskas kukur kvkom kwcor kykir lalat lbltz lglug lilim lnlin
lolao ltlit lulub lvlav mgmlg mhmah mimri mkmkd mlmal mnmon mrmar msmsa mtmlt mymya nanau nbnob
ndnde nenep ngndo nlnld nnnno nonor nrnbl nvnav nynya ococi ojoji omorm orori ososs papan pipli
plpol pspus ptpor quque rmroh rnrun roron rurus rwkin sasan scsrd sdsnd sesme sgsag sisin skslk
slslv smsmo snsna sosom sqsqi srsrp ssssw stsot susun svswe swswa tatam tetel tgtgk ththa titir
tktuk tltgl tntsn toton trtur tstso tttat twtwi tytah uguig ukukr ururd uzuzb veven vivie vovol
wawln wowol xhxho yiyid yoyor zazha zhzho zuzul
"""
"""ISO 639-1: two letters, and the three that ISO 639-2/T has for the same language."""
_BIBLIOGRAPHIC = """
albsqi armhye baqeus burmya chizho czeces dutnld frefra geokat gerdeu greell iceisl macmkd maomri
maymsa perfas rumron sloslk tibbod welcym
"""
"""ISO 639-2/B, and 639-2/T, where these differ."""
_QUICKTIME = """
amhamh araara asmasm aymaym azeaze belbel benben bodtib bulbul catcat cesces cymwel dandan deuger
dzodzo ellgre engeng epoepo estest eusbaq fasper finfin frafra gleiri grngrn gujguj hebheb hinhin
hunhun hyearm indind islice itaita javjav jpnjpn kankan kaskas katgeo kazkaz khmkhm kinkin kirkir
korkor kurkur laolao latlat lavlav litlit malmal marmar mkdmac mlgmlg mltmlt monmon msamay myabur
nepnep nlddut nnonor nobnor nornor nyanya oriori ormorm polpol porpor puspus queque ronron runrun
rusrus sansan sinsin slkslk slvslv smesmi smismi sndsnd somsom spaspa sqialb swaswa swesve tamtam
tattat teltel tgktgk tgltgl thatha tirtir tuktuk turtur uiguig ukrukr urdurd uzbuzb vievie yidyid
zhochi
"""
"""ISO 639-2/T, and the name of the same language in FFmpeg's copy of QuickTime's list; in it..."""
_SHORT_IN_QUICKTIME = {"fao": "fo ", "hrv": "hr ", "pan": "pa ", "srp": "sr "}
"""... these have two letters and a space."""
_ONLY_IN_QUICKTIME = {"iri": "gle", "mol": "ron", "sve": "swe"}
"""Names that are not, or no longer, in ISO 639, as films in mov are read with them."""

_LONG = {pair[:2]: pair[2:] for pair in _THREE.split()}
_TERMINOLOGIC = {p[:3]: p[3:] for p in _BIBLIOGRAPHIC.split()} | _ONLY_IN_QUICKTIME
_LISTED = {pair[:3]: pair[3:] for pair in _QUICKTIME.split()} | _SHORT_IN_QUICKTIME


def for_mp4(language: str) -> str | None:
    """Three letters for any of the ways to say it; None for what is not understood."""
    first = language.strip().replace("_", "-").split("-")[0].lower()
    known = _LONG.get(first) or _TERMINOLOGIC.get(first, first)
    return known if len(known) == 3 and known.isascii() and known.isalpha() else None


def for_quicktime(language: str) -> str | None:
    """As FFmpeg's muxer for mov wants it; None for what is not in its list."""
    return _LISTED.get(for_mp4(language) or "")


def for_others(language: str) -> str:
    """As it is said, but for names that QuickTime alone knows."""
    name = language.strip()
    return _ONLY_IN_QUICKTIME.get(name, name)

"""Names of languages, as containers want them: ISO 639 with two letters or three, or BCP 47.

Matroska says "en", "en-GB" or "eng"; mp4 has room for three letters alone (ISO 639-2/T, ISO/IEC
14496-12, 8.4.2), and FFmpeg's muxer for mov knows, of those, the ones of QuickTime's own list.
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
_QUICKTIME = """
bodtib cymwel deuger ellgre eusbaq fasper hyearm islice katgeo mkdmac msamay myabur nlddut sqialb
swesve zhochi
"""
"""ISO 639-2/T, and the name of the same language in FFmpeg's copy of QuickTime's list."""
_LONG = {pair[:2]: pair[2:] for pair in _THREE.split()}
_LISTED = {pair[:3]: pair[3:] for pair in _QUICKTIME.split()}


def for_mp4(language: str) -> str:
    """Three letters for any of the ways to say it; what is not understood stays as it is."""
    first = language.replace("_", "-").split("-")[0].lower()
    return _LONG.get(first, first if len(first) == 3 else language)


def for_quicktime(language: str) -> str:
    """The same, as FFmpeg's muxer for mov wants it."""
    return _LISTED.get(for_mp4(language), for_mp4(language))

"""Codes of languages."""

# ruff: noqa: SIM905 - a list of codes reads best as text.

from maskprep.errors import ConfigError

_TWO_LETTERS = dict(
    pair.split("=")
    for pair in """
    aa=aar ab=abk ae=ave af=afr ak=aka am=amh an=arg ar=ara as=asm av=ava ay=aym az=aze ba=bak
    be=bel bg=bul bi=bis bm=bam bn=ben bo=bod br=bre bs=bos ca=cat ce=che ch=cha co=cos cr=cre
    cs=ces cu=chu cv=chv cy=cym da=dan de=deu dv=div dz=dzo ee=ewe el=ell en=eng eo=epo es=spa
    et=est eu=eus fa=fas ff=ful fi=fin fj=fij fo=fao fr=fra fy=fry ga=gle gd=gla gl=glg gn=grn
    gu=guj gv=glv ha=hau he=heb hi=hin ho=hmo hr=hrv ht=hat hu=hun hy=hye hz=her ia=ina id=ind
    ie=ile ig=ibo ii=iii ik=ipk io=ido is=isl it=ita iu=iku ja=jpn jv=jav ka=kat kg=kon ki=kik
    kj=kua kk=kaz kl=kal km=khm kn=kan ko=kor kr=kau ks=kas ku=kur kv=kom kw=cor ky=kir la=lat
    lb=ltz lg=lug li=lim ln=lin lo=lao lt=lit lu=lub lv=lav mg=mlg mh=mah mi=mri mk=mkd ml=mal
    mn=mon mr=mar ms=msa mt=mlt my=mya na=nau nb=nob nd=nde ne=nep ng=ndo nl=nld nn=nno no=nor
    nr=nbl nv=nav ny=nya oc=oci oj=oji om=orm or=ori os=oss pa=pan pi=pli pl=pol ps=pus pt=por
    qu=que rm=roh rn=run ro=ron ru=rus rw=kin sa=san sc=srd sd=snd se=sme sg=sag si=sin sk=slk
    sl=slv sm=smo sn=sna so=som sq=sqi sr=srp ss=ssw st=sot su=sun sv=swe sw=swa ta=tam te=tel
    tg=tgk th=tha ti=tir tk=tuk tl=tgl tn=tsn to=ton tr=tur ts=tso tt=tat tw=twi ty=tah ug=uig
    uk=ukr ur=urd uz=uzb ve=ven vi=vie vo=vol wa=wln wo=wol xh=xho yi=yid yo=yor za=zha zh=zho
    zu=zul
    """.split()
)
"""ISO 639-1, and the same language in ISO 639-2/T."""
_THREE_LETTERS = frozenset(
    """
    arz ast bar bho ceb chr ckb cop csb dsb fil frr fur gan got grc gsw hak haw hsb ilo kab kok
    lad lij lmo lzh mai mnc mni nah nap nds new pam pap pms pnb roa sah scn sco shi syr szl vec
    war wuu yue zgh
    """.split()
)
"""Languages that have no code of two letters."""
_SHORTER = {three: two for two, three in _TWO_LETTERS.items()}
LANGUAGES = frozenset({*_TWO_LETTERS, *_THREE_LETTERS})


def language_code(language: str) -> str:
    """Return the shortest code of a language: en for en-US, EN or eng; auto for auto.

    Raises:
        ConfigError: there is no such language.
    """
    if language == "auto":
        return language
    tags = language.replace("_", "-").split("-")
    code = _SHORTER.get(tags[0].lower(), tags[0].lower())
    if code not in LANGUAGES or not "".join(tags).isalnum() or not language.isascii():
        raise ConfigError(
            f"--language is {language!r}; expected auto or an ISO 639 code of a language, "
            "such as en, ru, zh or pt-BR."
        )
    return code

"""How days are called in some languages: tomorrow, the days of the week, next and last, numbers, and units."""

from __future__ import annotations

import re


def _table(lines: str, first: int = 0) -> dict[str, int]:
    """Each phrase with the number of its line; phrases are separated by commas."""
    rows = enumerate(lines.strip().splitlines(), first)
    return {phrase.strip(): number for number, line in rows for phrase in line.split(",") if phrase.strip()}


def _any(phrases: str) -> str:
    """A pattern of any of these phrases."""
    return "|".join(re.escape(phrase.strip()) for phrase in phrases.replace("\n", ",").split(",") if phrase.strip())


DAYS = _table(
    """
    day before yesterday, the day before yesterday, vorgestern, avant-hier, anteayer, l'altro ieri, anteontem, eergisteren, i forgårs, przedwczoraj, позавчера, 前天, おととい, 一昨日, 그저께
    yesterday, gestern, hier, ayer, ieri, ontem, gisteren, i går, igår, wczoraj, вчера, 昨天, 昨日, きのう, 어제, أمس, אתמול, dün
    today, heute, aujourd'hui, hoy, oggi, hoje, vandaag, i dag, idag, dzisiaj, dziś, сегодня, 今天, 今日, きょう, 오늘, اليوم, היום, bugün
    tomorrow, morgen, demain, mañana, domani, amanhã, i morgen, i morgon, imorgon, jutro, завтра, 明天, 明日, あした, 내일, غدا, غدًا, מחר, yarın
    day after tomorrow, the day after tomorrow, übermorgen, après-demain, pasado mañana, dopodomani, depois de amanhã, overmorgen, i overmorgen, pojutrze, послезавтра, 后天, 後天, 明後日, あさって, 모레
    """,  # noqa: E501
    -2,
)
WEEKDAYS = _table(
    """
    monday, mon, montag, lundi, lunes, lunedì, segunda-feira, maandag, mandag, måndag, понедельник, segunda, poniedziałek, pazartesi, 星期一, 周一, 月曜日, 월요일, الاثنين
    tuesday, tue, dienstag, mardi, martes, martedì, terça-feira, dinsdag, tirsdag, tisdag, вторник, terça, wtorek, salı, 星期二, 周二, 火曜日, 화요일, الثلاثاء
    wednesday, wed, mittwoch, mercredi, miércoles, mercoledì, quarta-feira, woensdag, onsdag, среду, среда, quarta, środa, środę, çarşamba, 星期三, 周三, 水曜日, 수요일, الأربعاء
    thursday, thu, donnerstag, jeudi, jueves, giovedì, quinta-feira, donderdag, torsdag, четверг, quinta, czwartek, perşembe, 星期四, 周四, 木曜日, 목요일, الخميس
    friday, fri, freitag, vendredi, viernes, venerdì, sexta-feira, vrijdag, fredag, пятницу, пятница, sexta, piątek, cuma, 星期五, 周五, 金曜日, 금요일, الجمعة
    saturday, sat, samstag, sonnabend, samedi, sábado, sabato, zaterdag, lørdag, lördag, субботу, суббота, sobota, sobotę, cumartesi, 星期六, 周六, 土曜日, 토요일, السبت
    sunday, sun, sonntag, dimanche, domingo, domenica, zondag, søndag, söndag, воскресенье, niedziela, niedzielę, pazar, 星期日, 星期天, 周日, 日曜日, 일요일, الأحد
    """  # noqa: E501
)
NUMBERS = _table(
    """
    a, an, one, ein, einem, einer, un, une, una, um, uma, een, en, ett, один, одну, 一
    two, zwei, deux, dos, due, dois, duas, twee, to, två, два, две, 两, 二
    three, drei, trois, tres, tre, três, drie, три, 三
    four, vier, quatre, cuatro, quattro, quatro, fire, fyra, четыре, 四
    five, fünf, cinq, cinco, cinque, vijf, fem, пять, 五
    six, sechs, seis, sei, zes, seks, sex, шесть, 六
    seven, sieben, sept, siete, sette, sete, zeven, syv, sju, семь, 七
    eight, acht, huit, ocho, otto, oito, åtte, åtta, восемь, 八
    nine, neun, neuf, nueve, nove, negen, ni, nio, девять, 九
    ten, zehn, dix, diez, dieci, dez, tien, ti, tio, десять, 十
    """,
    1,
)
_DAY_WORDS = """
    day, days, tag, tage, tagen, jour, jours, día, días, giorno, giorni, dia, dias, dag, dagen, dage, dagar, dager
    день, дня, дней, 天, 日"""
_WEEK_WORDS = """
    week, weeks, woche, wochen, semaine, semaines, semana, semanas, settimana, settimane, weken, uke, uker, uge, uger
    vecka, veckor, неделю, недели, недель, 周, 週間, 星期"""
UNITS = {
    word.strip(): days
    for days, words in ((1, _DAY_WORDS), (7, _WEEK_WORDS), (14, "fortnight"))
    for word in words.replace("\n", ",").split(",")
    if word.strip()
}

NEXT = _any(
    """next, coming, nächster, nächsten, nächste, kommenden, kommender, próximo, próxima, prochain, prossimo, prossima
    volgende, neste, nästa, следующий, следующую, следующее, следующая"""
)
LAST = _any(
    """last, past, letzter, letzten, letzte, vergangenen, pasado, pasada, dernier, scorso, scorsa, passado, passada
    afgelopen, forrige, förra, прошлый, прошлую, прошлое, прошлая"""
)
ARTICLES = _any("on, the, on the, am, den, el, le, il, lo, la, na, no, på, op, в")
AHEAD_BEFORE = _any("in, dans, dentro de, en, tra, fra, em, daqui a, over, om, через")
AHEAD_AFTER = _any("from now, from today, 后, 後")
AGO_BEFORE = _any("vor, il y a, hace, há, for")
AGO_AFTER = _any("ago, fa, atrás, geleden, siden, sedan, назад, 前")
AT = _any("at, um, à, a las, alle, às, om, kl, kl., в")
HOUR_AFTER = _any("uhr, h")

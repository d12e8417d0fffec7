"""Texts of our own that pages are filled with."""

from __future__ import annotations

import html
import re

SENTENCES = (
    "The harbour office opens at six, and the first ferry leaves twenty minutes later.",
    "Nobody had counted the gulls on the north pier before last winter.",
    "A new crane lifts forty tonnes, which is more than the old quay was built to bear.",
    "The council will vote on Thursday whether the fish market keeps its wooden roof.",
    "Rain is expected from the west, with gusts near the lighthouse and calmer water inside the bay.",
    "Tickets cost the same on weekdays and Sundays, but dogs now travel free.",
    "Three engineers measured the tide wall and found it two centimetres lower than the plans say.",
    "The library moved its maps to the ground floor, where readers can spread them on long tables.",
    "Since April every bus stop shows the time of the next boat as well.",
    "The baker on Mill Street sells out of rye bread before nine on most mornings.",
    "Old photographs show a row of lime trees where the car park is today.",
    "Volunteers painted all sixty benches green within a single weekend.",
    "The museum asks visitors for stories about the flood, however short they are.",
    "Cyclists get a lane of their own between the station and the shipyard.",
    "A tram line along the shore was planned four times and never built.",
    "The last keeper left the lighthouse when the lamp was switched to electric control.",
    "Schools will try a later start in autumn, and parents were asked what they think of it.",
    "The survey covers eleven islands, of which only five have people on them all year.",
    "Its clock has been ten minutes slow for so long that sailors correct for it.",
    "The bridge closes at noon for repairs, so lorries should take the ring road.",
)
PEOPLE = (
    "Ada Lund", "Bela Kiss", "Chidi Obi", "Dora Weiss", "Emil Sand", "Fay Moreau", "Goran Ilic", "Hana Mori",
    "Ines Prado", "Jon Berg",
)  # fmt: skip
PLACES = (
    "North Pier", "Mill Street", "Shipyard", "Old Quay", "Fish Market", "Lighthouse", "Station", "Lime Square",
    "Tide Wall", "Ring Road",
)  # fmt: skip
CODE = '''"""Tide tables: when the water is high, and how high it gets."""
from dataclasses import dataclass
from math import cos, radians

HOURS = 24
PERIODS = {"moon": 12.42, "sun": 12.0, "slow": 25.82}


@dataclass
class Tide:
    """One part of the tide, which comes and goes by itself."""

    height: float  # metres above the mean
    period: float  # hours
    phase: float = 0.0

    def level(self, hour: float) -> float:
        angle = 360 * hour / self.period - self.phase
        return self.height * cos(radians(angle))


class Harbour:
    def __init__(self, name: str, tides: list[Tide]) -> None:
        self.name = name
        self.tides = tides

    def water(self, hour: float) -> float:
        """Level of the water, all parts together."""
        return sum(tide.level(hour) for tide in self.tides)

    def highs(self, step: float = 0.1):
        # A high is above both of its neighbours.
        before, now = self.water(-step), self.water(0)
        for i in range(int(HOURS / step)):
            after = self.water((i + 1) * step)
            if before < now >= after:
                yield i * step, now
            before, now = now, after


def main() -> None:
    bay = Harbour("Bay", [Tide(1.8, PERIODS["moon"], 40), Tide(0.6, 12.0)])
    for hour, level in bay.highs():
        if level < 0.5:
            continue
        print(f"{bay.name}: {hour:5.1f} h  {level:+.2f} m")
    assert bay.water(0) != None, "no water at all"


if __name__ == "__main__":
    main()
'''
_TOKEN = re.compile(
    r"(?P<s>\"\"\".*?\"\"\"|f?\"[^\"\n]*\")|(?P<c>#[^\n]*)|(?P<n>\b\d+(?:\.\d+)?\b)|(?P<d>@\w+)|"
    r"(?P<k>\b(?:from|import|class|def|return|for|in|if|yield|continue|assert|None|self|sum|print|range|int)\b)|"
    r"(?P<t>\b(?:str|float|list|dict|Tide|Harbour|PERIODS|HOURS)\b)|(?P<f>\b\w+(?=\())", re.DOTALL,
)  # fmt: skip


def coloured(code: str) -> str:
    """Code as HTML, with a class of one letter for strings, comments, numbers, decorators, keywords, types, calls."""
    parts: list[str] = []
    end = 0
    for token in _TOKEN.finditer(code):
        parts += [html.escape(code[end : token.start()]), f"<i class={token.lastgroup}>{html.escape(token[0])}</i>"]
        end = token.end()
    return "".join(parts) + html.escape(code[end:])


def prose(start: int, count: int) -> str:
    """Some of the sentences, from one on."""
    return " ".join(SENTENCES[(start + i) % len(SENTENCES)] for i in range(count))

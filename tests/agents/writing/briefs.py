"""Three fixed briefs: a launch, a season, a market entry; amounts as a list, as csv, and in a sentence."""

from agents.writing.facts import SourceText

TEA = SourceText(
    1,
    "Brief",
    "text/markdown",
    """# Launch of Kettle & Fern in Leeds and York

Kettle & Fern sells loose-leaf tea and launches in Leeds and York on 2 March. The goal is 1,200
first orders in the first 8 weeks. The campaign budget is £18,000.

In a survey of 240 tea drinkers, 62% said a free sample would make them try a new brand. 38% of the
people surveyed drink tea at work on most days. The starter box holds 6 teas and costs £14. Leeds
has 9 partner cafes and York has 5. The advertisements must not make health claims.

- Social advertising: £6,300
- Local radio: £5,400
- Tasting events: £4,500
- Box inserts and print: £1,800
""",
)

MUSEUM = SourceText(
    1,
    "Brief",
    "text/plain",
    """Harrow Street Museum: autumn programme

The autumn programme of the Harrow Street Museum runs from 12 September to 28 November.
The main exhibition, Salt and Sail, shows 84 objects from the old harbour, and 30 of them were never on display before.
Last autumn 14,200 people came, and the goal for this autumn is 17,000.
Families were 27% of visitors last autumn, and the museum wants 35%.
The museum stays open until 9 pm on 11 Fridays.
Of 16 school workshops, 9 are already booked.
A ticket costs €9, and visitors under 18 enter free.
The budget for the programme is €42,000.
""",
)
MUSEUM_COSTS = SourceText(
    2,
    "costs.csv",
    "text/csv",
    "Item,Amount\nPosters and press,16000\nFriday events,12000\nSchool material,8000\nFamily trail,6000\nTotal,42000\n",
)

APP = SourceText(
    1,
    "Brief",
    "text/plain",
    """Tallyo in the Netherlands: market entry

Tallyo is an invoicing app with 4,100 paying firms in Belgium. Tallyo plans to open in the
Netherlands in April and wants 300 paying firms by December. Of 36 Dutch firms interviewed, 21 named
late payment as their main problem. The interviewed firms wait 41 days for payment on average, and
Belgian customers wait 33 days. Tallyo costs €19 a month, and two Dutch rivals charge €24 and €29.
Only 1 of the 3 large Dutch banks has certified the bank connection. Support in Dutch starts with 1
person, who answers on weekdays only.

The launch budget of €90,000 is split like this: support hire €35,000, partner programme €25,000, compliance check
€18,000 and translation €12,000.
""",
)

BRIEFS = {
    "tea": ("campaign", TEA, []),
    "museum": ("campaign", MUSEUM, [MUSEUM_COSTS]),
    "app": ("report", APP, []),
}

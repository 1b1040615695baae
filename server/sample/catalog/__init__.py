"""The words and figures of the sample shop. Never draws and never writes files."""
from .desk import DESK
from .home import HOME
from .kitchen import KITCHEN
from .outdoors import OUTDOORS
from .paper import PAPER
from .wear import WEAR

COLLECTIONS = [
    ("kitchen", "Kitchen & Table", "KT", KITCHEN,
     "Pots, boards and cups that earn their place by the stove and look right on the table."),
    ("home", "Home", "HM", HOME,
     "Lamps, chairs and soft things for rooms that are lived in rather than looked at."),
    ("desk", "Desk", "DK", DESK,
     "A few good tools and a clear surface: what a working day needs, and nothing that beeps."),
    ("wear", "Wear", "WR", WEAR,
     "Plain clothes in honest fabrics, cut to be worn often and mended once or twice."),
    ("outdoors", "Outdoors", "OD", OUTDOORS,
     "For gardens, hills and the long way home. Made to get wet and to last."),
    ("paper", "Paper", "PP", PAPER,
     "Notebooks, prints and letters, bound and printed in small runs."),
]

"""One product of the sample shop as its author writes it."""

from dataclasses import dataclass, field


@dataclass
class Entry:
    handle: str
    title: str
    kind: str
    vendor: str
    tags: str
    category: str
    price: float
    grams: int
    backdrop: str
    draw: tuple
    text: str
    facts: tuple
    stock: list
    was: float = 0
    options: dict = field(default_factory=dict)
    extra: dict = field(default_factory=dict)
    views: list = field(default_factory=list)

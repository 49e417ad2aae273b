"""What was made at the last look and can be used again, because what it was made of is the same.

Whoever looks at thousands of rows again and again finds nearly all of them as they were. They are read each time, so
that what counts is always what the database says; what is costly is to make things of them, and that is done for those
that are others now. All that is made so must never change.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Generic, TypeVar
from weakref import ref

T = TypeVar("T")
K = TypeVar("K")


class Texts(Generic[T]):
    """What was made of rows, each by its text as the database gives it."""

    def __init__(self, make: Callable[[str], T]) -> None:
        self._make = make
        self._made: dict[str, T] = {}

    def of(self, texts: Iterable[str]) -> list[T]:
        """What these rows mean, in their order. Rows that are not among them are forgotten."""
        before, self._made, found = self._made, {}, []
        for text in texts:
            each = before.get(text)
            if each is None:
                each = self._make(text)
            self._made[text] = each
            found.append(each)
        return found


class Parts(Generic[T]):
    """What was made of several things, by whose it is."""

    def __init__(self) -> None:
        self._before: dict[Hashable, tuple[tuple[Any, ...], T]] = {}
        self._made: dict[Hashable, tuple[tuple[Any, ...], T]] = {}

    def of(self, whose: Hashable, parts: tuple[Any, ...], make: Callable[..., T]) -> T:
        """What was made of equal parts, or is made of these now."""
        held = self._before.get(whose)
        if held is None or held[0] != parts:
            held = parts, make(*parts)
        self._made[whose] = held
        return held[1]

    def end(self) -> None:
        """The look is over: forget of whom nothing was asked in it."""
        self._before, self._made = self._made, {}


class Once(Generic[K, T]):
    """What follows from an object that never changes: reckoned once, for as long as the object lives."""

    def __init__(self, reckon: Callable[[K], T]) -> None:
        self._reckon = reckon
        self._of: dict[int, tuple[ref[Any], T]] = {}

    def __call__(self, each: K) -> T:
        """The same for the same object. What follows from it must not hold it."""
        number = id(each)
        held = self._of.get(number)
        if held is not None and held[0]() is each:
            return held[1]
        made = self._reckon(each)
        # The place of one that is gone may be another's by then.
        self._of[number] = ref(each, lambda gone: self._forget(number, gone)), made
        return made

    def _forget(self, number: int, gone: "ref[Any]") -> None:
        held = self._of.get(number)
        if held is not None and held[0] is gone:
            del self._of[number]

"""Classes that users meet under the path of their package."""

import doctest
import pickle

from qtwin import experiment, schedule
from qtwin._support.public import under


class Thing:
    """A class defined here."""

    @classmethod
    def made(cls):
        """Makes one."""
        return cls()

    @property
    def size(self):
        """None."""

    def doubled(self):
        """Twice."""

    def _hidden(self):
        """Private."""


def test_members_live_in_the_package_and_their_methods_are_found():
    home = Thing.__module__
    try:
        assert list(under("somewhere", Thing)) == ["Thing.made", "Thing.size", "Thing.doubled"]
        assert Thing.__module__ == "somewhere"
    finally:
        Thing.__module__ = home


def test_doctest_finds_the_examples_of_methods():
    names = {schedule: ["AnnealSchedule.pause", "AnnealingFunctions.read"], experiment: ["Result.difference"]}
    for package, wanted in names.items():
        found = {one.name.split("__test__.")[-1] for one in doctest.DocTestFinder(exclude_empty=True).find(package)}
        assert set(wanted) <= found


def test_a_pickle_names_the_package():
    assert b"qtwin.schedule\x94" in pickle.dumps(schedule.AnnealSchedule, protocol=4)

"""Pickles that name the old private file of a public class are read."""

import pickle
import sys
from dataclasses import astuple

import pytest

from qtwin import bath, dynamics, experiment, figures, shipped
from qtwin._support.moved import PLACES, OldPlaces, install
from qtwin.bath._level_table import LevelTable
from qtwin.bath._rates_dense import Rates, _DenseSource
from qtwin.nqs import twin

OLD = {
    "qtwin._comparison Result": experiment.Result,
    "qtwin._intervals Interval": experiment.Interval,
    "qtwin._frame Frame": dynamics.Frame,
    "qtwin._levels LevelTable": LevelTable,  # these are parts of a RateTable
    "qtwin._rates Driven": _DenseSource,
    "qtwin._rates Rates": Rates,
    "qtwin._followed Followed": bath.rate_table.Followed,
    "qtwin.figures._base Figure": figures.Figure,
    "qtwin.nqs._twin_result History": twin.History,
    "qtwin.nqs._twin_result Twin": twin.Twin,
    "qtwin.shipped._results Results": shipped.Results,
}
INTERVAL = (
    b"\x80\x04\x95\x82\x00\x00\x00\x00\x00\x00\x00\x8c\x10qtwin._intervals\x94\x8c\x08Interval\x94\x93\x94)\x81\x94}\x94("
    b"\x8c\x04mean\x94G?\xd1\x99\x99\x99\x99\x99\x9a\x8c\x03low\x94G?j\x99Dg\x1f\xa7\x80\x8c\x04high\x94G?\xe1\x7f\x00U2y\xf2"
    b"\x8c\x02sd\x94G?\xc5\xdc3\x8d\x87\x81\xa3\x8c\x01n\x94K\x04\x8c\nconfidence\x94G?\xeeffffffub."
)


@pytest.mark.parametrize("old", OLD)
def test_a_class_is_found_where_it_stood(old):
    module, name = old.split()
    assert pickle.loads(f"c{module}\n{name}\n.".encode()) is OLD[old]  # how a pickle names a class


def test_networks_are_found_where_they_stood():
    networks = pytest.importorskip("qtwin.gaps.networks", exc_type=ImportError)
    assert pickle.loads(b"cqtwin.gaps._convlstm2d\nConvLSTM2D\n.") is networks.ConvLSTM2D
    with pytest.warns(DeprecationWarning, match="qtwin.gaps.graph.Messages goes with the next release"):
        assert pickle.loads(b"cqtwin.gaps.graph\nMessages\n.") is networks.graph.Messages


def test_an_interval_of_an_older_version_is_read():
    """Bytes that the version before wrote for interval([0.1, 0.2, 0.3, 0.5])."""
    found = pickle.loads(INTERVAL)
    assert astuple(found) == pytest.approx(astuple(experiment.interval([0.1, 0.2, 0.3, 0.5])))


def test_other_names_are_missing_as_ever():
    with pytest.raises(ModuleNotFoundError, match="qtwin._elsewhere"):
        pickle.loads(b"cqtwin._elsewhere\nResult\n.")
    with pytest.raises(AttributeError, match="Elsewhere"):
        pickle.loads(b"cqtwin._comparison\nElsewhere\n.")


def test_the_finder_is_asked_last_and_once():
    install()
    assert [type(finder) for finder in sys.meta_path].count(OldPlaces) == 1
    assert all(new in sys.modules or __import__(new) for new in PLACES.values())

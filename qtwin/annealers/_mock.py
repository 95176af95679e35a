"""The emulated annealer behind the interface of a QPU: D-Wave's own mock with our sampler inside."""

import dimod
from dwave.system.testing import MockDWaveSampler

from ..schedule import AnnealSchedule


class EmulatedDWaveSampler(MockDWaveSampler):
    """A Pegasus P16 like DWaveSampler's, whose answers come from an EmulatedAnnealer.

    Properties are the mock's (Advantage_system4.1), only ``chip_id`` says what it is.
    """

    def __init__(self, annealer):
        super().__init__(
            topology_type="pegasus", topology_shape=[16], parameter_warnings=False, substitute_sampler=annealer
        )
        self._programmings = 0
        self.properties["chip_id"] = f"emulated ({annealer.functions.name})"

    @dimod.bqm_structured
    def sample(self, bqm, **parameters):
        """Sample a BQM on the graph's qubits; parameters as for ``EmulatedAnnealer.sample``, which checks them."""
        sampleset = self.substitute_sampler.sample(bqm, **parameters)
        self._programmings += 1
        sampleset.info["problem_id"] = f"emulated-{self._programmings}"
        return sampleset

    def sample_ising(self, h, *args, **parameters):
        """As DWaveSampler: in a list of h, zeros may stand for qubits that the graph lacks."""
        if isinstance(h, list):
            h = {qubit: bias for qubit, bias in enumerate(h) if bias}
        return super().sample_ising(h, *args, **parameters)

    def validate_anneal_schedule(self, anneal_schedule):
        """ValueError or TypeError if the schedule is not legal on this solver, as on DWaveSampler."""
        AnnealSchedule(anneal_schedule).validate(self.properties)

"""``python -m benchmarks.breakage [WORD …]``: break it once, and see a named test fail.

Each mutation replaces one exact text in a copy of the tree. Its tests must pass before and fail after; a text that is
no longer there is an error, so the list cannot rot in silence.  WORD: mutations whose names hold it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Mutation:
    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS = [
    Mutation(
        "wrong sign of J",
        "qtwin/ising.py",
        "np.concatenate([rest + coupling, rest - coupling], axis=-1)",
        "np.concatenate([rest - coupling, rest + coupling], axis=-1)",
        (
            "tests/test_ising.py::test_signs_and_bit_order_by_hand",
            "tests/test_ising.py::test_all_energies_agree_with_dimod",
        ),
    ),
    Mutation(
        "swapped bit order",
        "qtwin/ising.py",
        ">> np.arange(n)) & 1",
        ">> np.arange(n)[::-1]) & 1",
        ("tests/test_ising.py::test_spins_and_indices",),
    ),
    Mutation(
        "factor 1/2 on A",
        "qtwin/hamiltonian.py",
        "    A, B = functions.A(s), functions.B(s)\n",
        "    A, B = functions.A(s) / 2, functions.B(s)\n",
        (
            "tests/test_exact.py::test_one_spin_has_the_gap_of_the_closed_form",
            "tests/test_exact.py::test_levels_and_states_agree_with_kronecker_products",
        ),
    ),
    Mutation(
        "dH/ds with A for A/2",
        "qtwin/_eigen/operators.py",
        "- dA / 2 * flips(states, states.ndim - 2)",
        "- dA * flips(states, states.ndim - 2)",
        (
            "tests/test_hamiltonian.py::test_slope_is_the_difference_of_two_hamiltonians",
            "tests/test_exact.py::test_couplings_are_those_of_dense_matrices",
        ),
    ),
    Mutation(
        "ω for ω²",
        "qtwin/rules.py",
        "return 1 / (g**2 + _omega(omega, g) ** 2)",
        "return 1 / (g**2 + _omega(omega, g))",
        ("tests/test_rules.py::test_roland_cerf_is_one_over_the_gap_and_omega_squared",),
    ),
    Mutation(
        "a rule left out",
        "qtwin/rules.py",
        '    "inverse_gap": Rule(',
        '    "forgotten": Rule(',
        ("tests/test_rules.py::test_the_table_holds_every_rule",),
    ),
    Mutation(
        "another stream",
        "qtwin/families.py",
        "stream=1,",
        "stream=5,",
        ("tests/gaps/test_data.py::test_the_draws_never_change",),
    ),
    Mutation(
        "validation in bfloat16",
        "qtwin/fit/_step.py",
        'with torch.no_grad(), float32_products("highest"):',
        'with torch.no_grad(), float32_products("medium"):',
        ("tests/fit/test_loop.py::test_validation_asks_for_float32_whatever_training_takes",),
    ),
    Mutation(
        "a floor broken",
        "qtwin/_support/jit.py",
        "from numba import njit\n",
        "from numba import njit\n\n\ndef _upward():\n    from qtwin import course\n",
        ("tests/test_package.py::test_imports_point_one_way",),
    ),
    Mutation(
        "skipped slope rule",
        "qtwin/schedule/anneal.py",
        "too_steep = np.abs(change)",
        "too_steep = 0 * np.abs(change)",
        ("tests/schedule/test_anneal.py::test_every_schedule_is_judged_right",),
    ),
    Mutation(
        "dead slider",
        "qtwin/widgets/gap/explorer.py",
        '@observe("coupling", "field", "levels")',
        '@observe("field", "levels")',
        (
            "tests/widgets/test_gap.py::test_moving_a_slider_changes_the_figures",
            "tests/browser/test_explorer.py::test_keyboard_moves_the_levels_to_what_the_library_gives",
        ),
    ),
]


def copy_tree(target):
    """The working tree, without what git ignores."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def mutate(tree, mutation):
    path = tree / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.name}: expected {mutation.old!r} once in {mutation.file}: name its new place")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")


def failures(tree, test):
    """Names of the tests that fail in ``tree``, or None if pytest could not run them."""
    words = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider", test]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(words, cwd=tree, env=environment, capture_output=True, text=True)
    lines = [line.split(" ")[1] for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines if done.returncode in (0, 1) else None


def main(words):
    chosen = [one for one in MUTATIONS if not words or any(word in one.name for word in words)]
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        copy_tree(tree)
        print(f"{'mutation':<20} {'before':>8} {'after':>10}  test")
        for mutation in chosen:
            before = {test: failures(tree, test) for test in mutation.tests}
            original = (tree / mutation.file).read_bytes()
            mutate(tree, mutation)
            for test in mutation.tests:
                after = failures(tree, test)
                good = before[test] == [] and bool(after)
                bad += not good
                said = "passes" if before[test] == [] else "BROKEN"
                print(f"{mutation.name:<20} {said:>8} {_count(after):>10}  {test}", flush=True)
            (tree / mutation.file).write_bytes(original)
    return bad


def _count(after):
    return "cannot run" if after is None else f"{len(after)} fail" if after else "UNNOTICED"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

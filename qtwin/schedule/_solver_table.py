"""Reading the table of annealing functions that a D-Wave user downloads: .xlsx or CSV → s, A, B."""

import csv
import re
from pathlib import Path

import numpy as np


def read_table(path):
    """Columns s, A, B, each (m,), below the first row that names them; ValueError where there is none."""
    path = Path(path)
    rows = _xlsx_rows(path) if path.suffix.lower() == ".xlsx" else _csv_rows(path)
    where, table = None, []
    for row in rows:
        names = [_label(cell) for cell in row]
        if where is None and {"s", "a", "b"} <= set(names):
            where = [names.index(name) for name in "sab"]
        elif where is not None and any(cell not in (None, "") for cell in row):
            table.append(_numbers(row, where, path.name))
    if not table:
        raise ValueError(f"{path.name}: no table with a header naming s, A and B; take the standard-anneal schedule")
    return np.array(table).T


def _label(cell):
    """'A(s) (GHz)', 'A_GHz', ' a ' → 'a'."""
    word = re.match(r"[a-z]+", str(cell).strip().lower())
    return word.group() if word else ""


def _numbers(row, where, source):
    try:
        return [float(row[k]) for k in where]
    except (IndexError, TypeError, ValueError):
        raise ValueError(f"{source}: expected numbers for s, A, B, got the row {list(row)}") from None


def _csv_rows(path):
    """Rows of a CSV with commas, tabs, or semicolons (then with decimal commas, as some spreadsheets save)."""
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    lines = [line for line in lines if not line.lstrip().startswith("#")]
    delimiter = next((mark for mark in ";\t" if any(mark in line for line in lines)), ",")
    if delimiter == ";":
        lines = [line.replace(",", ".") for line in lines]
    return csv.reader(lines, delimiter=delimiter)


def _xlsx_rows(path):
    """Rows of the sheet titled as the standard-anneal schedule, else as a schedule, else of the first sheet."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise ImportError(
            f"reading {path.name} needs openpyxl: pip install openpyxl, "
            "or save the sheet 'Standard-Annealing Schedule' as CSV and read that"
        ) from None
    sheets = load_workbook(path, data_only=True).worksheets
    titled = [sheet for word in ("standard", "schedule", "") for sheet in sheets if word in sheet.title.lower()]
    return titled[0].iter_rows(values_only=True)

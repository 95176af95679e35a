"""The rows of an experiment in one file, crash-safe: an SQLite database, one transaction a block.

A block is on the disk when ``add`` returns (rollback journal, synchronous FULL): a process killed at any moment loses
the block under way and no other.  Cost of a block: its own rows, however many there are before it.
"""

import json
import math
import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

_DATABASE = b"SQLite format 3\x00"  # how every such file begins
_TABLES = (
    "CREATE TABLE plan (digest TEXT NOT NULL)",
    """CREATE TABLE rows (problem INTEGER, schedule INTEGER, run INTEGER,
       success REAL, energy REAL, broken REAL, scale REAL, us REAL)""",  # without a key: a block is appended
)
_INSERT = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class Rows:
    """The rows done so far: [problem, schedule, run, success, energy, broken, scale, µs], kept in a file.

    path: of the file, or of a link to it; None to keep them in memory alone.  digest: of the plan; a file of another
    plan is refused.  A JSON file, as older versions wrote, is read and replaced by a database.
    """

    def __init__(self, path, digest):
        try:
            self.path, self.rows = None if path is None else Path(os.path.realpath(path)), []
        except TypeError:
            raise TypeError(f"checkpoint must be the path of a file, got {path!r}") from None
        if self.path is None:
            return
        kind = self._kind()
        if kind != "new":
            stored, self.rows = self._read(kind)
            if stored != digest:
                raise ValueError(
                    f"the checkpoint {self.path.name} belongs to another experiment (problems, schedules, reads, "
                    "settings, seed, embeddings or solver); use a new file"
                )
        if kind != "database":
            self._create(digest)
        with self._transaction() as base:  # what cannot be written is better known before anything is submitted
            base.execute("PRAGMA user_version = 1")

    def add(self, rows):
        """Keep the rows of a block; ValueError where another process has added to the file meanwhile."""
        if self.path is not None:
            with self._transaction() as base:
                [(stored,)] = base.execute("SELECT max(rowid) FROM rows")
                if (stored or 0) != len(self.rows):
                    raise ValueError(f"another process adds to the checkpoint {self.path.name} too; give each its own")
                base.executemany(_INSERT, rows)
        self.rows += rows

    def _kind(self):
        """'new', 'database' or 'json'."""
        try:
            with open(self.path, "rb") as file:
                start = file.read(len(_DATABASE))
        except FileNotFoundError:
            return "new"
        except IsADirectoryError:
            raise self._damaged() from None
        except OSError as error:
            raise self._unwritable(error) from None
        return "database" if start == _DATABASE else "json" if start else "new"

    def _read(self, kind):
        """(digest, rows) of the file."""
        try:
            return self._read_database() if kind == "database" else self._read_json()
        except (OSError, sqlite3.Error, ValueError, KeyError, TypeError) as error:
            if "locked" in str(error):
                raise self._unwritable(error) from None
            raise self._damaged() from None

    def _read_database(self):
        with closing(self._connect()) as base:
            if base.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise ValueError("the database is damaged")
            [(pages, size)] = base.execute("SELECT page_count, page_size FROM pragma_page_count, pragma_page_size")
            if pages * size != self.path.stat().st_size:
                raise ValueError("the end of the database is missing")
            [(digest,)] = base.execute("SELECT digest FROM plan")
            rows = base.execute("SELECT * FROM rows ORDER BY rowid").fetchall()
        return digest, [[*row[:3], *(math.nan if one is None else one for one in row[3:])] for row in rows]

    def _read_json(self):
        stored = json.loads(self.path.read_text("utf-8"))
        rows = [[*map(int, row[:3]), *map(float, row[3:])] for row in stored["rows"]]
        if any(len(row) != 8 for row in rows):
            raise ValueError("a row has eight values")
        return stored["plan"], rows

    def _create(self, digest):
        """A database with the digest and the rows so far takes the place of the file, in one move."""
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            with closing(sqlite3.connect(part)) as base, base:
                for table in _TABLES:
                    base.execute(table)
                base.execute("INSERT INTO plan VALUES (?)", [digest])
                base.executemany(_INSERT, self.rows)
            self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)  # of a file that is gone
            os.replace(part, self.path)
        except (OSError, sqlite3.Error) as error:
            raise self._unwritable(error) from None
        finally:
            if part.parent.is_dir():
                part.unlink(missing_ok=True)

    def _connect(self):
        return sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)

    @contextmanager
    def _transaction(self):
        try:
            with closing(self._connect()) as base:
                base.execute("PRAGMA synchronous = FULL")
                base.execute("BEGIN IMMEDIATE")
                yield base
                base.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise self._unwritable(error) from None

    def _damaged(self):
        name = self.path.name
        return ValueError(f"the checkpoint {name} is damaged, or is no checkpoint; move it away to start anew")

    def _unwritable(self, error):
        reason = "is in use" if "locked" in str(error) else f"cannot be written ({type(error).__name__})"
        return ValueError(f"the checkpoint {self.path.name} {reason}; give another path")

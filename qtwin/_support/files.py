"""The one atomic writer: whoever reads a file, and whenever the process is killed, it is the old one or the new one.

Standard library only.  Cost: that of writing the bytes once.
"""

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from threading import get_ident

PART = ".part"  # ending of the file beside the target while it is written; its name begins with a dot


def replace(path, content):
    """Replace ``path`` as a whole by ``content`` (bytes, or text, written as UTF-8).

    The content goes into a file beside the target, down to the disk, and takes the target's name in one move.  A link
    stays a link: the file that it points to is replaced, and who may read it stays as it was.  After a failure the old
    file is there and nothing else.
    """
    content = content.encode() if isinstance(content, str) else content
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{target.name}.{os.getpid()}.{get_ident()}{PART}")
    try:
        with open(part, "wb") as file:
            with suppress(FileNotFoundError):  # nothing is there to be replaced
                os.chmod(part, stat.S_IMODE(os.stat(target).st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(target.parent)


def safetensors_metadata(content: bytes) -> dict[str, str]:
    """What a safetensors file, given as its bytes, says of itself; KeyError or ValueError where it says nothing."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length])["__metadata__"]


def _sync_folder(folder):
    """The new name on the disk too; where folders cannot be synchronised (Windows, some networks) it comes later."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

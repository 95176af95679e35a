"""Matrix-free H = -A/2 Σσx + B/2 diag(E): a diagonal and n bit flips.

A product costs n·2^n additions.  Bits 0-3 of the index are shuffles of one 16-long register, the
others are flipped up to four at a time; blocks of 2^12 elements stay in the first cache, blocks of
2^14 in the second, and the bits above are flipped in a contiguous copy of a few columns, because
strides that are powers of two would evict each other.  The kernels are generic in n and compile
once for float32 and once for float64.  Blocks are fixed and each writes its own part of the
result, so it is bit-identical for any number of threads.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from scipy.sparse.linalg import LinearOperator

from .._support.jit import kernel
from .._support.threads import cores

FAST = {"contract", "arcp", "nsz", "reassoc"}
TILE_BITS = 12  # 2 x 16 KiB of float32: first cache
SPAN_BITS = 14  # 2 x 64 KiB of float32: second cache
COLUMNS = 256  # columns copied at a time for the bits above SPAN_BITS
THREADED_FROM = 18  # spins from which one product is shared among threads


def _pointer(context, builder, array_type, array, index, vector):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


def _shuffle(builder, value, lanes):
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)


def _subtract(builder, pointer, align, scale, flips):
    """*pointer -= scale·Σ flips, on one vector."""
    total = flips[0]
    for flip in flips[1:]:
        total = builder.fadd(total, flip)
    one = builder.insert_element(ir.Constant(total.type, ir.Undefined), scale, ir.IntType(32)(0))
    product = builder.fmul(_shuffle(builder, one, [0] * total.type.count), total)
    builder.store(builder.fsub(builder.load(pointer, align=align), product), pointer, align=align)


@intrinsic
def _flip_lanes(typingctx, y, x, i, c):
    """y[i:i+16] -= c·Σ_k x[(i + lane) ^ 2^k], k = 0 … 3, as four shuffles of one vector register."""

    def codegen(context, builder, signature, args):
        dtype = signature.args[1].dtype
        vector, align = ir.VectorType(context.get_data_type(dtype), 16), dtype.bitwidth // 8
        value = builder.load(_pointer(context, builder, signature.args[1], args[1], args[2], vector), align=align)
        flips = [_shuffle(builder, value, [lane ^ (1 << k) for lane in range(16)]) for k in range(4)]
        out = _pointer(context, builder, signature.args[0], args[0], args[2], vector)
        _subtract(builder, out, align, args[3], flips)
        return context.get_dummy_value()

    return types.void(y, x, i, c), codegen


def _flip_rows(bits):
    """An intrinsic f(y, x, i, h, c): flips of strides h, 2h, … 2^(bits-1)·h on vectors of 64 bytes at i, i + h, …"""

    @intrinsic
    def flip(typingctx, y, x, i, h, c):
        def codegen(context, builder, signature, args):
            dtype, rows = signature.args[1].dtype, range(1 << bits)
            align = dtype.bitwidth // 8
            vector = ir.VectorType(context.get_data_type(dtype), 64 // align)
            at = [builder.add(args[2], builder.mul(args[3], args[3].type(g))) for g in rows]
            values = [
                builder.load(_pointer(context, builder, signature.args[1], args[1], a, vector), align=align) for a in at
            ]
            for g in rows:
                out = _pointer(context, builder, signature.args[0], args[0], at[g], vector)
                _subtract(builder, out, align, args[4], [values[g ^ (1 << k)] for k in range(bits)])
            return context.get_dummy_value()

        return types.void(y, x, i, types.intp, c), codegen

    return flip


_flip_1, _flip_2, _flip_4 = _flip_rows(1), _flip_rows(2), _flip_rows(4)


@kernel
def _flip_bits(y, x, c, start, stop, h):
    """y[start:stop] -= c·Σ flips of every stride h, 2h, … below stop - start, h ≥ 16: four at a time, then two, one.

    Give integers as variables or np.int64: numba compiles anew for a literal.
    """
    size, width = stop - start, 64 // x.itemsize
    while 16 * h <= size:
        for i in range(start, stop, 16 * h):
            for j in range(i, i + h, width):
                _flip_4(y, x, j, h, c)
        h *= 16
    if 4 * h <= size:
        for i in range(start, stop, 4 * h):
            for j in range(i, i + h, width):
                _flip_2(y, x, j, h, c)
        h *= 4
    if 2 * h <= size:
        for i in range(start, stop, 2 * h):
            for j in range(i, i + h, width):
                _flip_1(y, x, j, h, c)


@kernel
def _flip_few(y, x, c):
    """y -= c·Σ flips for fewer than four spins."""
    h = 1
    while h < x.size:
        for i in range(x.size):
            y[i] -= c * x[i ^ h]
        h *= 2


@kernel(fastmath=FAST)
def _diagonal(y, x, z, d, cd, c0, cz):
    for i in range(y.size):
        y[i] = (cd * d[i] - c0) * x[i] - cz * z[i]


@kernel
def step_span(y, x, z, d, cx, cd, c0, cz, start, stop):
    """y = (cd·d - c0)·x - cz·z - cx·Σ_k flip_k x on one block, for the flips that stay inside the block."""
    tile = min(stop - start, 1 << TILE_BITS)
    for a in range(start, stop, tile):
        _diagonal(y[a : a + tile], x[a : a + tile], z[a : a + tile], d[a : a + tile], cd, c0, cz)
        if tile < 16:
            _flip_few(y, x, cx)
            return
        for i in range(a, a + tile, 16):
            _flip_lanes(y, x, i, cx)
        _flip_bits(y, x, cx, a, a + tile, np.int64(16))
    _flip_bits(y, x, cx, start, stop, tile)


@kernel
def _copy(target, source):
    for i in range(target.size):
        target[i] = source[i]


@kernel
def step_columns(y, x, cx, span, start, stop):
    """y -= cx·Σ flips of the bits at and above ``span``, for the columns start … stop of the (2^n/span, span) view."""
    rows, c = x.size // span, COLUMNS
    w, q = np.empty(rows * c, x.dtype), np.empty(rows * c, x.dtype)
    for a in range(start, stop, c):
        for r in range(rows):
            b = r * span + a
            _copy(w[r * c : r * c + c], x[b : b + c])
            _copy(q[r * c : r * c + c], y[b : b + c])
        _flip_bits(q, w, cx, np.int64(0), rows * c, np.int64(c))
        for r in range(rows):
            b = r * span + a
            _copy(y[b : b + c], q[r * c : r * c + c])


@kernel
def step_all(y, x, z, d, cx, cd, c0, cz):
    """y = (cd·d - c0)·x - cz·z - cx·Σ_k flip_k x in one thread; all arrays (2^n,), all of one dtype."""
    span = min(x.size, 1 << SPAN_BITS)
    for a in range(0, x.size, span):
        step_span(y, x, z, d, cx, cd, c0, cz, a, a + span)
    if span < x.size:
        step_columns(y, x, cx, span, np.int64(0), span)


def step(y, x, z, d, cx, cd, c0, cz, pool=None):
    """``step_all`` with the blocks shared among the threads of ``pool``, bit-identical to it."""
    scalars = [x.dtype.type(c) for c in (cx, cd, c0, cz)]
    span = 1 << SPAN_BITS
    if pool is None or x.size < 1 << THREADED_FROM:
        return step_all(y, x, z, d, *scalars)
    list(pool.map(lambda a: step_span(y, x, z, d, *scalars, a, a + span), range(0, x.size, span)))
    width = span // 16
    list(pool.map(lambda a: step_columns(y, x, scalars[0], span, a, a + width), range(0, span, width)))


@kernel
def chebyshev(v, d, cx, cd, degree, low, high, bottom):
    """Replace v by p(H)v, H = cx·(-Σσx) + cd·d, with p small on [low, high] and 1 at ``bottom`` < low.

    p(E) = T_degree((E - c)/e) / T_degree((bottom - c)/e) with the recurrence rescaled at every step
    (Zhou, Saad, Tiago, Chelikowsky 2006), so that float32 does not overflow.  v, d: (2^n,), one dtype.
    """
    real = v.dtype.type
    half, centre = (high - low) / 2, (high + low) / 2
    first = half / (bottom - centre)
    sigma = first
    older, old, new = v.copy(), np.empty_like(v), np.empty_like(v)
    q = sigma / half
    step_all(old, older, older, d, real(q * cx), real(q * cd), real(q * centre), real(0))
    for _ in range(degree - 1):
        following = 1 / (2 / first - sigma)
        q = 2 * following / half
        step_all(new, old, older, d, real(q * cx), real(q * cd), real(q * centre), real(sigma * following))
        older, old, new = old, new, older
        sigma = following
    _copy(v, old)  # v[:] = old compiles numba's message about shapes, two seconds


def thread_pool(threads=None):
    """A pool of ``threads`` threads (default: all cores) for kernels that release the GIL."""
    return ThreadPoolExecutor(cores() if threads is None else threads, thread_name_prefix="qtwin")


def spin_count(energies):
    """n for an array of 2^n energies; ValueError for any other shape or for NaN and infinities."""
    n = energies.size.bit_length() - 1
    if energies.ndim != 1 or energies.size != 1 << max(n, 0) or n < 1:
        raise ValueError(f"energies must have shape (2^n,) with n ≥ 1, got {energies.shape}; use model.energies()")
    if not np.isfinite(energies.sum()):
        raise ValueError("energies hold NaN or infinity")
    return n


def hamiltonian(energies, A, B, *, dtype=np.float64, pool=None):
    """H = -A/2 Σσx + B/2 diag(energies) as a scipy LinearOperator (2^n, 2^n), symmetric.

    energies: (2^n,), as from ``model.energies()``.  dtype: float64 or float32 of the products; in
    float32 subtract a large offset from the energies first.  pool: a thread pool for n ≥ 18.
    """
    spin_count(np.asarray(energies))
    dtype = np.dtype(dtype)
    if dtype not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise ValueError(f"dtype must be float64 or float32, got {dtype}")
    d = np.ascontiguousarray(energies, dtype)

    def matvec(x):
        x = np.ascontiguousarray(x.reshape(-1), dtype)
        y = np.empty_like(x)
        step(y, x, x, d, A / 2, B / 2, 0, 0, pool)
        return y

    return LinearOperator((d.size, d.size), matvec=matvec, rmatvec=matvec, dtype=dtype)

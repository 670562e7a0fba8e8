"""Checks of the options of linear algebra: triangles, sides, orders, ranks, signs, complex matrices. References: small matrices known by hand."""

import math

from ptsetup_bench_main import plain

A = [[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]]
"""Symmetric, determinant 18."""
LOW = [[2.0, 0.0, 0.0], [1.0, 4.0, 0.0], [-3.0, 0.5, 5.0]]
B = [[1.0, -2.0], [3.0, 0.5], [-1.0, 4.0]]
WIDE = [[1.0, 2.0, 2.0], [0.0, 3.0, -4.0]]


def _times(a, b):
    return [[math.fsum(u * v for u, v in zip(row, column)) for column in zip(*b)] for row in a]


def _turned(a):
    return [list(column) for column in zip(*a)]


def _lower_solution(low, right, is_unit=False):
    """Forward substitution."""
    found = []
    for i, row in enumerate(low):
        line = [v - math.fsum(row[j] * found[j][k] for j in range(i)) for k, v in enumerate(right[i])]
        found.append(line if is_unit else [v / row[i] for v in line])
    return found


def linalg_options(kit, worst):
    """Triangles, sides, transposes, ranks, orders of norms, signs of determinants, complex matrices, by matrices known by hand."""
    for dtype in kit.dtypes("float32", "float64"):
        check = lambda label, got, want, bound=128: kit.compare(worst, got, want, bound, "%s, %s" % (label, str(dtype)[6:]), dtype, 1.0)
        _triangles(kit, check, dtype)
        _determinants(kit, check, dtype)
        _squares(kit, check, dtype)
        _norms(kit, check, dtype)
        _rectangles(kit, check, dtype)
        _powers(kit, check, dtype)
    _complex(kit, worst)


def _triangles(kit, check, dtype):
    torch, linalg = kit.torch, kit.torch.linalg
    low, right = kit.of(LOW, dtype), kit.of(B, dtype)
    junk = torch.triu(torch.full_like(low, 7.0), 1)
    for is_unit in (False, True):
        used = [[1.0 if is_unit and i == j else v for j, v in enumerate(row)] for i, row in enumerate(LOW)]
        want = _lower_solution(used, B)
        options, words = {"unitriangular": is_unit}, ", unitriangular" if is_unit else ""
        # the other triangle is not read
        check("solve_triangular, lower" + words, linalg.solve_triangular(low + junk, right, upper=False, **options), want)
        check("solve_triangular, a row-major left side" + words, linalg.solve_triangular((low + junk).t().contiguous().t(), right, upper=False, **options), want)
        check("solve_triangular, upper" + words, linalg.solve_triangular((low + junk).flip(0, 1), right.flip(0), upper=True, **options), _turned([c[::-1] for c in _turned(_lower_solution(used, B))]))
        turned = _turned(_lower_solution(used, B))
        check("solve_triangular, from the right" + words, linalg.solve_triangular((low + junk).t(), right.t(), upper=True, left=False, **options), turned)
    square = kit.of(A, dtype)
    root = linalg.cholesky(square)
    upper = linalg.cholesky(square, upper=True)
    check("cholesky, upper", upper, _turned(plain(root)))
    check("cholesky, upper, U'U", upper.t() @ upper, A)
    x = [[1.0, -1.0], [0.5, 2.0], [-2.0, 0.0]]
    made = kit.of(_times(A, x), dtype)
    check("cholesky_solve", torch.cholesky_solve(made, root), x)
    check("cholesky_solve, upper", torch.cholesky_solve(made, upper, upper=True), x)
    inverse = [[11 / 18.0, -4 / 18.0, 1 / 18.0], [-4 / 18.0, 8 / 18.0, -2 / 18.0], [1 / 18.0, -2 / 18.0, 5 / 18.0]]
    check("cholesky_inverse", torch.cholesky_inverse(root), inverse)
    check("cholesky_inverse, upper", torch.cholesky_inverse(upper, upper=True), inverse)
    check("solve", linalg.solve(square, made), x)
    check("solve, from the right", linalg.solve(square, made.t(), left=False), _turned(x))
    check("solve, two matrices", linalg.solve(torch.stack([square, 2 * square]), torch.stack([made, made]))[1], [[v / 2 for v in row] for row in x])
    uneven = kit.of([[0.0, 2.0, 1.0], [3.0, 0.0, 1.0], [1.0, 1.0, 0.0]], dtype)
    check("solve with a zero pivot", linalg.solve(uneven, uneven @ kit.of(x, dtype)), x)
    factors, pivots = linalg.lu_factor(uneven)
    check("lu_solve", torch.lu_solve(uneven @ kit.of(x, dtype), factors, pivots), x)
    check("inv_ex", linalg.inv_ex(square)[0], inverse)
    check("tensorsolve", linalg.tensorsolve(square.reshape(3, 1, 3), made[:, :1]), [row[0] for row in x])
    check("ldl_solve", linalg.ldl_solve(*(list(linalg.ldl_factor(square)) + [made])), x) if kit.device.type == "cpu" else None


def _determinants(kit, check, dtype):
    torch, linalg = kit.torch, kit.torch.linalg
    for label, rows, want in (
        ("positive", A, 18.0),
        ("negative", [[1.0, 2.0], [3.0, 4.0]], -2.0),
        ("of an exchange", [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], -1.0),
        ("of a turn of three", [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], 1.0),
        ("negative, of three", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]], -3.0),
        ("of a singular matrix", [[1.0, 1.0], [1.0, 1.0]], 0.0),
    ):
        square = kit.of(rows, dtype)
        check("det, %s" % label, linalg.det(square), [want])
        for spelling, way in (("linalg.slogdet", linalg.slogdet), ("torch.slogdet", torch.slogdet), ("Tensor.slogdet", torch.Tensor.slogdet)):
            sign, log = way(square)
            check("sign of %s, %s" % (spelling, label), sign, [(want > 0) - (want < 0)], 1)
            check("%s, %s" % (spelling, label), log, [math.log(abs(want)) if want else -float("inf")])
    check("det of a batch", linalg.det(kit.of([[[1.0, 2.0], [3.0, 4.0]], [[2.0, 0.0], [0.0, 3.0]]], dtype)), [-2.0, 6.0])
    check("logdet of a negative determinant", torch.logdet(kit.of([[1.0, 2.0], [3.0, 4.0]], dtype)), [float("nan")])


def _squares(kit, check, dtype):
    """Eigenvalues of each triangle, vectors that belong to them, singular values with and without the rest of the space."""
    torch, linalg = kit.torch, kit.torch.linalg
    both = kit.of([[2.0, 7.0], [1.0, 2.0]], dtype)
    for side, off in (("L", 1.0), ("U", 7.0)):
        for name, got in (("eigvalsh", linalg.eigvalsh(both, UPLO=side)), ("eigh", linalg.eigh(both, UPLO=side)[0])):
            check("%s of the triangle %s" % (name, side), got, [2 - off, 2 + off])
        values, vectors = linalg.eigh(both, UPLO=side)
        rebuilt = vectors @ torch.diag(values) @ vectors.t()
        check("eigh of the triangle %s, rebuilt" % side, rebuilt, [[2.0, off], [off, 2.0]])
    wide = kit.of(WIDE, dtype)
    gram = _times(WIDE, _turned(WIDE))
    middle, gap = (gram[0][0] + gram[1][1]) / 2, math.hypot((gram[0][0] - gram[1][1]) / 2, gram[0][1])
    singular = [math.sqrt(middle + gap), math.sqrt(middle - gap)]
    for full in (False, True):
        u, s, vh = linalg.svd(wide, full_matrices=full)
        check("svd, full_matrices=%s" % full, s, singular)
        check("svd, full_matrices=%s, V'V" % full, vh @ vh.t(), plain(torch.eye(3 if full else 2)))
        check("svd, full_matrices=%s, rebuilt" % full, (u * s) @ vh[:2], WIDE)
    u, s, v = torch.svd(wide)
    check("torch.svd, rebuilt", u @ torch.diag(s) @ v.t(), WIDE)
    tall = wide.t()
    for mode, size in (("reduced", 2), ("complete", 3)):
        q, r = linalg.qr(tall, mode)
        check("qr, %s" % mode, q @ r, _turned(WIDE))
        check("qr, %s, Q'Q" % mode, q.t() @ q, plain(torch.eye(size)))
    r = linalg.qr(tall, "r")[1]
    check("qr, r", r.t() @ r, gram)
    p, low, up = linalg.lu(tall)
    check("lu of a tall matrix", p @ low @ up, _turned(WIDE))
    check("multi_dot of four", linalg.multi_dot([wide, wide.t(), wide, wide.t()]), _times(gram, gram))
    check("householder_product", linalg.householder_product(*torch.geqrf(tall)), plain(linalg.qr(tall)[0]))


def _norms(kit, check, dtype):
    linalg, infinite = kit.torch.linalg, float("inf")
    m = [[3.0, 0.0], [-4.0, 5.0]]
    square = kit.of(m, dtype)
    top, bottom = math.sqrt(45), math.sqrt(5)
    table = (("fro", math.sqrt(50)), ("nuc", top + bottom), (1, 7.0), (-1, 5.0), (infinite, 9.0), (-infinite, 3.0), (2, top), (-2, bottom))
    for order, want in table:
        check("matrix_norm, %s" % order, linalg.matrix_norm(square, order), [want])
        check("norm of a matrix, %s" % order, linalg.norm(square, order), [want])
        stacked = kit.torch.stack([square, 2 * square])
        check("matrix_norm of a batch, %s" % order, linalg.matrix_norm(stacked, order, keepdim=True), [want, 2 * want])
    for order, want in ((None, 3.0), (2, 3.0), ("fro", math.sqrt(50) ** 2 / 15), (1, 7 * 9 / 15.0), (infinite, 9 * 7 / 15.0), (-2, 1 / 3.0)):
        check("cond, %s" % order, linalg.cond(square, order), [want])


def _rectangles(kit, check, dtype):
    """Systems with too few equations (the shortest solution), with too many, and of low rank."""
    linalg, wide = kit.torch.linalg, kit.of(WIDE, dtype)
    gram = _times(WIDE, _turned(WIDE))
    determinant = gram[0][0] * gram[1][1] - gram[0][1] * gram[1][0]
    inverse = [[gram[1][1] / determinant, -gram[0][1] / determinant], [-gram[1][0] / determinant, gram[0][0] / determinant]]
    pseudo = _times(_turned(WIDE), inverse)
    right = [[1.0, -1.0], [2.0, 0.5]]
    check("pinv of a wide matrix", linalg.pinv(wide), pseudo)
    check("pinv of a tall matrix", linalg.pinv(wide.t()), _turned(pseudo))
    check("lstsq with too few equations", linalg.lstsq(wide, kit.of(right, dtype))[0], _times(pseudo, right))
    given = [[1.0], [2.0], [4.0]]
    check("lstsq with too many equations", linalg.lstsq(wide.t(), kit.of(given, dtype))[0], _times(_turned(pseudo), given))
    if kit.device.type == "cpu":
        answer = linalg.lstsq(wide.t(), kit.of(given, dtype), driver="gelsd")
        left = _times(_turned(WIDE), _times(_turned(pseudo), given))
        check("residual of lstsq", answer[1], [math.fsum((u[0] - v[0]) ** 2 for u, v in zip(left, given))])
        check("rank that lstsq tells", answer[2].to(dtype), [2.0])
        flat = kit.of([[1.0, 2.0], [2.0, 4.0]], dtype)
        check("lstsq of low rank", linalg.lstsq(flat, kit.of([[5.0], [10.0]], dtype), driver="gelsd")[0], [[1.0], [2.0]])
    check("pinv of low rank", linalg.pinv(kit.of([[1.0, 2.0], [2.0, 4.0]], dtype)), [[0.04, 0.08], [0.08, 0.16]])
    check("pinv, hermitian", linalg.pinv(kit.of([[1.0, 2.0], [2.0, 4.0]], dtype), hermitian=True), [[0.04, 0.08], [0.08, 0.16]])
    steps = kit.torch.diag(kit.of([1.0, 0.1, 0.001], dtype))
    ranks = [linalg.matrix_rank(steps), linalg.matrix_rank(steps, rtol=0.01), linalg.matrix_rank(steps, atol=0.5), linalg.matrix_rank(0 * steps)]
    check("matrix_rank and its tolerances", [float(rank) for rank in ranks], [3.0, 2.0, 1.0, 0.0])
    check("pinv, rtol", linalg.pinv(steps, rtol=0.01), [[1.0, 0.0, 0.0], [0.0, 10.0, 0.0], [0.0, 0.0, 0.0]])


def _powers(kit, check, dtype):
    torch, linalg = kit.torch, kit.torch.linalg
    square, turn = kit.of([[2.0, 1.0], [0.0, 1.0]], dtype), kit.of([[0.0, -1.0], [1.0, 0.0]], dtype)
    for power, want in ((0, [[1.0, 0.0], [0.0, 1.0]]), (1, [[2.0, 1.0], [0.0, 1.0]]), (3, [[8.0, 7.0], [0.0, 1.0]]), (-2, [[0.25, -0.75], [0.0, 1.0]]), (5, [[32.0, 31.0], [0.0, 1.0]])):
        check("matrix_power, %d" % power, linalg.matrix_power(square, power), want)
    for angle in (0.001, 0.3, 2.0, 12.0):
        rows = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        for label, way in (("torch", torch.matrix_exp), ("linalg", linalg.matrix_exp)):
            check("%s.matrix_exp, an angle of %s" % (label, angle), way(angle * turn), rows, 1024)
    check("matrix_exp of a triangle", torch.matrix_exp(kit.of([[1.0, 5.0], [0.0, 3.0]], dtype)), [[math.e, 2.5 * (math.exp(3) - math.e)], [0.0, math.exp(3)]], 1024)
    check("vander", linalg.vander(kit.of([2.0, -1.0], dtype)), [[1.0, 2.0], [1.0, -1.0]])
    check("torch.vander", torch.vander(kit.of([2.0, -1.0], dtype), 3, True), [[1.0, 2.0, 4.0], [1.0, -1.0, 1.0]])
    x, y = kit.of([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]], dtype), kit.of([[4.0, 5.0, 6.0], [1.0, 0.0, 0.0]], dtype)
    check("cross of rows", linalg.cross(x, y), [[-3.0, 6.0, -3.0], [0.0, 0.0, -1.0]])
    check("cross of columns", linalg.cross(x.t(), y.t(), dim=0), _turned([[-3.0, 6.0, -3.0], [0.0, 0.0, -1.0]]))
    check("kron", torch.kron(square, turn), [[0.0, -2.0, 0.0, -1.0], [2.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, -1.0], [0.0, 0.0, 1.0, 0.0]])
    check("einsum of three", torch.einsum("ij,jk,kl->il", square, turn, square), [[2.0, -1.0], [2.0, 1.0]])
    check("einsum, order of the output", torch.einsum("ab,cd->dacb", square, turn)[0, 0, 1], [2.0, 1.0])
    check("einsum, trace of a product", torch.einsum("ij,ji", square, turn), [1.0])
    check("tensordot over two", torch.tensordot(square, turn, dims=([0, 1], [1, 0])), [1.0])


def _complex(kit, worst):
    torch, linalg = kit.torch, kit.torch.linalg
    if kit.device.type == "mps":
        return
    hermitian = torch.complex(kit.of([[2.0, 0.0], [0.0, 2.0]]), kit.of([[0.0, 1.0], [-1.0, 0.0]]))
    parts = lambda z: plain(torch.view_as_real(torch.resolve_conj(z)))
    check = lambda label, got, want: kit.compare(worst, got, want, 128, "complex %s" % label, torch.float32, 1.0)
    values, vectors = linalg.eigh(hermitian)
    check("eigh", values, [1.0, 3.0])
    check("eigh, rebuilt", parts((vectors * values) @ vectors.mH), parts(hermitian))
    root = linalg.cholesky(hermitian)
    check("cholesky, L L*", parts(root @ root.mH), parts(hermitian))
    u, s, vh = linalg.svd(hermitian)
    check("svd", s, [3.0, 1.0])
    check("svd, rebuilt", parts((u * s) @ vh), parts(hermitian))
    check("det", parts(linalg.det(hermitian)), [3.0, 0.0])
    check("inverse", parts(linalg.inv(hermitian) @ hermitian), [[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]])
    turning = linalg.eigvals(kit.of([[0.0, -2.0], [2.0, 0.0]]))
    found = sorted((round(z.real, 5), round(z.imag, 5)) for z in plain(turning.cpu()))
    check("eigenvalues of a turn", [list(z) for z in found], [[0.0, -2.0], [0.0, 2.0]])
    # (2, i) and (-i, 2): the first is conjugated
    check("vecdot", parts(linalg.vecdot(hermitian[0], hermitian[1])), [0.0, -4.0])
    check("matrix_norm", linalg.matrix_norm(hermitian, 1), [3.0])
    check("pinv", parts(linalg.pinv(hermitian) @ hermitian), [[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]])


CHECKS = {
    "linalg.options": linalg_options,
}

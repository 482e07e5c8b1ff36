# SPDX-License-Identifier: MIT OR Apache-2.0
# Copyright the clarke authors
"""ONNX operators: constants stay constants, everything else becomes linear rows and bends."""

from fractions import Fraction

from . import onnx
from .call import HARMLESS, Call, broadcast, places, single
from .errors import Refused, Unchecked
from .exact import ONE, ZERO, root_down, root_up
from .net import RELU, Bend, Factor, Linear, Maximum, clip, leaky
from .window import windows


def apply(net, node, inputs, opset, last):
    if (node.domain or "") not in ("", "ai.onnx") or not node.outputs or any(node.outputs[1:]):
        raise Unchecked(f"the operator {node.domain or ''}.{node.kind}")
    if node.kind == "Softmax" and last:
        # Bounds are about the values before a last softmax, unless it is to be kept.
        return inputs[0]
    if node.kind not in OPERATORS:
        raise Unchecked(f"the operator {node.kind}")
    call = Call(net, node, inputs, opset)
    out = OPERATORS[node.kind](call)
    if set(call.left) - HARMLESS:
        raise Unchecked(f"the attribute {sorted(call.left)[0]} of {node.kind}")
    return out


def dense(call, x, columns, shape):
    """x times a matrix; columns[i] holds the weights of output i."""
    rows = [[(x.node, j, w) for j, w in enumerate(c) if w] for c in columns]
    return call.push(Linear("affine", rows, [ZERO] * len(rows)), len(rows), shape)


def gemm(call):
    x, w = call.computed(0), call.constant(1)
    if call.int("transA", 0) or len(x.shape) != 2 or x.shape[0] != 1 or len(w.shape) != 2:
        raise Unchecked("Gemm of other shapes than one row times a matrix")
    alpha, beta = call.number("alpha", ONE), call.number("beta", ONE)
    (k, n), v = w.shape, w.values
    columns = [[alpha * v[i * n + j] for i in range(k)] for j in range(n)]
    if call.int("transB", 0):
        columns = [[alpha * v[j * n + i] for i in range(n)] for j in range(k)]
    if not columns or len(columns[0]) != x.shape[1]:
        raise Refused("a matrix does not fit its operand")
    y = dense(call, x, columns, [1, len(columns)])
    if call.has(2):
        c = call.constant(2)
        return scaled(call, y, c.shape, [(ONE, beta * v) for v in c.values])
    return y


def matmul(call):
    x, w = call.computed(0), call.constant(1)
    if len(w.shape) != 2 or onnx.volume(x.shape[:-1]) != 1 or x.shape[-1:] != w.shape[:1]:
        raise Unchecked("MatMul of other shapes than one row times a matrix")
    k, n = w.shape
    columns = [[w.values[i * n + j] for i in range(k)] for j in range(n)]
    return dense(call, x, columns, x.shape[:-1] + [n])


def scaled(call, x, shape, pairs):
    """factor · x + shift, repeated from the shape."""
    target = broadcast(x.shape, shape)
    if target != x.shape:
        raise Unchecked("a computed value is repeated")
    each = [pairs[i] for i in places(shape, target)]
    rows = [[(x.node, j, f)] if f else [] for j, (f, _) in enumerate(each)]
    channels = x.shape[-1] if len(x.shape) < 3 else x.shape[1]
    plain = len(pairs) == channels and all(f == 1 for f, _ in pairs)
    kind = "bias" if plain else "shifted" if any(s for _, s in each) else "scale"
    return call.push(Linear(kind, rows, [s for _, s in each]), len(each), target)


def arithmetic(call):
    kind, (a, b) = call.node.kind, (call.value(0), call.value(1))
    if isinstance(a, onnx.Computed) and isinstance(b, onnx.Computed):
        return added(call, a, b, kind)
    if isinstance(b, onnx.Computed):
        c, x = call.constant(0), b
        ways = {"Add": lambda v: (ONE, v), "Sub": lambda v: (-ONE, v), "Mul": lambda v: (v, ZERO)}
    else:
        x, c = call.computed(0), call.constant(1)
        ways = {"Add": lambda v: (ONE, v), "Sub": lambda v: (ONE, -v), "Mul": lambda v: (v, ZERO),
                "Div": lambda v: (1 / v, ZERO)}
    if kind not in ways or (kind == "Div" and not all(c.values)):
        raise Unchecked("a division by a computed value, or by zero")
    return scaled(call, x, c.shape, [ways[kind](v) for v in c.values])


def added(call, a, b, kind):
    if kind not in ("Add", "Sub") or a.shape != b.shape:
        raise Unchecked(f"{kind} of two computed values")
    n = onnx.volume(a.shape)
    if kind == "Sub":
        rows = [[(b.node, j, -ONE)] for j in range(n)]
        b = call.push(Linear("scale", rows, [ZERO] * n), n, b.shape)
    rows = [[(a.node, j, ONE), (b.node, j, ONE)] for j in range(n)]
    return call.push(Linear("add", rows, [ZERO] * n), n, a.shape)


def negated(call):
    x = call.computed(0)
    n = onnx.volume(x.shape)
    return call.push(Linear("scale", [[(x.node, j, -ONE)] for j in range(n)], [ZERO] * n), n, x.shape)


def bent(function):
    def run(call):
        x, f = call.computed(0), function(call)
        n = onnx.volume(x.shape)
        return x if f is None else call.push(Bend(x.node, [f] * n), n, x.shape)

    return run


def clipped(call):
    ends = []
    for k, name, none in [(1, "min", "-inf"), (2, "max", "inf")]:
        end = call.number(name, None)
        if end is not None and call.has(k):
            raise Unchecked("Clip with ends that are there twice")
        if call.has(k):
            t = call.value(k)
            if not isinstance(t, onnx.Tensor) or len(t.values) != 1 or not t.real:
                raise Unchecked("Clip by operands that are computed, or of another type")
            end = t.values[0]
            if isinstance(end, float):
                if end != float(none):
                    raise Refused("Clip by an end that is none")
                end = None
        ends.append(end)
    if None not in ends and ends[0] > ends[1]:
        raise Refused("Clip by ends in the wrong order")
    return None if ends == [None, None] else RELU if ends == [0, None] else clip(*ends)


def prelu(call):
    x, slopes = call.computed(0), call.constant(1)
    if broadcast(x.shape, slopes.shape) != x.shape:
        raise Refused("shapes do not fit each other")
    functions = [leaky(slopes.values[i]) for i in places(slopes.shape, x.shape)]
    return call.push(Bend(x.node, functions), len(functions), x.shape)


def normalised(call):
    """γ (x − mean) / (var + ε)^½ + β; a root that is no fraction is known to 2^-250 of itself."""
    x = call.computed(0)
    if call.int("training_mode", 0) or not call.int("spatial", 1) or len(x.shape) < 2:
        raise Unchecked("BatchNormalization in training, or per element")
    epsilon = call.number("epsilon", single(1e-5))
    parts = [call.constant(k).values for k in range(1, 5)]
    count, each = x.shape[1], onnx.volume(x.shape[2:])
    if any(len(p) != count for p in parts) or any(v + epsilon <= 0 for v in parts[3]):
        raise Refused("BatchNormalization of parameters that do not fit")
    factors, shifts, means = [], [], []
    for gamma, beta, mean, var in zip(*parts):
        low, high = root_down(1 / (var + epsilon)), root_up(1 / (var + epsilon))
        factors += [sorted((gamma * low, gamma * high))] * each
        shifts += [beta] * each
        means += [mean] * each
    n = len(factors)
    if all(low == high for low, high in factors):
        rows = [[(x.node, j, f[0])] for j, f in enumerate(factors)]
        constants = [s - m * f[0] for s, m, f in zip(shifts, means, factors)]
        return call.push(Linear("shifted", rows, constants), n, x.shape)
    y = call.push(Linear("shifted", [[(x.node, j, ONE)] for j in range(n)], [-m for m in means]), n, x.shape, False)
    y = call.push(Bend(y.node, [Factor(*f) for f in factors]), n, x.shape, False)
    return call.push(Linear("shifted", [[(y.node, j, ONE)] for j in range(n)], shifts), n, x.shape)


def conv(call):
    x, w = call.computed(0), call.constant(1)
    groups = call.int("group", 1)
    kernel = w.shape[2:]
    if call.ints("kernel_shape", kernel) != kernel or len(w.shape) != len(x.shape) or groups < 1:
        raise Refused("a kernel does not fit its operand")
    (out, depth), size = w.shape[:2], onnx.volume(kernel)
    if out % groups or depth * groups != x.shape[1] or x.shape[0] != 1:
        raise Refused("a kernel does not fit its operand")
    found, sizes = windows(call, x.shape[2:], kernel, False)
    bias = call.constant(2).values if call.has(2) else None
    if bias is not None and len(bias) != out:
        raise Refused("a bias does not fit its layer")
    rows, area = [], onnx.volume(x.shape[2:])
    for o in range(out):
        first = o // (out // groups) * depth
        for window in found:
            row = [(x.node, (first + c) * area + at, w.values[(o * depth + c) * size + tap])
                   for c in range(depth) for tap, at in window]
            rows.append([r for r in row if r[2]])
    constants = [(bias[o] if bias else ZERO) for o in range(out) for _ in found]
    node = Linear("affine", rows, constants, bias is not None)
    return call.push(node, len(rows), [1, out, *sizes])


def pooled(call):
    x = call.computed(0)
    kind, kernel = call.node.kind, call.ints("kernel_shape")
    if kernel is None or x.shape[0] != 1 or call.int("count_include_pad", 0):
        raise Unchecked(f"{kind} of other shapes, or with its padding")
    found, sizes = windows(call, x.shape[2:], kernel, call.int("ceil_mode", 0) != 0)
    area, channels = onnx.volume(x.shape[2:]), x.shape[1]
    all_ = [[c * area + at for _, at in w] for c in range(channels) for w in found]
    if not all(all_):
        raise Refused("a pool has an empty window")
    shape, n = [1, channels, *sizes], len(all_)
    if kind == "MaxPool":
        return call.push(Maximum(x.node, all_), n, shape)
    sums = Linear("select", [[(x.node, j, ONE) for j in w] for w in all_], [ZERO] * n)
    y = call.push(sums, n, shape)
    if all(len(w) == 1 for w in all_):
        return y
    rows = [[(y.node, j, Fraction(1, len(w)))] for j, w in enumerate(all_)]
    return call.push(Linear("scale", rows, [ZERO] * n), n, shape)


def reshaped(call):
    x, target = call.value(0), call.constant(1, False).values
    copies = not call.int("allowzero", 0)
    shape = [x.shape[k] if d == 0 and copies and k < len(x.shape) else d for k, d in enumerate(target)]
    if shape.count(-1) == 1:
        rest = onnx.volume(d for d in shape if d != -1)
        if rest <= 0 or onnx.volume(x.shape) % rest:
            raise Refused("a value does not fit its new shape")
        shape[shape.index(-1)] = onnx.volume(x.shape) // rest
    return same(x, shape)


def same(x, shape):
    if any(d < 0 for d in shape) or onnx.volume(shape) != onnx.volume(x.shape):
        raise Refused("a value does not fit its new shape")
    return onnx.Computed(x.node, shape) if isinstance(x, onnx.Computed) else onnx.Tensor(shape, x.values, x.real)


def flattened(call):
    x, axis = call.value(0), call.int("axis", 1)
    axis += len(x.shape) if axis < 0 else 0
    if not 0 <= axis <= len(x.shape):
        raise Refused("an axis does not exist")
    return same(x, [onnx.volume(x.shape[:axis]), onnx.volume(x.shape[axis:])])


def constant(call):
    a = call.left.pop("value", None)
    if a is None or a.t is None:
        raise Unchecked("a constant that is no tensor")
    return onnx.tensor(a.t)


def dropped(call):
    if call.has(2) or call.has(1):
        raise Unchecked("Dropout with operands")
    return call.value(0)


OPERATORS = {
    "Gemm": gemm, "MatMul": matmul, "Add": arithmetic, "Sub": arithmetic, "Mul": arithmetic, "Div": arithmetic,
    "Neg": negated, "Conv": conv, "BatchNormalization": normalised, "MaxPool": pooled, "AveragePool": pooled,
    "Flatten": flattened, "Reshape": reshaped, "Identity": lambda call: call.value(0), "Dropout": dropped,
    "Constant": constant, "PRelu": prelu,
    "Relu": bent(lambda call: RELU), "Abs": bent(lambda call: leaky(-ONE)), "Clip": bent(clipped),
    "LeakyRelu": bent(lambda call: leaky(call.number("alpha", single(0.01)))),
}

"""How four tools decide: bgdeploy by its own command; the rules of the others written anew from their documented code.

flagger: fluxcd/flagger 15bd6ad5, argo: argoproj/argo-rollouts 9f8d111d, kayenta: spinnaker/kayenta a69573be.
Each rule gets every second and says from its look on whether it rolls back.
"""
import json, math, random, subprocess
from traffic import LENGTH, Window

LEAST_SUCCESS, LONGEST = 0.99, 500.0  # the limits of the two tools without a comparison: rate, p99 in ms


class Judge:
    """`bgdeploy judge` as a child process; its verdict is known a second after the tick."""
    lag = 1

    def __init__(self, command):
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def verdicts(self, ticks):
        self.child.stdin.write("".join(json.dumps(t) + "\n" for t in ticks))
        self.child.stdin.flush()
        return [self.verdict(self.child.stdout.readline()) for _ in ticks]

    @staticmethod
    def verdict(line):
        if not line:
            raise RuntimeError("`bgdeploy judge` has ended early")
        return json.loads(line)["verdict"]

    def close(self):
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()


class Periodic:
    """A rule that looks at what happened since its last look."""

    def __init__(self, interval, seed):
        self.interval, self.window = interval, Window(random.Random(seed))

    def second(self, tick, logs):
        self.window.add(tick, logs)
        t = tick["t"] + 1
        return self.look(t, *self.window.take()) if t % self.interval == 0 else False

    @staticmethod
    def kept(candidate):
        rate, _, p99 = candidate
        return rate is not None and 1 - rate >= LEAST_SUCCESS and p99 <= LONGEST


class Flagger(Periodic):
    """Rolls back at the look after `threshold` failed ones; a good look resets nothing, no data is a failure."""

    def __init__(self, interval, threshold, seed):
        super().__init__(interval, seed)
        self.threshold, self.failed = threshold, 0

    def look(self, t, candidate, stable):
        if self.failed >= self.threshold:
            return True
        self.failed += not self.kept(candidate)
        return False


class Argo(Periodic):
    """Aborts when more than `limit` measurements have failed, or five in a row had no data."""

    def __init__(self, limit, seed):
        super().__init__(60, seed)
        self.limit, self.failed, self.errors = limit, 0, 0

    def look(self, t, candidate, stable):
        if candidate[0] is None:
            self.errors += 1
            return self.errors > 4
        self.errors = 0
        self.failed += not self.kept(candidate)
        return self.failed > self.limit


class Kayenta(Periodic):
    """Points of a minute, a judgement every five over all points so far; a metric that is High fails half of the score."""

    def __init__(self, seed):
        super().__init__(60, seed)
        self.points = []

    def look(self, t, candidate, stable):
        self.points.append([0.0 if v is None else v for v in (candidate[0], stable[0], candidate[1], stable[1])])
        if t % 300:
            return False
        columns = list(zip(*self.points))
        # A group of one metric scores 100 or 0, each weighs half: one High makes 50, and 75 or less stops.
        return is_high(columns[0], columns[1], 100) or is_high(columns[2], columns[3], 1)


def is_high(experiment, control, unit):
    """Whether the 98 % Mann-Whitney interval of the shift lies above a quarter of its estimate."""
    x, y = [v * unit for v in experiment], [v * unit for v in control]
    if sorted(x) == sorted(y) or len(set(x + y)) == 1:
        return False
    low, estimate = shift(x, y, 2.3263479), shift(x, y, 0.0)
    mean = lambda v: sum(v) / len(v)
    is_more = not mean(x) or not mean(y) or mean(x) >= mean(y)
    return low > 0.25 * abs(estimate) and is_more


def shift(x, y, quantile):
    """The shift of x against y at which the rank sum has this quantile; found to 1e-4, as there."""
    low, high = min(x) - max(y), max(x) - min(y)
    if rank_statistic(low, x, y) <= quantile:
        return low
    if rank_statistic(high, x, y) >= quantile:
        return high
    while high - low > 1e-4:
        middle = (low + high) / 2
        if rank_statistic(middle, x, y) > quantile:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def rank_statistic(mu, x, y):
    m, n = len(x), len(y)
    tagged = sorted([(v - mu, True) for v in x] + [(v, False) for v in y])
    ranks, ties, i = 0.0, 0.0, 0
    while i < len(tagged):
        j = i
        while j < len(tagged) and tagged[j][0] == tagged[i][0]:
            j += 1
        ranks += (i + 1 + j) / 2 * sum(is_x for _, is_x in tagged[i:j])
        ties += (j - i) ** 3 - (j - i)
        i = j
    away = ranks - m * (m + 1) / 2 - m * n / 2
    sigma = math.sqrt(m * n / 12 * ((m + n + 1) - ties / ((m + n) * (m + n - 1))))
    return (away - math.copysign(0.5, away) * (away != 0)) / sigma if sigma else 0.0


def peers(seed):
    return {
        "flagger 60s/5": Flagger(60, 5, seed),
        "flagger 10s/10": Flagger(10, 10, seed),
        "argo fl0": Argo(0, seed),
        "argo fl3": Argo(3, seed),
        "kayenta": Kayenta(seed),
    }

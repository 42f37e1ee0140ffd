"""Traffic of a canary that is the same for every rule: requests, errors and slow requests of both arms, second by second."""
import math, random
from dataclasses import dataclass

SCHEDULE = [(0, 0.10), (300, 0.25), (600, 0.50), (900, 0.95)]  # start of the step in s, candidate's share
LENGTH = 1500
ERROR_RATE = 0.001
SIGMA, P95 = 0.514, 233.0  # of a lognormal latency, ms
Z95, Z99 = 1.6448536, 2.3263479
MEMORY = math.exp(-1 / 60)  # of the noise that both arms have in common
SMOOTH = 1 - 2 ** (-1 / 60)  # tau follows the stable arm's p95 with a half-life of 60 s


@dataclass(frozen=True)
class Scenario:
    """A fault from `onset` on, or none: then every rollback is a false one."""
    name: str
    rate: float = 200
    onset: float = None
    errors: float = None      # the candidate's error rate from the onset on
    latency: float = 1.0      # the candidate's latency, as a multiple, from the onset on or from the start
    hang: bool = False        # the candidate answers nothing from the onset on
    drift: bool = False       # errors grow to five times, latency to 1.5 times, on both arms
    warm: float = 1.0         # the candidate's latency in the first seconds of the run
    outage: tuple = None      # (from, to, error rate) on both arms
    # what is asked for: a median and a 95th percentile in s, failed requests, how many times fewer than with Flagger
    median: float = None
    p95: float = None
    blast: float = None
    fewer: float = None
    probability: float = None
    limit: float = None       # of Wald, in s after the onset and `settle`
    settle: float = 0         # the part of a step, in s, in which nothing is judged


def binomial(rnd, n, p):
    """Exact by the gaps between events where few are expected, else a rounded normal."""
    if n <= 0 or p <= 0:
        return 0
    if p >= 1:
        return n
    if p > 0.5:
        return n - binomial(rnd, n, 1 - p)
    if n * p > 40:
        return min(n, max(0, round(rnd.gauss(n * p, math.sqrt(n * p * (1 - p))))))
    scale, seen, at = math.log1p(-p), 0, 0
    while True:
        at += int(math.log(1 - rnd.random()) / scale) + 1
        if at > n:
            return seen
        seen += 1


def poisson(rnd, mean):
    if mean > 40:
        return max(0, round(rnd.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rnd.random(), 0
    while product > limit:
        product *= rnd.random()
        count += 1
    return count


def above(z):
    return 0.5 * math.erfc(z / math.sqrt(2))


class Traffic:
    """One run. `second()` gives the next second as the dict that the judge reads, and `p99` of the candidate's latency."""

    def __init__(self, scenario, seed):
        self.s, self.rnd, self.t = scenario, random.Random(seed), 0
        self.noise_e, self.noise_l, self.tau = 0.0, 0.0, 0.0
        self.offset_e, self.offset_l = self.rnd.gauss(0, 0.05), self.rnd.gauss(0, 0.03)

    def second(self):
        s, rnd, t = self.s, self.rnd, self.t
        self.t += 1
        step = max(i for i, (start, _) in enumerate(SCHEDULE) if t >= start)
        share = SCHEDULE[step][1]
        fresh = math.sqrt(1 - MEMORY ** 2)
        self.noise_e = self.noise_e * MEMORY + rnd.gauss(0, 0.5) * fresh
        self.noise_l = self.noise_l * MEMORY + rnd.gauss(0, 0.1) * fresh
        grown = t / LENGTH if s.drift else 0
        log_b = self.noise_l + grown * math.log(1.5)
        rate_b = ERROR_RATE * math.exp(self.noise_e + grown * math.log(5))
        faulty = s.onset is not None and t >= s.onset
        rate_g = rate_b * math.exp(self.offset_e) + (s.errors if faulty and s.errors is not None else 0)
        log_g = log_b + self.offset_l + (math.log(s.latency) if faulty or s.onset is None else 0)
        log_g += math.log(1 + (s.warm - 1) * math.exp(-t / 8))
        if s.outage and s.outage[0] <= t < s.outage[1]:
            rate_b, rate_g = rate_b + s.outage[2], rate_g + s.outage[2]
        n_b, n_g = poisson(rnd, s.rate * (1 - share)), poisson(rnd, s.rate * share)
        if faulty and s.hang:
            n_g = 0
        slow = lambda shift, factor: above(Z95 + (self.tau + math.log(factor) - shift) / SIGMA)
        p1, p2 = slow(log_g, 1.25), slow(log_g, 1.40)
        over1 = binomial(rnd, n_g, p1)
        g = dict(n=n_g, err=binomial(rnd, n_g, rate_g), over1=over1, over2=binomial(rnd, over1, p2 / p1))
        b = dict(n=n_b, err=binomial(rnd, n_b, rate_b), over=binomial(rnd, n_b, slow(log_b, 1)))
        self.tau += SMOOTH * (log_b - self.tau)
        return dict(t=t, step=step, steps=len(SCHEDULE), w=share, g=g, b=b), (log_b, log_g)


class Window:
    """What a tool that looks once in a while sees: error rates, and percentiles with the noise of so few requests."""

    def __init__(self, rnd):
        self.rnd, self.seconds = rnd, []

    def add(self, tick, logs):
        self.seconds.append((tick["g"], tick["b"], logs))

    def take(self):
        """Success rate and p99 of the candidate, error percents and p95 of both arms; None where there were no requests."""
        rows, self.seconds = self.seconds, []
        arms = []
        for arm in (0, 1):
            n, x = (sum(r[arm][k] for r in rows) for k in ("n", "err"))
            if n == 0:
                arms.append((None, None, None))
                continue
            log = sum(r[2][1 - arm] * r[arm]["n"] for r in rows) / n
            arms.append((x / n, self.percentile(n, log, 0.95, Z95), self.percentile(n, log, 0.99, Z99)))
        return arms  # candidate, stable

    def percentile(self, n, log, q, z):
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        error = math.sqrt(q * (1 - q) / n) / density
        return P95 * math.exp(log + SIGMA * (z - Z95 + self.rnd.gauss(0, error)))

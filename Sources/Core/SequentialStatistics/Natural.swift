/// Natural logarithm and exponential in plain Swift, exact to about two units in the last place.
///
/// The core imports nothing. It also makes a replay exact: the same journal gives the same bits on every
/// machine, whichever C library is there.
enum Natural {
    /// ln 2 in two parts; an exponent times the first part is exact.
    private static let ln2 = (high: 0x1.62e42feep-1, low: 0x1.a39ef35793c76p-33)

    /// ln `value`; −∞ for zero, not a number below.
    static func log(_ value: Double) -> Double {
        guard value > 0 else { return value == 0 ? -.infinity : .nan }
        guard value < .infinity else { return value }
        var exponent = Double(value.exponent)
        var fraction = value.significand
        if fraction > 2.0.squareRoot() {
            fraction /= 2
            exponent += 1
        }
        let rest = twiceArtanh((fraction - 1) / (fraction + 1))
        return exponent * ln2.high + (rest + exponent * ln2.low)
    }

    /// ln(1 + `x`), also where 1 + `x` would lose the digits of a small `x`.
    static func log1p(_ x: Double) -> Double {
        guard x.magnitude > 0.25 else { return twiceArtanh(x / (2 + x)) }
        let sum = 1 + x
        guard sum > 0, sum < .infinity else { return log(sum) }
        return log(sum) + (x - (sum - 1)) / sum
    }

    /// e to the power of `x`.
    static func exp(_ x: Double) -> Double {
        guard x < 709.7 else { return x.isNaN ? x : .infinity }
        guard x > -745 else { return 0 }
        let doublings = (x / (ln2.high + ln2.low)).rounded()
        let rest = (x - doublings * ln2.high) - doublings * ln2.low
        // Taylor; |rest| is at most 0.35, so the first term left out is below 1e-17.
        var sum = 1.0
        var divisor = 14.0
        while divisor > 0 {
            sum = 1 + sum * rest / divisor
            divisor -= 1
        }
        // In two steps: the smallest results have exponents that no normal number has.
        let half = Int(doublings) / 2
        return sum * power(half) * power(Int(doublings) - half)
    }

    /// ln(eᵃ + eᵇ) without leaving the range of numbers.
    static func logOfSum(_ a: Double, _ b: Double) -> Double {
        let (larger, smaller) = a > b ? (a, b) : (b, a)
        guard smaller > -.infinity else { return larger }
        return larger + log1p(exp(smaller - larger))
    }

    private static func power(_ exponent: Int) -> Double {
        Double(sign: .plus, exponent: exponent, significand: 1)
    }

    /// 2 artanh `s` = 2(s + s³/3 + s⁵/5 + …); |s| is at most 0.172, so 23 is far enough.
    private static func twiceArtanh(_ s: Double) -> Double {
        let square = s * s
        var sum = 0.0
        var divisor = 23.0
        while divisor > 1 {
            sum = square * (1 / divisor + sum)
            divisor -= 2
        }
        return 2 * (s + s * sum)
    }
}

/// When each request is due: at a fixed rate, which rises evenly during the ramp.
struct Timetable {
    /// Nanoseconds.
    let ramp: Double
    /// Requests in a nanosecond.
    private let rate: Double

    init(perSecond rate: Double, ramp: Duration) {
        self.rate = rate / 1e9
        self.ramp = Double(ramp.nanoseconds)
    }

    /// Nanoseconds from the beginning until the request `number`, counted from 0, is due.
    func due(_ number: Int) -> Int64 {
        let duringRamp = rate * ramp / 2
        let number = Double(number)
        guard number >= duringRamp else { return Int64((2 * number * ramp / rate).squareRoot()) }
        return Int64(ramp + (number - duringRamp) / rate)
    }
}

extension Duration {
    /// Rounded towards zero; at most 292 years.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return Int64(clamping: seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue)
            + attoseconds / 1_000_000_000
    }
}

import HTTPClient

/// What `/api/v1/query` answered.
struct PrometheusAnswer {
    /// Why there is no value in it.
    struct Mistake: Error, Hashable, Sendable {
        let message: String
        /// Whether the next answer will be no better: the query itself is wrong.
        var isLasting = false
    }

    /// The one value of an answer.
    struct Reading: Hashable, Sendable {
        let value: Double
        /// Whether it is a sample, which has a time, and not a scalar.
        let isOfSeries: Bool
    }

    private let root: JSONValue

    init(status: Int, body: [UInt8]) throws(Mistake) {
        let root: JSONValue?
        do throws(JSONError) { root = try JSONDocument(body).root } catch { root = nil }
        guard (200..<300).contains(status) else {
            guard let root, case .string(let reason) = Self.member("error", of: root) else {
                throw Mistake(message: "it answered \(status)")
            }
            let isBadQuery = Self.member("errorType", of: root) == .string("bad_data")
            throw Mistake(message: "it answered \(status): \(reason)", isLasting: isBadQuery)
        }
        guard let root else { throw Mistake(message: "the answer is not JSON") }
        self.root = root
    }

    /// The one value, evaluated at `now` within ``PrometheusGauge/freshness``.
    func reading(at now: Double) throws(Mistake) -> Reading {
        guard Self.member("status", of: root) == .string("success") else {
            throw Mistake(message: "the answer's status is not success")
        }
        if case .array(let warnings) = Self.member("warnings", of: root), let first = warnings.first {
            throw Mistake(message: "it warns: \(Self.plain(first))")
        }
        guard let data = Self.member("data", of: root),
            case .string(let kind) = Self.member("resultType", of: data),
            let result = Self.member("result", of: data)
        else { throw Mistake(message: "the answer holds no result") }
        switch (kind, result) {
        case ("scalar", let pair): return Reading(value: try Self.number(pair, at: now), isOfSeries: false)
        case ("vector", .array(let samples)):
            guard let only = samples.first else {
                throw Mistake(
                    message: "the query gives no sample: nothing matches, or its targets are gone"
                )
            }
            guard samples.count == 1, let pair = Self.member("value", of: only) else {
                let labels = samples.prefix(2).map { Self.member("metric", of: $0)?.text ?? "" }
                throw Mistake(
                    message:
                        "the query gives \(samples.count) samples, such as \(labels.joined(separator: " and "))"
                        + "; one is expected: aggregate them, such as with sum()",
                )
            }
            return Reading(value: try Self.number(pair, at: now), isOfSeries: true)
        default:
            throw Mistake(
                message: "the query gives a \(kind); a scalar or a vector of one sample is expected",
                isLasting: true
            )
        }
    }

    /// `[1795236116.001, "0.05"]`.
    private static func number(_ pair: JSONValue, at now: Double) throws(Mistake) -> Double {
        guard case .array(let parts) = pair, parts.count == 2, let time = parts[0].finiteNumber,
            case .string(let text) = parts[1]
        else { throw Mistake(message: "\(pair.text) is no sample") }
        // A cache, or a clock that is wrong on one of the hosts.
        guard abs(now - time) <= PrometheusGauge.freshness else {
            throw Mistake(
                message: "the answer is of \(Int((now - time).rounded())) s ago by this host's clock, "
                    + "more than \(Int(PrometheusGauge.freshness)) s"
            )
        }
        guard let value = Double(text), value.isFinite, value >= 0 else {
            throw Mistake(message: "the query gives \(text), not a number from 0 up")
        }
        return value
    }

    private static func member(_ key: String, of value: JSONValue) -> JSONValue? {
        guard case .object(let members) = value else { return nil }
        return members[key]
    }

    private static func plain(_ value: JSONValue) -> String {
        if case .string(let text) = value { text } else { value.text }
    }
}

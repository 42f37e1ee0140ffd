/// A configuration cannot be as it is wanted; it is unchanged.
public enum ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknown(name: String)
    case outside(name: String, value: Double, range: ClosedRange<Double>)
    /// The parts of α make more than the whole.
    case sharesExceedOne(total: Double)
    /// Nothing fits into a window that is shorter than a tick.
    case windowBelowTick(window: Double, tick: Double)

    public var description: String {
        switch self {
        case .unknown(let name): "`\(name)` is no setting of the judge; it knows \(Configuration.names)"
        case .outside(let name, let value, let range):
            "`\(name)` is \(value); expected is \(range.lowerBound) through \(range.upperBound)"
        case .sharesExceedOne(let total):
            "the values in `share` add up to \(total); they divide alpha, so that they may be 1 together"
        case .windowBelowTick(let window, let tick):
            "`window` is \(window) s, shorter than a tick of \(tick) s (`dt`)"
        }
    }
}

/// The names that the reference implementation gave the settings, and what may be set.
extension Configuration {
    private struct Setting: Sendable {
        let name: String
        let path: any WritableKeyPath<Configuration, Double> & Sendable
        let range: ClosedRange<Double>

        init(
            _ name: String,
            _ path: any WritableKeyPath<Configuration, Double> & Sendable,
            _ range: ClosedRange<Double>
        ) {
            self.name = name
            self.path = path
            self.range = range
        }
    }

    private static let probability = 1e-9...(1 - 1e-9)
    private static let ratio = 1e-3...1e3
    private static let margin = 0.0...1.0
    private static let time = 0.0...1e9
    private static let interval = 0.1...1e9

    private static let settings = [
        Setting("alpha", \.alpha, probability),
        Setting("beta", \.beta, probability),
        Setting("rho", \.errors.tolerance.ratio, ratio),
        Setting("delta", \.errors.tolerance.margin, margin),
        Setting("eff_ratio", \.errors.effect.ratio, ratio),
        Setting("eff_diff", \.errors.effect.margin, margin),
        Setting("rho_ws", \.webSockets.tolerance.ratio, ratio),
        Setting("delta_ws", \.webSockets.tolerance.margin, margin),
        Setting("ws_eff_ratio", \.webSockets.effect.ratio, ratio),
        Setting("ws_eff_diff", \.webSockets.effect.margin, margin),
        Setting("rho_exc", \.exceptions.tolerance.ratio, ratio),
        Setting("delta_exc", \.exceptions.tolerance.margin, margin),
        Setting("exc_eff_ratio", \.exceptions.effect.ratio, ratio),
        Setting("exc_eff_diff", \.exceptions.effect.margin, margin),
        Setting("rho_l", \.latency.ratio, ratio),
        Setting("delta_l", \.latency.margin, margin),
        Setting("rho_c", \.certificate.ratio, ratio),
        Setting("delta_c", \.certificate.margin, margin),
        Setting("phi", \.clustering, 1...1e6),
        Setting("L", \.errorLimit, probability),
        Setting("base_lat_L", \.slowLimit, probability),
        Setting("q_tail", \.tailShare, probability),
        Setting("alive_frac", \.silenceFraction, probability),
        Setting("dt", \.tick, 0.1...60),
        Setting("settle_lat", \.latencySettles, time),
        Setting("settle_alive", \.silenceSettles, time),
        Setting("min_dwell", \.shortestDwell, time),
        Setting("max_dwell", \.longestDwell, time),
        Setting("nodata_s", \.noDataAfter, 0...3600),
        Setting("pend_max", \.longestPairing, time),
        Setting("confirm", \.confirmation, time),
        Setting("decisive", \.decisive, time),
        Setting("window", \.window, 0.1...3600),
        Setting("min_window_n", \.windowRequests, time),
        Setting("recover", \.recovery, 0...3600),
        Setting("horizon", \.horizon, interval),
        Setting("block", \.block, interval),
        Setting("block_alive", \.silenceBlock, interval),
    ]
    private static let sharesName = "share"
    private static let routingName = "per_request_routing"

    static var names: String {
        ([sharesName, routingName] + settings.map(\.name)).sorted().joined(separator: ", ")
    }

    /// Changes the setting that is called `name`, such as `rho`; `share.err_rel` for a part of α.
    public mutating func set(_ name: String, to value: Double) throws(ConfigurationError) {
        var changed = self
        try changed.replace(name, by: value)
        try changed.check()
        self = changed
    }

    private mutating func replace(_ name: String, by value: Double) throws(ConfigurationError) {
        var range = Self.margin
        if name.hasPrefix(Self.sharesName + "."),
            let metric = Metric(name: name.dropFirst(Self.sharesName.count + 1))
        {
            shares[metric] = value
        } else if let setting = Self.settings.first(where: { $0.name == name }) {
            self[keyPath: setting.path] = value
            range = setting.range
        } else {
            throw .unknown(name: name)
        }
        guard range.contains(value) else { throw .outside(name: name, value: value, range: range) }
    }

    private func check() throws(ConfigurationError) {
        let total = Metric.allCases.reduce(0) { $0 + shares[$1] }
        guard total <= 1 + 1e-9 else { throw .sharesExceedOne(total: total) }
        guard window >= tick else { throw .windowBelowTick(window: window, tick: tick) }
    }
}

/// An object with any of the names; what is left out keeps its default, and an unknown name is an error.
extension Configuration: Codable {
    public init(from decoder: any Decoder) throws {
        self.init()
        let container = try decoder.container(keyedBy: NameKey.self)
        do throws(any Error) {
            for key in container.allKeys {
                if key.stringValue == Self.routingName {
                    routesEachRequest = try container.decode(Bool.self, forKey: key)
                } else if key.stringValue == Self.sharesName {
                    for (metric, share) in try container.decode([String: Double].self, forKey: key) {
                        try replace("\(Self.sharesName).\(metric)", by: share)
                    }
                } else {
                    try replace(key.stringValue, by: container.decode(Double.self, forKey: key))
                }
            }
            try check()
        } catch let error as ConfigurationError {
            throw DecodingError.dataCorrupted(
                DecodingError.Context(codingPath: decoder.codingPath, debugDescription: error.description)
            )
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: NameKey.self)
        for setting in Self.settings {
            try container.encode(self[keyPath: setting.path], forKey: NameKey(setting.name))
        }
        try container.encode(shares, forKey: NameKey(Self.sharesName))
        try container.encode(routesEachRequest, forKey: NameKey(Self.routingName))
    }
}

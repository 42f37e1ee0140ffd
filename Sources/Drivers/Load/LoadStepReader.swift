import DeployCore
import DeployPorts
import HTTPClient
import LoadClient

/// Makes a step of the value of `load`, reporting every mistake with its place.
struct LoadStepReader {
    static let userLimit = 5000
    static let rateLimit = 100_000
    static let socketLimit = 500
    private static let pathLimit = 100
    private static let weightLimit = 1000

    private var reader: MapReader
    private let context: StepContext
    private let diagnostics: Diagnostics

    init(_ value: Parameter, context: StepContext, diagnostics: Diagnostics) {
        reader = MapReader(value, "`load`", diagnostics: diagnostics)
        self.context = context
        self.diagnostics = diagnostics
    }

    /// `nil` when anything was reported.
    mutating func read(clock: any Timekeeper) -> LoadStep? {
        let before = diagnostics.all.count
        let paths = reader.required("paths").map { readPaths($0) }
        let pace = readPace()
        let length = reader.required("for").flatMap { positive($0, "for") }
        let target = LoadTarget.read(&reader, context)
        let limits = reader.optional("limits").map { readLimits($0) } ?? LoadLimits()
        let sockets = readSockets(limits, pace)
        let headers = reader.optional("headers").map { readHeaders($0) } ?? []
        let bearer = reader.template("bearer")
        let ramp = reader.span("ramp") ?? .zero
        let warmUp = reader.span("warm_up") ?? .zero
        let within = reader.optional("within").flatMap { positive($0, "within") } ?? .seconds(10)
        reader.finish()
        guard diagnostics.all.count == before, let paths, let pace, let length else { return nil }
        return LoadStep(
            target: target,
            paths: paths,
            pace: pace,
            length: length,
            ramp: ramp,
            warmUp: warmUp,
            within: within,
            headers: headers,
            bearer: bearer,
            sockets: sockets,
            limits: limits,
            clock: clock
        )
    }

    // MARK: what is asked for

    /// Paths to weights, a list of paths, or one.
    private func readPaths(_ value: Parameter) -> [LoadPath] {
        var paths: [LoadPath]
        switch value {
        case .scalar, .list:
            let items = if case .list(let items, _) = value { items } else { [value] }
            paths = items.compactMap { item in
                reader.text(of: item, "paths").flatMap { path($0, weight: 1, at: item.position) }
            }
        case .map(let entries, _):
            paths = entries.compactMap { entry in
                let weight = reader.integer(of: entry.value, "paths.\(entry.key)", in: 1...Self.weightLimit)
                return path(entry.key, weight: weight ?? 1, at: entry.keyPosition)
            }
        }
        if paths.isEmpty, case .list(let items, _) = value, items.isEmpty {
            diagnostics.report(value.position, "`paths` has no path")
        } else if paths.isEmpty, case .map(let entries, _) = value, entries.isEmpty {
            diagnostics.report(value.position, "`paths` has no path")
        } else if paths.count > Self.pathLimit {
            diagnostics.report(
                value.position,
                "`paths` has \(paths.count) paths, at most \(Self.pathLimit) may be"
            )
        }
        return paths
    }

    private func path(_ text: String, weight: Int, at position: Position) -> LoadPath? {
        guard text.hasPrefix("/"), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            diagnostics.report(
                position,
                "`\(text)` is not a path: it begins with `/` and has neither blanks nor letters beyond ASCII"
            )
            return nil
        }
        let value = Parameter.scalar(.init(text: text, isQuoted: true, position: position))
        return reader.template(of: value, "paths").map { LoadPath(template: $0, weight: weight) }
    }

    private func readHeaders(_ value: Parameter) -> [(name: String, value: Template)] {
        var names = MapReader(value, "`headers`", diagnostics: diagnostics)
        return names.takeRest().compactMap { entry in
            guard HTTPHeader.isToken(entry.key) else {
                diagnostics.report(entry.keyPosition, "`\(entry.key)` is not a header's name")
                return nil
            }
            return names.template(of: entry.value, "headers.\(entry.key)").map { (entry.key, $0) }
        }
    }

    // MARK: how much

    private mutating func readPace() -> LoadPlan.Pace? {
        let users = reader.optional("users")
        let rate = reader.optional("rate")
        switch (users, rate) {
        case (let users?, nil):
            return reader.integer(of: users, "users", in: 1...Self.userLimit).map { .users($0) }
        case (nil, let rate?):
            guard let text = reader.text(of: rate, "rate") else { return nil }
            guard text.hasSuffix("/s"), let count = Int(text.dropLast(2)),
                (1...Self.rateLimit).contains(count)
            else {
                diagnostics.report(
                    rate.position,
                    "`rate` must be requests a second such as 200/s, 1 to \(Self.rateLimit), found `\(text)`"
                )
                return nil
            }
            return .rate(perSecond: Double(count))
        case (nil, nil):
            diagnostics.report(reader.position, "`load` needs the key `users` or `rate`")
            return nil
        case (_?, let rate?):
            diagnostics.report(rate.position, "`load` takes one of `users` and `rate`")
            return nil
        }
    }

    private func positive(_ value: Parameter, _ key: String) -> Span? {
        guard let span = reader.span(of: value, key) else { return nil }
        if span > .zero { return span }
        diagnostics.report(value.position, "`\(key)` must be longer than 0s")
        return nil
    }

    /// Without the key a limit on WebSockets asks the usual server of Socket.IO: it must not pass unmeasured.
    private mutating func readSockets(_ limits: LoadLimits, _ pace: LoadPlan.Pace?) -> LoadSockets? {
        var usual = 100
        if case .users(let count) = pace { usual = min(count, Self.socketLimit) }
        let value = reader.optional("websockets")
        guard value != nil || limits.sockets != nil else { return nil }
        guard let value else {
            return path(LoadSockets.usualPath, weight: 1, at: reader.position)
                .map { LoadSockets(path: $0, connections: usual) }
        }
        var keys = MapReader(value, "`websockets`", diagnostics: diagnostics)
        let address = keys.required("path")
        let count = keys.integer("connections", in: 1...Self.socketLimit) ?? usual
        keys.finish()
        guard let address, let text = keys.text(of: address, "path"),
            let path = path(text, weight: 1, at: address.position)
        else { return nil }
        return LoadSockets(path: path, connections: count)
    }

    // MARK: what is good enough

    private func readLimits(_ value: Parameter) -> LoadLimits {
        var keys = MapReader(value, "`limits`", diagnostics: diagnostics)
        var limits = LoadLimits()
        for percentile in [50, 95, 99] {
            guard let value = keys.optional("p\(percentile)"),
                let most = keys.span(of: value, "p\(percentile)")
            else { continue }
            limits.latencies.append(.init(percentile: percentile, most: most))
        }
        if let errors = keys.percent("errors") { limits.errors = errors }
        limits.sockets = keys.percent("websocket_success")
        keys.finish()
        return limits
    }
}

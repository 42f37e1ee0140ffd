package import DeployCore
package import DeployPorts
package import TrafficJudgement
import UnixSocket

/// Requests and errors per environment from the differences of HAProxy's own counters, and durations from its
/// log where it sends one.
///
/// A second in which the counters began anew (a reload, a restart, `clear counters`) is no evidence, never a
/// negative number. HAProxy keeps only a mean duration per server: without a log the samples hold no
/// latencies. A log line lost costs a duration, never a request or an error.
package actor HAProxyStatsSource: MetricsSource {
    package nonisolated let name: String
    private let socket: String
    private let backends: [EnvironmentName: String]
    private let wanted: [EnvironmentName: [String]]
    private let milliseconds: Int
    private let log: LogPlace?
    /// `backend/server` by environment, once they are known.
    private var owners: [EnvironmentName: [String]]?
    private var last: HAProxyCounters?
    private var ledgers: [String: HAProxyLedger] = [:]
    private var feed: LogFeed<HAProxyLogTally>?
    private var lacking: String?

    /// `backends` are those that take the environments' requests: the same for both, or one each.
    ///
    /// `servers` are names of servers or their addresses as they stand in HAProxy's configuration.
    package init(
        socket: String,
        backends: [EnvironmentName: String],
        servers: [EnvironmentName: [String]],
        log: LogPlace? = nil,
        deadline: DeployCore.Span = .seconds(1)
    ) {
        self.log = log
        self.socket = socket
        self.backends = backends
        wanted = servers
        milliseconds = Int(deadline.milliseconds)
        name = "haproxy \(socket)"
    }

    /// Fails only when it can never work; while HAProxy does not answer, ``collect()`` has no evidence.
    package func open() async throws(MetricsError) {
        for backend in places where backend.isEmpty || !backend.utf8.allSatisfy(Self.isNameByte) {
            throw .unusable("`\(backend)` is not a name that a backend of HAProxy can have")
        }
        if let log, feed == nil { feed = try LogFeed(log, into: HAProxyLogTally(backends: places)) }
        last = nil
        do throws(MetricsError) {
            owners = try await findServers(isFirst: true)
            last = try await counters(isFirst: true)
        } catch {
            if case .unusable = error { throw error }
        }
    }

    package func collect() async throws(MetricsError) -> [EnvironmentName: TrafficSample] {
        let owners: [EnvironmentName: [String]]
        if let known = self.owners { owners = known } else { owners = try await findServers(isFirst: false) }
        self.owners = owners
        let now = try await counters(isFirst: false)
        let before = last
        last = now
        let told = await feed?.take { $0.drain() }
        lacking = shortfall(of: told, before, now)
        guard let before else { throw .noEvidence("counting begins only now") }
        guard before.pid == now.pid else {
            self.owners = nil
            ledgers = [:]
            throw .noEvidence(
                "HAProxy was reloaded or restarted (process \(before.pid), now \(now.pid)) and counts anew"
            )
        }
        var samples: [EnvironmentName: TrafficSample] = [:]
        for (environment, names) in owners {
            var sample = TrafficSample()
            for server in names {
                sample += try difference(of: server, before, now, told)
                if let latencies = told?.servers[server]?.latencies { sample.latencies += latencies }
            }
            samples[environment] = sample
        }
        return samples
    }

    package func close() async {
        last = nil
        owners = nil
        ledgers = [:]
        let old = feed
        feed = nil
        await old?.close()
    }

    package func shortfall() async -> String? { lacking }

    // MARK: asking

    private func difference(
        of server: String,
        _ before: HAProxyCounters,
        _ now: HAProxyCounters,
        _ told: HAProxyLogTally.Harvest?
    ) throws(MetricsError) -> TrafficSample {
        guard let old = before.servers[server], let new = now.servers[server] else {
            owners = nil
            throw .noEvidence("HAProxy has no server \(server) any more")
        }
        // A log whose lines cannot be read says nothing of retries.
        let isRead = told.map { $0.unparsed == 0 } ?? false
        let hidden = isRead ? told?.servers[server]?.retried ?? 0 : nil
        guard
            let sample = ledgers[server, default: HAProxyLedger()].sample(from: old, to: new, hidden: hidden)
        else { throw .noEvidence("the counters of \(server) were set back") }
        return sample
    }

    private func shortfall(
        of told: HAProxyLogTally.Harvest?,
        _ before: HAProxyCounters?,
        _ now: HAProxyCounters
    ) -> String? {
        guard let told, let feed else { return nil }
        let dropped = before.map { $0.pid == now.pid ? max(0, now.droppedLogs - $0.droppedLogs) : 0 }
        return LogShortfall.text(
            lines: told.lines,
            unparsed: told.unparsed,
            format: "of `option httplog`" + (told.example.map { ", such as `\($0)`" } ?? ""),
            feed.takeLoss(),
            droppedByBalancer: dropped ?? 0
        )
    }

    private func counters(isFirst: Bool) async throws(MetricsError) -> HAProxyCounters {
        let commands = ["show info"] + places.map { "show stat \($0) 4 -1" }
        let answer = try await ask(commands.joined(separator: ";"), isFirst: isFirst)
        do throws(HAProxyCounters.Unreadable) {
            return try HAProxyCounters(answer: answer)
        } catch {
            let message = "backend \(places.joined(separator: ", ")): \(error.message)"
            throw isFirst ? .unusable(message) : .noEvidence(message)
        }
    }

    private func ask(_ command: String, isFirst: Bool) async throws(MetricsError) -> String {
        do throws(SocketProblem) {
            return try await UnixSocket.exchange(command + "\n", at: socket, within: milliseconds)
        } catch {
            switch error {
            case .forbidden: throw .unusable(error.message)
            case .missing where isFirst: throw .unusable(error.message)
            default: throw .noEvidence(error.message)
            }
        }
    }

    // MARK: which server is whose

    /// `show servers state` tells addresses on every socket; the `addr` of `show stat` needs level operator.
    private func findServers(isFirst: Bool) async throws(MetricsError) -> [EnvironmentName: [String]] {
        var owners: [EnvironmentName: [String]] = [:]
        for backend in places {
            let answer = try await ask("show servers state \(backend)", isFirst: isFirst)
            let known = Self.servers(in: answer)
            guard !known.isEmpty else {
                let message = "HAProxy knows no backend \(backend) with servers: `\(answer.prefix(80))`"
                throw isFirst ? .unusable(message) : .noEvidence(message)
            }
            for (environment, texts) in wanted where backends[environment] == backend {
                owners[environment] = try Self.owned(texts, among: known, of: backend)
            }
        }
        return owners
    }

    private static func owned(
        _ texts: [String],
        among known: [(name: String, addresses: [String])],
        of backend: String
    ) throws(MetricsError) -> [String] {
        var owned: [String] = []
        for text in texts {
            let names = known.filter { $0.name == text || $0.addresses.contains(text) }
                .map { "\(backend)/\($0.name)" }
            guard !names.isEmpty else {
                let list = known.map { "\($0.name) \($0.addresses.first ?? "")" }.joined(separator: ", ")
                throw .unusable("backend \(backend) has no server \(text) (it has \(list))")
            }
            owned += names.filter { !owned.contains($0) }
        }
        return owned
    }

    private var places: [String] { Set(backends.values).sorted() }

    /// Names and addresses, by number and by host name.
    static func servers(in answer: String) -> [(name: String, addresses: [String])] {
        let lines = answer.split(whereSeparator: \.isNewline)
        guard let header = lines.first(where: { $0.hasPrefix("# be_id ") }) else { return [] }
        let columns = header.dropFirst(2).split(separator: " ")
        return lines.compactMap { line in
            guard !line.hasPrefix("#") else { return nil }
            let row = Dictionary(zip(columns, line.split(separator: " "))) { first, _ in first }
            guard let name = row["srv_name"], let port = row["srv_port"] else { return nil }
            let hosts = [row["srv_addr"], row["srv_fqdn"]].compactMap { $0 }.filter { $0 != "-" }
            return (String(name), hosts.map { $0.contains(":") ? "[\($0)]:\(port)" : "\($0):\(port)" })
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: ":"):
            true
        default: false
        }
    }
}

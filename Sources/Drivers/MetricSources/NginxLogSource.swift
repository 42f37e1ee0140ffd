package import DeployCore
package import DeployPorts
package import TrafficJudgement

/// Requests, errors and durations per environment from nginx's access log in the format `bg`
/// (`nginx/log-format.conf`), sent as syslog datagrams or followed in a file.
///
/// A request belongs to the first server that nginx asked, so that a retry does not hide its failure. Without
/// a line there is no request: ``shortfall()`` tells of lines that were lost.
package actor NginxLogSource: MetricsSource {
    package nonisolated let name: String
    private let place: LogPlace
    private let servers: [EnvironmentName: [String]]
    private let groups: [String: EnvironmentName?]
    private var feed: LogFeed<LogTally>?
    private var lacking: String?

    /// `groups` are the names of nginx's `upstream` blocks; one that holds both environments has no owner.
    package init(
        _ place: LogPlace,
        servers: [EnvironmentName: [String]],
        groups: [String: EnvironmentName?] = [:]
    ) {
        self.place = place
        self.servers = servers
        self.groups = groups
        name = "nginx log \(place)"
    }

    package func open() async throws(MetricsError) {
        guard feed == nil else { return }
        let servers = servers
        let owners = await LogWork.blocking { ServerAddresses.owners(of: servers) }
        feed = try LogFeed(
            place,
            into: LogTally(owners: owners, groups: groups, environments: Array(servers.keys))
        )
    }

    package func collect() async throws(MetricsError) -> [EnvironmentName: TrafficSample] {
        guard let feed else { throw .noEvidence("the log is not open") }
        let harvest = await feed.take { $0.drain() }
        lacking = LogShortfall.text(
            lines: harvest.lines,
            unparsed: harvest.unparsed,
            format: "`bg`",
            feed.takeLoss()
        )
        if let complaint = harvest.complaint { throw .noEvidence(complaint) }
        return harvest.samples
    }

    package func shortfall() async -> String? { lacking }

    package func close() async {
        let old = feed
        feed = nil
        await old?.close()
    }
}

/// Says what a second of a log lacks.
enum LogShortfall {
    /// `nil` when nothing is known to be missing.
    ///
    /// `dropped` are lines that the balancer itself counted as lost.
    static func text(
        lines: Int,
        unparsed: Int,
        format: String,
        _ loss: LogLoss,
        droppedByBalancer: Int = 0
    ) -> String? {
        var parts: [String] = []
        let dropped = loss.dropped + droppedByBalancer
        if dropped > 0 { parts.append("\(dropped) of \(lines + dropped) log lines were lost") }
        if loss.fullQueues > 0, dropped == 0 {
            parts.append(
                "the log socket's queue was full, so lines may be lost:"
                    + " raise net.unix.max_dgram_qlen or use udp:"
            )
        }
        if unparsed > 0 { parts.append("\(unparsed) of \(lines) log lines are not in the format \(format)") }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }
}

import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import HTTPClient

/// What the command line does at a service, as it does here by itself.
struct RemoteDesk: Sendable {
    let store: RemoteStore
    let clock: any Timekeeper
    /// What a command that is told to a person needs to reach the same service, such as ` --server URL`; empty
    /// where the environment names it.
    let flags: String
    /// Tells how the connection does.
    let tell: @Sendable (String) -> Void

    var server: RemoteServer { store.server }

    /// Of the service called `service`, or of the latest one.
    func status(of service: String, run: String?) async throws(CommandFailure) -> ServiceStatus {
        let seen = try await asked { () async throws(RemoteFailure) in
            try await server.read(RemoteStatus.self, RemotePath("services", service), isSlow: true)
        }
        let history = RunHistory(store: store, service: service)
        var recorded: RecordedRun?
        let lease: Lease?
        do throws(RunStoreError) {
            lease = try await store.lease(on: service)
            if run == nil { recorded = try await history.latest() }
        } catch {
            throw CommandFailure(error)
        }
        if let run { recorded = try await history.run(run) }
        let isGone = seen.state == "interrupted" && seen.run == recorded?.record.id.rawValue
        return ServiceStatus(
            service: seen.service,
            balancers: seen.seenBalancers,
            run: recorded,
            holder: isGone ? nil : lease?.holder,
            isLeaseFree: isGone ? false : lease == nil
        )
    }

    /// What the balancers of the service do, as it sees them.
    func traffic(of service: String) async throws(CommandFailure) -> ServiceStatus {
        let seen = try await asked { () async throws(RemoteFailure) in
            try await server.read(RemoteStatus.self, RemotePath("services", service), isSlow: true)
        }
        return ServiceStatus(service: seen.service, balancers: seen.seenBalancers, run: nil, holder: nil)
    }

    /// What a run of `version` would do, in the service's own words.
    func plan(
        _ version: String,
        of service: String,
        strategy: String?,
        asJSON: Bool
    ) async throws(CommandFailure) -> String {
        let path = RemotePath(
            "services",
            service,
            "plan",
            query: ["version": version, "strategy": strategy, "format": asJSON ? nil : "text"]
        )
        let answer = try await asked { () async throws(RemoteFailure) in
            try await server.text(path, asJSON ? "application/json" : "text/plain", isSlow: true)
        }
        return try document(answer, asJSON: asJSON)
    }

    /// `format` is `markdown`, `html` or `json`.
    func report(_ run: RunID, format: String) async throws(CommandFailure) -> String {
        let path = RemotePath("runs", run.rawValue, "report", query: ["format": format])
        let answer = try await asked { () async throws(RemoteFailure) in
            try await server.text(path, "*/*", isSlow: true)
        }
        return try document(answer, asJSON: format == "json")
    }

    /// JSON as this bgdeploy prints it; text without what would steer a terminal.
    private func document(_ answer: HTTPResponse, asJSON: Bool) throws(CommandFailure) -> String {
        let type = answer.values(of: "Content-Type").first ?? ""
        let isJSON = type.hasPrefix("application/json")
        guard isJSON || !asJSON else { throw server.foreign(answer).failure }
        if isJSON {
            guard let text = JSONLayout.indented(answer.body) else { throw server.foreign(answer).failure }
            return text
        }
        let text = String(decoding: answer.body, as: UTF8.self)
        let whole = text.hasSuffix("\n") ? String(text.dropLast()) : text
        return type.hasPrefix("text/html") ? whole : Style.harmless(whole)
    }

    /// The services that the token may see.
    func services() async throws(CommandFailure) -> [String] {
        struct List: Decodable {
            struct Listed: Decodable { let service: String }
            let services: [Listed]
        }
        return try await asked { () async throws(RemoteFailure) in
            try await server.read(List.self, RemotePath("services"), isSlow: true).services.map(\.service)
        }
    }

    func asked<Value>(
        _ work: () async throws(RemoteFailure) -> Value
    ) async throws(CommandFailure) -> Value {
        do throws(RemoteFailure) {
            return try await work()
        } catch {
            throw error.failure
        }
    }
}

/// A service as `status --output json` has it.
private struct RemoteStatus: Decodable {
    struct Balancer: Decodable {
        let name: String
        let split: [String: Double]?
        let fileSplit: [String: Double]?
        let error: String?
    }

    let service: String
    let run: String?
    let state: String
    let chosenUsers: String?
    let balancers: [Balancer]
    let drift: [String]

    var seenBalancers: [ServiceStatus.Balancer] {
        balancers.map { $0.balancer(remarks: drift, chosen: chosenUsers) }
    }
}

extension RemoteStatus.Balancer {
    func balancer(remarks: [String], chosen: String?) -> ServiceStatus.Balancer {
        if let error {
            return ServiceStatus.Balancer(name: name, result: .failure(.unreachable(error)))
        }
        let mine = remarks.filter { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) }
        let seen = BalancerObservation(
            split: split.flatMap { Split($0, chosen: chosen) },
            fileSplit: fileSplit.flatMap { Split($0, chosen: chosen) },
            fileDigest: "",
            remarks: mine
        )
        return ServiceStatus.Balancer(name: name, result: .success(seen))
    }
}

extension Split {
    /// `nil` when these are no two shares that make a whole.
    init?(_ shares: [String: Double], chosen: String?) {
        let names = shares.keys.sorted()
        guard names.count == 2, let first = shares[names[0]], (0...100).contains(first),
            let share = Percent(tenths: Int((first * 10).rounded()))
        else { return nil }
        let favoured = chosen.flatMap { names.contains($0) ? EnvironmentName($0) : nil }
        self.init(EnvironmentName(names[0]), share, other: EnvironmentName(names[1]), chosen: favoured)
    }
}

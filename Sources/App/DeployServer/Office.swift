import DeployCore
package import DeployOperations
import DeployPorts
import Foundation
import Hummingbird
package import Logging

/// What the routes work with.
package struct Office: Sendable {
    package let directory: ServiceDirectory
    package let conductor: Conductor
    package let store: any StateStore
    package let hub: RunHub
    package let feed: JournalFeed
    /// Of the process; a request acts in the name of who asks.
    package let desk: Desk

    /// With a conductor and a feed of its own on `store`; neither does anything before it is run.
    package init(directory: ServiceDirectory, store: any StateStore, desk: Desk, logger: Logger) {
        self.directory = directory
        self.store = store
        self.desk = desk
        hub = RunHub()
        feed = JournalFeed(store: store, clock: desk.clock)
        conductor = Conductor(
            directory: directory,
            store: store,
            queue: RunQueue(store),
            desk: desk,
            hub: hub,
            logger: logger
        )
    }

    func desk(of principal: Principal) -> Desk {
        Desk(actor: principal.actor, environment: desk.environment, state: desk.state, clock: desk.clock)
    }

    /// The service in the path, which the principal may do this to.
    ///
    /// Who may not look at it is not told whether it is there.
    func service(
        _ context: ServerContext,
        _ scope: Scope
    ) throws -> (principal: Principal, service: Service) {
        let name = try context.parameters.require("service")
        let principal = try context.allowed(scope, on: name)
        guard let service = try directory.service(name) else {
            throw Problem(.notFound, "no service is called \(name) here")
        }
        return (principal, service)
    }

    /// The run in the path, whole or by a prefix that names one, with what its journal says.
    func run(
        _ context: ServerContext,
        _ scope: Scope
    ) async throws -> (principal: Principal, run: RecordedRun) {
        let identity = try context.parameters.require("run")
        let record = try await store.run(identity)
        guard let record else {
            _ = try context.allowed(.read, on: nil)
            throw Problem(.notFound, "there is no run \(identity)")
        }
        // Who may not look at a run is not told whose it is.
        if let principal = context.principal, !principal.may(.read, on: record.service) {
            throw Problem(.forbidden, "\(principal.name) may not look at this run")
        }
        let principal = try context.allowed(scope, on: record.service)
        return (principal, try await RunHistory(store: store, service: record.service).recorded(record))
    }
}

extension ServerContext {
    /// Who asks, if they may; 401 for nobody, 403 for somebody else.
    package func allowed(_ scope: Scope, on service: String?) throws -> Principal {
        guard let principal else {
            throw Problem(.unauthorized, "who asks? Send `Authorization: Bearer TOKEN`")
        }
        guard principal.may(scope, on: service) else {
            let place = service.map { " on \($0)" } ?? ""
            throw Problem(
                .forbidden,
                "\(principal.name) may not do this\(place): it needs the scope \(scope.rawValue)"
            )
        }
        return principal
    }
}

extension Response {
    static func json(
        _ json: JSON,
        _ status: HTTPResponse.Status = .ok
    ) -> Response {
        text(JSON.text(json) + "\n", "application/json", status)
    }

    static func text(
        _ text: String,
        _ type: String = "text/plain; charset=utf-8",
        _ status: HTTPResponse.Status = .ok
    ) -> Response {
        Response(
            status: status,
            headers: [.contentType: type],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text))
        )
    }
}

extension RunStore {
    /// Newest first, those older than the run `cursor`; all where that is `nil`.
    func runs(
        of service: String?,
        before cursor: String?,
        limit: Int
    ) async throws(RunStoreError) -> [RunRecord] {
        guard let cursor else { return try await runs(of: service, limit: limit) }
        let all = try await runs(of: service, limit: .max)
        return Array(all.drop { $0.id.rawValue != cursor }.dropFirst().prefix(limit))
    }
}

extension Response {
    /// A value as JSON, as its type encodes itself.
    static func encoded(_ value: some Encodable) throws -> Response {
        .text(String(decoding: try JSONEncoder().encode(value), as: UTF8.self) + "\n", "application/json")
    }
}

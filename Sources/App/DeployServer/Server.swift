import DeployCore
import DeployOperations
import DeployPorts
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import Notifiers
import ServiceLifecycle
import UnixSignals

/// The service: API and dashboard in front of a conductor.
package struct Server: Sendable {
    package struct Listening: Sendable {
        package let host: String
        package let port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    private let office: Office
    private let access: Access
    private let version: String
    private let logger: Logger

    package init(office: Office, access: Access, version: String, logger: Logger) {
        self.office = office
        self.access = access
        self.version = version
        self.logger = logger
    }

    /// Serves until SIGTERM or SIGINT: then takes nothing new, ends streams, and has each run leave as it stands.
    ///
    /// `socket` is the path of a unix socket beside or instead of `address`; `listening` is told the port.
    package func run(
        at address: Listening?,
        socket: String?,
        listening: @escaping @Sendable (String) -> Void
    ) async throws {
        let router = router()
        var services: [any ServiceLifecycle.Service] = []
        if let address {
            services.append(
                application(router, .hostname(address.host, port: address.port)) { channel in
                    listening("http://\(address.host):\(channel.localAddress?.port ?? address.port)")
                }
            )
        }
        if let socket {
            services.append(
                application(router, .unixDomainSocket(path: socket)) { _ in
                    access.settings.peers?.open(socket)
                    listening("unix:\(socket)")
                }
            )
        }
        // They are ended from the last one on: runs leave first, whoever still reads.
        services += [
            Feeding(office: office), Caring(office: office, access: access),
            Conducting(conductor: office.conductor),
        ]
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services,
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        try await group.run()
    }

    private func application(
        _ router: Router<ServerContext>,
        _ address: BindAddress,
        _ running: @escaping @Sendable (any Channel) -> Void
    ) -> some ServiceLifecycle.Service {
        // That it listens is told by us, with the address that was asked for.
        var logger = logger
        logger.logLevel = .notice
        return Application(
            router: router,
            server: .http1(configuration: HTTP1Channel.Configuration(idleTimeout: .seconds(75))),
            configuration: ApplicationConfiguration(address: address, serverName: "bgdeploy"),
            onServerRunning: { running($0) },
            logger: logger
        )
    }

    /// Every route.
    func router() -> Router<ServerContext> {
        let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
        access.add(to: router)
        OperationsRoutes(office: office, version: version).add(to: router)
        ServiceRoutes(office: office, access: access).add(to: router)
        RunRoutes(office: office, access: access).add(to: router)
        TokenRoutes(access.tokens, clock: office.desk.clock).add(to: router)
        DashboardRoutes(office: office, access: access).add(to: router)
        return router
    }
}

/// Drives runs until the group is asked to end.
private struct Conducting: ServiceLifecycle.Service {
    let conductor: Conductor

    func run() async {
        await withGracefulShutdownHandler {
            await conductor.run()
        } onGracefulShutdown: {
            conductor.stop()
        }
    }
}

/// Hands what changes in the journal to those who follow it.
private struct Feeding: ServiceLifecycle.Service {
    let office: Office

    func run() async {
        await cancelWhenGracefulShutdown {
            await office.feed.run(changes: office.store.changes())
        }
    }
}

/// What is done again and again: people are told, what is over is put away.
private struct Caring: ServiceLifecycle.Service {
    private static let pace = Span.minutes(60)

    let office: Office
    let access: Access

    func run() async {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await Notices(desk: office.desk, store: office.store).outbox.keepTelling() }
                for hour in 0... where !Task.isCancelled {
                    // What cannot be put away now is so an hour later.
                    try? await access.leftovers.remove()
                    if hour.isMultiple(of: 24) { await prune() }
                    do { try await office.desk.clock.sleep(for: Self.pace) } catch { break }
                }
                group.cancelAll()
            }
        }
    }

    /// Removes artifacts of steps that nobody will ask for any more; those of runs with something to do are kept.
    private func prune() async {
        let history = RunHistory(store: office.store, service: nil)
        guard let records = try? await office.store.runs(of: nil, limit: .max) else { return }
        var open: Set<RunID> = []
        for record in records {
            // A run that cannot be read is not known to be over.
            let state = try? await history.recorded(record).state
            if state?.isSettled != true || state?.hasFollowUps == true { open.insert(record.id) }
        }
        let before = Timestamp(
            milliseconds: office.desk.clock.now().milliseconds - StepFolders.keeping.milliseconds
        )
        _ = StepFolders(root: office.desk.state.runs).prune(before: before, except: open)
    }
}

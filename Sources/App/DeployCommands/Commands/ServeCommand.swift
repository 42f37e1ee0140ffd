import ArgumentParser
import DeployCore
import DeployOperations
import DeployPorts
import DeployServer
import Foundation
import Logging

struct ServeCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "The service: HTTP API, dashboard, metrics, scheduler.",
        discussion: """
            Serves the playbooks that are named, on a loopback address, a unix socket, or both. TLS is the proxy's that
            stands before it (nginx/bgdeploy.conf). Several may share one journal: each goes on with the runs of
            one that died. SIGTERM leaves every run as it stands, for another or the next one to go on with.
            """
    )

    @OptionGroup var common: CommonOptions
    @Argument(help: "The playbooks to serve, one of each service (default: the one of --playbook).")
    var playbooks: [String] = []
    @Option(help: "Address and port; `none` for the socket alone.") var listen = "127.0.0.1:8420"
    @Option(help: "The path of a unix socket, whose peers the kernel names.") var socket: String?
    @Option(help: "The members of this group may deploy through the socket.") var group: String?
    @Option(
        name: .customLong("host"),
        help: "A name under which it is asked, besides those of loopback; may be repeated."
    )
    var hosts: [String] = []
    @Flag(
        name: .customLong("behind-proxy"),
        help: "A proxy with TLS stands before it: any address may be listened on."
    )
    var isBehindProxy = false

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let address = try address()
        let logger = Self.logger(workplace.clock)
        let desk = try workplace.desk()
        let store = try await desk.store()
        let directory = try ServiceDirectory(paths: paths(workplace), clock: workplace.clock)
        for case (let listed, .failure(let failure)) in directory.list().map({ ($0, $0.service) }) {
            logger.error(
                "playbook not readable",
                metadata: ["playbook": "\(listed.path)", "reason": "\(failure.message)"]
            )
        }
        let office = Office(directory: directory, store: store, desk: desk, logger: logger)
        guard let peers = PeerRoles(deployGroup: group) else {
            throw CommandFailure(.usage, "--group: this host has no group called `\(group ?? "")`")
        }
        let settings = AccessSettings(hosts: Set(hosts), isBehindProxy: isBehindProxy, peers: peers)
        let server = Server(
            office: office,
            access: Access(store, clock: workplace.clock, settings: settings),
            version: Bgdeploy.version,
            logger: logger
        )
        return try await serve(server, address, logger)
    }

    private func serve(
        _ server: Server,
        _ address: Server.Listening?,
        _ logger: Logger
    ) async throws(CommandFailure) -> ExitStatus {
        do {
            try await server.run(at: address, socket: socket) { place in
                logger.info("listening", metadata: ["at": "\(place)"])
            }
            return .done
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.unavailable, "it cannot serve: \(error)")
        }
    }

    /// Absolute, so that nothing depends on where it was started.
    private func paths(_ workplace: Workplace) -> [String] {
        let named = playbooks.isEmpty ? [workplace.playbookPath] : playbooks
        let here = URL(filePath: FileManager.default.currentDirectoryPath, directoryHint: .isDirectory)
        return named.map { URL(filePath: $0, relativeTo: here).absoluteURL.standardizedFileURL.path }
    }

    /// Refuses an address that others can reach, unless a proxy stands before it: tokens would be readable.
    private func address() throws(CommandFailure) -> Server.Listening? {
        if listen == "none" {
            guard socket != nil else { throw CommandFailure(.usage, "--listen none needs --socket PATH") }
            return nil
        }
        guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]),
            (0...65535).contains(port)
        else { throw CommandFailure(.usage, "--listen: expected ADDRESS:PORT, found `\(listen)`") }
        var host = String(listen[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        let isLoopback = host.hasPrefix("127.") || ["localhost", "::1"].contains(host)
        guard isLoopback || isBehindProxy else {
            throw CommandFailure(
                .usage,
                """
                --listen \(listen): others can reach this address, and without TLS they can read tokens
                Listen on 127.0.0.1 behind a proxy with TLS (nginx/bgdeploy.conf), or say --behind-proxy when one \
                stands before this address and nothing else reaches it
                """
            )
        }
        return Server.Listening(host: host, port: port)
    }

    private static func logger(_ clock: any Timekeeper) -> Logger {
        let printer = Printer.errors
        return Logger(label: "bgdeploy") { _ in
            LogLines(now: { Clock.iso(clock.now()) }, write: { printer.line($0) })
        }
    }
}

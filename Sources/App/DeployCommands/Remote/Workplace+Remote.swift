import ArgumentParser
import DeployCore
import DeployEngine
import DeployOperations
import DeployPorts
import Foundation
import Synchronization

/// Where a command acts.
enum Reach {
    /// On this host, or at a service where one is named.
    case service
    /// On this host alone: it looks, or is there for when nothing else works.
    case thisHost
    /// On this host alone, and what it changes would be taken from a service that the environment names.
    case thisHostInstead
}

/// A command that acts on this host, or at a service that runs elsewhere.
protocol ServiceCommand: CommandBody {
    var target: ServiceOptions { get }
}

extension ServiceCommand {
    var reach: Reach { .service }
    var chosenService: String? { target.service }
}

/// What the commands take that act at a service.
struct ServiceOptions: ParsableArguments {
    @Option(help: "Which service, at a server that has several (else the playbook's, or its only one).")
    var service: String?
}

extension Workplace {
    /// The service that the command line or the environment names; `nil` for this host.
    func remote(_ reach: Reach, _ command: String) throws(CommandFailure) -> RemoteDesk? {
        let named = environment["BGDEPLOY_SERVER"].flatMap { $0.isEmpty ? nil : $0 }
        switch reach {
        case .service: break
        case .thisHost where options.server == nil: return nil
        case .thisHostInstead where options.server == nil && named == nil: return nil
        case .thisHost, .thisHostInstead:
            let how =
                options.server == nil ? "BGDEPLOY_SERVER is set: unset it for this command" : "leave it out"
            throw CommandFailure(
                .usage,
                """
                \(command) acts on this host and takes no --server; \(how)
                Run it on the host where the service runs.
                """
            )
        }
        guard let text = options.server ?? named else {
            guard chosenService == nil else {
                throw CommandFailure(
                    .usage,
                    "--service names one of several at a server: name that with --server, or a playbook with -p"
                )
            }
            return nil
        }
        guard options.state == nil else {
            throw CommandFailure(
                .usage,
                "--state names a journal that this host writes, --server a service that has its own: give one of them"
            )
        }
        let server = RemoteServer(try ServerAddress(text), token: try token(), clock: clock)
        return RemoteDesk(
            store: RemoteStore(server),
            clock: clock,
            flags: options.server.map { " --server \($0)" } ?? "",
            tell: { Printer.errors.line("bgdeploy: \(Style.harmless($0))") }
        )
    }

    /// From the file that was named, or from the environment; never from the command line, which every process of
    /// the host can read.
    private func token() throws(CommandFailure) -> String? {
        let text: String
        if let file = options.tokenFile {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw CommandFailure(.usage, "--token-file: \(file) cannot be read")
            }
            text = String(decoding: data, as: UTF8.self)
        } else {
            text = environment["BGDEPLOY_TOKEN"] ?? ""
        }
        let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        let place = options.tokenFile.map { "--token-file: \($0)" } ?? "BGDEPLOY_TOKEN"
        guard !token.isEmpty else {
            guard options.tokenFile == nil else { throw CommandFailure(.usage, "\(place) is empty") }
            return nil
        }
        guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw CommandFailure(
                .usage,
                "\(place) holds no token: a token has neither blanks nor line breaks"
            )
        }
        return token
    }

    /// The name of the service that is meant.
    ///
    /// At a server: the one asked for, else the playbook's if there is one here, else the only one there.
    func serviceName() async throws(CommandFailure) -> String {
        guard let remote else { return try service().name }
        if let chosenService { return chosenService }
        let isNamed = options.playbook != nil || environment["BGDEPLOY_PLAYBOOK"] != nil
        if isNamed || FileManager.default.fileExists(atPath: playbookPath) { return try service().name }
        let names = try await remote.services()
        guard names.count == 1 else {
            let found = names.isEmpty ? "no service that this token may see" : names.joined(separator: ", ")
            throw CommandFailure(
                .usage,
                "\(remote.server.address.text) has \(found): say which is meant with --service"
            )
        }
        return names[0]
    }

    /// What makes a repeated order the same order; one of its own where nobody gave one.
    func key(_ option: String?) throws(CommandFailure) -> String {
        let word = option ?? environment["BGDEPLOY_KEY"].flatMap { $0.isEmpty ? nil : $0 }
        guard let word else { return UUID().uuidString }
        guard (1...128).contains(word.utf8.count), word.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw CommandFailure(.usage, "--key: expected 1 to 128 characters without blanks")
        }
        return word
    }

    /// Tells of a run that goes on without us; programs find its identity alone on standard output.
    func handedOver(_ run: RunID, _ service: String, _ remote: RemoteDesk) -> ExitStatus {
        let json = JSON.object([("run", .text(run.rawValue)), ("service", .text(service))])
        printer.line(options.output == .json ? JSON.text(json) : run.rawValue)
        remote.tell(
            "the run goes on at \(remote.server.address.text)\nFollow it: bgdeploy events \(run) --follow\(remote.flags)"
        )
        return .waiting
    }

    /// Cancels `work` at the first stop.
    private static func result(
        of work: @escaping @Sendable () async throws(CommandFailure) -> ExitStatus,
        until stops: AsyncStream<Void>
    ) async -> Result<ExitStatus, CommandFailure> {
        await withTaskGroup(of: Result<ExitStatus, CommandFailure>?.self) { group in
            group.addTask {
                do throws(CommandFailure) {
                    return .success(try await work())
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                for await _ in stops { break }
                return nil
            }
            while let next = await group.next() {
                group.cancelAll()
                if let next { return next }
            }
            preconditionFailure("work has a result")
        }
    }

    /// Does `work`, which follows a run that a service drives, until it ends or a signal asks to leave.
    ///
    /// The run goes on all the same.
    func attending(
        _ remote: RemoteDesk,
        _ run: FollowedRun,
        _ work: @escaping @Sendable () async throws(CommandFailure) -> ExitStatus
    ) async throws(CommandFailure) -> ExitStatus {
        let signals = Signals { _ in }
        let result = await Self.result(of: work, until: signals.stops)
        guard let signal = signals.first, case .failure(let failure) = result,
            remote.store.cause(of: failure).status == .interrupted
        else { return try result.get() }
        let flags = remote.flags
        if let run = run.id {
            remote.tell(
                """
                not followed any more; run \(run) goes on at \(remote.server.address.text)
                Follow it: bgdeploy events \(run) --follow\(flags)
                Stop it and put the traffic back: bgdeploy abort \(run)\(flags)
                """
            )
        } else {
            remote.tell(
                """
                left before \(remote.server.address.text) answered: what was asked for may have begun
                See: bgdeploy status\(flags)
                """
            )
        }
        return signal == SIGINT ? .interrupted : .terminated
    }
}

/// The run that is followed, from when it is known.
final class FollowedRun: Sendable {
    private let known = Mutex<RunID?>(nil)

    init(_ id: RunID? = nil) { self.id = id }

    var id: RunID? {
        get { known.withLock { $0 } }
        set { known.withLock { $0 = newValue } }
    }
}

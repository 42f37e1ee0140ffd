import DeployOperations
import ArgumentParser
import DeployPorts
import Foundation
import HAProxyConfig
import NginxConfig
import SafeFile

/// The bare edits, for scripts.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Edit a balancer's configuration file, for scripts.",
        subcommands: [SetWeights.self]
    )

    struct SetWeights: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set-weights",
            abstract: "Set weights in one upstream or backend, atomically; neither test nor reload.",
            discussion: """
                0 means no new traffic: `down` on nginx, weight 0 on HAProxy. What cannot be done without guessing is
                refused with 65, and the file is as it was.
                """
        )

        enum Kind: String, ExpressibleByArgument, CaseIterable {
            case nginx, haproxy
        }

        @Argument(help: "nginx or haproxy.") var kind: Kind
        @Argument(help: "The file.") var file: String
        @Argument(help: "The upstream or backend.") var name: String
        @Argument(help: "SERVER=WEIGHT; a server by its address, or by its name on HAProxy.") var weights:
            [String]

        func run() async throws {
            do throws(CommandFailure) {
                try edit()
            } catch {
                Printer.errors.line("bgdeploy: \(Style.harmless(error.message))")
                throw ExitCode(error.status.rawValue)
            }
        }

        private func edit() throws(CommandFailure) {
            let wanted = try weights.map { text throws(CommandFailure) in try WantedWeight(text) }
            let edit = WeightEdit(file: file, name: name)
            let contents = try Self.unwrap { () throws(FileProblem) in
                try SafeFile.read(try SafeFile.resolve(file))
            }
            let bytes =
                switch kind {
                case .nginx: try edit.nginx(contents.bytes, wanted)
                case .haproxy: try edit.haproxy(contents.bytes, wanted)
                }
            guard bytes != contents.bytes else { return }
            try Self.unwrap { () throws(FileProblem) in
                try AtomicFile.replace(contents.path, with: bytes, expecting: contents.digest)
            }
        }

        private static func unwrap<Value>(
            _ work: () throws(FileProblem) -> Value
        ) throws(CommandFailure) -> Value {
            do throws(FileProblem) {
                return try work()
            } catch {
                throw CommandFailure(.badInput, error.message)
            }
        }
    }
}

/// `127.0.0.1:5001=3`.
struct WantedWeight {
    let server: String
    let weight: Int

    init(_ text: String) throws(CommandFailure) {
        guard let equals = text.lastIndex(of: "="), let weight = Int(text[text.index(after: equals)...]),
            weight >= 0
        else {
            throw CommandFailure(.usage, "`\(text)`: expected SERVER=WEIGHT with a whole number from 0")
        }
        server = String(text[..<equals])
        self.weight = weight
    }
}

/// Finds the servers that are meant and sets their weights, or says why it would have to guess.
struct WeightEdit {
    let file: String
    let name: String

    func nginx(_ bytes: [UInt8], _ wanted: [WantedWeight]) throws(CommandFailure) -> [UInt8] {
        var configuration: NginxConfiguration
        do throws(NginxConfig.ConfigurationError) {
            configuration = try NginxConfiguration(parsing: bytes)
        } catch {
            throw refusal("line \(error.line), column \(error.column): \(error.message)")
        }
        let upstream = try only(configuration.upstreams(named: name), among: configuration.upstreamNames)
        guard wanted.allSatisfy({ $0.weight <= 1_000_000 }) else {
            throw refusal("nginx takes weights up to 1000000")
        }
        let addresses = upstream.servers.map(\.address)
        var edits: [(server: Int, weight: ServerWeight)] = []
        for (index, weight) in try assign(wanted, among: addresses, by: { addresses[$0] == $1 }) {
            edits.append((index, weight == 0 ? .down : .weight(weight)))
        }
        let taking = upstream.servers.filter { server in
            edits.last { $0.server == server.index }.map { $0.weight != .down } ?? !server.isDown
        }
        guard !taking.isEmpty else { throw refusal("no server of `\(name)` would take requests") }
        configuration.set(edits, in: upstream.handle)
        return configuration.bytes
    }

    func haproxy(_ bytes: [UInt8], _ wanted: [WantedWeight]) throws(CommandFailure) -> [UInt8] {
        var configuration: HAProxyConfiguration
        do throws(HAProxyConfig.ConfigurationError) {
            configuration = try HAProxyConfiguration(parsing: bytes)
        } catch {
            throw refusal("line \(error.line), column \(error.column): \(error.message)")
        }
        let backend = try only(configuration.backends(named: name), among: configuration.backendNames)
        guard wanted.allSatisfy({ $0.weight <= 256 }) else {
            throw refusal("haproxy takes weights from 0 to 256")
        }
        let servers = backend.servers
        let edits = try assign(wanted, among: servers.map(\.name)) {
            servers[$0].name == $1 || servers[$0].address == $1
        }
        let taking = servers.filter { server in
            (edits.last { $0.server == server.index }?.weight ?? server.effectiveWeight) > 0
        }
        guard !taking.isEmpty else { throw refusal("no server of `\(name)` would take requests") }
        configuration.set(edits, in: backend.handle)
        return configuration.bytes
    }

    private func only<Pool>(_ pools: [Pool], among names: [String]) throws(CommandFailure) -> Pool {
        guard pools.count <= 1 else { throw refusal("`\(name)` stands there \(pools.count) times") }
        guard let pool = pools.first else {
            let hint = Spelling.nearest(to: name, among: names).map { "; did you mean `\($0)`?" } ?? ""
            throw refusal("there is no `\(name)`\(hint)")
        }
        return pool
    }

    /// The servers that are meant.
    ///
    /// What stands there several times has to be named as often, and is taken in the file's order.
    private func assign(
        _ wanted: [WantedWeight],
        among all: [String],
        by isMeant: (Int, String) -> Bool
    ) throws(CommandFailure) -> [(server: Int, weight: Int)] {
        var result: [(server: Int, weight: Int)] = []
        for (position, item) in wanted.enumerated() {
            let matches = all.indices.filter { isMeant($0, item.server) }
            guard !matches.isEmpty else {
                throw refusal(
                    "`\(name)` has no server `\(item.server)`; it has \(all.joined(separator: ", "))"
                )
            }
            let earlier = wanted[..<position].count { $0.server == item.server }
            let named = wanted.count { $0.server == item.server }
            guard named == matches.count || matches.count == 1 else {
                throw refusal(
                    "the server `\(item.server)` stands in `\(name)` \(matches.count) times; give as many weights, in the file's order"
                )
            }
            result.append((matches[matches.count == 1 ? 0 : earlier], item.weight))
        }
        return result
    }

    private func refusal(_ reason: String) -> CommandFailure {
        CommandFailure(.badInput, "\(file): \(reason)")
    }
}

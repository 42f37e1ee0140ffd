import ArgumentParser
import DeployCore
import DeployOperations
import Foundation

struct InitCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a starter playbook from the nginx or HAProxy configuration of this host.",
        discussion: "Never asks when standard input is no terminal: what it cannot see must then be given."
    )

    @OptionGroup var common: CommonOptions
    @Option(help: "The service's name.") var service: String?
    @Option(help: "The nginx file that holds the upstream block.") var nginx: String?
    @Option(help: "The upstream.") var upstream: String?
    @Option(help: "The HAProxy configuration.") var haproxy: String?
    @Option(help: "HAProxy's backend.") var backend: String?
    @Option(help: "HAProxy's stats socket with level admin.") var socket: String?
    @Option(help: "Blue's servers, such as 127.0.0.1:5001,127.0.0.1:5002.") var blue: String?
    @Option(help: "Green's servers.") var green: String?
    @Option(help: "The health endpoint.") var health = "/api/health"
    @Flag(help: "Overwrite an existing playbook.") var force = false

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        let path = workplace.playbookPath
        guard force || !FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure(.usage, "\(path) exists already; --force overwrites it")
        }
        let survey = Survey()
        let place = try choose(from: survey)
        let name = service ?? ask("service", place.pool, workplace)
        let (blue, green) = try servers(of: place)
        let text = StarterPlaybook(
            service: name,
            place: place,
            blue: blue,
            green: green,
            health: health
        ).text
        // Valid before it is written: a starter that does not load would teach the wrong thing.
        _ = try Service(text: Array(text.utf8), path: path, clock: workplace.clock)
        do {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw CommandFailure(.unavailable, "\(path) cannot be written: \(error.localizedDescription)")
        }
        workplace.printer.line(
            """
            wrote \(path): \(name) behind \(place.description)
            next: bgdeploy doctor, then bgdeploy plan VERSION
            """
        )
        return .done
    }

    private func choose(from survey: Survey) throws(CommandFailure) -> Survey.Place {
        var places: [Survey.Place]
        if let nginx {
            places = try survey.nginx(nginx)
        } else if let haproxy {
            places = try survey.haproxy(haproxy, socket: socket)
        } else {
            places = survey.usualPlaces()
        }
        if let wanted = upstream ?? backend { places = places.filter { $0.pool == wanted } }
        guard places.count == 1, let place = places.first else {
            let found = places.map { "  \($0.description)" }.joined(separator: "\n")
            throw CommandFailure(
                .usage,
                places.isEmpty
                    ? """
                    no upstream or backend found; name one: --nginx FILE --upstream NAME, or --haproxy FILE \
                    --backend NAME --socket PATH
                    """
                    : "which one? Choose with --nginx FILE --upstream NAME, or --haproxy FILE --backend NAME:\n\(found)"
            )
        }
        return place
    }

    private func ask(_ what: String, _ proposal: String, _ workplace: Workplace) -> String {
        guard isatty(STDIN_FILENO) == 1, !workplace.options.yes else { return proposal }
        workplace.printer.write("\(what) [\(proposal)]: ")
        let answer = readLine() ?? ""
        return answer.isEmpty ? proposal : answer
    }

    /// The servers that get traffic are blue, those that do not are green, unless they are given.
    private func servers(of place: Survey.Place) throws(CommandFailure) -> ([String], [String]) {
        if let blue, let green { return (Self.list(blue), Self.list(green)) }
        let (active, idle) = (place.active, place.idle)
        guard !active.isEmpty, !idle.isEmpty, blue == nil, green == nil else {
            let all = (active + idle).joined(separator: ", ")
            throw CommandFailure(
                .usage,
                """
                \(place.description) has the servers \(all); which are blue, which are green?
                Give both: --blue HOST:PORT,… --green HOST:PORT,…
                """
            )
        }
        return (active, idle)
    }

    private static func list(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }
}

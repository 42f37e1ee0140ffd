import ArgumentParser
import Hummingbird

/// One environment of the example service, to be put twice behind a load balancer.
@main
struct DemoApp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bgdeploy-demo-app",
        abstract: "One environment of an example service, with faults that are switched at run time."
    )

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port: Int

    @Option(help: "What the environment calls itself: blue, green.")
    var name: String

    @Option(help: "The release it says it runs: v2.5.0.")
    var release: String

    @Option(help: "The address to listen on. Nothing here asks for a password: keep it off public ones.")
    var host = "127.0.0.1"

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port is 0…65535") }
        for (option, value) in [("--name", name), ("--release", release)] where !Self.isPlain(value) {
            throw ValidationError("\(option) is 1 to 64 of the characters A-Z a-z 0-9 . _ + -")
        }
    }

    /// Listens until SIGTERM or SIGINT, then answers what is under way, closes WebSockets and returns.
    func run() async throws {
        let state = DemoState(identity: Identity(environment: name, version: release))
        let application = Application(
            router: DemoRoutes(state: state).router(),
            server: .webSocketUpgrades(to: state),
            configuration: ApplicationConfiguration(address: .hostname(host, port: port))
        )
        try await application.runService()
    }

    /// Keeps what is shown on the page and in JSON free of anything that would need escaping.
    private static func isPlain(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: ".-_+".utf8.contains(byte)
                }
            }
    }
}

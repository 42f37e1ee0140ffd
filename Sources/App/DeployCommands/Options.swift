import ArgumentParser

/// What every command takes.
struct CommonOptions: ParsableArguments {
    @Option(name: [.short, .long], help: "The playbook (default bgdeploy.yml, BGDEPLOY_PLAYBOOK).")
    var playbook: String?

    @Option(help: "The state store, sqlite:PATH (BGDEPLOY_STATE).")
    var state: String?

    @Option(
        help: "Act at this service: https://HOST or unix:PATH (BGDEPLOY_SERVER; its token: BGDEPLOY_TOKEN)."
    )
    var server: String?

    @Option(name: .customLong("token-file"), help: "The file that holds the token for --server.")
    var tokenFile: String?

    @Option(help: "How to print: text, json or github.")
    var output: OutputFormat = .text

    @Flag(name: .customLong("no-color"), help: "Print without colours (NO_COLOR).")
    var noColor = false

    @Flag(name: .customLong("yes"), help: "Answer yes to what would be asked on the terminal.")
    var yes = false

    @Flag(name: [.customShort("v"), .long], help: "Say more.")
    var verbose = false
}

enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    case text, json, github
}

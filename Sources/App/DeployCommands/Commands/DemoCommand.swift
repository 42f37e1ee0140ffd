import DeployOperations
import ArgumentParser
import Foundation

struct DemoCommand: CommandBody {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract:
            "A real deployment behind a real nginx on loopback, and a bad release rolled back by itself.",
        discussion: "Needs nothing but nginx; leaves nothing behind."
    )

    @OptionGroup var common: CommonOptions
    @Option(help: "Requests per second.") var rate = 100
    @Flag(help: "Leave the demo's folder, to look at its files.") var keep = false

    func body(_ workplace: Workplace) async throws(CommandFailure) -> ExitStatus {
        guard (1...2000).contains(rate) else { throw CommandFailure(.usage, "--rate: expected 1 to 2000") }
        let stage = try DemoStage(keep: keep)
        defer { stage.clear() }
        let demo = try Demo(workplace: workplace, stage: stage, rate: rate)
        return try await demo.play()
    }
}

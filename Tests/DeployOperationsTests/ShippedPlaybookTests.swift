import DeployCore
import DeployPorts
import Foundation
import Playbooks
import Testing

@testable import DeployOperations

/// The playbooks in `playbooks/`, with the drivers that ship.
@Suite struct ShippedPlaybookTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("playbooks")

    private static func service(_ name: String) throws -> Service {
        try Service(playbookAt: folder.appendingPathComponent(name).path, clock: SystemClock())
    }

    @Test func `every playbook has no mistakes`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        let names = files.filter { $0.hasSuffix(".yml") }
        #expect(names.contains("mina.yml"))
        for name in names { try Self.service(name).refuseWaysDown() }
    }

    @Test func `a person takes one half of the strategy of a playbook that has both`() throws {
        let service = try Self.service("mina.yml")
        let planned = service.playbook.strategy
        #expect(
            planned.hasChosenUsers && planned.shares.map(\.description) == ["0", "10", "25", "50", "100"]
        )
        let canary = try service.strategy("canary")
        #expect(canary.shares == Array(planned.shares.dropFirst()) && !canary.hasChosenUsers)
        let chosen = try service.strategy("ab")
        #expect(chosen.shares == [.zero, .full] && chosen.hasChosenUsers)
        #expect(canary.hold == planned.hold && chosen.hold == planned.hold)
        #expect(try service.strategy("instant") == .instant)
    }

    @Test(arguments: ["ab", "canary"])
    func `half of a strategy is refused where the playbook does not have it`(_ half: String) throws {
        let service = try Self.service("quickstart.yml")
        let refused = #expect(throws: CommandFailure.self) { try service.strategy(half) }
        #expect(refused?.message.contains("has no `\(half)`") == true)
    }
}

import DeployCore
import Foundation
import Playbooks
import Testing

/// The playbooks that are shipped, and those that the acceptance tests write.
@Suite struct SamplePlaybookTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func sample(_ name: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent("playbooks/\(name)"), encoding: .utf8)
    }

    @Test(arguments: ["quickstart.yml", "canary.yml"])
    func `a shipped playbook has no mistakes`(_ name: String) throws {
        let result = Playbook.load(
            text: try Self.sample(name),
            path: "book.yml",
            catalogue: StubCatalogue.catalogue
        )
        if case .failure(let error) = result { Issue.record("\(error)") }
    }

    @Test func `the quick start releases at once and watches`() throws {
        let playbook = try Playbook.load(
            text: try Self.sample("quickstart.yml"),
            path: "book.yml",
            catalogue: StubCatalogue.catalogue
        ).get()
        let plan = try Book.plan(playbook).plan
        #expect(plan.phases.map(\.name) == [.preflight, .prepare, .validate, .shift, .monitor])
        #expect(playbook.strategy == .instant)
    }

    @Test func `the canary goes up in four steps and asks a person`() throws {
        let playbook = try Playbook.load(
            text: try Self.sample("canary.yml"),
            path: "book.yml",
            catalogue: StubCatalogue.catalogue
        ).get()
        #expect(playbook.strategy.shares.count == 4)
        #expect(playbook.monitor.gauges.map(\.name) == ["db_latency", "sessions"])
        #expect(throws: VersionRefused.self) { try playbook.version("snapshot") }
        let plan = try Book.plan(playbook).plan
        #expect(
            plan.phases.map(\.name) == [
                .preflight, .prepare, .migrate, .warmUp, .validate, .drain, .shift, .monitor,
            ]
        )
        #expect(plan.rollback.steps.count == 2 && plan.followUps.count == 1)
    }
}

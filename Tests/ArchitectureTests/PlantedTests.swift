import Testing

/// Every rule finds what breaks it, shown on planted text.
struct PlantedTests {
    private static let modules = [
        "DeployCore": "Core", "TrafficJudgement": "Core", "DeployPorts": "Ports", "SafeFile": "Plumbing",
        "BalancerFiles": "Drivers/Shared", "NginxDriver": "Drivers", "Checks": "Drivers",
        "DeployEngine": "Engine", "DeployCommands": "App", "DeployTestKit": "TestKit",
    ]

    private func findings(_ text: String, in folder: String) -> [Rules.Finding] {
        Rules.findings(in: SourceFile(path: "\(folder)/A.swift", text: text), modules: Self.modules)
    }

    @Test(arguments: [
        ("let a = try! f()", "Sources/App/DeployCommands"), ("a as! B", "Sources/App/DeployCommands"),
        ("final class A: @unchecked Sendable {}", "Sources/Drivers/Checks"),
        ("nonisolated(unsafe) var a = 1", "Sources/Plumbing/SafeFile"),
        ("Task.detached { }", "Sources/App/DeployCommands"),
        ("    Task { await a() }", "Sources/Engine/DeployEngine"),
        ("Task {", "Sources/TestKit/DeployTestKit"),
        ("try await Task.sleep(for: a)", "Sources/App/DeployCommands"),
        ("try await ContinuousClock().sleep(for: a)", "Sources/Drivers/Checks"),
        ("fatalError()", "Sources/Core/DeployCore"), ("print(a)", "Sources/Engine/DeployEngine"),
        ("let now = Date()", "Sources/Core/DeployCore"), ("func a() async {}", "Sources/Core/DeployCore"),
        ("Int.random(in: 0...1)", "Sources/Engine/DeployEngine"),
        ("// TODO: later", "Sources/Core/DeployCore"),
        ("a() // FIXME", "Sources/Ports/DeployPorts"), ("// XXX", "examples/demo-app/Sources"),
        ("/// HACK", "Sources/Drivers/Shared/BalancerFiles"),
    ])
    func `a banned word is found`(line: String, folder: String) {
        let found = findings("// fine\n\(line)\n", in: folder)
        #expect(found.map(\.line) == [2])
        #expect(found.first?.path == "\(folder)/A.swift")
    }

    @Test(arguments: [
        ("let fingerprint = fingerprint(a)", "Sources/Core/DeployCore"),
        ("// not print(a)", "Sources/Core/DeployCore"),
        ("print(a)", "Sources/App/DeployCommands"), ("group.addTask { a() }", "Sources/Engine/DeployEngine"),
        ("let hasAs = a as? B", "Sources/Core/DeployCore"), ("let id = \"TODOS\"", "Sources/Core/DeployCore"),
        ("asynchronous()", "Sources/Core/DeployCore"), ("let upDate = upDate(a)", "Sources/Core/DeployCore"),
        (
            "try await ContinuousClock().sleep(for: a)",
            "Sources/App/DeployOperations/Surroundings/SystemClock.swift"
        ),
    ])
    func `what only looks like it is let be`(line: String, place: String) {
        let path = place.hasSuffix(".swift") ? place : "\(place)/A.swift"
        #expect(Rules.findings(in: SourceFile(path: path, text: line), modules: Self.modules) == [])
    }

    @Test(arguments: [
        ("import Foundation", "Sources/Core/DeployCore"),
        ("internal import Foundation", "Sources/Ports/DeployPorts"),
        ("import FoundationEssentials", "Sources/Engine/DeployEngine"),
        ("import Glibc", "Sources/Engine/DeployEngine"),
        ("import Yams", "Sources/Drivers/Checks"), ("import GRDB", "Sources/Drivers/Playbooks"),
        ("package import ArgumentParser", "Sources/Engine/DeployEngine"),
        ("import NIOCore", "Sources/App/DeployCommands"),
        ("public import DeployPorts", "Sources/Core/DeployCore"),
        ("import NginxDriver", "Sources/Drivers/Checks"),
        ("import DeployCore", "Sources/Plumbing/SafeFile"),
        ("import SafeFile", "Sources/Engine/DeployEngine"),
        ("import NginxDriver", "Sources/Drivers/Shared/BalancerFiles"),
        ("import DeployEngine", "Sources/TestKit/DeployTestKit"),
        ("@testable import DeployTestKit", "Sources/App/DeployCommands"),
        ("import struct Foundation.URL", "Sources/Core/DeployCore"),
        ("import DeployCore", "examples/demo-app/Sources"),
    ])
    func `an import against the layers is found`(line: String, folder: String) {
        #expect(findings("\n\(line)\n", in: folder).map(\.line) == [2])
    }

    @Test(arguments: [
        ("public import DeployCore", "Sources/Ports/DeployPorts"),
        ("import Yams", "Sources/Drivers/Playbooks"),
        ("import GRDB", "Sources/Drivers/StoreSQLite"), ("import ArgumentParser", "Sources/App/bgdeploy"),
        ("import ArgumentParser", "examples/demo-app/Sources"),
        ("import Foundation", "Sources/Drivers/Checks"),
        ("import BalancerFiles", "Sources/Drivers/NginxDriver"),
        ("import TrafficJudgement", "Sources/Core/DeployCore"),
        ("import Synchronization", "Sources/Engine/DeployEngine"),
        ("let important = \"import Foundation\"", "Sources/Core/DeployCore"),
    ])
    func `an import along the layers is let be`(line: String, folder: String) {
        #expect(findings(line, in: folder) == [])
    }

    @Test func `a long file is found`() {
        let line = "let a = 1\n"
        #expect(findings(String(repeating: line, count: 400), in: "Sources/Core/DeployCore") == [])
        #expect(findings(String(repeating: line, count: 401), in: "Sources/Core/DeployCore").count == 1)
    }

    @Test func `a long function is found, whatever its head looks like`() {
        for head in [
            "    func a() {", "    init(\n        a: Int,\n        b: Int\n    ) {",
            "    func a(\n        b: Int\n    ) -> Int\n    where A: B\n    {",
        ] {
            let headLines = head.split(separator: "\n").count
            for (length, count) in [(50, 0), (51, 1)] {
                let body = String(repeating: "        b()\n", count: length - headLines - 1)
                let text = "struct A {\n\(head)\n\(body)    }\n}\n"
                let found = findings(text, in: "Sources/Core/DeployCore")
                #expect(found.count == count, "\(head)")
                #expect(found.allSatisfy { $0.line == 2 })
            }
        }
    }

    @Test func `a protocol's requirement is no function`() {
        let requirements = String(repeating: "    func a()\n", count: 60)
        let text = "protocol A {\n\(requirements)}\n\nstruct B {\n    var c: Int {\n        1\n    }\n}\n"
        #expect(findings(text, in: "Sources/Core/DeployCore") == [])
    }
}

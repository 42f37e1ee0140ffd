import DeployPorts
import Foundation
import Synchronization
import Testing

@testable import Backups

@Suite struct BackupDecodingTests {
    private func messages(_ kind: StepKind, _ keys: [String: Parameter]) -> [String] {
        Words.decode(kind, keys, service: "mina", folder: "/").messages
    }

    @Test(
        arguments: [
            (["to": "b"], "`backup` needs the key `postgres`"),
            (["postgres": "${secret.A}"], "`backup` needs the key `to`"),
            (["postgres": "${secret.A}", "to": "b", "verify": "x"], "`verify` must be `list` or `restore`"),
            (["postgres": "postgresql://u:pw@h/d", "to": "b"], "`postgres` has a password in it"),
            (["postgres": "postgresql://u@h/d?password=pw", "to": "b"], "`postgres` has a password in it"),
            (
                ["postgres": "${secret.A}", "to": "b", "scratch": "${secret.B}"],
                "for `verify: restore` alone"
            ),
            (
                ["postgres": "${secret.A}", "to": "b", "encrypt": [] as Parameter],
                "`encrypt` needs a program"
            ),
            (
                ["postgres": "${secret.A}", "to": "b", "upload": ["a", "${secret.B}"]],
                "cannot be an argument"
            ),
            (["postgres": "${secret.A}", "to": "b", "encrypt": ["a", "${file}"]], "it has no `${file}`"),
            (["postgres": "${secret.A}", "to": "b", "keep": "long"], "`keep` must be a duration"),
        ] as [([String: Parameter], String)]
    )
    func `a mistake is told`(keys: [String: Parameter], words: String) {
        let found = messages(BackupStep.kind(), keys)
        #expect(found.count == 1 && found[0].contains(words), "\(found)")
    }

    @Test func `a password that is a reference is none in plain text`() {
        let keys: [String: Parameter] = ["postgres": "postgresql://u:${secret.P}@h/d", "to": "b"]
        #expect(messages(BackupStep.kind(), keys) == [])
    }

    @Test func `a schema names the keys that its decoder takes`() throws {
        for kind in [BackupStep.kind(), RestoreDrillStep.kind()] {
            let schema = try JSONSerialization.jsonObject(with: Data(kind.schema.utf8)) as? [String: Any]
            let keys = try #require(schema?["properties"] as? [String: Any]).keys.sorted()
            let found = messages(kind, ["xxxxxxxxxxxx": "1"]).first { $0.contains("has no key") }
            #expect(found?.hasSuffix("it takes \(keys.joined(separator: ", "))") == true, "\(found ?? "")")
        }
    }

    @Test func `progress is told at every twentieth`() {
        let lines = Mutex<[String]>([])
        var line = ProgressLine(total: 10_000) { text in lines.withLock { $0.append(text) } }
        line.advance(to: 600)
        line.advance(to: 1500)
        let told = lines.withLock { $0 }
        #expect(told.count == 2 && told[1].hasPrefix("1.5 kB of at most 10.0 kB (15 %), "), "\(told)")
        #expect(told.allSatisfy { $0.hasSuffix("/s") })
    }

    @Test(arguments: [
        (999, "999 bytes"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (999_960, "1.0 MB"),
        (5_000_000_000, "5.0 GB"),
    ])
    func `bytes are told as a person reads them`(bytes: Int, text: String) {
        #expect(ByteCount(bytes).description == text)
    }
}

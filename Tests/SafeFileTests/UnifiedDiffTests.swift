import Testing

@testable import SafeFile

struct UnifiedDiffTests {
    private func diff(_ before: String, _ after: String) -> String {
        UnifiedDiff.text(before: Array(before.utf8), after: Array(after.utf8), path: "f")
    }

    @Test func `equal texts have no diff`() {
        #expect(diff("a\nb\n", "a\nb\n") == "")
        #expect(diff("", "") == "")
    }

    @Test func `a changed line stands between three lines of context`() {
        let expected = "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+X\n 6\n 7\n 8\n"
        #expect(diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nX\n6\n7\n8\n9\n") == expected)
    }

    @Test func `a missing last line feed is a difference`() {
        #expect(diff("a\n", "a") == "--- f\n+++ f\n@@ -1 +1 @@\n-a\n+a\n\\ No newline at end of file\n")
    }

    @Test func `a new file and an emptied file have empty ranges`() {
        #expect(diff("", "a\n") == "--- f\n+++ f\n@@ -0,0 +1 @@\n+a\n")
        #expect(diff("a\n", "") == "--- f\n+++ f\n@@ -1 +0,0 @@\n-a\n")
    }

    @Test func `distant changes have hunks of their own`() {
        let lines = (1...30).map { "\($0)\n" }
        var changed = lines
        changed[2] = "X\n"
        changed[25] = "Y\n"
        let text = diff(lines.joined(), changed.joined())
        #expect(text.split(separator: "\n").filter { $0.hasPrefix("@@") }.count == 2)
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `patch makes the new text of the old one`(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        func text() -> String {
            let count = Int.random(in: 0...12, using: &random)
            let body = (0..<count).map { _ in "\(Int.random(in: 0...3, using: &random))" }.joined(
                separator: "\n"
            )
            return body + (Bool.random(using: &random) ? "\n" : "")
        }
        let (before, after) = (text(), text())
        let patch = diff(before, after)
        let folder = TemporaryFolder()
        guard !patch.isEmpty else { #expect(before == after); return }
        try AtomicFile.replace(folder.path + "/f", with: Array(before.utf8))
        try AtomicFile.replace(folder.path + "/p", with: Array(patch.utf8))
        #expect(execute(["patch", "-s", "-d", folder.path, "f", "p"]) == 0, "seed \(seed)")
        // patch removes a file that it has emptied.
        let found = (try? SafeFile.read(folder.path + "/f").bytes) ?? []
        #expect(String(decoding: found, as: UTF8.self) == after, "seed \(seed)")
    }
}

/// A generator with a seed (splitmix64).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

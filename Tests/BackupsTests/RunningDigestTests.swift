import SafeFile
import Testing

@testable import Backups

@Suite struct RunningDigestTests {
    @Test func `it is SHA-256, wherever the pieces are cut`() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 3) }
        for length in [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000] {
            for piece in [1, 7, 64, 100, 1000] {
                var digest = RunningDigest()
                var rest = bytes[..<length]
                while !rest.isEmpty {
                    digest.update(rest.prefix(piece))
                    rest = rest.dropFirst(piece)
                }
                #expect(digest.finish() == Digest.sha256(Array(bytes[..<length])))
            }
        }
    }
}

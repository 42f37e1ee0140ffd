import Testing

@testable import TrafficShares

/// What nginx itself does is compared in the tests of its driver.
struct StickyBucketTests {
    @Test(
        arguments: [
            ("", 0x0), ("a", 0x9268_5f5e), ("abcd", 0x2687_3021), ("hello", 0xe561_29cb),
            ("The quick brown fox jumps over the lazy dog", 0x2127_29d0),
        ] as [(String, UInt32)]
    )
    func `is MurmurHash2 with the seed 0`(text: String, hash: UInt32) {
        #expect(TrafficShares.murmurHash2(Array(text.utf8)) == hash)
    }

    @Test func `users are spread evenly, and evenly within every share`() {
        var counts = [Int](repeating: 0, count: TrafficShares.bucketCount)
        let users = 200_000
        for number in 0..<users { counts[TrafficShares.bucket(of: Array("user-\(number)".utf8))] += 1 }
        var below = 0
        for (bucket, count) in counts.enumerated() {
            below += count
            let share = Double(below) / Double(users)
            #expect(abs(share - Double(bucket + 1) / 1000) < 0.005, "bucket \(bucket)")
        }
    }
}

import DeployCore
import DeployPorts
import Testing

struct SmallPartsTests {
    @Test(arguments: [
        ("tiemout", "timeout"), ("URL", "url"), ("retyr", "retry"), ("timeou", "timeout"), ("on", "on"),
    ])
    func `a slip finds its word`(word: String, meant: String) {
        #expect(Spelling.nearest(to: word, among: ["timeout", "url", "retry", "on"]) == meant)
    }

    @Test(arguments: ["colour", "xyz", ""])
    func `something else finds none`(word: String) {
        #expect(Spelling.nearest(to: word, among: ["timeout", "retry"]) == nil)
        #expect(Spelling.nearest(to: word, among: []) == nil)
    }

    @Test func `pauses grow, end with the attempts and stay under an hour`() {
        let policy = StepPolicy(attempts: 4, every: .seconds(2), backoff: 3)
        #expect((1...4).map { policy.pause(after: $0) } == [.seconds(2), .seconds(6), .seconds(18), nil])
        let steep = StepPolicy(attempts: 1_000_000, every: .seconds(1), backoff: 1e300)
        #expect(steep.pause(after: 999_999) == StepPolicy.longestPause)
        #expect(StepPolicy().pause(after: 1) == nil)
    }

    @Test func `tokens are ordered by epoch, then by counter`() {
        let tokens = [(1, 0), (0, 9), (0, 2)].map { FencingToken(epoch: $0.0, counter: $0.1) }
        #expect(tokens.sorted().map(\.description) == ["0.2", "0.9", "1.0"])
    }

    @Test func `only an unknown outcome leaves the traffic unknown`() {
        let errors: [LoadBalancerError] = [
            .unreachable("a"), .rejected(complaint: "a"), .misconfigured("a"), .forbidden("a"),
            .drifted(file: "f", diff: "d"), .fenced(seen: .zero), .notInForce("a"),
        ]
        #expect(errors.allSatisfy { $0.traffic == .unchanged && !$0.message.isEmpty })
        #expect(LoadBalancerError.unknown("a").traffic == .unknown)
    }
}

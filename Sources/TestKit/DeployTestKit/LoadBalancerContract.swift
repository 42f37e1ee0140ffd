package import DeployCore
package import DeployPorts

/// What every load balancer's driver promises, checked against a running balancer.
///
/// The balancer must be at 100 % for `stable` and never used before. Each broken promise is thrown with words
/// that say which one it was.
package struct LoadBalancerContract: Sendable {
    package struct Broken: Error, Hashable, CustomStringConvertible {
        package let description: String
    }

    private let balancer: any LoadBalancer
    private let stable: EnvironmentName
    private let candidate: EnvironmentName
    /// The bytes of the configuration file now.
    private let file: @Sendable () -> [UInt8]

    package init(
        _ balancer: any LoadBalancer,
        stable: EnvironmentName,
        candidate: EnvironmentName,
        file: @escaping @Sendable () -> [UInt8]
    ) {
        self.balancer = balancer
        self.stable = stable
        self.candidate = candidate
        self.file = file
    }

    package func check() async throws {
        try await looksWithoutTouching()
        try await readsBackWhatItWrote()
        try await discardLeavesNoTrace()
        try await fencesLowerTokens()
        try await restoresTheStableEnvironment()
        try await closesWithoutTouchingTheSplit()
    }

    private func looksWithoutTouching() async throws {
        let before = file()
        try await balancer.inspect()
        let observation = try await balancer.observe()
        try expect(observation.split == split(.zero), "observe tells \(observation), not \(stable) alone")
        let change = try await balancer.render(split(share(25)))
        try expect(change.before == before && change.after != before, "render does not show the change")
        try expect(try await balancer.observe() == observation, "looking changed what is observed")
        try expect(file() == before, "looking changed the file")
        let mark = try await balancer.mark()
        try expect(mark == .none, "an unused balancer has a mark: \(mark)")
        try expect(!balancer.method.isEmpty, "it does not tell how it divides the traffic")
    }

    private func readsBackWhatItWrote() async throws {
        let first = FencingToken(epoch: 0, counter: 1)
        for tenths in [100, 250, 500, 1000, 500, 0] {
            guard let share = Percent(tenths: tenths) else { continue }
            let rendered = try await balancer.render(split(share)).after
            let before = try await balancer.observe()
            let staged = try await balancer.stage(split(share), token: first)
            let waiting = try await balancer.observe()
            try expect(waiting.split == before.split, "staging \(share) % moved traffic: \(waiting)")
            let committed = try await balancer.commit(staged)
            try await expectInForce(share, committed)
            try expect(file() == rendered, "the file is not as it was rendered for \(share) %")
            let again = try await balancer.commit(try await balancer.stage(split(share), token: first))
            try await expectInForce(share, again)
            try expect(again.fileDigest == committed.fileDigest, "twice is not as once for \(share) %")
            let mark = try await balancer.mark()
            try expect(mark.stable == stable, "the mark forgot where to go back to: \(mark)")
        }
        try await nextReleaseGoesTheOtherWay()
    }

    /// Under a new token, giving up 100 % of the candidate begins a run in the other direction.
    private func nextReleaseGoesTheOtherWay() async throws {
        for (counter, share) in [(2, Percent.full), (3, share(50)), (4, .zero)] {
            let token = FencingToken(epoch: 0, counter: counter)
            _ = try await balancer.raiseMark(to: token)
            let committed = try await balancer.commit(try await balancer.stage(split(share), token: token))
            try await expectInForce(share, committed)
            let origin = counter == 2 ? stable : candidate
            let mark = try await balancer.mark()
            try expect(mark.stable == origin, "token \(token) should go back to \(origin): \(mark)")
        }
    }

    private func discardLeavesNoTrace() async throws {
        let token = FencingToken(epoch: 0, counter: 5)
        _ = try await balancer.raiseMark(to: token)
        let (text, observation) = (file(), try await balancer.observe())
        let mark = try await balancer.mark()
        await balancer.discard(try await balancer.stage(split(share(50)), token: token))
        try expect(file() == text, "discard left the file changed")
        try expect(try await balancer.observe() == observation, "discard left something to observe")
        try expect(try await balancer.mark() == mark, "discard left the mark changed")
    }

    private func fencesLowerTokens() async throws {
        let (low, high) = (FencingToken(epoch: 0, counter: 6), FencingToken(epoch: 0, counter: 9))
        let staged = try await balancer.stage(split(share(50)), token: low)
        let seen = try await balancer.raiseMark(to: high)
        try expect(seen.token == low, "raising the mark told \(seen.token) instead of what was there")
        let own = try await balancer.raiseMark(to: high)
        try expect(own.token == high, "its holder may raise a mark again, and it told \(own.token)")
        try await expectFenced(high, "commit") { _ = try await balancer.commit(staged) }
        try await expectFenced(high, "stage") { _ = try await balancer.stage(split(share(50)), token: low) }
        try await expectFenced(high, "raiseMark") { _ = try await balancer.raiseMark(to: low) }
        let observation = try await balancer.commit(try await balancer.stage(split(.zero), token: high))
        try await expectInForce(.zero, observation)
    }

    private func restoresTheStableEnvironment() async throws {
        for (counter, end) in [(20, share(25)), (30, Percent.full)] {
            let epoch = try await balancer.mark().token.epoch
            let token = FencingToken(epoch: epoch, counter: counter)
            for step in [share(10), end] {
                _ = try await balancer.commit(try await balancer.stage(split(step), token: token))
            }
            let restored = try await balancer.restore(by: Actor("ana"), reason: "contract")
            try await expectInForce(.zero, restored)
            let mark = try await balancer.mark()
            try expect(mark.emergency?.by == Actor("ana"), "the mark does not tell of the emergency: \(mark)")
            try expect(mark.token.epoch == epoch + 1, "the epoch was not raised: \(mark)")
            try await expectFenced(mark.token, "the run that was overridden") {
                _ = try await balancer.stage(split(.full), token: token)
            }
            let twice = try await balancer.restore(by: Actor("ana"), reason: "again")
            try await expectInForce(.zero, twice)
        }
        let token = FencingToken(epoch: try await balancer.mark().token.epoch, counter: 40)
        _ = try await balancer.commit(try await balancer.stage(split(share(50)), token: token))
        try expect(try await balancer.mark().emergency == nil, "a new run does not end the emergency")
        try expect(try await balancer.connections(to: stable) >= 0, "connections are not counted")
    }

    private func closesWithoutTouchingTheSplit() async throws {
        let before = try await balancer.observe()
        if let closed = try await balancer.closeConnections(to: candidate) {
            try expect(closed >= 0, "it closed \(closed) connections")
        }
        let after = try await balancer.observe()
        try expect(after.split == before.split, "closing connections moved traffic: \(after)")
    }

    // MARK: parts

    private func split(_ share: Percent) -> Split { Split(candidate, share, other: stable) }

    private func share(_ whole: Int) -> Percent { Percent(whole) ?? .zero }

    private func expect(_ holds: Bool, _ text: @autoclosure () -> String) throws {
        guard holds else { throw Broken(description: "\(balancer.name): \(text())") }
    }

    private func expectInForce(_ share: Percent, _ told: BalancerObservation) async throws {
        let observed = try await balancer.observe()
        for observation in [told, observed] {
            try expect(observation.split == split(share), "asked for \(share) %, in force is \(observation)")
            try expect(
                observation.fileSplit == split(share),
                "asked for \(share) %, the file has \(observation)"
            )
            try expect(observation.remarks.isEmpty, "odd remarks after a change: \(observation.remarks)")
        }
    }

    private func expectFenced(
        _ seen: FencingToken,
        _ what: String,
        _ body: () async throws -> Void
    ) async throws {
        do {
            try await body()
        } catch LoadBalancerError.fenced(seen: seen) {
            return
        } catch {
            throw Broken(
                description: "\(balancer.name): \(what) failed with \(error) instead of being fenced"
            )
        }
        throw Broken(description: "\(balancer.name): \(what) was not fenced by \(seen)")
    }
}

import DeployCore
import DeployEngine
import DeployPorts
import DeployTestKit
import Testing
import TrafficJudgement

/// The share that the users got beside the share that was asked for.
struct MeasuredShareTests {
    private static func second(_ candidate: Int, of all: Int) -> ScriptedSource.Second {
        .success([
            Release.blue: TrafficSample(requests: all - candidate),
            Release.green: TrafficSample(requests: candidate),
        ])
    }

    private func share(_ candidate: Int, of all: Int, asked: Exposure) -> MeasuredShare {
        var share = MeasuredShare(asked: asked)
        share.add(candidate: candidate, of: all)
        return share
    }

    private static let quarter = Exposure(Percent(25) ?? .zero)

    @Test func `it is told as people read it`() {
        #expect(
            share(299, of: 1204, asked: Self.quarter).text == "asked 25 %, measured 24.8 % of 1,204 requests"
        )
        #expect(
            share(1_234_567, of: 1_234_567, asked: .full).text
                == "asked 100 %, measured 100.0 % of 1,234,567 requests"
        )
        #expect(MeasuredShare(asked: Self.quarter).text == nil)
    }

    @Test func `chance is nobody's fault, few requests say nothing`() {
        // 25 % of 2,000 is off by 4 deviations at 77 requests more or fewer.
        #expect(!share(500, of: 2000, asked: Self.quarter).isOff)
        #expect(!share(576, of: 2000, asked: Self.quarter).isOff)
        #expect(share(579, of: 2000, asked: Self.quarter).isOff)
        #expect(share(421, of: 2000, asked: Self.quarter).isOff)
        #expect(!share(499, of: 499, asked: Self.quarter).isOff)
        #expect(share(500, of: 500, asked: Self.quarter).isOff)
        // 1.9 points of a million requests are beyond chance, and still near enough.
        #expect(!share(269_000, of: 1_000_000, asked: Self.quarter).isOff)
        #expect(share(271_000, of: 1_000_000, asked: Self.quarter).isOff)
    }

    @Test func `nothing, all and chosen users are not a matter of chance`() {
        #expect(!share(300, of: 1000, asked: .full).isOff)
        #expect(!share(300, of: 1000, asked: .none).isOff)
        let chosen = Exposure(Percent(25) ?? .zero, chosenUsers: true)
        #expect(!share(600, of: 1000, asked: chosen).isOff)
        #expect(
            share(600, of: 1000, asked: chosen).text
                == "asked 25 % and chosen users, measured 60.0 % of 1,000 requests"
        )
    }

    @Test func `the journal, the verdict and the live view have both`() async throws {
        var bench = Bench(Release(shares: [25, 100], hold: .seconds(31), monitor: .zero))
        bench.sources = [ScriptedSource([Self.second(25, of: 100)])]
        let ready = bench
        #expect(try await ready.drive().story == "settled, succeeded")
        let note = try #require(ready.notes("traffic").last)
        #expect(note.text.hasSuffix("; asked 25 %, measured 25.0 % of 3,000 requests"), "\(note.text)")
        #expect(note.facts["candidate.share_asked"] == "25")
        #expect(note.facts["candidate.share_measured"] == "25.0")
        #expect(ready.summaries.contains { $0.hasSuffix("asked 25 %, measured 25.0 % of 3,000 requests") })
        #expect(ready.observer.figures.last?.share?.requests == 3000)
        #expect(ready.notes("remark").isEmpty)
    }

    @Test func `a balancer that does not follow weights is remarked once`() async throws {
        var bench = Bench(Release(shares: [25, 100], hold: .seconds(60), monitor: .zero))
        bench.sources = [ScriptedSource([Self.second(40, of: 100)])]
        let ready = bench
        #expect(try await ready.drive().story == "settled, succeeded")
        let remarks = ready.notes("remark").map(\.text)
        #expect(remarks.count == 1)
        #expect(
            remarks.first?.hasPrefix(
                "green: asked 25 %, measured 40.0 % of 500 requests: does the balancer follow weights?"
            ) == true,
            "\(remarks)"
        )
        #expect(ready.observer.figures.flatMap(\.remarks).count == 1)
    }

    /// Requests of the split before do not count.
    @Test func `the first second of a watch is not measured`() async throws {
        var bench = Bench(Release(shares: [25, 100], hold: .seconds(10), monitor: .zero))
        bench.sources = [ScriptedSource([Self.second(0, of: 1000), Self.second(25, of: 100)])]
        let ready = bench
        #expect(try await ready.drive().story == "settled, succeeded")
        #expect(ready.summaries.contains { $0.contains("asked 25 %, measured 25.0 % of 900 requests") })
    }
}

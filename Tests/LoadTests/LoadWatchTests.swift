import DeployCore
import HTTPClient
import Testing

@testable import Load
@testable import LoadClient

/// When a load is given up, on figures as they could come.
@Suite struct LoadWatchTests {
    private func watch(
        _ pace: LoadPlan.Pace,
        _ limits: LoadLimits = LoadLimits(),
        length: Duration = .seconds(100)
    ) -> LoadWatch {
        let plan = LoadPlan(
            target: ConnectionTarget(host: "a", port: 1, isSecure: false),
            host: "a",
            requests: [.init(path: "/", weight: 1)],
            pace: pace,
            length: length
        )
        return LoadWatch(plan: plan, limits: limits, report: { _ in })
    }

    private func figures(good: Int, bad: Int = 0, milliseconds: UInt64 = 1) -> LoadFigures {
        var figures = LoadFigures()
        figures.good = good
        if bad > 0 { figures.faults[.status(500)] = bad }
        if good > 0 { figures.latency.add(microseconds: milliseconds * 1000, count: UInt64(good)) }
        return figures
    }

    private func progress(_ seconds: Int, _ second: LoadFigures, _ total: LoadFigures) -> LoadProgress {
        LoadProgress(elapsed: .seconds(seconds), second: second, total: total, counted: .seconds(seconds))
    }

    @Test func `with a timetable it is known when errors are too many`() {
        let watch = watch(.rate(perSecond: 10))
        // 1 % of the 1000 requests that there will be.
        #expect(watch.observe(progress(1, figures(good: 5, bad: 5), figures(good: 5, bad: 5))))
        #expect(watch.observe(progress(2, figures(good: 5, bad: 5), figures(good: 10, bad: 10))))
        #expect(!watch.observe(progress(3, figures(good: 9, bad: 1), figures(good: 19, bad: 11))))
        #expect(watch.stopped?.hasPrefix("11 requests failed already") == true)
    }

    @Test func `with users it takes as many as could never be made up for`() {
        let watch = watch(.users(4))
        // The first seconds say nothing of how many there will be.
        #expect(watch.observe(progress(2, figures(good: 1, bad: 99), figures(good: 1, bad: 99))))
        // 100 a second, 97 seconds left: 19,600 at most.
        #expect(watch.observe(progress(3, figures(good: 50, bad: 50), figures(good: 50, bad: 150))))
        #expect(!watch.observe(progress(4, figures(good: 50), figures(good: 50, bad: 250))))
    }

    @Test func `a percentile that cannot be reached any more ends it`() {
        var limits = LoadLimits()
        limits.latencies = [.init(percentile: 95, most: .milliseconds(100))]
        let watch = watch(.rate(perSecond: 10), limits)
        let slow = figures(good: 50, milliseconds: 300)
        #expect(watch.observe(progress(5, slow, slow)))
        let slower = figures(good: 51, milliseconds: 300)
        #expect(!watch.observe(progress(6, slower, slower)))
        #expect(watch.stopped?.contains("p95") == true)
    }

    @Test func `five seconds without a good answer end it, four do not`() {
        let watch = watch(.users(1), length: .seconds(100_000))
        let bad = figures(good: 0, bad: 1)
        for second in 1...4 { #expect(watch.observe(progress(second, bad, bad))) }
        #expect(watch.observe(progress(5, figures(good: 1), bad)))
        for second in 6...9 { #expect(watch.observe(progress(second, bad, bad))) }
        #expect(!watch.observe(progress(10, bad, bad)))
    }

    @Test func `where errors are allowed nobody ends it for them`() {
        var limits = LoadLimits()
        limits.errors = .full
        let watch = watch(.rate(perSecond: 1), limits)
        for second in 1...20 {
            let total = figures(good: 0, bad: second)
            #expect(watch.observe(progress(second, figures(good: 0, bad: 1), total)))
        }
    }

    @Test func `a limit is kept only when it is kept before and after the correction`() {
        var limits = LoadLimits()
        limits.latencies = [.init(percentile: 95, most: .milliseconds(500))]
        // Half at once, half just too slow: the correction adds hundreds that would have waited less.
        var figures = figures(good: 50)
        figures.latency.add(microseconds: 501_000, count: 50)
        figures.good = 100
        let corrected = figures.latency.corrected
        #expect(corrected.percentile(95) ?? .zero < .milliseconds(500))
        let finding = limits.findings(figures, corrected: corrected, sockets: SocketFigures())[0]
        #expect(!finding.isMet)
    }

    @Test func `nothing measured is nothing kept`() {
        var limits = LoadLimits()
        limits.latencies = [.init(percentile: 95, most: .milliseconds(500))]
        limits.sockets = .zero
        let findings = limits.findings(LoadFigures(), corrected: LatencyRecord(), sockets: SocketFigures())
        #expect(findings.map(\.isMet) == [false, false, false])
    }
}

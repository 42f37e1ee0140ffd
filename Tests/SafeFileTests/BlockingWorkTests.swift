import Synchronization
import Testing

@testable import SafeFile

struct BlockingWorkTests {
    /// Each of them waits for all others: with fewer threads than jobs none would ever end.
    @Test(.timeLimit(.minutes(1)))
    func `fifty calls that block are blocked side by side`() async {
        let meeting = Meeting(of: 50)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { await BlockingWork.run { meeting.attend() } } }
        }
        #expect(meeting.arrived == 50)
    }

    private final class Meeting: Sendable {
        private let count: Int
        private let here = Atomic(0)

        init(of count: Int) { self.count = count }

        var arrived: Int { here.load(ordering: .sequentiallyConsistent) }

        func attend() {
            here.add(1, ordering: .sequentiallyConsistent)
            while arrived < count { MonotonicClock.pause(milliseconds: 1) }
        }
    }

    @Test func `a thousand calls each bring their own result`() async {
        let results = await withTaskGroup(of: Int.self) { group in
            for number in 0..<1000 { group.addTask { await BlockingWork.run { number } } }
            return await group.reduce(into: Set<Int>()) { $0.insert($1) }
        }
        #expect(results.count == 1000)
    }
}

import DeployCore
import DeployPorts
import JournalFormat
import Foundation
import StoreSQLite
import Testing

@testable import StoreLab

@Suite struct LeaseTests {
    @Test func `of two acquirers at once exactly one wins`() async throws {
        let folder = try TemporaryFolder()
        let left = try await SQLiteRunStore(path: folder.journal)
        let right = try await SQLiteRunStore(path: folder.journal)
        var winners: [Int] = []
        for pair in 1...200 {
            let counts = await withTaskGroup(of: Int.self) { group in
                for store in [left, right] {
                    group.addTask {
                        let refusal = await error {
                            _ = try await Sample.lease(store, on: "service \(pair)")
                        }
                        if case .held = refusal { return 0 }
                        return refusal == nil ? 1 : 100
                    }
                }
                return await group.reduce(0, +)
            }
            winners.append(counts)
        }
        #expect(winners.allSatisfy { $0 == 1 })
    }

    @Test func `this process is alive, and one with another start is not`() throws {
        let me = Sample.holder()
        #expect(ProcessIdentity.isAlive(me) == true)
        #expect(ProcessIdentity.isAlive(me.with(startTicks: me.startTicks + 1)) == false)
        #expect(ProcessIdentity.isAlive(me.with(process: 1 << 30)) == false)
    }

    @Test func `another boot is dead and another host is unknown`() {
        let me = Sample.holder()
        #expect(ProcessIdentity.isAlive(me.with(boot: "another")) == false)
        #expect(ProcessIdentity.isAlive(me.with(host: "another")) == nil)
        #expect(!me.host.isEmpty && !me.boot.isEmpty && me.startTicks > 0)
    }

    @Test func `a process of another PID namespace is unknown, whatever its number and its boot`() {
        let me = Sample.holder()
        #expect(me.namespace?.hasPrefix("pid:[") == true)
        let strange = me.with(namespace: "pid:[1]")
        #expect(ProcessIdentity.isAlive(strange) == nil)
        #expect(ProcessIdentity.isAlive(strange.with(process: 1 << 30)) == nil)
        #expect(ProcessIdentity.isAlive(strange.with(boot: "another")) == nil)
        #expect(ProcessIdentity.isAlive(me.with(namespace: .some(nil))) == true)
    }

    @Test func `a process that has ended is dead also while it waits to be reaped`() throws {
        var process = pid_t()
        var words: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("60"), nil]
        defer { words.forEach { free($0) } }
        try #require(posix_spawn(&process, "/bin/sleep", nil, nil, &words, nil) == 0)
        let stat = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        let ticks = try #require(Int(stat.split(separator: ")")[1].split(separator: " ")[19]))
        let child = Sample.holder().with(process: Int(process)).with(startTicks: ticks)
        #expect(ProcessIdentity.isAlive(child) == true)
        kill(process, SIGSTOP)
        #expect(ProcessIdentity.isAlive(child) == true)
        kill(process, SIGKILL)
        var ended = siginfo_t()
        waitid(P_PID, id_t(process), &ended, WEXITED | WNOWAIT)
        #expect(ProcessIdentity.isAlive(child) == false)
        waitpid(process, nil, 0)
        #expect(ProcessIdentity.isAlive(child) == false)
    }
}

extension LeaseHolder {
    fileprivate func with(
        host: String? = nil,
        boot: String? = nil,
        process: Int? = nil,
        startTicks: Int? = nil,
        namespace: String?? = .none
    ) -> LeaseHolder {
        LeaseHolder(
            host: host ?? self.host,
            boot: boot ?? self.boot,
            process: process ?? self.process,
            startTicks: startTicks ?? self.startTicks,
            namespace: namespace ?? self.namespace,
            actor: actor,
            purpose: purpose
        )
    }
}

@testable import BalancerLab
import Testing

@testable import HAProxyDriver

struct RuntimeServerTests {
    private let info = "Name: HAProxy\nPid: 12\nUptime_sec: 3\nStart_time_sec: 1700000000\nStopping: 0\n\n"

    @Test func `columns are found by name, whatever their order`() throws {
        let table = "1\n# be_id srv_name be_name srv_uweight extra srv_op_state srv_admin_state\n"
        let answer = info + table + "4 b1 app 7 - 2 0\n4 g1 app 0 - 0 1\n\n"
        let view = try #require(RuntimeView.parse(answer[...]))
        let expected = [
            RuntimeServer(name: "b1", weight: 7, adminState: 0, operationalState: 2),
            RuntimeServer(name: "g1", weight: 0, adminState: 1, operationalState: 0),
        ]
        #expect(view.servers == ["app": expected])
        #expect(view.process == HAProxyProcess(id: 12, start: 1_700_000_000))
        #expect(view.process.startText == "2023-11-14T22:13:20Z")
        #expect(!view.isStopping && view.shares == [])
    }

    @Test func `a map's entries are those of our key, and a missing map is told`() throws {
        let view = try #require(
            RuntimeView.parse((info + "0x55 other 1\n0x56 green 250\n\n")[...], key: "green")
        )
        #expect(view.shares == ["250"])
        let none = try #require(
            RuntimeView.parse((info + "Unknown map identifier. Please\n")[...], key: "green")
        )
        #expect(none.shares == nil)
    }

    @Test func `another answer is no view`() {
        #expect(RuntimeView.parse("Can't find backend.\n\n") == nil)
        #expect(RuntimeView.parse("") == nil)
    }

    @Test func `weights that rise are set before those that fall`() {
        let servers = [("b1", 100), ("b2", 3), ("g1", 0), ("g2", 7)].map {
            RuntimeServer(name: $0.0, weight: $0.1, adminState: 0, operationalState: 2)
        }
        let order = RuntimeOrder.sorted(["b1": 0, "b2": 0, "g1": 1, "g2": 7], of: servers)
        #expect(order.map(\.server) == ["g1", "b1", "b2"])
        #expect(order.map(\.weight) == [1, 0, 0])
    }
}

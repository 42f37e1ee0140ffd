@testable import BalancerLab
import Testing

@testable import HAProxyDriver

struct RuntimeServerTests {
    @Test func `columns are found by name, whatever their order`() {
        let answer =
            "1\n# srv_name srv_uweight extra srv_op_state srv_admin_state\nb1 7 - 2 0\ng1 0 - 0 1\n\n"
        let expected = [
            RuntimeServer(name: "b1", weight: 7, adminState: 0, operationalState: 2),
            RuntimeServer(name: "g1", weight: 0, adminState: 1, operationalState: 0),
        ]
        #expect(RuntimeServer.parse(answer) == expected)
    }

    @Test func `another answer is no table`() {
        #expect(RuntimeServer.parse("Can't find backend.\n\n") == nil)
        #expect(RuntimeServer.parse("") == nil)
    }

    @Test func `weights that rise are set before those that fall`() {
        let servers = [("b1", 100), ("b2", 3), ("g1", 0), ("g2", 7)].map {
            RuntimeServer(name: $0.0, weight: $0.1, adminState: 0, operationalState: 2)
        }
        let order = HAProxyBalancer.order(["b1": 0, "b2": 0, "g1": 1, "g2": 7], of: servers)
        #expect(order.map(\.server) == ["g1", "b1", "b2"])
        #expect(order.map(\.weight) == [1, 0, 0])
    }
}

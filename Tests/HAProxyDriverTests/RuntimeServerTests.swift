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
}

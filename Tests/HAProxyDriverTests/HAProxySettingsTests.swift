@testable import BalancerLab
import DeployPorts
import Testing

@testable import HAProxyDriver

struct HAProxySettingsTests {
    private func scalar(_ text: String) -> Parameter {
        .scalar(Parameter.Scalar(text: text, isQuoted: false, position: Position(line: 3, column: 7)))
    }

    private func decode(
        _ pairs: [(String, Parameter)],
        sticky: UserKey? = nil,
        users: ChosenUsers? = nil
    ) -> (HAProxySettings?, [String]) {
        let diagnostics = Diagnostics()
        let entries = pairs.map { Parameter.Entry(key: $0.0, keyPosition: .unknown, value: $0.1) }
        var reader = MapReader(.map(entries, position: .unknown), "a balancer", diagnostics: diagnostics)
        let context = BalancerContext(
            service: "app",
            folder: "/srv",
            environments: [],
            sticky: sticky,
            chosenUsers: users
        )
        let settings = HAProxySettings.settings(from: &reader, context)
        reader.finish(also: ["log"])
        return (settings, diagnostics.all.map(\.message))
    }

    @Test func `relative paths start at the playbook's folder`() {
        let (settings, complaints) = decode([
            ("haproxy", scalar("h.cfg")), ("backend", scalar("app")), ("socket", scalar("/run/h.sock")),
        ])
        #expect(complaints.isEmpty)
        #expect(settings?.file == "/srv/h.cfg")
        #expect(settings?.socket == "/run/h.sock")
        #expect(settings?.test == nil)
    }

    @Test func `every mistake is reported`() {
        let (settings, complaints) = decode([
            ("haproxy", scalar("h.cfg")), ("backnd", scalar("app")), ("test", scalar("x")),
        ])
        #expect(settings == nil)
        for part in [
            "needs the key `backend`", "needs the key `socket`", "did you mean `backend`",
            "`test` must be a list",
        ] {
            #expect(complaints.contains { $0.contains(part) }, "\(part) in \(complaints)")
        }
    }

    private let needed: [String] = ["haproxy", "backend", "socket"]

    @Test func `the mode is weights unless it is map, and the reload command is a list`() {
        let entry = needed.map { ($0, scalar("/x")) }
        #expect(decode(entry).0?.mode == .weights)
        let command = Parameter.list([scalar("systemctl"), scalar("reload")], position: .unknown)
        let (settings, complaints) = decode(entry + [("mode", scalar("map")), ("reload", command)])
        #expect(settings?.mode == .map && settings?.reload == ["systemctl", "reload"] && complaints.isEmpty)
        #expect(
            decode(entry + [("mode", scalar("maps"))]).1 == ["`mode` must be weights or map, found `maps`"]
        )
    }

    @Test func `weights refuse what only a map can do, and name it`() {
        let entry = needed.map { ($0, scalar("/x")) }
        let users = ChosenUsers(key: .cookie("id"), values: ["a"])
        let weights = [("mode", scalar("weights"))]
        let (_, complaints) = decode(entry + weights, sticky: .address, users: users)
        #expect(complaints.count == 2)
        for (text, key) in zip(complaints, ["strategy.sticky", "strategy.ab"]) {
            #expect(
                text.contains(key) && text.contains("mode: map") && text.contains("bgdeploy traffic install")
            )
        }
        let map = [("mode", scalar("map"))]
        #expect(decode(entry, sticky: .address).0?.mode == .map)
        let (settings, none) = decode(entry + map, sticky: .header("X-User"), users: users)
        #expect(none.isEmpty && settings?.sticky == .header("X-User") && settings?.chosenUsers == users)
        let (_, odd) = decode(entry + map, sticky: .cookie("a b"))
        #expect(odd.count == 1 && odd[0].contains("cookie:a b"))
    }
}

@testable import BalancerLab
import DeployPorts
import Testing

@testable import HAProxyDriver

struct HAProxySettingsTests {
    private func scalar(_ text: String) -> Parameter {
        .scalar(Parameter.Scalar(text: text, isQuoted: false, position: Position(line: 3, column: 7)))
    }

    private func decode(_ pairs: [(String, Parameter)]) -> (HAProxySettings?, [String]) {
        let diagnostics = Diagnostics()
        let entries = pairs.map { Parameter.Entry(key: $0.0, keyPosition: .unknown, value: $0.1) }
        var reader = MapReader(.map(entries, position: .unknown), "a balancer", diagnostics: diagnostics)
        let context = BalancerContext(service: "app", folder: "/srv", environments: [])
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
            ("on", scalar("ssh://lb")),
        ])
        #expect(settings == nil)
        for part in [
            "needs the key `backend`", "needs the key `socket`", "did you mean `backend`",
            "`test` must be a list", "not available in this version",
        ] {
            #expect(complaints.contains { $0.contains(part) }, "\(part) in \(complaints)")
        }
    }
}

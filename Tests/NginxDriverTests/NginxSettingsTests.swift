@testable import BalancerLab
import DeployPorts
import Testing

@testable import NginxDriver

struct NginxSettingsTests {
    private func scalar(_ text: String) -> Parameter {
        .scalar(Parameter.Scalar(text: text, isQuoted: false, position: Position(line: 3, column: 7)))
    }

    private func decode(_ pairs: [(String, Parameter)]) -> (NginxSettings?, [String]) {
        let diagnostics = Diagnostics()
        let entries = pairs.map { Parameter.Entry(key: $0.0, keyPosition: .unknown, value: $0.1) }
        var reader = MapReader(.map(entries, position: .unknown), "a balancer", diagnostics: diagnostics)
        let context = BalancerContext(service: "app", folder: "/srv", environments: [])
        let settings = NginxSettings.settings(from: &reader, context)
        reader.finish(also: ["log"])
        return (settings, diagnostics.all.map(\.message))
    }

    @Test func `the smallest entry has the usual test and a plain signal`() {
        let (settings, complaints) = decode([("nginx", scalar("app.conf")), ("upstream", scalar("app"))])
        #expect(complaints.isEmpty)
        #expect(settings?.file == "/srv/app.conf")
        #expect(settings?.test == ["nginx", "-t"])
        #expect(settings?.reload == nil)
    }

    @Test func `every mistake is reported`() {
        let (settings, complaints) = decode([
            ("nginx", scalar("")), ("upstrem", scalar("app")), ("test", .list([], position: .unknown)),
            ("reload", scalar("nginx")),
        ])
        #expect(settings == nil)
        for part in [
            "`nginx` is empty", "needs the key `upstream`", "did you mean `upstream`", "`test` must begin",
            "`reload` must be a list",
        ] {
            #expect(complaints.contains { $0.contains(part) }, "\(part) in \(complaints)")
        }
    }

    @Test func `a probe is refused where nothing would answer it, and where it is no URL`() {
        let entry = [("nginx", scalar("app.conf")), ("upstream", scalar("app"))]
        let url = "http://127.0.0.1/.well-known/bgdeploy/app"
        for (mode, probe, part) in [
            ("weights", url, "in `mode: weights` the file is yours"),
            ("generated", "127.0.0.1", "must be a URL"),
            ("generated", url, nil),
        ] {
            let (settings, complaints) = decode(entry + [("mode", scalar(mode)), ("probe", scalar(probe))])
            #expect(settings?.probe == (part == nil ? url : nil))
            #expect(complaints.count == (part == nil ? 0 : 1))
            if let part { #expect(complaints.first?.contains(part) == true) }
        }
    }
}

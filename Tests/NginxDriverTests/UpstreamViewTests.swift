@testable import BalancerLab
import DeployCore
import DeployPorts
import Testing

@testable import NginxDriver

struct UpstreamViewTests {
    private func settings(_ upstream: String = "app") -> NginxSettings {
        NginxSettings(
            file: "/f",
            upstream: upstream,
            environments: [
                EnvironmentSpec(name: blue, url: "", servers: ["10.0.0.1:80"]),
                EnvironmentSpec(name: green, url: "", servers: ["green.example:81", "unix:/run/g.sock"]),
            ],
            service: "app"
        )
    }

    private let servers =
        "server 10.0.0.1; server GREEN.example:81 down; server unix:/run/g.sock weight=2 down;"

    private func view(_ text: String, _ upstream: String = "app") throws(LoadBalancerError) -> UpstreamView {
        try UpstreamView(Array(text.utf8), path: "/f", settings: settings(upstream))
    }

    private func complaint(_ text: String, _ upstream: String = "app") -> String {
        do throws(LoadBalancerError) {
            _ = try view(text, upstream)
            return "no complaint"
        } catch {
            guard case .misconfigured(let text) = error else { return "another error: \(error)" }
            return text
        }
    }

    @Test func `servers are found by address in any spelling`() throws {
        let view = try view("upstream app { \(servers) }")
        #expect(view.split == Split(blue, .full, other: green))
        let text = String(decoding: try view.text(for: try greenHas(50)), as: UTF8.self)
        #expect(
            text
                == "upstream app { server 10.0.0.1 weight=3; server GREEN.example:81; server unix:/run/g.sock weight=2; }"
        )
    }

    @Test func `all servers down is no split`() throws {
        let text =
            "upstream app { server 10.0.0.1 down; server green.example:81 down; server unix:/run/g.sock down; }"
        #expect(try view(text).split == nil)
    }

    @Test func `a missing upstream names the nearest and lists all`() {
        let text = complaint("upstream application {server a;} upstream aps { \(servers) }", "app")
        #expect(text.contains("no upstream `app`; did you mean `aps`? It has application, aps"))
        #expect(complaint("events {}").contains("no upstream block at all"))
    }

    @Test func `two upstreams of a name are refused with their lines`() {
        let text = complaint("http { upstream app { \(servers) } }\nstream { upstream app { \(servers) } }")
        #expect(text.contains("more than one upstream `app`, in lines 1 and 2"))
    }

    @Test func `a missing server lists those that are there`() {
        let text = complaint("upstream app { server 10.0.0.1:80; server green.example:81; }")
        #expect(text.contains("no server unix:/run/g.sock of the environment green"))
        #expect(text.contains("it has 10.0.0.1:80, green.example:81"))
    }

    @Test func `a stranger is refused unless it gets no traffic`() throws {
        #expect(
            complaint("upstream app { \(servers) server 9.9.9.9; }").contains("neither environment: 9.9.9.9")
        )
        _ = try view("upstream app { \(servers) server 9.9.9.9 backup; server 8.8.8.8 down; }")
    }

    @Test func `an environment's server may not be a backup`() {
        let text = complaint("upstream app { \(servers.replacing("10.0.0.1;", with: "10.0.0.1 backup;")) }")
        #expect(text.contains("marked `backup`"))
    }

    @Test func `text that nginx would refuse is told with its place`() {
        #expect(complaint("upstream app {\n server").hasPrefix("/f:"))
    }

    @Test(arguments: ["ip_hash", "least_conn", "hash $uri", "random two least_conn"])
    func `a method without weights allows all or nothing only`(method: String) throws {
        let view = try view("upstream app { \(method); \(servers) }")
        #expect(throws: LoadBalancerError.self) { try view.text(for: try greenHas(10)) }
        for share in [0, 100] { _ = try view.text(for: try greenHas(share)) }
    }

    @Test func `proportions inside an environment survive a release and the way back`() throws {
        var text =
            "upstream app { server 10.0.0.1 weight=5; server green.example:81 down; server unix:/run/g.sock weight=2 down; }"
        for share in [10, 37, 100, 25, 0] {
            text = String(decoding: try view(text).text(for: try greenHas(share)), as: UTF8.self)
            #expect(try view(text).split == (try greenHas(share)))
        }
        #expect(
            text
                == "upstream app { server 10.0.0.1 weight=1; server green.example:81 down; server unix:/run/g.sock weight=2 down; }"
                || text.contains("down")
        )
    }
}

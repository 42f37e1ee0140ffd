@testable import BalancerLab
import DeployCore
import DeployPorts
import Testing

@testable import HAProxyDriver

struct BackendViewTests {
    private func settings(_ backend: String = "app") -> HAProxySettings {
        HAProxySettings(
            file: "/f",
            backend: backend,
            socket: "/s",
            environments: [
                EnvironmentSpec(name: blue, url: "", servers: ["10.0.0.1:80", "10.0.0.2:80"]),
                EnvironmentSpec(name: green, url: "", servers: ["green.example:81", "unix:/run/g.sock"]),
            ],
            service: "app"
        )
    }

    private let servers = """
         server b1 10.0.0.1:80 weight 100
         server b2 ipv4@10.0.0.2:80 weight 50
         server g1 GREEN.example:81 weight 0
         server g2 unix@/run/g.sock weight 0

        """

    private func view(_ text: String, _ backend: String = "app") throws(LoadBalancerError) -> BackendView {
        try BackendView(Array(text.utf8), path: "/f", settings: settings(backend))
    }

    private func complaint(_ text: String) -> String {
        do throws(LoadBalancerError) {
            _ = try view(text)
            return "no complaint"
        } catch {
            guard case .misconfigured(let text) = error else { return "another error: \(error)" }
            return text
        }
    }

    @Test func `proportions are kept, and come back after 0 %`() throws {
        var text = "backend app\n" + servers
        let remembered = try view(text).proportions
        #expect(remembered == ["b1": 100, "b2": 50])
        for share in [40, 100, 20, 0] {
            let view = try view(text)
            let weights = try view.weights(for: try greenHas(share), remembered: remembered)
            text = String(decoding: try view.text(with: weights), as: UTF8.self)
            #expect(try self.view(text).split == (try greenHas(share)))
        }
        let weights = try view(text).weights
        #expect(weights["b1"] == 2 && weights["b2"] == 1 && weights["g1"] == 0 && weights["g2"] == 0)
    }

    @Test func `a server that somebody took out stays out`() throws {
        let view = try view("backend app\n" + servers.replacing("weight 50", with: "weight 0"))
        let weights = try view.weights(for: try greenHas(50), remembered: [:])
        #expect(weights == ["b1": 2, "b2": 0, "g1": 1, "g2": 1])
    }

    @Test func `a missing backend names the nearest and lists all`() {
        #expect(
            complaint("backend apps\n" + servers).contains(
                "no backend `app`; did you mean `apps`? It has apps"
            )
        )
        #expect(complaint("global\n").contains("no backend at all"))
    }

    @Test func `two backends of a name are refused with their lines`() {
        #expect(
            complaint("backend app\nbackend app\n" + servers).contains(
                "more than one backend `app`, in lines 1 and 2"
            )
        )
    }

    @Test func `a missing server lists those that are there`() {
        let text = complaint("backend app\n server b1 10.0.0.1:80\n")
        #expect(text.contains("no server 10.0.0.2:80 of the environment blue; it has b1 10.0.0.1:80"))
    }

    @Test func `a stranger is refused unless it gets no traffic`() throws {
        #expect(
            complaint("backend app\n" + servers + " server x 9.9.9.9:1\n").contains(
                "neither environment: x 9.9.9.9:1"
            )
        )
        _ = try view("backend app\n" + servers + " server x 9.9.9.9:1 backup\n server y 9.9.9.9:2 disabled\n")
    }

    @Test func `a method without weights allows all or nothing only`() throws {
        let view = try view("backend app\n balance leastconn\n" + servers)
        #expect(throws: LoadBalancerError.self) { try view.weights(for: try greenHas(10), remembered: [:]) }
        for share in [0, 100] { _ = try view.weights(for: try greenHas(share), remembered: [:]) }
    }

    @Test func `a random choice is told to keep a share only nearly`() throws {
        let view = try view("backend app\n balance random\n" + servers)
        _ = try view.weights(for: try greenHas(10), remembered: [:])
        #expect(view.remark(on: try greenHas(10))?.contains("`balance random`") == true)
        #expect(view.remark(on: try greenHas(100)) == nil)
        let exact = try self.view("backend app\n balance roundrobin\n" + servers)
        #expect(exact.remark(on: try greenHas(10)) == nil)
    }

    @Test func `a share that 256 steps cannot give is refused with the nearest, and with the mode that can`()
    {
        do throws(LoadBalancerError) {
            let split = Split(green, Percent(tenths: 1) ?? .zero, other: blue)
            _ = try view("backend app\n" + servers).weights(for: split, remembered: [:])
            Issue.record("0.1 % of four servers was not refused")
        } catch {
            #expect(error.message.contains("nearest is 0.5 %"))
            #expect(error.message.contains("mode: map"))
        }
    }

    @Test func `uneven servers are rounded rather than a share be missed`() throws {
        let text = "backend app\n" + servers.replacing("weight 50", with: "weight 99")
        let view = try view(text)
        for share in [1, 5, 10, 25, 50, 75, 90, 95, 99] {
            let weights = try view.weights(for: try greenHas(share), remembered: [:])
            #expect(weights.values.allSatisfy { (1...256).contains($0) })
            let (b1, b2) = (Double(weights["b1"] ?? 0), Double(weights["b2"] ?? 0))
            let greens = Double((weights["g1"] ?? 0) + (weights["g2"] ?? 0))
            #expect(abs(greens / (b1 + b2 + greens) * 100 - Double(share)) <= 0.25)
            // What is off within blue is a part of blue's own share only.
            #expect(abs(b1 / (b1 + b2) - 100.0 / 199) * Double(100 - share) <= 0.5)
        }
    }

    @Test func `rounded numbers that bgdeploy wrote are not taken for new proportions`() throws {
        var text = "backend app\n" + servers.replacing("weight 50", with: "weight 99")
        let remembered = try view(text).proportions
        for share in [90, 99, 0] {
            let view = try view(text)
            text = String(
                decoding: try view.text(with: view.weights(for: greenHas(share), remembered: remembered)),
                as: UTF8.self
            )
        }
        #expect(try view(text).weights == ["b1": 100, "b2": 99, "g1": 0, "g2": 0])
    }

    @Test func `servers of a template are told to be lines`() {
        let text = complaint("backend app\n server-template b 1-3 10.0.0.1:80\n")
        #expect(text.contains("server-template") && text.contains("`server` lines"))
    }

    @Test func `running servers without health give no split`() throws {
        let view = try view("backend app\n" + servers)
        func server(_ name: String, _ weight: Int, admin: Int = 0, up: Bool = true) -> RuntimeServer {
            RuntimeServer(name: name, weight: weight, adminState: admin, operationalState: up ? 2 : 0)
        }
        #expect(view.split(running: [server("b1", 1), server("g1", 1)]) == (try greenHas(50)))
        #expect(view.split(running: [server("b1", 1), server("g1", 1, admin: 1)]) == (try greenHas(0)))
        #expect(view.split(running: [server("b1", 1, up: false), server("g1", 0)]) == nil)
    }
}

import Foundation
import SequentialStatistics
import Testing

@Suite struct ConfigurationTests {
    private static func decode(_ text: String) throws -> Configuration {
        try JSONDecoder().decode(Configuration.self, from: Data(text.utf8))
    }

    @Test func `what is left out keeps its default`() throws {
        #expect(try Self.decode("{}") == Configuration())
        var expected = Configuration()
        expected.errors.tolerance.ratio = 2
        expected.shares[.webSockets] = 0
        expected.routesEachRequest = false
        let text = #"{"rho": 2, "share": {"ws_rel": 0}, "per_request_routing": false}"#
        #expect(try Self.decode(text) == expected)
    }

    @Test func `every setting of the reference can be named`() throws {
        let names = [
            "alpha", "rho", "delta", "phi", "L", "eff_ratio", "eff_diff", "rho_l", "delta_l", "q_tail",
            "base_lat_L", "rho_ws", "delta_ws", "ws_eff_ratio", "ws_eff_diff", "rho_exc", "delta_exc",
            "exc_eff_ratio", "exc_eff_diff", "settle_lat", "settle_alive", "alive_frac", "rho_c", "delta_c",
            "beta", "min_dwell", "max_dwell", "confirm", "window", "min_window_n", "recover", "decisive",
            "horizon",
            "block", "block_alive", "nodata_s", "pend_max", "dt",
        ]
        let written = try JSONEncoder().encode(Configuration())
        let object = try #require(try JSONSerialization.jsonObject(with: written) as? [String: Any])
        #expect(Set(object.keys) == Set(names + ["share", "per_request_routing"]))
        for name in names {
            var configuration = Configuration()
            let value = try #require(object[name] as? Double)
            try configuration.set(name, to: value)
            #expect(configuration == Configuration(), "\(name)")
        }
        #expect(try Self.decode(String(bytes: written, encoding: .utf8) ?? "") == Configuration())
    }

    @Test(arguments: [
        ("rho_", 1, "`rho_` is no setting"),
        ("share.nobody", 0.1, "`share.nobody` is no setting"),
        ("alpha", 0, "`alpha` is 0.0; expected is"),
        ("alpha", .nan, "`alpha` is nan"),
        ("phi", 0.5, "`phi` is 0.5; expected is 1.0 through"),
        ("share.err_rel", -0.1, "`share.err_rel` is -0.1"),
        ("share.err_rel", 0.9, "add up to 1.55"),
        ("dt", 0, "`dt` is 0.0"),
        ("window", 0.5, "`window` is 0.5 s"),
        ("max_dwell", .infinity, "`max_dwell` is inf"),
    ])
    func `a setting that cannot be is refused and changes nothing`(name: String, value: Double, says: String)
    {
        var configuration = Configuration()
        let error = #expect(throws: ConfigurationError.self) { try configuration.set(name, to: value) }
        #expect(error?.description.contains(says) == true, "\(error?.description ?? "-")")
        #expect(configuration == Configuration())
    }

    @Test(arguments: [
        #"{"rho_": 1}"#, #"{"alpha": 2}"#, #"{"alpha": "much"}"#, #"{"share": {"err_rel": 0.9}}"#,
        #"{"share": 1}"#, #"{"per_request_routing": 1.5}"#, "[]",
    ])
    func `a configuration that cannot be is refused`(text: String) {
        #expect(throws: DecodingError.self) { try Self.decode(text) }
    }

    @Test func `a metric without a part of alpha never rolls back`() throws {
        var configuration = Configuration()
        for metric in Metric.allCases { try configuration.set("share.\(metric.name)", to: 0) }
        var monitor = Monitor(configuration)
        var run = Run()
        run.candidateErrors = { _ in 20 }
        #expect(!monitor.verdicts(try run.ticks(60)).contains { $0.rollbackMode != nil })
    }

    @Test func `more traffic is needed for a smaller fault, and a tolerable one is never found`() throws {
        let configuration = Configuration()
        let large = try #require(configuration.requestsToDetect(0.05, against: 0.001, share: 0.1))
        let small = try #require(configuration.requestsToDetect(0.01, against: 0.001, share: 0.1))
        #expect(large < small)
        #expect(configuration.requestsToDetect(0.001, against: 0.001, share: 0.1) == nil)
        for share in [0, 1, -1, Double.nan] {
            #expect(configuration.requestsToDetect(0.5, against: 0, share: share) == nil)
            #expect(configuration.requestsToCertify(0, against: 0, share: share) == nil)
        }
    }

    @Test func `a judgement is written as the reference writes it`() throws {
        var monitor = Monitor()
        var run = Run()
        run.candidateErrors = { _ in 20 }
        let judgement = monitor.observe(try #require(run.ticks(1).first))
        let data = try JSONEncoder().encode(judgement)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(Set(object.keys) == ["verdict", "cause", "mode", "ln", "cert"])
        #expect(object["verdict"] as? String == "ROLLBACK")
        #expect(object["cause"] as? String == "err_rel")
        #expect(object["mode"] as? String == "instant")
        #expect((object["ln"] as? [String: Double])?.count == 8)
        #expect(Set((object["cert"] as? [String: Double] ?? [:]).keys) == ["err", "lat"])
    }
}

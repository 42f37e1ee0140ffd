import DeployCore
import DeployPorts
import Testing

struct QuantityTests {
    @Test(arguments: [
        ("250ms", 250), ("0s", 0), ("30s", 30_000), ("10m", 600_000), ("1h30m", 5_400_000),
        ("7d", 604_800_000),
        ("1s500ms", 1500), ("1000000000d", 86_400_000_000_000_000),
    ])
    func `durations are read`(text: String, milliseconds: Int64) {
        #expect(Span(playbook: text) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", " ", "5", "s", "5 s", "-5s", "+5s", "1.5s", "5S", "5sec", "5s ", "٣s", "1e3s", "1000000001s",
        "99999999999999999999s",
    ])
    func `what is no duration is refused`(text: String) {
        #expect(Span(playbook: text) == nil)
    }

    @Test
    func `no duration overflows`() {
        #expect(Span(playbook: String(repeating: "1000000000d", count: 200)) == nil)
    }

    @Test(arguments: [
        ("0%", 0), ("25%", 250), ("12.5%", 125), ("0.1%", 1), ("99.9%", 999), ("100%", 1000),
        ("100.0%", 1000),
    ])
    func `percentages are read`(text: String, tenths: Int) {
        #expect(Percent(playbook: text) == Percent(tenths: tenths))
    }

    @Test(arguments: [
        "", "%", "25", "25 %", "-1%", "+5%", "101%", "100.1%", "1.25%", "1.%", ".5%", "1.-5%", "1.x%", "1,5%",
        "٢٥%", "1.٥%", "1.+%", "1..5%", "1e1%", "99999999999999999999%",
    ])
    func `what is no percentage is refused`(text: String) {
        #expect(Percent(playbook: text) == nil)
    }

    @Test func `a written duration reads back`() {
        for milliseconds in [0, 1, 999, 1000, 1001, 59_999, 60_000, 3_661_000, 86_400_000, 90_061_000]
            as [Int64]
        {
            let span = Span.milliseconds(milliseconds)
            #expect(Span(playbook: "\(span)") == span, "\(span)")
        }
    }
}

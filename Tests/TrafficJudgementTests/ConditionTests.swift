import Testing
import TrafficJudgement

@Suite struct ConditionTests {
    @Test(arguments: [
        ("> 5%", Condition.Relation.above, Condition.Limit.share(0.05)),
        (">5 %", .above, .share(0.05)),
        ("< 95%", .below, .share(0.95)),
        (">= 0.1%", .atLeast, .share(0.001)),
        ("> 1.5x stable", .above, .timesStable(1.5)),
        ("< 0.8x before", .below, .timesBefore(0.8)),
        ("<= 0.8 x  before", .atMost, .timesBefore(0.8)),
        ("> 500", .above, .number(500)),
        ("> 500ms", .above, .milliseconds(500)),
        (" > 1s ", .above, .milliseconds(1000)),
        ("> 0", .above, .number(0)),
    ])
    func `reads`(text: String, relation: Condition.Relation, limit: Condition.Limit) throws {
        let condition = try Condition(text)
        #expect(condition.relation == relation)
        #expect(condition.limit == limit)
        #expect(condition.description == text)
    }

    @Test(arguments: [
        ("5%", ConditionError.Kind.noRelation),
        ("", .noRelation),
        ("= 5", .noRelation),
        ("!= 5", .noRelation),
        (">", .noNumber),
        ("> nan", .noNumber),
        ("> inf", .noNumber),
        ("> -5", .noNumber),
        ("> .5", .noNumber),
        ("> 1.2.3", .noNumber),
        ("> 1e3", .unknownUnit("e3")),
        ("> 0x10", .unknownUnit("x10")),
        ("> 5 parsecs", .unknownUnit("parsecs")),
        ("> 2x green", .unknownUnit("x green")),
        ("> 2x", .unknownUnit("x")),
        ("> 101%", .overHundredPercent),
    ])
    func `refuses`(text: String, kind: ConditionError.Kind) {
        let error = #expect(throws: ConditionError.self) { try Condition(text) }
        #expect(error?.kind == kind)
        #expect(error?.text == text)
    }

    @Test func `a refusal says what was expected and what was found`() {
        let error = #expect(throws: ConditionError.self) { try Condition("> 5 parsecs") }
        #expect(
            error?.description
                == "after the number may stand %, ms, s, `x stable` or `x before`; found `parsecs` in `> 5 parsecs`"
        )
    }

    @Test(arguments: [
        ("> 5%", 0.051, true), ("> 5%", 0.05, false), (">= 5%", 0.05, true), ("< 95%", 0.94, true),
        ("< 95%", 0.95, false), ("<= 95%", 0.95, true), ("> 500", 501, true), ("> 500ms", 499, false),
        ("> 1s", 1001, true), ("> 1.5x stable", 16, true), ("> 1.5x stable", 15, false),
        ("< 0.8x before", 79, true), ("< 0.8x before", 80, false),
    ])
    func `compares, with 10 on the stable side and 100 before`(
        text: String,
        value: Double,
        isMet: Bool
    ) throws {
        let outcome = try Condition(text).evaluate(value, stable: 10, before: 100)
        #expect(outcome == (isMet ? .met : .notMet))
    }

    @Test(
        arguments: [
            ("> 5%", Double.nan, nil, nil), ("> 5", .infinity, nil, nil), ("< 5", -.infinity, nil, nil),
            ("> 1.5x stable", 1, nil, 5), ("> 1.5x stable", 1, .nan, 5), ("< 0.8x before", 1, 5, nil),
            ("< 0.8x before", 1, 5, .infinity),
            // 97 is a percentage and not a share: neither kept nor broken.
            ("< 95%", 97, nil, nil), ("> 5%", -0.1, nil, nil),
        ] as [(String, Double, Double?, Double?)]
    )
    func `has no evidence`(text: String, value: Double, stable: Double?, before: Double?) throws {
        let outcome = try Condition(text).evaluate(value, stable: stable, before: before)
        guard case .noEvidence(let reason) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(!reason.isEmpty)
    }

    @Test(arguments: [
        (MetricRule.Metric.errorRate, "> 500ms"), (.errorRate, "> 5"), (.latencyP95, "> 5%"),
        (.latencyP99, "< 1%"),
        (.gauge("x"), "> 2x stable"),
    ])
    func `a limit that cannot speak of its metric is refused`(metric: MetricRule.Metric, text: String) throws
    {
        let condition = try Condition(text)
        let error = #expect(throws: MetricRule.Mismatch.self) {
            try MetricRule(name: "m", metric: metric, gradual: condition)
        }
        #expect(error?.description.hasPrefix("`\(text)` does not fit `m`: ") == true)
    }

    @Test func `the default limits are those that the text says`() throws {
        #expect(try MetricRule.errorRate.instant == Condition("> 5%"))
        #expect(try MetricRule.latencyP95.gradual == Condition("> 1.5x stable"))
    }
}

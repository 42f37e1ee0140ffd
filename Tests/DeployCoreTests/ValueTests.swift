import DeployCore
import Testing

struct ValueTests {
    @Test(arguments: ["v2.5.0", "0", "2024-11-21_a+b", String(repeating: "a", count: 64)])
    func `a version that is safe anywhere is taken`(text: String) {
        #expect(Version(rawValue: text)?.description == text)
    }

    @Test(arguments: [
        "", "-rf", ".hidden", "_a", "+a", "a b", "a/b", "a\n", "a;b", "$a", "é", "٣", "a\0", "a:b",
        String(repeating: "a", count: 65),
    ])
    func `a version that is not is refused`(text: String) {
        #expect(Version(rawValue: text) == nil)
    }

    @Test func `runs sort by their start and are 26 characters of base 32`() {
        let times = [0, 1, 31, 1_767_225_600_000, 1_767_225_600_001, 1 << 47] as [Int64]
        let runs = times.map { RunID(at: Timestamp(milliseconds: $0), random: (.max, .max)) }
        #expect(runs == runs.sorted())
        #expect(Set(runs).count == times.count)
        for run in runs {
            #expect(run.rawValue.count == 26)
            #expect(run.rawValue.allSatisfy { "0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains($0) })
        }
        let time = Timestamp(milliseconds: 5)
        #expect(RunID(at: time, random: (1, 0)) != RunID(at: time, random: (0, 1)))
        #expect(
            RunID(at: Timestamp(milliseconds: 0), random: (0, 0)).rawValue
                == String(repeating: "0", count: 26)
        )
    }

    @Test func `a split told from either side is the same`() throws {
        let (blue, green) = (EnvironmentName("blue"), EnvironmentName("green"))
        let quarter = try #require(Percent(25))
        let split = Split(green, quarter, other: blue)
        let other = Split(blue, quarter.rest, other: green)
        #expect(split == other)
        #expect(Set([split, other]).count == 1)
        #expect(split != Split(blue, quarter, other: green))
        #expect("\(split)" == "blue 75 %, green 25 %")
        #expect("\(other)" == "\(split)")
        #expect(split.share(of: EnvironmentName("red")) == .zero)
        #expect(split.live == nil)
        #expect(Split(green, .zero, other: blue).live == blue)
        #expect(Split(green, .full, other: blue).live == green)
    }

    @Test(arguments: [
        (0, "0s"), (250, "250ms"), (30_000, "30s"), (600_000, "10m"), (5_400_000, "1h30m"),
        (604_800_000, "7d"),
        (90_061_000, "1d1h1m1s"), (1500, "1s500ms"),
    ])
    func `a span is written as a playbook has it`(milliseconds: Int64, text: String) {
        #expect("\(Span.milliseconds(milliseconds))" == text)
    }

    @Test func `percents know their bounds and their rest`() {
        #expect(Percent(-1) == nil && Percent(101) == nil && Percent(tenths: 1001) == nil)
        #expect(Percent(tenths: 125)?.description == "12.5")
        #expect(Percent(25)?.description == "25")
        #expect(Percent(tenths: 1)?.rest == Percent(tenths: 999))
    }

    @Test func `time never runs backwards`() {
        let (early, late) = (Timestamp(milliseconds: 5), Timestamp(milliseconds: 9))
        #expect(late.since(early) == .milliseconds(4))
        #expect(early.since(late) == .zero)
    }
}

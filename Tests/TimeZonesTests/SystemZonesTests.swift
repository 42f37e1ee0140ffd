import DeployCore
import DeployPorts
import Testing
import TimeZones

@Suite struct SystemZonesTests {
    private let zones = SystemZones()

    /// Changes of the clocks as the zone database has them.
    private static let changes: [(zone: String, from: Int64, until: Int64, at: Int64, seconds: [Int])] = [
        // 2026-03-08 07:00 UTC and 2026-11-01 06:00 UTC.
        ("America/New_York", 1_772_000_000, 1_774_000_000, 1_772_953_200, [-18000, -14400]),
        ("America/New_York", 1_792_000_000, 1_794_000_000, 1_793_512_800, [-14400, -18000]),
        // 2026-10-25 01:00 UTC.
        ("Europe/Berlin", 1_792_000_000, 1_794_000_000, 1_792_890_000, [7200, 3600]),
        // 2026-04-04 15:00 UTC, by half an hour.
        ("Australia/Lord_Howe", 1_775_000_000, 1_776_000_000, 1_775_314_800, [39600, 37800]),
        // 2011-12-30 10:00 UTC: a day that Samoa never had.
        ("Pacific/Apia", 1_325_000_000, 1_326_000_000, 1_325_239_200, [-36000, 50400]),
    ]

    @Test(arguments: changes.indices)
    func `the clocks change at the second at which they do`(index: Int) throws {
        let case_ = Self.changes[index]
        let (from, until) = (Self.time(case_.from), Self.time(case_.until))
        let found = try #require(zones.offsets(of: case_.zone, from: from, until: until))
        #expect(found.seconds == case_.seconds[0])
        #expect(found.changes == [.init(at: Self.time(case_.at), seconds: case_.seconds[1])])
    }

    @Test func `a year of New York has two changes, and one of Tokyo none`() throws {
        let (from, until) = (Self.time(1_767_225_600), Self.time(1_798_761_600))
        #expect(zones.offsets(of: "America/New_York", from: from, until: until)?.changes.count == 2)
        #expect(
            zones.offsets(of: "Asia/Tokyo", from: from, until: until) == ZoneOffsets(seconds: 32400)
        )
        #expect(zones.offsets(of: "UTC", from: from, until: until) == .utc)
    }

    @Test(arguments: ["Asia/Kolkata", "Asia/Calcutta", "US/Eastern", "Etc/UTC", "Europe/Kyiv"])
    func `a name of the zone database is known`(name: String) {
        #expect(zones.offsets(of: name, from: Self.time(0), until: Self.time(1)) != nil)
    }

    @Test(arguments: [
        "", "EST", "GMT+3", "utc", "america/new_york", "Mars/Phobos", "/etc/localtime", "../UTC",
    ])
    func `any other is not`(name: String) {
        #expect(zones.offsets(of: name, from: Self.time(0), until: Self.time(1)) == nil)
    }

    @Test func `names are there to tell the nearest`() {
        #expect(Spelling.nearest(to: "America/NewYork", among: zones.names) == "America/New_York")
        #expect(Spelling.nearest(to: "utc", among: zones.names) == "UTC")
    }

    private static func time(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1000) }
}

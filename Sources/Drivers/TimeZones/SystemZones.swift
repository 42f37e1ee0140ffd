package import DeployCore
import DeployPorts
import Foundation

/// The zones that Foundation knows.
///
/// It brings the zones of the world with it: what the host has under `/usr/share/zoneinfo` does not matter, and a
/// change of the law comes with a new version of bgdeploy.
package struct SystemZones: Zones {
    /// Two changes of a zone's clocks are never this near to each other.
    private static let look = Span.minutes(6 * 60)

    package init() {}

    package func offsets(of zone: String, from start: Timestamp, until end: Timestamp) -> ZoneOffsets? {
        guard let zone = Self.zone(zone) else { return nil }
        var changes: [ZoneOffsets.Change] = []
        var (last, seconds) = (start, Self.seconds(zone, at: start))
        while last < end {
            let next = min(last.advanced(by: Self.look), end)
            let found = Self.seconds(zone, at: next)
            if found != seconds {
                let at = Self.change(of: zone, from: seconds, after: last, upTo: next)
                changes.append(ZoneOffsets.Change(at: at, seconds: found))
                seconds = found
            }
            last = next
        }
        return ZoneOffsets(seconds: Self.seconds(zone, at: start), changes: changes)
    }

    package var names: [String] { ["UTC"] + TimeZone.knownTimeZoneIdentifiers }

    /// By the names of the zone database alone: Foundation takes abbreviations and other spellings too, of which
    /// several places have the same.
    private static func zone(_ name: String) -> TimeZone? {
        if name == "UTC" { return TimeZone(secondsFromGMT: 0) }
        guard name.contains("/"), let zone = TimeZone(identifier: name), zone.identifier == name else {
            return nil
        }
        return zone
    }

    /// The first second, after `early` and not after `late`, at which the clocks are no longer `seconds` ahead.
    private static func change(
        of zone: TimeZone,
        from seconds: Int,
        after early: Timestamp,
        upTo late: Timestamp
    ) -> Timestamp {
        var (before, after) = (early.milliseconds / 1000, (late.milliseconds + 999) / 1000)
        while after - before > 1 {
            let middle = before + (after - before) / 2
            if self.seconds(zone, at: Timestamp(milliseconds: middle * 1000)) == seconds {
                before = middle
            } else {
                after = middle
            }
        }
        return Timestamp(milliseconds: after * 1000)
    }

    private static func seconds(_ zone: TimeZone, at time: Timestamp) -> Int {
        zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(time.milliseconds) / 1000))
    }
}

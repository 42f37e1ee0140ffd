package import DeployCore
import Foundation

extension StepFolders {
    /// How long the artifacts of steps are kept; the journal is kept for ever.
    package static let keeping = Span.minutes(90 * 24 * 60)

    /// Removes the artifacts of each run in whose folder nothing has changed since `time`, and returns the runs.
    ///
    /// Those of `open` are kept: a run that is not settled finds out by them which attempts were begun. What is not
    /// named as a run is let alone, and so is what cannot be removed: the next call tries again.
    package func prune(before time: Timestamp, except open: Set<RunID>) -> [RunID] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let limit = Date(timeIntervalSince1970: Double(time.milliseconds) / 1000)
        return names.sorted().filter(Self.isRun).map(RunID.init(rawValue:)).filter { run in
            let folder = "\(root)/\(run)"
            guard !open.contains(run), let changed = Self.lastChange(below: folder), changed < limit else {
                return false
            }
            return (try? FileManager.default.removeItem(atPath: folder)) != nil
        }
    }

    private static func isRun(_ name: String) -> Bool {
        let letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
        return name.count == 26 && name.allSatisfy(letters.contains)
    }

    /// The latest change of a folder and of everything in it; `nil` where that cannot be told.
    ///
    /// Links are not followed.
    private static func lastChange(below folder: String) -> Date? {
        guard let own = change(of: folder), let below = FileManager.default.enumerator(atPath: folder) else {
            return nil
        }
        var last = own
        for case let name as String in below {
            guard let changed = change(of: "\(folder)/\(name)") else { return nil }
            last = max(last, changed)
        }
        return last
    }

    private static func change(of path: String) -> Date? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return attributes?[.modificationDate] as? Date
    }
}

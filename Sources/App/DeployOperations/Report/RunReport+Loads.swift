package import DeployCore
import Foundation

extension RunReport {
    private static let sizeLimit = 64 << 10

    /// The reports of the `load` steps of `run`, each of its last attempt, among the artifacts below `folder`.
    ///
    /// What cannot be read is left out: the journal alone must be enough for a report.
    package static func loads(of run: RunID, below folder: String) -> [(step: String, text: String)] {
        let steps = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(run)")) ?? []
        return steps.sorted { $0.localizedStandardCompare($1) == .orderedAscending }.compactMap { step in
            let path = "\(folder)/\(run)/\(step)"
            let attempts = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            guard let last = attempts.compactMap({ Int($0) }).max(),
                let file = FileHandle(forReadingAtPath: "\(path)/\(last)/load.txt"),
                let bytes = try? file.read(upToCount: sizeLimit)
            else { return nil }
            return (step, String(decoding: bytes, as: UTF8.self))
        }
    }
}
